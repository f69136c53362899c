"""Programs on power series hold every value of a formula along curves, by Taylor's formula with its remainder."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy

from landscape_dist.numerics import intervals
from landscape_dist.problems.expressions import Vocabulary, parse
from landscape_dist.problems.programs import Algebra, on_series, program_of, read, read_text
from landscape_dist.problems.programs.on_series import enclose_series
from tests.problems.programs.formulas import exact, flint, gradient, needs_flint, random_expressions


def ranges(a: Any) -> Any:
    """(K + 1, d, n) coefficients about 0 -> (2, K + 1, d, n) those about all t of -1 to 1."""
    out = np.stack([-a, a])
    for j in range(len(a)):
        out[:, j] += sum(math.comb(i, j) * np.abs(a[i]) for i in range(j + 1, len(a))) * (1 + 1e-12)
    return out


def taylor(program: Any, a: Any, order: int) -> Any:
    """(2, order + 1, k, n) coefficients along the curves a (m, d, n), the last of them the remainder's; the whole
    line where part of a formula has no value or jumps."""
    padded = np.zeros((max(order + 1, len(a)), *a.shape[1:]))
    padded[: len(a)] = a
    about, over = np.stack([-padded, padded])[:, : order + 1], ranges(padded)[:, : order + 1]
    values = enclose_series(program, about).values
    whole = enclose_series(program, over)
    values[:, order] = np.where(whole.partly, np.inf, whole.values[:, order])
    return values


def total(values: Any, powers: Any) -> Any:
    """sum_k values_k powers_k, as an arb."""
    return sum((flint.arb(v) * flint.arb(p) for v, p in zip(values, powers, strict=True)), flint.arb(0))


def violations(seed: int, n: int, order: int = 3) -> list[str]:
    """What is wrong with the series of n random formulas and their first derivatives along random curves."""
    rng = np.random.default_rng(seed)
    found, bounded = [], 0
    for expression in random_expressions(rng, n, 2):
        wanted = [expression, *gradient(expression, 2)]
        if any(what.has(sympy.Subs, sympy.Derivative) for what in wanted):
            continue
        algebra = Algebra()
        f = read(expression, algebra)
        program = program_of(algebra, [f, algebra.derivative(f, 0), algebra.derivative(f, 1)], 2)
        # few bits, so that points of the curves are doubles
        a = rng.integers(-700, 700, (3, 2, 8)) / 256.0
        a[1:] /= 2.0 ** rng.integers(0, 12, (1, 1, 8))
        values = taylor(program, a, order)
        for t in (-1.0, -0.25, 0.5, 1.0):
            x = a[0] + t * a[1] + t * t * a[2]
            for k in range(a.shape[2]):
                for row, what in enumerate(wanted):
                    ends = values[:, :, row, k]
                    value = exact(what, x[:, k])
                    if not np.isfinite(ends).all() or not value.is_finite():
                        continue
                    bounded += 1
                    powers = np.array([t**j for j in range(order + 1)])
                    low = total(np.where(powers > 0, -ends[0], ends[1]), powers)
                    high = total(np.where(powers > 0, ends[1], -ends[0]), powers)
                    if value > high or value < low:
                        found.append(f"{what} along {a[:, :, k].tolist()} at {t} is {value}, not in {[low, high]}")
    assert bounded > 10 * n
    return found


@needs_flint
@pytest.mark.parametrize("seed", range(4))
def test_values_are_enclosed(seed: int) -> None:
    found = violations(seed, 12)
    assert not found, f"{len(found)} violations, the first of them {found[0]}"


SERIES = [
    *("x1*x2", "x1/x2", "x1^2", "x1^3", "x1^-2", "x2^0.5", "x2^1.5", "x2^(-1/3)", "sqrt(x2)", "exp(x1)", "log(x2)"),
    *("sin(x1)", "cos(x1)", "tan(x1)", "asin(x1)", "acos(x1)", "atan(x1)", "atan2(x1, x2)", "atan2(x2, -x1)"),
    *("sinh(x1)", "cosh(x1)", "tanh(x1)", "asinh(x1)", "acosh(x2 + 1)", "atanh(x1)", "erf(x1)", "abs(x1)"),
    *("x1 - 3*x2", "pi*x1 + 1"),
]


@pytest.mark.parametrize("formula", SERIES)
def test_coefficients_are_those_of_sympy(formula: str) -> None:
    algebra = Algebra()
    program = program_of(algebra, [read(parse(formula, Vocabulary(None, None)), algebra)], 2)
    a = np.array([[0.25, 0.75], [0.5, -0.125], [-0.375, 0.25], [0.0, 0.5], [0.125, 0.0], [0.0, 0.0]])
    values = enclose_series(program, np.stack([-a, a])[..., None]).values[:, :, 0, 0]
    t = sympy.Symbol("t", real=True)
    x1, x2 = (sum(sympy.Rational(float(c)) * t**k for k, c in enumerate(column)) for column in a.T)
    f = sympy.sympify(formula.replace("^", "**").replace("abs", "Abs"), locals={"x1": x1, "x2": x2})
    # near t = 0 neither changes its sign
    f = f.replace(sympy.Abs, lambda e: e).replace(sympy.sign, lambda e: sympy.Integer(1))
    for k in range(6):
        expected = float((sympy.diff(f, t, k).subs(t, 0) / sympy.factorial(k)).evalf(30))
        low, high = -values[0, k], values[1, k]
        assert low - 1e-15 <= expected <= high + 1e-15
        assert high - low < 1e-11 * (1 + abs(expected))


def test_kinks_have_no_further_coefficients() -> None:
    algebra = Algebra()
    program = program_of(algebra, [algebra.function(name, algebra.variable(0)) for name in ("absolute", "sign")], 1)
    X = np.stack([np.array([1.0, -1.0]), np.array([1.0, 1.0])])[:, :, None, None]
    values = enclose_series(program, X).values[:, :, :, 0]
    assert np.isfinite(values[:, 0]).all()
    assert np.isinf(values[:, 1]).all()


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    algebra = Algebra()
    program = program_of(algebra, [read_text("exp(-x1^2)*cos(3*x2) + x2^3/(x1^2 + 1)", algebra)], 2)
    X = intervals.point(np.random.default_rng(0).normal(size=(4, 2, 300)))
    whole = enclose_series(program, X)
    monkeypatch.setattr(on_series, "BATCH_BYTES", 1)
    np.testing.assert_array_equal(whole.values, enclose_series(program, X).values)
