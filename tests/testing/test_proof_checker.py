"""The checker accepts what was proved, and refuses whatever was doctored."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import landscape_dist as ld

pytest.importorskip("flint", reason="python-flint, whose balls the checker uses, is not installed")

from landscape_dist.testing import proof_checker
from landscape_dist.testing.proof_checker import Refused, check

Claims = dict[str, Any]

PROBLEMS: dict[str, tuple[Callable[[], ld.problems.Problem], Any]] = {
    "Müller-Brown": (ld.systems.muller_brown, None),
    "butterfly": (ld.systems.butterfly, None),
    "lattice": (lambda: ld.systems.coupled_lattice(2), None),
    "field": (lambda: ld.problems.vector_field(["x1*(1 - x1 - x2/2)", "x2*(1 - x2 - x1/3)"]), (-2, 3)),
    "spiral": (lambda: ld.problems.vector_field(["x2 - x1^3/9", "-2*sin(x1) - x2/5"]), (-4, 4)),
    "functions": (
        lambda: ld.problems.symbolic(
            "(x1^2 - 1)^2/10 + exp(-x2^2/3) + x2^2/(1 + x1^2) + sqrt(2 + x1^2)^3/20 + sin(pi*x1)^2/3"
            " + atan(x1) + tanh(x2)/5 + cosh(x2)/9 + erf(x1*x2)/7 + log(3 + x1^2) + asinh(x2)/8"
        ),
        (-2, 2),
    ),
}


def proved(name: str) -> Claims:
    make, box = PROBLEMS[name]
    claims: Claims = json.loads(json.dumps(ld.prove(make(), box).as_dict()))
    assert claims["complete"]
    return claims


@pytest.fixture(scope="module")
def butterfly() -> Claims:
    return proved("butterfly")


@pytest.mark.parametrize("name", PROBLEMS)
def test_accepted(name: str) -> None:
    assert check(proved(name)) > 0


def test_what_is_not_complete_is_checked_for_its_points() -> None:
    proof = ld.prove(ld.problems.symbolic("(x1^2 + x2^2 - 1)^2"), (-2, 2))
    assert check(proof.as_dict()) == 0


def moved(claims: Claims) -> None:
    point = claims["points"][3]
    for part in ("box", "around"):
        point[part][0] = [end + 1e-6 for end in point[part][0]]
    point["x"][0] += 1e-6


def elsewhere(claims: Claims) -> None:
    point = copy.deepcopy(claims["points"][0])
    for part in ("box", "around"):
        point[part][1] = [end + 0.3 for end in point[part][1]]
    point["x"][1] += 0.3
    claims["points"].append(point)


def dropped(claims: Claims) -> None:
    del claims["points"][5]


def twice(claims: Claims) -> None:
    claims["points"].append(claims["points"][2])


def wrong_index(claims: Claims) -> None:
    claims["points"][4]["index"] += 1


def wrong_energy(claims: Claims) -> None:
    claims["points"][4]["energy"] = [end + 1e-9 for end in claims["points"][4]["energy"]]


def wider(claims: Claims) -> None:
    claims["points"][1]["around"] = claims["box"]
    del claims["points"][2]


def thin(claims: Claims) -> None:
    claims["points"][0]["box"] = [[x, x] for x in claims["points"][0]["x"]]


def larger_box(claims: Claims) -> None:
    claims["formulas"][0] += " + (-1/100)*x1^6"  # which has further points, far out
    claims["box"] = [[-20.0, 20.0]] * 2


def another_formula(claims: Claims) -> None:
    claims["formulas"][0] += " + (1/1000000)*x1"


def one_more_minimum(claims: Claims) -> None:
    claims["formulas"][0] += " + (-60)*exp((-1000)*((x1 + (-2))^2 + (x2 + (-3))^2))"


def no_number(claims: Claims) -> None:
    claims["points"][0]["x"][0] = "0"


def code(claims: Claims) -> None:
    claims["formulas"][0] = "__import__('os').getpid()"


DOCTORED = [moved, elsewhere, dropped, twice, wrong_index, wrong_energy, wider, thin, larger_box, another_formula,
            one_more_minimum, no_number, code]  # fmt: skip


@pytest.mark.parametrize("doctor", DOCTORED, ids=lambda doctor: doctor.__name__)
def test_refused(butterfly: Claims, doctor: Callable[[Claims], None]) -> None:
    claims = copy.deepcopy(butterfly)
    doctor(claims)
    with pytest.raises(Refused):
        check(claims)


def test_files(butterfly: Claims, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(butterfly))
    wrong_index(butterfly)
    bad.write_text(json.dumps(butterfly))
    assert proof_checker.main([str(good)]) == 0
    assert "accepted" in capsys.readouterr().out
    assert proof_checker.main([str(bad)]) == 1
    assert "refused: point 4: its index" in capsys.readouterr().out
