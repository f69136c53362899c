"""Formulas from strangers: a clear refusal in bounded time and memory, and no code of theirs is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

import landscape_dist
from landscape_dist.errors import ProblemError
from landscape_dist.problems import symbolic
from landscape_dist.problems.constants import bounded, bounded_sum
from landscape_dist.problems.expressions import Vocabulary, from_sympy, parse


def nested(function: str, depth: int, inner: str = "x1") -> str:
    return function * depth + inner + ")" * depth


# formula -> what the refusal says
CODE = {
    "().__class__.__base__.__subclasses__()": "not allowed",
    "__import__('os').system('touch hacked')": "not allowed",
    "x1.__init__.__globals__": "not allowed",
    "open('hacked', 'w')": "unknown function 'open'",
    "eval('1')": "unknown function 'eval'",
    "exec(x1)": "unknown function 'exec'",
    "getattr(x1, 'a')": "unknown function 'getattr'",
    "factorial(99999)*x1": "unknown function 'factorial'",
    "(lambda: x1)()": "not allowed",
    "[x1 for x1 in (1, 2)]": "not allowed",
    "sum(i for i in x1)": "unknown function 'sum'",
    "{**x1}": "not allowed",
    "(x1 := 2)": "not allowed",
    "f'{x1}'": "not allowed",
    "b'x1'": "not allowed",
    "'x1'*9": "not allowed",
    "sin(*x1)": "not allowed",
    "sin(x=x1)": "not allowed",
    "x1[0]": "not allowed",
    "x1 if x2 else x3": "not allowed",
    "(yield x1)": "not allowed",
    "await x1": "not allowed",
    "1(x1)": "not allowed",
    "x1; import os": "cannot read",
    "import os": "cannot read",
    "x1\0": "cannot read",
    "\\frac{x1}{2}": "cannot read",
    "x1 \\": "cannot read",
    "...": "not allowed",
}
LETTERS = {
    "x1 + \u0445\u0031": "CYRILLIC SMALL LETTER HA",
    "\uff45\uff58\uff50(x1)": "FULLWIDTH LATIN SMALL LETTER E",
    "x\u0661": "ARABIC-INDIC DIGIT ONE",
    "x1\u200b": "ZERO WIDTH SPACE",
    "x1\u202e": "RIGHT-TO-LEFT OVERRIDE",
    "x1\u00a0+ 1": "NO-BREAK SPACE",
    "x1 + \ud800": r"U\+D800",
    "\ufb01": "LATIN SMALL LIGATURE FI",
}
SIZE = {
    "9**9**9*x1": "exponent",
    "(((9**999)**999)**999)*x1": "not a finite real number",
    "((((10**300+1)/(10**300+7))**1000)**1000+10**308*9)*x1 + 10**400": "not a finite real number",
    "96007914403349275598**(999 + 1/3)*x1": "a number of thousands of digits",
    "((10**300*x1)**1000)**1000": "not a finite real number",
    "((x1**1000)**1000)**1000": "multiply to beyond",
    "exp(exp(exp(9)))*x1": "not a finite real number",
    "x1**exp(exp(9))": "not a finite real number",
    nested("exp(-", 90, "1") + "*x1": "nested too deeply",
    nested("abs(x1+", 90): "nested too deeply",
    nested("1/(1+", 90): "nested too deeply",
    "**".join(["x1"] * 90): "nested too deeply",
    "(" * 900_000: "cannot read|nested too deeply",
    "-" * 900_000 + "x1": "nested too deeply",
    "x1" * 600_000: "more than 1000000",
    "0x" + "f" * 900_000 + "*x1": "not allowed",
    "9" * 5000 + "*x1": "cannot read",
    "1e999*x1": "not allowed",
    "0**-1*x1": "not a finite real number",
    "x9999999": "of which only 1 occur",
}
HOSTILE = CODE | LETTERS | SIZE

LARGE = [
    "*".join(f"({10**70 + i})**(1/7)" for i in range(30)) + "*x1",
    "+".join(f"1/{i}" for i in range(1, 20_000)) + "+x1",
    nested("exp(-", 30, "1") + "*x1",
    nested("sin(1+", 30, "3") + "*x1",
    nested("abs(x1+", 16),
    "((10**300+1)/(10**300+7))**1000*x1",
    "+".join(["x1"] * 20_000),
    "x1" + "".join(f"*({10**18 + i})**(1/7)" for i in range(100)),
]
"""Large, but no harm meant: read, in bounded time, too."""

READER = """
import json, resource, sys
from landscape_dist.errors import ProblemError
from landscape_dist.problems import symbolic

symbolic("sin(x1)**2 + exp(-x2**2)/3")  # everything is imported
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
seen = []

def watch(event, arguments):
    if event == "exec" and arguments[0].co_filename.startswith("<") and "frozen" not in arguments[0].co_filename:
        seen.append("exec " + arguments[0].co_filename)
    elif event.split(".")[0] in ("os", "subprocess", "socket", "shutil", "ctypes"):
        if event not in ("os.listdir", "os.scandir"):  # the import system's
            seen.append(event)
    elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(f"open {arguments[0]}")

sys.addaudithook(watch)
said = []
for text in json.load(sys.stdin):
    try:
        symbolic(text, check=False)
        said.append("read")
    except ProblemError as error:
        said.append(f"ProblemError: {error}")
print(json.dumps([said, seen]))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What became of each formula, in a process that may use 60 s of CPU and 3 GiB."""
    pytest.importorskip("resource", reason="limits are those of Unix")
    folder = tmp_path_factory.mktemp("hostile")
    texts = [*HOSTILE, *LARGE]
    done = subprocess.run(
        [sys.executable, "-c", READER], input=json.dumps(texts), capture_output=True, text=True, cwd=folder,
        timeout=300, env=os.environ | {"PYTHONPATH": str(Path(landscape_dist.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answers, seen = json.loads(done.stdout)
    assert seen == []
    assert list(folder.iterdir()) == []
    return dict(zip(texts, answers, strict=True))


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 50


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:40]))
def test_hostile_formulas_are_refused_with_a_reason(said: dict[str, str], text: str) -> None:
    with pytest.raises(ProblemError, match=HOSTILE[text]):
        raise ProblemError(said[text].removeprefix("ProblemError: "))
    assert said[text].startswith("ProblemError: ")
    assert len(said[text]) < 700


@pytest.mark.parametrize("text", LARGE, ids=lambda text: text[:40])
def test_large_formulas_are_read(said: dict[str, str], text: str) -> None:
    assert said[text] == "read"


def test_text_inside_of_other_objects_is_not_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for disguised in (["open('hacked', 'w')"], {"x1": "open('hacked', 'w')"}, ("1",), object()):
        with pytest.raises(ProblemError, match="give text or a scalar SymPy expression"):
            from_sympy(disguised, Vocabulary(None, None))
    assert list(tmp_path.iterdir()) == []


def test_letters_of_declared_names_are_welcome() -> None:
    problem = symbolic("θ**2 + α*θ", variables=["θ"], parameters={"α": 2.0})
    assert problem.energy(np.array([[3.0]])).tolist() == [15.0]
    with pytest.raises(ProblemError, match="cannot be used"):
        Vocabulary(["\ufb01"], None)  # Python reads this ligature as two letters
    with pytest.raises(ProblemError, match="give a finite number"):
        Vocabulary(None, {"a": 10**400})


def test_short_constants_stay_exact() -> None:
    x1 = sympy.Symbol("x1", real=True)
    assert parse("x1/3 + 2**100*x1", Vocabulary(None, None)) == x1 / 3 + 2**100 * x1
    assert parse("(sqrt(2)*pi/3 - exp(-1))*x1", Vocabulary(None, None)).has(sympy.pi, sympy.E)
    long = bounded(sympy.Rational(10**300 + 1, 10**300 + 7))
    assert long.is_Float
    assert float(long) == 1.0
    harmonic = bounded_sum([sympy.Rational(1, i) for i in range(1, 1001)])
    assert float(harmonic) == pytest.approx(7.485470860550345, rel=1e-12)


def test_gaps_in_the_numbering_are_allowed_within_reason() -> None:
    assert symbolic("x1000**2").dim == 1000
    assert symbolic("x1**2", dim=50).dim == 50
    with pytest.raises(ProblemError, match="1001 variables, of which only 1 occur in it; number the variables"):
        symbolic("x1001**2")
