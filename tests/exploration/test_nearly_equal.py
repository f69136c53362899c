"""Wells that are nearly alike: Hessians with clusters of eigenvalues, whose eigenvectors mix what should be apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import landscape_dist as ld


def alike_wells(coupling: np.ndarray) -> Any:
    """E = sum (x_i^2 - 1)^2 + x^T W x / 2 for a small symmetric W (d, d): 3^d points, 2 d 3^(d-1) arrows."""
    d = len(coupling)

    def energy(X: np.ndarray) -> np.ndarray:
        return ((X * X - 1) ** 2).sum(axis=1) + 0.5 * np.einsum("ni,ij,nj->n", X, coupling, X)

    def gradient(X: np.ndarray) -> np.ndarray:
        return 4 * X * (X * X - 1) + X @ coupling

    def hessian(X: np.ndarray) -> np.ndarray:
        H = np.tile(coupling, (len(X), 1, 1))
        H[:, range(d), range(d)] += 12 * X * X - 4
        return H

    return ld.problems.from_callable(energy, gradient=gradient, hessian=hessian, dim=d, batched=True)


def couplings(d: int) -> dict[str, np.ndarray]:
    neighbours = np.eye(d, k=1) + np.eye(d, k=-1)
    random = np.random.default_rng(0).standard_normal((d, d))
    return {
        "all": 0.02 * (np.ones((d, d)) - np.eye(d)),
        "neighbours": 0.02 * neighbours,
        "strong": 0.2 * neighbours,
        "random": 0.05 * (np.triu(random, 1) + np.triu(random, 1).T),
    }


@pytest.mark.parametrize("kind", couplings(2))
@pytest.mark.parametrize("d", [3, 5])
def test_weakly_coupled_equal_wells_are_complete(kind: str, d: int) -> None:
    start = 0.1 * np.arange(1, d + 1) / d
    landscape = ld.explore(alike_wells(couplings(d)[kind]), start=start, max_index=d)
    assert len(landscape.points) == 3**d
    assert len(landscape.connections) == 2 * d * 3 ** (d - 1)
