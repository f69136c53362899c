"""A landscape of any size whose searches cost nothing: what is left is the cost of keeping it.

E(x) = -sum_i a_i cos(pi y_i) + b/2 |z|^2, where y = Q^T x are ten variables, z is the rest, and y_i is between -1/2 and
s_i - 1/2.  Its stationary points are the prod_i s_i whole y with z = 0; the index is the number of odd y_i, and a
downward search along an odd y_i ends at the neighbour on either side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import landscape_dist as ld
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.records import Counters, ResultBatch, SearchBatch, SearchKind, SearchStatus

FloatArray = NDArray[np.float64]
NOISE = 1e-9
"""What two searches that end at one point differ by."""


class Product:
    """The landscape and its searches.

    Args:
        dim: number of variables, at least as many as there are `sizes`.
        sizes: (k,) odd numbers of stationary points along each y_i.
        n_eigenvalues: eigenvalues given with each point.
    """

    def __init__(self, dim: int, sizes: tuple[int, ...], n_eigenvalues: int) -> None:
        k = len(sizes)
        self.sizes = np.array(sizes)
        self.n_eigenvalues = min(n_eigenvalues, dim)
        self.strength = 1.0 + 0.1 * np.arange(k)
        self.stiffness = 4.0 * np.pi**2
        self.Q = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, k)))[0]
        self.problem = ld.problems.from_callable(
            self.energy,
            gradient=self.gradient,
            dim=dim,
            batched=True,
            fingerprint=f"{sizes} in {dim}",
            name=f"product of {'x'.join(map(str, sizes))} in {dim} variables",
            suggested_max_index=k,
        )

    @property
    def starts(self) -> FloatArray:
        """(s, dim) beside each point of the highest index: downward searches find the rest."""
        odd = np.meshgrid(*(np.arange(1, size, 2) for size in self.sizes), indexing="ij")
        return self.points(np.stack([y.ravel() for y in odd], axis=1)) + 0.01 * self.Q.sum(axis=1)

    @property
    def n_points(self) -> int:
        return int(self.sizes.prod())

    def energy(self, X: FloatArray) -> FloatArray:
        Y = X @ self.Q
        rest = (X**2).sum(axis=1) - (Y**2).sum(axis=1)
        return np.asarray(-np.cos(np.pi * Y) @ self.strength + 0.5 * self.stiffness * rest)

    def gradient(self, X: FloatArray) -> FloatArray:
        Y = X @ self.Q
        slope = np.pi * np.sin(np.pi * Y) * self.strength
        return np.asarray((slope - self.stiffness * Y) @ self.Q.T + self.stiffness * X)

    def points(self, Y: NDArray[np.int64]) -> FloatArray:
        """(n, k) whole y -> (n, dim) points."""
        return np.asarray(Y @ self.Q.T)

    def solve(self, batch: SearchBatch) -> ResultBatch:
        """Results of searches, known without searching."""
        n, k = len(batch), len(self.sizes)
        status = np.full(n, SearchStatus.CONVERGED, dtype=np.int8)
        if batch.kind == SearchKind.START:
            Y = np.rint(batch.X @ self.Q).astype(np.int64)[batch.row]
        else:
            origin = np.rint(batch.X @ self.Q).astype(np.int64)
            # Columns of the frame are eigenvectors, the lowest eigenvalue first.
            order = np.argsort(np.where(origin % 2 == 1, -self.strength, self.strength), axis=1)
            leave = batch.leave[:, 0]
            Y = origin[batch.row]
            rows = np.flatnonzero(leave < k)
            along = order[batch.row[rows], leave[rows]]
            Y[rows, along] += batch.sign[rows, 0]
            outside = ((Y < 0) | (self.sizes <= Y)).any(axis=1) | (leave >= k)
            status[outside] = SearchStatus.LEFT_DOMAIN
        found = status == SearchStatus.CONVERGED
        odd = Y % 2 == 1
        lowest = np.sort(np.pi**2 * np.where(odd, -self.strength, self.strength), axis=1)[:, : self.n_eigenvalues]
        eigenvalues = np.full((n, self.n_eigenvalues), self.stiffness)
        eigenvalues[:, : lowest.shape[1]] = lowest
        eigenvalues[~found] = np.nan
        X = self.points(Y)
        X += NOISE * np.random.default_rng(abs(int(batch.slot[0]))).standard_normal(X.shape)
        return ResultBatch(
            slot=batch.slot,
            status=status,
            x=X,
            energy=np.where(odd, self.strength, -self.strength).sum(axis=1),
            index=np.where(found, odd.sum(axis=1), -1).astype(np.int32),
            nullity=np.zeros(n, dtype=np.int32),
            gradient_norm=np.full(n, 1e-10),
            eigenvalues=eigenvalues,
            n_steps=np.full(n, 12, dtype=np.int32),
            counters=Counters(n_gradients=12 * n, n_hessians=12 * n),
        )


SIZES: dict[int, tuple[int, ...]] = {
    10: (7, 5, 5, 5, 5, 3, 3, 3, 3, 3),
    100: (7, 5, 5, 5, 5, 3, 3, 3, 3, 3),
    1000: (5, 3, 3, 3, 3, 3, 3, 3, 3, 3),
}
"""Factors by number of variables: 1,063,125 points, and 98,415 with a thousand variables."""


def product(dim: int, small: bool = False) -> Product:
    """The landscape of the benchmark in `dim` variables; the small one has 19,683 points."""
    sizes: Any = (3,) * 9 if small else SIZES[dim]
    return Product(dim, sizes, SolverSettings().n_eigenvalues)
