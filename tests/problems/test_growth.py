"""Formulas that grow in every direction are known as such, and no other is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import landscape_dist as ld
from landscape_dist.problems.growth import euler_characteristic_of, grows

GROW = [
    "(x1**2 - 1)**2 + (x2**2 - 1)**2 + 0.3*x1*x2",
    "x1**2 + x2**2 - 1.9*x1*x2",
    "x1**4 + x2**2 - x1*x2 + 3*x1**3",
    "x1**4 + x2**4 - x1**2*x2**2",
    "x1**4 + x2**2 - 0.5*x1**2*x2",
    "0.3*(x1**2 + x2**2)/2 - 3*exp(-(x1 - 1)**2 - (x2 + 1)**2/2)",
    "x1**2 + x2**2 + 5*sin(3*x1)*cos(x2)**2 - 9*atan(x1*x2)",
    "x1**6 + x2**2 + x1**2*x2**4 - 7*x1**5",
]
DO_NOT = [
    "x1**2 - x2**2",
    "x1**2 + x2**2 - 2.1*x1*x2",
    "x1**4 + x2**3",
    "x1**2",
    "x1**4 + x2**4 - 2*x1**2*x2**2",  # flat along the diagonals
    "x1**4 + x2**4 - 5*x1**2*x2**2",
    "x1**2 + x2**2 - exp(x1)",
    "x1**2 + x2**2 - exp(-x1**2 + x2)",
    "x1**2 + x2**2 + x1*sin(x2)*x2**2",
    "sin(x1) + cos(x2)",
    "x1**2 + x2**2 + 2*atan(x2/(x1 - 3))",
    "x1**2 + x2**2 + sin(1/x1)",
    "x1**4 + x2**4 - exp(1e-10*x2**2 - x1**2)",
    "((x1 + x2)**40 - 1)**20 + x1**900 + x2**900",
    "x1**2 + x2**2 - x1**3*x2**3",
    "exp(-x1**2 - x2**2)",
]


@pytest.mark.parametrize("formula", GROW)
def test_what_grows(formula: str) -> None:
    assert grows(formula, 2)


@pytest.mark.parametrize("formula", DO_NOT)
def test_what_is_not_known_to_grow(formula: str) -> None:
    assert not grows(formula, 2)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_what_is_said_to_grow_does(terms: list[tuple[int, int, int]]) -> None:
    formula = " + ".join(f"({c})*x1**{a}*x2**{b}" for c, a, b in terms)
    if not grows(formula, 2):
        return
    # Along curves x_i = s_i t^(1/D_i), where the pure powers of all variables grow alike, and along rays.
    angle = np.linspace(0, 2 * np.pi, 61)
    D = [max((t[1 + i] for t in terms if not t[2 - i]), default=2) or 2 for i in range(2)]
    for powers in ([1 / D[0], 1 / D[1]], [1.0, 1.0]):
        s = [np.cos(angle), np.sin(angle)]
        x, y = (np.sign(u) * (1e9 * np.abs(u)) ** p for u, p in zip(s, powers, strict=True))
        assert (sum(c * x**a * y**b for c, a, b in terms) > 0).all()


def test_the_audit_knows_what_the_points_add_up_to() -> None:
    problem = ld.problems.symbolic(GROW[0])
    landscape = ld.explore(problem, (0.1, 0.2), max_index=2)
    assert landscape.header["problem"]["euler_characteristic"] is None
    assert landscape.audit().morse.euler_characteristic == 1
    few = ld.explore(problem, (0.1, 0.2), max_index=2, upward="none", restarts="none", max_points=4)
    assert few.audit().verdict != "supported"
    box = ld.problems.symbolic(GROW[0], domain=ld.problems.Box([-3, -3], [3, 3]))
    assert ld.explore(box, (0.1, 0.2), max_index=2).audit().morse.euler_characteristic is None
    about = {"euler_characteristic": None, "dim": 2, "domain": {"kind": "unbounded"}}
    assert euler_characteristic_of(about | {"definition": {"kind": "callable"}}) is None
    assert euler_characteristic_of(about | {"definition": {"kind": "symbolic", "formula": "import os"}}) is None
