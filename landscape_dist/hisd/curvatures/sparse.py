"""Curvature from sparse Hessians, by factorisations and Sylvester's law of inertia."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from landscape_dist.hisd.curvatures.base import Curvatures
from landscape_dist.hisd.memory import memory_of
from landscape_dist.hisd.settings import EXACT_NULLITY_RTOL, SolverSettings, nullity_rtol_of
from landscape_dist.hisd.spectra import (
    GUARD,
    MAX_ITERATIONS,
    SMALL,
    VALUES,
    LowestSpectrum,
    lowest_eigenvectors,
    residual,
    zero_threshold,
)
from landscape_dist.numerics.davidson import lowest_pairs
from landscape_dist.numerics.hessians import HessianStack
from landscape_dist.numerics.lanczos import ends_of_spectrum
from landscape_dist.numerics.sparse import SparseHessians, close_below_spectrum, count_below, factorized, nearest_pairs
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray

# What a factorisation may be off by, relative to the Hessian's size, where nothing counts as zero.
ROUNDING = 1e-12
# Eigenvalues are certain that are so many times what another step of Newton's method changes them by.
CERTAIN = 10.0
# Residuals of pairs, relative to the eigenvalues that are wanted; eigenvalues are off by their squares.
SOFT_VALUES, SOFT = 1e-3, 1e-6
# Eigenvalues nearest to zero are asked for from this part of what is rounding, where no factorisation is singular.
OFF_ZERO = 0.37


class SparseCurvatures(Curvatures):
    """Sparse matrices stand in for arrays, in implicit steps, eigensolvers and verdicts."""

    has_hessians = True

    @classmethod
    def serves(cls, problem: Problem, settings: SolverSettings) -> bool:
        return bool(problem.has_sparse_hessian and settings.sparse_hessians and problem.dim > settings.dense_limit)

    def frames(
        self, X: FloatArray, columns: int, *, gap: float = 0.0, hessians: bool = False
    ) -> tuple[FloatArray, HessianStack | None]:
        p, d = X.shape
        H = sparse_hessians(self.problem, X) if hessians else None
        out = np.zeros((p, d, columns))
        for i in range(p if columns else 0):
            key = ("sparse frame", X[i].tobytes(), columns)
            out[i] = memory_of(self.problem).get(key, partial(self._frame, X[i], columns))
        return out, H

    def _frame(self, x: FloatArray, m: int) -> FloatArray:
        H = self.problem.sparse_hessian(x)
        low, high = ends_of_spectrum(H.__matmul__, len(x))
        precondition = close_below_spectrum(H, low, high, m + GUARD)
        return lowest_eigenvectors(H.__matmul__, precondition, (low, high), len(x), m, soft=SOFT)

    def evaluate(self, x: Any) -> tuple[Any, HessianStack, Any]:
        # Not `sparse_hessians`: where one is not finite its size must tell, so that the step is taken back.
        gradient, H = self.problem.gradient(x), SparseHessians([self.problem.sparse_hessian(row) for row in x])
        return gradient, H, H.sizes()

    def spectrum(self, x: FloatArray, target_index: int) -> LowestSpectrum:
        """By the inertia of two factorisations."""
        key = ("sparse spectrum", x.tobytes(), target_index, self.settings.nullity_rtol, self.settings.nullity_atol)
        found: LowestSpectrum = memory_of(self.problem).get(key, partial(self._spectrum, x))
        return found

    def _spectrum(self, x: FloatArray) -> LowestSpectrum:
        d = len(x)
        H = self.problem.sparse_hessian(x)
        low, high = ends_of_spectrum(H.__matmul__, d)
        zero = zero_threshold(low, high, self.settings)
        negative, upto = count_below(H, -zero), count_below(H, zero)
        if upto.n_below > negative.n_below and nullity_rtol_of(self.settings, True) < self.settings.nullity_rtol:
            zero = self._felt_zero(x, H, (low, high), upto.n_below - negative.n_below, zero)
            negative, upto = count_below(H, -zero), count_below(H, zero)
        off = max(negative.error, upto.error)
        doubt = ""
        if not off <= max(0.5 * zero, ROUNDING * max(abs(low), abs(high))):
            doubt = f"the sparse factorisation is off by {off:.2e}, and eigenvalues count as zero up to {zero:.2e}"
        m = max(1, min(upto.n_below + 1, self.settings.n_eigenvalues, d))
        if SMALL * (m + GUARD) >= d:
            values = np.linalg.eigvalsh(H.toarray())[:m]
        else:
            pairs = lowest_pairs(
                H.__matmul__,
                np.random.default_rng(d).standard_normal((d, m + GUARD)),
                lambda pairs: pairs.leading >= m,
                lambda w: residual(w, (low, high), VALUES, SOFT_VALUES),
                precondition=close_below_spectrum(H, low, high, m + GUARD),
                max_iterations=MAX_ITERATIONS,
            )
            values = pairs.values[: pairs.leading]
        return LowestSpectrum(values, zero, negative.n_below, upto.n_below - negative.n_below, doubt)

    def _felt_zero(self, x: FloatArray, H: Any, ends: tuple[float, float], n: int, zero: float) -> float:
        """Size up to which eigenvalues of H count as zero where some are below `zero`, a part of the largest.

        On a fine grid soft modes are a small part of the stiffest and no less certain for that.  They count as zero
        that one more step of Newton's method changes by as much as they are, or that are rounding.

        Args:
            ends: of the spectrum. n: how many eigenvalues are not larger than `zero`.
        """
        size = max(map(abs, ends))
        least = EXACT_NULLITY_RTOL * size
        step = factorized(H, least).solve(-self.problem.gradient(x[None])[0])
        after = self.problem.sparse_hessian(x + step)
        if not np.isfinite(after.data).all():
            return zero
        w, Q = nearest_pairs(H, OFF_ZERO * least, n)
        within = np.abs(w) <= zero
        if within.sum() != n:
            return zero
        w, Q = np.abs(w[within]), Q[:, within]
        change = np.abs(np.sum(Q * (after @ Q - H @ Q), axis=0))
        unsure = w <= np.maximum(least, CERTAIN * change)
        asked = w <= self.settings.nullity_atol
        border = max(least, self.settings.nullity_atol, 1.01 * float(w[unsure | asked].max(initial=0.0)))
        return border if (w[~(unsure | asked)] > border).all() else zero


def sparse_hessians(problem: Problem, X: FloatArray) -> SparseHessians:
    """Those of a problem at the points X (n, d); zero where they are not finite."""
    matrices = [problem.sparse_hessian(x) for x in X]
    return SparseHessians([H if np.isfinite(H.data).all() else _cleared(H) for H in matrices])


def _cleared(H: Any) -> Any:
    H = H.copy()
    H.data[:] = 0.0
    return H
