"""Cubes outside of which there is no point: none is, and where nothing is known nothing is said."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from landscape_dist import problems
from landscape_dist.exploration.proofs import infinity
from landscape_dist.exploration.proofs.infinity import outer_radius
from landscape_dist.exploration.proofs.krawczyk import newton
from landscape_dist.exploration.proofs.region import region_of
from landscape_dist.problems.equations import equations_of
from landscape_dist.problems.programs.on_floats import evaluate
from tests.exploration.proofs.proving import counts, energy, field, prove

COERCIVE = [
    "x1^4 + x2^4 - 30*x1*x2 + x1",
    "x1^4 - 8*x1^2*x2 + 20*x2^2 + x2^4 + 5*sin(3*x1)",
    "(x1^2 - 4)^2 + (x1 + x2)^2 + x2^4 + 50*exp(-(x1 - 2)^2 - x2^2)",
    "x1^6 + x2^6 + (x1 - x2)^4 - 40*x1^3 + x1*cos(x2) + 2/(1 + x1^2)",
    "x1^2 + x2^2 + 3*sin(x1 + x2) + 2*cos(2*x2)*exp(-x1^2 - x2^2)",
    "x1^4 + x2^4 + x3^4 - 9*x1*x2*x3 + erf(x3)",
]


@pytest.mark.parametrize("formula", COERCIVE)
def test_no_zero_is_outside(formula):
    equations = energy(formula)
    R = outer_radius(equations)
    d = equations.dim
    rng = np.random.default_rng(0)
    for reach in (3, R, 5 * R):
        X, _ = newton(equations, rng.uniform(-reach, reach, (300, d)), np.ones((300, d)), 60)
        size = np.abs(evaluate(equations.gradient, np.ascontiguousarray(X.T))).max(axis=0)
        zeros = X[np.isfinite(size) & (size < 1e-8)]
        assert (np.abs(zeros) <= R).all()
    assert R < 100
    if d == 2:
        n = counts(prove(equations, (-R, R)))
        assert sum((-1) ** k * c for k, c in enumerate(n)) == 1  # of what grows in every direction


@pytest.mark.parametrize(
    "formula",
    [
        "x1^2 - x2^2 + exp(x1)",
        "x1^2*x2",
        "sin(x1) + x2^2",
        "x1^2*sin(x1) + x2^2",
        "(x1 - x2)^4",
        "tan(x1) + x1^4 + x2^2",
    ],
)
def test_where_nothing_is_known(formula):
    assert outer_radius(energy(formula)) is None


def test_vector_fields_and_large_coefficients():
    equations = equations_of(problems.vector_field(["x1 - x1^3 + x2", "-x2^3 + sin(x1) - x1"]))
    assert 1 < outer_radius(equations) < 5
    assert outer_radius(energy("x1^4 + 1e12*x1^2")) > 1
    # coefficients beyond doubles
    assert outer_radius(field(["x1^3 + (x1/1e-200)^2"])) is None
    assert 1 <= outer_radius(field(["x1^3 + x1^2/(1e200)^2 - 1"])) < 2


def test_regions():
    box = problems.symbolic("x1^2 + x2^2", domain=problems.Box([-1, -2], [3, 4]))
    for got, want in zip(region_of(box, equations_of(box)), ([-1, -2], [3, 4]), strict=True):
        np.testing.assert_array_equal(got, want)
    ball = problems.symbolic("x1^2 + x2^2", domain=problems.Ball(2, [1, 1]))
    np.testing.assert_allclose(region_of(ball, equations_of(ball)), [[-1, -1], [3, 3]])
    free = problems.symbolic("x1^4 + x2^4 - x1*x2")
    lower, upper = region_of(free, equations_of(free))
    assert (lower == -upper).all()
    open_ = problems.symbolic("x1^2*x2")
    assert region_of(open_, equations_of(open_)) is None


def test_examples():
    assert doctest.testmod(infinity).failed == 0
