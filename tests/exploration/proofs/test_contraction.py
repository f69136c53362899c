"""Narrowing drops no zero: random systems with known ones, exact bounds of what is rounded."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.exploration.proofs.contraction import (
    Gaps,
    Preconditioned,
    distance_from_identity,
    inverses,
    look,
    narrowed,
    narrowed_further,
    preconditioned,
    products,
)
from landscape_dist.numerics import intervals
from landscape_dist.problems.equations import Equations
from tests.exploration.proofs.proving import Exact, energy, field, rational, within

TERMS = (
    "x1^2",
    "x1*x2",
    "x2^3",
    "x1",
    "x2",
    "sin(x1)",
    "exp(x2)",
    "cos(x1*x2)",
    "1/(4 + x1)",
    "atan(x2)",
    "(9 + x2)^0.5",
)


@st.composite
def known(draw: st.DrawFn) -> tuple[Equations, Exact, np.ndarray]:
    """Equations q(x) - q(z) with the zero z, and a box that holds it, often on a face or in a corner."""
    z = tuple(Fraction(draw(st.integers(-21, 21)), draw(st.sampled_from([1, 3, 7, 8]))) for _ in range(2))
    texts = []
    for _ in range(2):
        q = " + ".join(
            f"({draw(st.integers(-9, 9))})*{term}"
            for term in draw(st.lists(st.sampled_from(TERMS), min_size=2, max_size=4))
        )
        # 'exp' has an x of its own
        at_z = q.replace("exp", "e_p").replace("x1", rational(z[0])).replace("x2", rational(z[1])).replace("e_p", "exp")
        texts.append(f"{q} + x1 - {rational(z[0])} - ({at_z})")
    ends = []
    for c in z:
        near, width = float(c), 10.0 ** draw(st.floats(-6, 1))
        share = draw(st.sampled_from([0.0, 1.0, 0.5, 0.3, 0.77]))
        low, high = near - share * width, near + (1 - share) * width
        ends.append((np.nextafter(low, -9) if low > c else low, np.nextafter(high, 99) if high < c else high))
    pairs = np.array(ends)
    return field(texts), z, np.stack([-pairs[:, 0], pairs[:, 1]])


def in_gap(z: Exact, gaps: Gaps, box: int = 0) -> bool:
    """Whether a zero is where there is said to be none."""
    low, high = Fraction(float(gaps.below[box])), Fraction(float(gaps.above[box]))
    return bool(gaps.part[box] > 0) and low < z[int(gaps.column[box])] < high


def lost(equations: Equations, z: Exact, X: np.ndarray) -> bool:
    """Whether a zero of a box (2, d) is in nothing of what is left of it."""
    with np.errstate(all="ignore"):
        seen, none = look(equations, X[:, :, None])
        if none[0]:
            return True
        new, at_middle, none, gaps = narrowed(equations, seen)
        if none[0] or not within(z, new[:, :, 0]) or in_gap(z, gaps):
            return True
        P = preconditioned(equations, seen.J)
        P.regular &= ~seen.partly
        new, none = narrowed_further(P, new, intervals.midpoint(seen.X), at_middle)
        return bool(none[0]) or not within(z, new[:, :, 0])


@settings(max_examples=90, deadline=None, derandomize=True)
@given(known())
def test_no_zero_is_dropped(case):
    assert not lost(*case)


def test_gaps_hold_no_zero():
    """Of products (x1 - a)(x1 - b)... in one variable, whose zeros are close to the gaps between them."""
    rng = np.random.default_rng(0)
    n_gaps = 0
    for _ in range(60):
        roots = sorted({Fraction(int(k), 8) for k in rng.integers(-16, 17, int(rng.integers(1, 4)))})
        formula = "*".join(f"(x1 - {rational(root)})" for root in roots)
        equations = field([f"{formula} + (1/9)*(x2 - 1/3)", "x2 - 1/3 + 0*x1"])
        ends = rng.uniform(-2.5, 2.5, (2, 200))
        X = np.stack([-np.stack([ends.min(axis=0), np.zeros(200)]), np.stack([ends.max(axis=0), np.ones(200)])])
        with np.errstate(all="ignore"):
            gaps = narrowed(equations, look(equations, X)[0])[3]
        n_gaps += int((gaps.part > 0).sum())
        assert not any(in_gap((root, Fraction(1, 3)), gaps, k) for root in roots for k in range(200))
    assert n_gaps > 1000


def exactly(A: np.ndarray) -> list[list[Fraction]]:
    return [[Fraction(float(v)) for v in row] for row in A]


def check_distance(seed: int) -> None:
    """Bounds of |1 - Y A| for the A at a corner of a matrix of intervals, in exact arithmetic."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 6))
    middle = rng.normal(size=(1, d, d)) * 10.0 ** rng.integers(-8, 9, (1, d, 1))
    spread = np.abs(middle) * 10.0 ** rng.integers(-18, 1) * rng.integers(0, 2, (1, d, d))
    Y, _ = inverses(middle)
    bound = distance_from_identity(Y, middle, spread)[0]
    signs = rng.choice([-1, 1], (d, d)) if rng.random() < 0.5 else np.sign(Y[0]).T @ np.ones((d, d), dtype=int)
    y, m, s = exactly(Y[0]), exactly(middle[0]), exactly(spread[0])
    for i in range(d):
        for j in range(d):
            total = sum(y[i][k] * (m[k][j] + int(np.sign(signs[k, j])) * s[k][j]) for k in range(d))
            assert abs(int(i == j) - total) <= Fraction(float(bound[i, j])), (seed, i, j)


def check_products(seed: int) -> None:
    """Y g for thin g, with all of the error."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 6))
    Y = rng.normal(size=(1, d, d)) * 10.0 ** rng.integers(-8, 9, (1, 1, d))
    g = rng.normal(size=d) * 10.0 ** rng.integers(-8, 9, d)
    width = np.abs(g) * 10.0 ** rng.integers(-18, -10)
    X = np.stack([-(g - width), g + width])
    b, error = products(Y, X[:, :, None])
    y = exactly(Y[0])
    for ends in (-X[0], X[1], np.where(rng.random(d) < 0.5, -X[0], X[1])):
        for i in range(d):
            total = sum(y[i][k] * Fraction(float(ends[k])) for k in range(d))
            assert abs(total - Fraction(float(b[0, i]))) <= Fraction(float(error[0, i])), (seed, i)


@pytest.mark.parametrize("check", [check_distance, check_products])
def test_bounds_hold_in_exact_arithmetic(check):
    for seed in range(150):
        check(seed)


def test_small_neighbours_of_a_large_diagonal_count():
    # what the others contribute, 1e-20, is below the rounding of the diagonal's part
    P = Preconditioned(np.eye(2)[None], np.array([[[0.5, 1e-20], [0.0, 0.1]]]), np.array([True]))
    X, zero = np.ones((2, 2, 1)), np.zeros((2, 2, 1))
    new, none = narrowed_further(P, X, np.zeros((2, 1)), zero)
    assert not none.any()
    assert (new[:, 0, 0] >= 1e-20 / 0.5).all()


def test_equations_without_a_derivative_are_looked_at():
    equations = field(["3 + 0*x1", "x1 - x1 - 2"])
    X = np.ones((2, 2, 4))
    seen, none = look(equations, X)
    assert none.all()
    new, _, none, _ = narrowed(equations, seen)
    assert not none.any()
    np.testing.assert_array_equal(new, X)


def test_zeros_at_which_the_derivative_has_no_value_are_kept():
    equations = field(["x1^0.5"])
    _, none = look(equations, np.array([[[1.0]], [[0.0]]]))
    assert not none.any()


def test_where_the_energy_has_no_value_there_is_no_point():

    _, none = look(energy("x1^2 - log(x1)"), np.array([[[1.0, -0.5]], [[-0.5, 1.0]]]))
    assert none.tolist() == [True, False]


def test_singular_matrices_are_not_inverted():
    A = np.array([np.eye(2), np.zeros((2, 2)), np.full((2, 2), np.nan), 2 * np.eye(2)])
    Y, good = inverses(A)
    assert good.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(Y[3], np.eye(2) / 2)
