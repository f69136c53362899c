"""Programs on intervals hold every value of a formula and of its derivatives, and say where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from landscape_dist import problems
from landscape_dist.problems.equations import Equations, equations_of
from landscape_dist.problems.programs import Algebra, on_intervals, program_of, read, read_text
from landscape_dist.problems.programs.on_floats import evaluate
from landscape_dist.problems.programs.on_intervals import enclose
from tests.problems.programs.formulas import exact, flint, gradient, needs_flint, random_expressions


def boxes(rng: np.random.Generator, dim: int, n: int) -> np.ndarray:
    """(2, d, n) of all sizes, some of them with an end at a whole number."""
    middle = rng.uniform(-3, 3, (dim, n))
    middle = np.where(rng.random((dim, n)) < 0.2, np.round(middle), middle)
    width = 10.0 ** rng.uniform(-8, 0.7, (dim, n))
    low = np.where(rng.random((dim, n)) < 0.3, middle, middle - width * rng.random((dim, n)))
    return np.stack([-low, low + width])


def violations(seed: int, n: int) -> list[str]:
    """What is wrong with enclosures of n random formulas, of their derivatives and of second ones."""
    rng = np.random.default_rng(seed)
    found = []
    for expression in random_expressions(rng, n, 2):
        first = gradient(expression, 2)
        wanted = [expression, *first, *gradient(first[0], 2)]
        if any(what.has(sympy.Subs, sympy.Derivative) for what in wanted):  # of sign(0 * ...) and the like
            continue
        a = Algebra()
        f = read(expression, a)
        ours = [f, a.derivative(f, 0), a.derivative(f, 1)]
        ours += [a.derivative(ours[1], 0), a.derivative(ours[1], 1)]
        X = boxes(rng, 2, 12)
        result = enclose(program_of(a, ours, 2), X)
        share = rng.choice([0.0, 1.0, 0.5, 0.2, 0.9], size=X.shape[1:])
        points = np.clip(-X[0] + share * (X[0] + X[1]), -X[0], X[1])
        for k, x in enumerate(points.T):
            defined = True
            for row, what in enumerate(wanted):
                value = exact(what, x)
                ends = result.values[:, row, k]
                if not value.is_finite():
                    defined = False
                elif value < flint.arb(-ends[0]) or value > flint.arb(ends[1]):
                    found.append(f"{what} at {x.tolist()} is {value}, not in {[-ends[0], ends[1]]}")
            if defined and result.nowhere[k]:
                found.append(f"{expression} at {x.tolist()} is said to have no value")
    return found


@needs_flint
@pytest.mark.parametrize("seed", range(4))
def test_values_are_enclosed(seed):
    found = violations(seed, 12)
    assert not found, f"{len(found)} violations, the first of them {found[0]}"


@needs_flint
def test_where_a_formula_has_no_value_is_said():
    rng = np.random.default_rng(9)
    missing = 0
    for expression in random_expressions(rng, 60, 1, depth=3):
        a = Algebra()
        X = boxes(rng, 1, 10)
        result = enclose(program_of(a, [read(expression, a)], 1), X)
        points = -X[0] + rng.random((1, 10)) * (X[0] + X[1])
        for k, x in enumerate(points.T):
            if exact(expression, x).is_nan():
                missing += 1
                assert result.partly[k], f"{expression} at {x}"
    assert missing > 20


def flags(formula: str, *ends: tuple[float, float]) -> tuple[bool, bool]:
    a = Algebra()
    pairs = np.array(ends)
    result = enclose(
        program_of(a, [read_text(formula, a)], len(ends)), np.stack([-pairs[:, 0], pairs[:, 1]])[..., None]
    )
    return bool(result.partly[0]), bool(result.nowhere[0])


@pytest.mark.parametrize(
    ("formula", "box", "partly", "nowhere"),
    [
        ("log(x1)", [(1, 2)], False, False),
        ("log(x1)", [(-1, 2)], True, False),
        ("log(x1)", [(-2, -1)], True, True),
        ("1/x1", [(-1, 2)], True, False),
        ("1/x1", [(1, 2)], False, False),
        ("tan(x1)", [(1, 2)], True, False),
        ("x1^0.5", [(-1, 0)], True, False),
        ("x1^-1.5", [(-2, -1)], True, True),
        ("acosh(x1)", [(0, 2)], True, False),
        ("atan2(x2, x1)", [(-2, -1), (-1, 1)], True, False),
        ("atan2(x2, x1)", [(-2, -1), (0, 1)], False, False),
        ("atan2(x2, x1)", [(-2, -1), (-1, 0)], True, False),
        ("atan2(x2, x1)", [(1, 2), (-1, 1)], False, False),
        ("sin(x1)*exp(x1)", [(-2, 2)], False, False),
    ],
)
def test_undefined_parts_are_flagged(formula, box, partly, nowhere):
    assert flags(formula, *box) == (partly, nowhere)


def test_negative_half_powers():
    a = Algebra()
    x = a.variable(0)
    expressions = [a.power(x, exponent) for exponent in (-0.5, -1.5, 0.1)]
    values = enclose(program_of(a, expressions, 1), np.array([[[-0.01]], [[0.04]]])).values[:, :, 0]
    low, high = -values[0], values[1]
    np.testing.assert_allclose(low, [5.0, 125.0, 0.01**0.1], rtol=1e-12)
    np.testing.assert_allclose(high, [10.0, 1000.0, 0.04**0.1], rtol=1e-12)


def test_the_derivative_of_a_sign_is_known_but_at_jumps():
    a = Algebra()
    f = a.derivative(a.derivative(a.function("absolute", a.variable(0)), 0), 0)
    X = np.array([[[-1.0, 1.0, 0.0, np.nan]], [[2.0, 1.0, 2.0, np.nan]]])
    result = enclose(program_of(a, [f], 1), X)
    assert result.partly.tolist() == [False, True, True, True]
    assert result.values[:, 0].tolist() == [[0, np.inf, np.inf, np.inf]] * 2


def test_batches_do_not_matter(monkeypatch):
    equations = equations_of(problems.symbolic("exp(-x1^2)*cos(3*x2) + log(x1 + 2)*x2^3 + abs(x1)"))
    X = boxes(np.random.default_rng(0), 2, 300)
    whole = enclose(equations.both, X)
    monkeypatch.setattr(on_intervals, "BATCH_BYTES", 1)
    parts = enclose(equations.both, X)
    for name in ("values", "partly", "nowhere"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_thin_boxes_hold_the_floats():
    equations: Equations = equations_of(problems.systems.muller_brown())
    x = np.random.default_rng(0).uniform(-1, 1, (2, 50))
    values = enclose(equations.both, np.stack([-x, x])).values
    close = evaluate(equations.both, x)
    assert (np.abs(close - 0.5 * (values[1] - values[0])) <= 1e-10 * (1 + np.abs(close))).all()
