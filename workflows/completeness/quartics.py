"""Random polynomials of degree four that grow at infinity."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from workflows.completeness.instances import FloatArray, IntArray
from workflows.completeness.newton import certified

N_STARTS = 2000
LEAST_GROWTH = 0.2
"""Of the fourth-order part on the unit sphere."""


@dataclass(frozen=True)
class Quartic:
    """sum_k factors[k] prod_i z_i^powers[k, i]; powers (m, d), factors (m,)."""

    powers: IntArray
    factors: FloatArray

    @classmethod
    def drawn(cls, rng: np.random.Generator, dim: int) -> Quartic:
        """Quadratic factors of variance 9, others of variance 1, and of degree four ones that grow every way."""
        powers = np.array([p for p in itertools.product(range(5), repeat=dim) if 1 <= sum(p) <= 4])
        degree = powers.sum(axis=1)
        sphere = rng.standard_normal((2000, dim))
        sphere /= np.linalg.norm(sphere, axis=1)[:, None]
        while True:
            factors = rng.normal(0, np.where(degree == 2, 3.0, np.where(degree == 4, 0.4, 1.0)))
            factors[powers.max(axis=1) == 4] = rng.uniform(0.5, 1.5, dim)
            top = np.prod(sphere[:, None] ** powers, axis=2) @ np.where(degree == 4, factors, 0.0)
            if top.min() > LEAST_GROWTH:
                return cls(powers, factors)

    def derivatives(self, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        dim = Z.shape[1]
        g, H = np.empty((len(Z), dim)), np.empty((len(Z), dim, dim))
        for i in range(dim):
            first, once = self._derived(self.powers, self.factors, i)
            g[:, i] = np.prod(Z[:, None] ** first, axis=2) @ once
            for j in range(i, dim):
                second, twice = self._derived(first, once, j)
                H[:, i, j] = H[:, j, i] = np.prod(Z[:, None] ** second, axis=2) @ twice
        return g, H

    @staticmethod
    def _derived(powers: IntArray, factors: FloatArray, i: int) -> tuple[IntArray, FloatArray]:
        lower = powers.copy()
        lower[:, i] = np.maximum(lower[:, i] - 1, 0)
        return lower, factors * powers[:, i]

    def points(self, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        """All points (n, d), at most 3^d by Bezout, and their indices (n,)."""
        dim = self.powers.shape[1]
        return certified(self.derivatives, lambda n: 3 * rng.standard_normal((n, dim)), N_STARTS, 1, 1.0)

    def formula(self, names: list[str]) -> str:
        """In these variables (or formulas) z1 .. zd."""
        terms = []
        for powers, factor in zip(self.powers.tolist(), self.factors.tolist(), strict=True):
            product = "*".join(f"{name}**{p}" for name, p in zip(names, powers, strict=True) if p)
            terms.append(f"({factor!r})*{product}")
        return " + ".join(terms)
