"""Bounds of how expressions grow hold at random points."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from landscape_dist.problems.programs import Algebra, program_of, read_text
from landscape_dist.problems.programs.growth import bell_bound, growth_of, polynomial_of
from landscape_dist.problems.programs.on_floats import evaluate


@pytest.mark.parametrize(
    "formula",
    [
        "x1^3 - 2*x1*x2 + 7",
        "x1^3 + x2^2*sin(x1*x2) - 5*x1*exp(-x1^2 - x2^2 + x1*x2 + 3*x1)",
        "2*x1^4 + x1*x2^2*atan(x1)/(2 + x2^2 + Abs(x1))",
        "(x1 - x2)^4*(x1 + 1) + tanh(x1)*cos(x2)^3*x2^2 + 3*(x1 - 40)^2*exp(-(x1 - 40)^2 - x2^2)",
    ],
)
def test_what_is_left_of_the_leading_form_is_bounded(formula):
    a = Algebra()
    f = read_text(formula, a)
    growth = growth_of(a, f)
    form = growth.leading(a, 2)
    rng = np.random.default_rng(0)
    u = rng.uniform(-1, 1, (2, 4000))
    x = u / np.abs(u).max(axis=0) * rng.uniform(1, 60, 4000)
    whole, leading = evaluate(program_of(a, [f, form], 2), x)
    size = np.abs(x).max(axis=0)
    rest = {sum(e for _, e in m): 0.0 for m in growth.polynomial}
    for m, c in growth.polynomial.items():
        rest[sum(e for _, e in m)] += abs(float(c))
    bound = sum(C * size**k for k, C in growth.bounds.items()) + sum(
        C * size**k for k, C in rest.items() if k < growth.degree
    )
    assert (np.abs(whole - leading) <= bound + 1e-9 * np.abs(whole)).all()
    # from where it is said to, the form is more than all of that
    mu = np.abs(leading) / size**growth.degree
    T = growth.dominates_from(mu)
    assert (np.abs(whole[size >= T]) > 0).all()
    assert (size >= T).any()


@pytest.mark.parametrize(
    "formula", ["exp(x1)", "tan(x1)*x1", "x1^0.5 + x1^3", "x1^2*exp(-x1^2 + x2^2)", "1/(1 - x1^2)"]
)
def test_what_is_not_bounded_is_not_said_to_be(formula):
    a = Algebra()
    assert growth_of(a, read_text(formula, a)) is None


def test_bells():
    a = Algebra()
    P, q = read_text("x1^2*x2 - 4", a), read_text("-2*x1^2 - x2^2 + x1*x2 + 3*x1 - x2 + 1", a)
    bound = bell_bound(polynomial_of(a, P), polynomial_of(a, q))
    x = np.random.default_rng(0).uniform(-6, 6, (2, 100_000))
    p, exponent = evaluate(program_of(a, [P, q], 2), x)
    peak = np.abs(p * np.exp(exponent)).max()
    assert peak <= bound < 100 * peak
    # one that does not fall in every direction, and one that is beyond doubles
    assert bell_bound({(): Fraction(1)}, {((0, 2),): Fraction(-1), ((0, 1), (1, 1)): Fraction(3)}) is None
    assert bell_bound({(): Fraction(1)}, {((0, 2),): Fraction(-1), (): Fraction(10) ** 400}) is None
    assert bell_bound({(): Fraction(10) ** 400}, {((0, 2),): Fraction(-1)}) in (None, np.inf)
