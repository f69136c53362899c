"""Lanczos iterations on Hessian-vector products: the size of a Hessian, and what it has outside of a subspace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_dist.numerics.davidson import Block
from landscape_dist.records import FloatArray

# Products for the size of a Hessian; its largest eigenvalue is then known to a percent or so.
SIZE_STEPS = 24
# Accepted probability that a negative eigenvalue was overlooked, over the random start of the iteration.
FAILURE = 1e-8
MAX_PRODUCTS = 2000
# The largest Ritz value falls short of the largest eigenvalue; by less than this part.
SHORT = 0.1
# Columns multiplied together where the matrix itself is needed; bounds the memory of problems.
COLUMNS = 64


def ends_of_spectrum(product: Block, d: int) -> tuple[float, float]:
    """Estimates, from within, of the lowest and the largest eigenvalue of a (d, d) operator."""
    iteration = _Lanczos(product, d, None)
    iteration.advance(min(SIZE_STEPS, d))
    return iteration.ends()


@dataclass(frozen=True, slots=True)
class Outside:
    """What an operator has orthogonally to a subspace.

    Attributes:
        lowest: upper bound and estimate of its lowest eigenvalue there.
        failure: bound of the probability that one at or below the threshold was overlooked; 1 where `lowest` is there.
    """

    lowest: float
    failure: float


def lowest_outside(product: Block, C: FloatArray, threshold: float, max_products: int = MAX_PRODUCTS) -> Outside:
    """The lowest eigenvalue of the operator on the orthogonal complement of C (d, c), orthonormal.

    After k steps from a random vector in n dimensions the lowest Ritz value is off by more than a part e of the
    spectrum's width with a probability of at most 1.648 sqrt(n) exp(-(2 k - 1) sqrt(e)) (Kuczyński and Woźniakowski,
    SIAM J. Matrix Anal. Appl. 13, 1094 (1992)), whatever the spectrum.  So many steps are made that "at or
    below the threshold is nothing" is wrong with a probability of at most `FAILURE`.  As many steps as dimensions
    prove nothing more, since rounding lets the vectors lose their orthogonality; then the matrix itself is formed.

    Memory: a few vectors; with the matrix, which has at most `max_products` columns, a few of these.

    Args:
        threshold: what is to be excluded.
        max_products: steps after which the question is left open.
    """
    d, c = C.shape
    if d - c < 1:
        return Outside(np.inf, 0.0)
    iteration = _Lanczos(product, d, C)
    while True:
        iteration.advance(max(8, iteration.n_steps // 8))
        low, high = iteration.ends()
        if low <= threshold:
            return Outside(low, 1.0)
        if iteration.exhausted:
            return Outside(low, 0.0)
        part = min(1.0, (low - threshold) / max(high + SHORT * abs(high) - threshold, 1e-300))
        bound = 1.648 * np.sqrt(d - c) * np.exp(-(2 * iteration.n_steps - 1) * np.sqrt(part))
        if bound <= FAILURE:
            return Outside(low, float(bound))
        if iteration.n_steps >= d - c:
            low = _lowest_of_matrix(product, C)
            return Outside(low, 1.0 if low <= threshold else 0.0)
        if iteration.n_steps >= max_products:
            return Outside(low, min(1.0, float(bound)))


def _lowest_of_matrix(product: Block, C: FloatArray) -> float:
    """The lowest eigenvalue on the orthogonal complement of C (d, c), from the matrix there."""
    d, c = C.shape
    Q = np.linalg.qr(C, mode="complete")[0][:, c:]
    A = np.concatenate([Q.T @ product(Q[:, j : j + COLUMNS]) for j in range(0, d - c, COLUMNS)], axis=1)
    return float(np.linalg.eigvalsh(0.5 * (A + A.T))[0])


class _Lanczos:
    """The three-term recurrence from a fixed random vector, orthogonal to C.

    Without re-orthogonalisation: Ritz values that have converged come again, but none is outside of the spectrum.
    """

    def __init__(self, product: Block, d: int, C: FloatArray | None) -> None:
        self._product = product
        self._C = C
        # Fixed, so that every machine gets the same.
        v = self._projected(np.random.default_rng(d).standard_normal(d))
        self._v = v / np.linalg.norm(v)
        self._before = np.zeros(d)
        self._alpha: list[float] = []
        self._beta: list[float] = []
        self.exhausted = False

    @property
    def n_steps(self) -> int:
        return len(self._alpha)

    def _projected(self, v: FloatArray) -> FloatArray:
        return v if self._C is None else v - self._C @ (self._C.T @ v)

    def advance(self, n: int) -> None:
        """n more steps, or as many as the space has dimensions."""
        for _ in range(n):
            if self.exhausted:
                return
            w = self._projected(self._product(self._v[:, None])[:, 0])
            self._alpha.append(float(w @ self._v))
            w -= self._alpha[-1] * self._v
            if self._beta:
                w -= self._beta[-1] * self._before
            w = self._projected(w)
            beta = float(np.linalg.norm(w))
            self.exhausted = beta <= 1e-12 * max(map(abs, self._alpha))
            self._beta.append(beta)
            self._before, self._v = self._v, w / beta if beta else w

    def ends(self) -> tuple[float, float]:
        """Lowest and largest Ritz value."""
        from scipy.linalg import eigvalsh_tridiagonal

        w = eigvalsh_tridiagonal(np.array(self._alpha), np.array(self._beta[: self.n_steps - 1]))
        return float(w[0]), float(w[-1])
