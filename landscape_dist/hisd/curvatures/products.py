"""Curvature from Hessian-vector products alone."""

from __future__ import annotations

from functools import partial

import numpy as np

from landscape_dist.hisd.curvatures.base import Curvatures
from landscape_dist.hisd.curvatures.operators import hessian_operator
from landscape_dist.hisd.memory import memory_of
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.spectra import (
    GUARD,
    MAX_ITERATIONS,
    SMALL,
    LowestSpectrum,
    certified,
    counted,
    eigenvalues,
    lowest_eigenvectors,
    patient,
    zero_threshold,
)
from landscape_dist.numerics.davidson import RitzPairs, lowest_pairs
from landscape_dist.numerics.hessians import HessianStack
from landscape_dist.numerics.lanczos import ends_of_spectrum, lowest_outside
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray


class ProductCurvatures(Curvatures):
    """Matrix-free; arrays are formed only for the steps of those who ask for a rule that needs them."""

    @classmethod
    def serves(cls, problem: Problem, settings: SolverSettings) -> bool:
        return True

    def has_matrices(self, uses_hessian: bool) -> bool:
        return uses_hessian

    def frames(
        self, X: FloatArray, columns: int, *, gap: float = 0.0, hessians: bool = False
    ) -> tuple[FloatArray, HessianStack | None]:
        p, d = X.shape
        out = np.zeros((p, d, columns))
        for i in range(p if columns else 0):
            key = ("frame", X[i].tobytes(), columns)
            out[i] = memory_of(self.problem).get(key, partial(self._frame, X[i], columns))
        return out, None

    def _frame(self, x: FloatArray, m: int) -> FloatArray:
        product = hessian_operator(self.problem, x).matmat
        precondition, ends = self.problem.preconditioner(x), ends_of_spectrum(product, len(x))
        return lowest_eigenvectors(product, precondition, ends, len(x), m)

    def spectrum(self, x: FloatArray, target_index: int) -> LowestSpectrum:
        """Eigenvalues by block Davidson iterations, and that none was overlooked by the bound of `lowest_outside`."""
        key = ("spectrum", x.tobytes(), target_index, self.settings.nullity_rtol, self.settings.nullity_atol)
        found: LowestSpectrum = memory_of(self.problem).get(key, partial(self._spectrum, x, target_index))
        return found

    def _spectrum(self, x: FloatArray, target_index: int) -> LowestSpectrum:
        d = len(x)
        product = hessian_operator(self.problem, x).matmat
        precondition, (low, high) = self.problem.preconditioner(x), ends_of_spectrum(product, d)
        zero = zero_threshold(low, high, self.settings)
        if SMALL * (target_index + 1 + GUARD) >= d:
            return counted(eigenvalues(product, d), zero)

        def solve(start: FloatArray, rtol: float, wanted: int) -> RitzPairs:
            return lowest_pairs(
                product,
                start,
                patient(wanted, zero),
                lambda w: rtol * max(abs(low), abs(high)),
                precondition=precondition,
                max_iterations=MAX_ITERATIONS,
            )

        def outside(pairs: RitzPairs) -> tuple[float, float]:
            found = lowest_outside(product, pairs.vectors[:, : pairs.leading], 2.0 * zero)
            return found.lowest, found.failure

        start = np.random.default_rng(d).standard_normal((d, target_index + 1 + GUARD))
        spectrum = certified(solve, outside, start, zero)
        return spectrum if spectrum is not None else counted(eigenvalues(product, d), zero)
