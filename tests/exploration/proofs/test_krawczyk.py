"""Boxes with one zero hold it; indices and energies are those of the zeros."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from landscape_dist.exploration.proofs.krawczyk import (
    UNKNOWN,
    Zeros,
    at_points,
    energies,
    indices,
    newton,
    one_zero,
    refined,
    without_energy,
)
from tests.exploration.proofs.proving import Exact, energy, field, lattice, within


def around(x: np.ndarray, radius: float) -> np.ndarray:
    """(n, d) -> (2, d, n)."""
    return np.stack([radius - x.T, x.T + radius])


def check_one_zero(seed: int) -> int:
    """Every box of which it is said has exactly one of the known zeros, within the radius; how many there were."""
    rng = np.random.default_rng(seed)
    equations, zeros = lattice(rng, int(rng.integers(1, 4)))
    n = 60
    middles = np.array([[float(c) for c in zeros[k]] for k in rng.integers(len(zeros), size=n)])
    size = 10.0 ** rng.uniform(-9, 1, (n, 1))
    Z = np.stack([-middles.T, middles.T]) + (size * rng.uniform(-0.3, 1, (2, n, equations.dim))).transpose(0, 2, 1)
    x = np.clip(middles + 0.3 * size * rng.uniform(-1, 1, middles.shape), -Z[0].T, Z[1].T)
    full = (Z[0] + Z[1] > 0).all(axis=0)
    Z, x = Z[:, :, full], x[full]
    with np.errstate(all="ignore"):
        ok, radius = one_zero(equations, x, at_points(equations, x), Z)
    for k in np.flatnonzero(ok):
        held: list[Exact] = [z for z in zeros if within(z, Z[:, :, k])]
        assert len(held) == 1, seed
        assert within(held[0], Zeros(x, radius, Z).boxes[:, :, k]), seed
    return int(ok.sum())


def test_boxes_that_are_said_to_have_one_zero_have_it():
    assert sum(check_one_zero(seed) for seed in range(15)) > 60


def check_refined(seed: int) -> None:
    """Refined boxes are small and still hold their zeros: of (x - z)(x - 1)^5 multiplied out, which cancels."""
    z = [1 + Fraction(k, 7) for k in range(2, 7)]
    rng = np.random.default_rng(seed)
    ones = [-1, 5, -10, 10, -5, 1]
    formulas = []
    for i, c in enumerate(z):
        coefficients = [Fraction(0), *map(Fraction, ones)]
        coefficients = [a - c * b for a, b in zip(coefficients, [*map(Fraction, ones), Fraction(0)], strict=True)]
        formulas.append(" + ".join(f"({a.numerator}/{a.denominator})*x{i + 1}^{k}" for k, a in enumerate(coefficients)))
    equations = field(formulas)
    x = np.array([[float(c) for c in z]]) + rng.uniform(-1e-3, 1e-3, (1, 5))
    zeros = Zeros(x, np.full((1, 5), 2e-3), around(x, 2e-3))
    with np.errstate(all="ignore"):
        small = refined(equations, zeros)
    assert small.radius.max() < 1e-9
    assert within(tuple(z), small.boxes[:, :, 0])


def test_refined_boxes_hold_their_zeros():
    for seed in range(5):
        check_refined(seed)


def test_a_box_with_a_zero_on_its_face_is_none_of_one_zero():
    equations = field(["x1*(1 + x1^2)"])
    with np.errstate(all="ignore"):
        x = np.array([[0.0]])
        ok, _ = one_zero(equations, x, at_points(equations, x), np.array([[[0.0]], [[0.01]]]))
        wider, _ = one_zero(equations, x, at_points(equations, x), np.array([[[1e-4]], [[0.01]]]))
    assert not ok[0]
    assert wider[0]


def test_newton_ends_at_the_zero():
    equations = energy("x1^4 - 2*x1^2 + (x2 - x1)^2")
    x, _ = newton(equations, np.array([[1.2, 0.7], [-0.8, -1.0]]), np.ones((2, 2)))
    np.testing.assert_allclose(x, [[1, 1], [-1, -1]], atol=1e-15)


def at(x: list[float], radius: float = 1e-9) -> Zeros:
    X = np.array([x])
    return Zeros(X, np.full(X.shape, radius), around(X, 10 * radius))


@pytest.mark.parametrize("d", [1, 2, 5, 9])
def test_indices_of_energies(d):
    rng = np.random.default_rng(d)
    for _ in range(10):
        Q = np.linalg.qr(rng.normal(size=(d, d)))[0]
        w = rng.choice([-1, 1], d) * 10.0 ** rng.uniform(-4, 4, d)
        H = Q * w @ Q.T
        formula = " + ".join(
            f"({H[i, j] if i == j else 2 * H[i, j]}/2)*x{i + 1}*x{j + 1}" for i in range(d) for j in range(i, d)
        )
        assert indices(energy(formula), at([0.0] * d))[0] == (w < 0).sum()


def test_indices_that_are_not_sure_are_unknown():
    assert indices(energy("x1^3 + x2^2"), at([0.0, 0.0]))[0] == UNKNOWN
    # the box is too wide, the other one is not
    assert indices(energy("x1^2 + 10*x1^3"), at([0.0], 0.1))[0] == UNKNOWN
    assert indices(energy("x1^2 + 10*x1^3"), at([0.0], 1e-3))[0] == 0
    # widely different curvatures
    assert indices(energy("1e12*(x1 + x2)^2 - 1e-3*(x1 - x2)^2"), at([0.0, 0.0]))[0] in (1, UNKNOWN)
    assert indices(energy("1e12*x1^2 - 1e-12*x2^2 + x1*x2*1e-3"), at([0.0, 0.0]))[0] == 1


@pytest.mark.parametrize(
    ("A", "index"),
    [
        ([[1, 2], [-2, 1]], 0),
        ([[-1, 2], [-2, -1]], 2),
        ([[0, 2], [-2, 0]], UNKNOWN),
        ([[1, 5], [0, -1]], 1),
        ([[1, 1], [0, 1]], 0),
        ([[3, 0, 0], [0, -1, 9], [0, -9, -1]], 2),
    ],
)
def test_indices_of_vector_fields(A, index):
    # eigenvalues of the derivative of g that are negative; the second last has one eigenvector only
    formulas = [" + ".join(f"({c})*x{j + 1}" for j, c in enumerate(row)) for row in A]
    got = indices(field(formulas), at([0.0] * len(A)))[0]
    assert got == index or (got == UNKNOWN and A == [[1, 1], [0, 1]])


def test_energies_are_enclosed():
    equations = energy("x1^4/3 - x1*x2/7 + x2^2")
    rng = np.random.default_rng(0)
    for _ in range(50):
        x = rng.normal(size=2) * 10.0 ** rng.integers(-3, 4)
        low, high = energies(equations, at(x.tolist(), 1e-12))[0]
        a, b = (Fraction(float(v)) for v in x)
        exact = a**4 / 3 - a * b / 7 + b**2
        assert Fraction(low) <= exact <= Fraction(high)
        assert high - low < 1e-9 * (1 + abs(float(exact)))
    assert np.isnan(energies(field(["x1"]), at([0.0]))).all()


def test_where_energies_have_a_value():
    equations = energy("x1^2 - log(x1)")
    none, unknown = without_energy(equations, at([-0.7]))
    assert (none.tolist(), unknown.tolist()) == ([True], [False])
    none, unknown = without_energy(equations, at([0.0]))
    assert (none.tolist(), unknown.tolist()) == ([False], [True])
    none, unknown = without_energy(equations, at([0.7]))
    assert (none.tolist(), unknown.tolist()) == ([False], [False])
