"""Competing species: the field x_i (r_i - sum_j A_ij x_j), whose 2^d equilibria are exact."""

from __future__ import annotations

import itertools

import numpy as np

from workflows.completeness.instances import Derivatives, FloatArray, Instance, IntArray, NotCertain, sum_of, variables
from workflows.completeness.newton import check_apart

DIMS = (3, 4, 5)
LEAST_REAL_PART = 1e-3
"""Smallest |real part| of an eigenvalue that still counts, as a share of the largest at that point."""


def instance(rng: np.random.Generator, dim: int) -> Instance:
    """r in 0.5..1.5, A_ij in 0.2..1.8, A_ii = 1, the start in 0.1..1."""
    rates = rng.uniform(0.5, 1.5, dim)
    competition = rng.uniform(0.2, 1.8, (dim, dim))
    np.fill_diagonal(competition, 1.0)
    start = rng.uniform(0.1, 1.0, dim)
    derivatives = derivatives_of(rates, competition)
    points = equilibria(rates, competition)
    index = unstable(derivatives, points)
    check_apart(points, np.ptp(points, axis=0))
    names = variables(dim)
    formulas = [
        f"{name}*({rate!r} - ({sum_of(row, names)}))"
        for name, rate, row in zip(names, rates.tolist(), competition, strict=True)
    ]
    return Instance("lotka_volterra", tuple(formulas), start, points, index, derivatives)


def equilibria(rates: FloatArray, competition: FloatArray) -> FloatArray:
    """(2^d, d): for each set of species that are there, the linear system that keeps them constant."""
    dim = len(rates)
    points = np.zeros((2**dim, dim))
    for point, there in zip(points, itertools.product([False, True], repeat=dim), strict=True):
        some = np.flatnonzero(there)
        point[some] = np.linalg.solve(competition[np.ix_(some, some)], rates[some])
    return points


def unstable(derivatives: Derivatives, points: FloatArray) -> IntArray:
    """(n, d) -> (n,): numbers of eigenvalues of the Jacobian with a positive real part.

    Raises:
        NotCertain: one is nearly zero.
    """
    real = np.linalg.eigvals(-derivatives(points)[1]).real
    size = np.abs(real)
    if (size.min(axis=1) < LEAST_REAL_PART * size.max(axis=1)).any():
        raise NotCertain("a nearly degenerate equilibrium")
    count: IntArray = np.count_nonzero(real > 0, axis=1)
    return count


def derivatives_of(rates: FloatArray, competition: FloatArray) -> Derivatives:
    """Minus the field and minus its Jacobian, for rates (d,) and competition (d, d)."""

    def derivatives(X: FloatArray) -> tuple[FloatArray, FloatArray]:
        growth = rates - X @ competition.T
        return -X * growth, X[:, :, None] * competition - growth[:, :, None] * np.eye(len(rates))

    return derivatives
