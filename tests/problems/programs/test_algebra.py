"""Derivatives of expressions are those of SymPy; constants are exact; equal expressions are one."""

from __future__ import annotations

import doctest
from fractions import Fraction

import numpy as np
import pytest
import sympy

from landscape_dist.errors import ProblemError
from landscape_dist.problems.expressions import Vocabulary, canonical_symbol, parse
from landscape_dist.problems.programs import Algebra, algebra, program_of, read, read_text
from landscape_dist.problems.programs.algebra import Number
from landscape_dist.problems.programs.instructions import enclosed
from landscape_dist.problems.programs.on_floats import evaluate
from tests.problems.programs.formulas import gradient, random_expressions


def values(a: Algebra, expressions: list[int], X: np.ndarray) -> np.ndarray:
    return evaluate(program_of(a, expressions, X.shape[0]), X)


@pytest.mark.parametrize("seed", range(3))
def test_derivatives_are_those_of_sympy(seed):
    rng = np.random.default_rng(seed)
    compared = 0
    for expression in random_expressions(rng, 12, 2, depth=3):
        a = Algebra()
        f = read(expression, a)
        first = gradient(expression, 2)
        wanted = [*first, *gradient(first[0], 2)]
        ours = [a.derivative(f, 0), a.derivative(f, 1)]
        ours += [a.derivative(ours[0], 0), a.derivative(ours[0], 1)]
        X = rng.uniform(-2, 2, (2, 6))
        got = values(a, ours, X)
        function = sympy.lambdify([canonical_symbol(0), canonical_symbol(1)], wanted, "mpmath")
        for k, x in enumerate(X.T):
            try:
                truth = [complex(v) for v in function(*map(float, x))]
            except (ZeroDivisionError, OverflowError, TypeError, ValueError, AttributeError):  # no real value
                continue
            for value, true in zip(got[:, k], truth, strict=True):
                if np.isfinite(value) and abs(true.imag) < 1e-300 and abs(true) < 1e6:
                    assert value == pytest.approx(true.real, rel=1e-6, abs=1e-6), expression
                    compared += 1
    assert compared > 60


def test_mixed_derivatives_are_equal():
    a = Algebra()
    f = read_text("exp(x1*x2)*sin(x1 + 2*x2)^3/(1 + x1^2)", a)
    X = np.random.default_rng(0).uniform(-1, 1, (2, 20))
    ours = [a.derivative(a.derivative(f, 0), 1), a.derivative(a.derivative(f, 1), 0)]
    one, other = values(a, ours, X)
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_constants_are_exact():
    a = Algebra()
    assert a.nodes[a.number(0.1)] == Number(Fraction(0.1)) != Number(Fraction(1, 10))
    assert a.nodes[a.sum([(1, a.number(0.1)), (Fraction(1, 3), a.number(0.2))])] == Number(
        Fraction(0.1) + Fraction(0.2) / 3
    )
    third = read(parse("x1/3 + x1/3 + x1/3", Vocabulary(None, None)), a)
    assert third == a.variable(0)
    # a tenth with a point is the double
    assert a.show(read(parse("0.5*x1", Vocabulary(None, None)), a)) == "(1/2)*x1"


def test_equal_terms_and_factors_are_collected():
    a = Algebra()
    x, y = a.variable(0), a.variable(1)
    assert read_text("4*(x1^2 - 1) + 8*x1^2", a) == read_text("12*x1^2 - 4", a)
    assert read_text("x1*x2*x1", a) == a.product([(x, 2), (y, 1)])
    assert read_text("(2*x1 - 2)*(x1 - 1)", a) == read_text("2*(x1 - 1)^2", a)
    assert read_text("x1 - x1", a) == a.number(0)
    assert read_text("x1 + x2", a) == read_text("x2 + x1", a)
    n = len(a.nodes)
    a.derivative(read_text("x1*x2*x1", a), 0)
    m = len(a.nodes)
    a.derivative(read_text("x1*x2*x1", a), 0)
    assert n < m == len(a.nodes)


def test_what_is_shared_is_computed_once():
    a = Algebra()
    f = read_text("exp(x1*x2) + sin(exp(x1*x2)) + exp(x2*x1)^2", a)
    program = program_of(a, [f, a.derivative(f, 0), a.derivative(f, 1)], 2)
    exponentials = [step for step in program.steps if step.operation == "exp"]
    assert sum(step.results[1] - step.results[0] for step in exponentials) == 1


def test_powers_of_zero_are_refused():
    a = Algebra()
    with pytest.raises(ZeroDivisionError):
        a.product([(a.number(0), -1)])
    x = parse("x1", Vocabulary(None, None))
    with pytest.raises(ProblemError, match="divides by zero"):
        read(sympy.Mul(sympy.Pow(sympy.Add(x, sympy.Mul(-1, x, evaluate=False), evaluate=False), -1), x), Algebra())


def test_what_is_not_known_is_refused():
    x = canonical_symbol(0)
    for expression in (sympy.gamma(x), sympy.besselj(0, x), sympy.oo * x, sympy.Max(x, 1)):
        with pytest.raises(ProblemError):
            read(expression, Algebra())


@pytest.mark.parametrize(
    "formula", ["-x1^2 + 3 - 4*x2 - -x1", "2^3*x1/x2/x1", "x1^-2 + (x1 - x2)^0.5", "pi*sin(x1) - atan2(x1, x2)*1e-3"]
)
def test_text_is_read_as_sympy_reads_it(formula):
    X = np.random.default_rng(1).uniform(1, 2, (2, 9)) + np.array([[1.0], [0.0]])
    a = Algebra()
    text, expression = read_text(formula, a), read(parse(formula, Vocabulary(None, None)), a)
    one, other = values(a, [text, expression], X)
    np.testing.assert_allclose(one, other, rtol=1e-14)


@pytest.mark.parametrize(
    "value",
    [
        Fraction(1, 3),
        Fraction(-1, 3),
        Fraction(0.1),
        Fraction(0),
        *(s * Fraction(10) ** k for s in (1, -1) for k in (400, -400)),
    ],
)
def test_ends_of_constants_hold_them(value):
    minus_low, high, nearest = enclosed(value)
    assert minus_low == np.inf or -Fraction(minus_low) <= value
    assert high == np.inf or value <= Fraction(high)
    if abs(value) < 1e300:
        assert -minus_low <= nearest <= high <= np.nextafter(-minus_low, np.inf)


def test_examples():
    assert doctest.testmod(algebra).failed == 0
