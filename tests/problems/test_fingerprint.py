import functools
import pickle
import subprocess
import sys
import textwrap

import cloudpickle
import numpy as np
import pytest

from landscape_dist.problems.fingerprint import digest

STRENGTH = 2.0


def helper(x):
    return x**3


def uses_global(x):
    return STRENGTH * x


def uses_helper(x):
    return helper(x) + 1


class Model:
    def __init__(self, scale):
        self.scale = np.asarray(scale, dtype=float)

    def energy(self, x):
        return (self.scale * x**2).sum()

    def __call__(self, x):
        return self.energy(x)


def recursive(n):
    return 1 if n == 0 else n * recursive(n - 1)


def test_values():
    assert digest(1) != digest(1.0)
    assert digest("1") != digest(1)
    assert digest([1, [2]]) != digest([1, 2])
    assert digest(np.ones(2)) != digest(np.ones((2, 1)))
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({3, 1, 2}) == digest({2, 3, 1})
    assert digest(0.1 + 0.2) != digest(0.3)
    assert len(digest()) == 32


def closure(values):
    array = np.asarray(values, dtype=float)
    return lambda x: (array * x).sum()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (lambda: closure([1, 2]), lambda: closure([1, 3])),
        (lambda: lambda x: x + 1, lambda: lambda x: x + 2),
        (lambda: lambda x, a=1: x + a, lambda: lambda x, a=2: x + a),
        (lambda: lambda x, *, a=1: x + a, lambda: lambda x, *, a=2: x + a),
        (lambda: functools.partial(helper, x=1), lambda: functools.partial(helper, x=2)),
        (lambda: Model([1, 2]).energy, lambda: Model([1, 3]).energy),
        (lambda: Model([1, 2]), lambda: Model([2, 2])),
        (lambda: lambda x: np.sin(x), lambda: lambda x: np.cos(x)),
        (lambda: lambda x: [y + 1 for y in x], lambda: lambda x: [y + 2 for y in x]),
        (lambda: np.sin, lambda: np.cos),
        (lambda: functools.lru_cache(lambda x: x + 1), lambda: functools.lru_cache(lambda x: x + 2)),
    ],
)
def test_what_changes_the_result_changes_the_digest(a, b):
    assert digest(a()) == digest(a())
    assert digest(b()) == digest(b())
    assert digest(a()) != digest(b())


def test_globals_count(monkeypatch):
    before = digest(uses_global), digest(uses_helper)
    monkeypatch.setitem(uses_global.__globals__, "STRENGTH", 3.0)
    monkeypatch.setitem(uses_global.__globals__, "helper", lambda x: x**4)
    after = digest(uses_global), digest(uses_helper)
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_names_lines_and_comments_do_not_count():
    def compiled(source):
        namespace = {"np": np}
        exec(textwrap.dedent(source), namespace)
        return namespace["f"]

    a = compiled("def f(x):\n    'Text.'\n    y = x + 1\n    return np.sum(y)\n")
    b = compiled("\n\n# moved\ndef f(z):\n    'Other text.'\n\n    w = z + 1  # said\n    return np.sum(w)\n")
    assert digest(a) == digest(b)


def test_recursion_ends():
    assert digest(recursive) == digest(recursive)
    loop = []
    model = Model([1.0])
    model.me = model
    model.loop = loop
    assert digest(model) == digest(model)


def test_pickling_keeps_it():
    for function in (closure([1, 2]), Model([1, 2]).energy, functools.partial(closure([3]), 1), recursive):
        assert digest(pickle.loads(cloudpickle.dumps(function))) == digest(function)


SCRIPT = """
import numpy as np
import landscape_dist.problems as P

scale = np.array([1.0, 2.0])
names = {"b", "a", "c"}

def wells(x):
    "Energy."
    assert names
    return (scale * (x**2 - 1) ** 2).sum()

class Model:
    def __init__(self):
        self.options = {"q": {1, 2, 3}, "p": "text"}
    def __call__(self, x):
        return wells(x) + len(self.options)

problems = [
    P.systems.rosenbrock(3, s=-1.0),
    P.symbolic("x1*x2 + exp(-x3**2)*sin(x1) + 0.3*x2**4 + cos(x1*x2*x3)"),
    P.from_callable(wells, dim=2),
    P.from_callable(Model(), dim=2),
    P.vector_field(["x2 - x1**3", "x1*x2"]),
]
X = np.full((1, 3), 0.3)
print(*[p.fingerprint() for p in problems])
print(*[a.tobytes().hex() for a in problems[1].gradient_hessian(X)])
"""


def test_same_in_every_process():
    """Other hash seeds, and a script under another name and with other lines."""
    outputs = set()
    for seed, before in (("0", ""), ("1", "# moved\n\n"), ("2", "")):
        command = [sys.executable, "-c", before + SCRIPT]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed, **paths()}
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


def paths():
    import os

    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PATH": os.environ.get("PATH", "")}
