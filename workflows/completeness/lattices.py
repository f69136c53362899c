"""Rotated lattices: sum_i a_i (y_i^2 - 1)^2 + sum_(i<j) c_ij y_i y_j with x = Q y, which have 3^d points."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from workflows.completeness import flow
from workflows.completeness.instances import Derivatives, FloatArray, Instance, IntArray, NotCertain, sum_of, variables
from workflows.completeness.newton import check_apart, indices

DIMS = (3, 4)
N_COUPLINGS = 40
"""So many times do the couplings grow, from nothing to all of them."""


@dataclass(frozen=True)
class Lattice:
    """a (d,), c (d, d) symmetric with a zero diagonal, Q (d, d) orthogonal."""

    a: FloatArray
    c: FloatArray
    Q: FloatArray

    @classmethod
    def drawn(cls, rng: np.random.Generator, dim: int) -> Lattice:
        """a in 1..3, |c| up to 0.5, Q any rotation or reflection."""
        c = np.triu(rng.uniform(-0.5, 0.5, (dim, dim)), 1)
        Q, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
        return cls(rng.uniform(1, 3, dim), c + c.T, Q)

    def derivatives(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        g, H = self._unrotated(X @ self.Q, 1.0)
        return g @ self.Q.T, self.Q @ H @ self.Q.T

    def _unrotated(self, Y: FloatArray, share: float) -> tuple[FloatArray, FloatArray]:
        """Gradients and Hessians at y, with that share of the couplings."""
        g = 4 * self.a * Y * (Y**2 - 1) + share * Y @ self.c
        return g, (4 * self.a * (3 * Y**2 - 1))[:, :, None] * np.eye(len(self.a)) + share * self.c

    def points(self) -> tuple[FloatArray, IntArray]:
        """(3^d, d) points x and (3^d,) indices: each of {-1, 0, 1}^d followed while the couplings grow.

        3^d is Bezout's bound, so that there are no others.
        """
        Y = np.array(list(itertools.product([-1.0, 0.0, 1.0], repeat=len(self.a))))
        for share in np.linspace(0, 1, N_COUPLINGS + 1)[1:]:
            for _ in range(20):
                g, H = self._unrotated(Y, share)
                step = np.linalg.solve(H, g[:, :, None])[:, :, 0]
                Y = Y - step
                if np.abs(step).max() < 1e-13:
                    break
            if not np.abs(step).max() < 1e-10:
                raise NotCertain("a point of the lattice was lost")
        X = Y @ self.Q.T
        check_apart(X, np.ptp(X, axis=0))
        index = indices(self.derivatives, X)
        if np.sum((-1) ** index) != 1:
            raise NotCertain("the Morse sum is wrong")
        return X, index

    def formula(self, names: list[str]) -> str:
        """In these variables (or formulas) x1 .. xd."""
        y = [f"({sum_of(column, names)})" for column in self.Q.T]
        wells = [f"({a!r})*({name}**2-1)**2" for a, name in zip(self.a.tolist(), y, strict=True)]
        pairs = itertools.combinations(range(len(y)), 2)
        return " + ".join([*wells, *(f"({float(self.c[i, j])!r})*{y[i]}*{y[j]}" for i, j in pairs)])


def instance(rng: np.random.Generator, dim: int) -> Instance:
    """One lattice and a start from the standard normal distribution."""
    lattice = Lattice.drawn(rng, dim)
    points, index = lattice.points()
    derivatives: Derivatives = lattice.derivatives
    return Instance(
        "rotated_lattices", (lattice.formula(variables(dim)),), rng.standard_normal(dim), points, index, derivatives,
        flow.arrows(derivatives, points, index), euler_characteristic=1,
    )  # fmt: skip
