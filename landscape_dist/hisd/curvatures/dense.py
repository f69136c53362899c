"""Curvature from Hessians as arrays, for problems of up to `dense_limit` variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.hisd import evaluations, schur
from landscape_dist.hisd.curvatures.base import Curvatures
from landscape_dist.hisd.curvatures.eigenvectors import newton_by_eigenvectors
from landscape_dist.hisd.newton import NewtonEnds
from landscape_dist.hisd.outcome import Outcome
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.spectra import LowestSpectrum, counted, zero_threshold
from landscape_dist.hisd.verdict import Verdict, verdicts
from landscape_dist.numerics.hessians import DenseHessians, HessianStack
from landscape_dist.numerics.linalg import canonical_eigenbasis
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray, IntArray


class DenseCurvatures(Curvatures):
    """All of each Hessian; those of vector fields, minus the Jacobian, included."""

    has_hessians = True

    @classmethod
    def serves(cls, problem: Problem, settings: SolverSettings) -> bool:
        return problem.dim <= settings.dense_limit

    def has_matrices(self, uses_hessian: bool) -> bool:
        return True

    def rows(self, room: int) -> int:
        return max(16, room // (8 * self.problem.dim**2))

    def frames(
        self, X: FloatArray, columns: int, *, gap: float = 0.0, hessians: bool = False
    ) -> tuple[FloatArray, HessianStack | None]:
        H = evaluations.hessians(self.problem, X)
        bad = np.asarray(~np.isfinite(H).all(axis=(1, 2)))
        if bad.any():
            H = np.where(bad[:, None, None], np.eye(X.shape[1]), H)
        if self.problem.symmetric:
            w, Q = np.linalg.eigh(H)
            return canonical_eigenbasis(w, Q, gap=gap, columns=columns), DenseHessians(H)
        return schur.frames(H, self.settings.nullity_rtol, self.settings.nullity_atol), DenseHessians(H)

    def size(self, x: Any, g: Any, parents: HessianStack | None) -> Any:
        """Those of the parents' Hessians, close by."""
        if parents is None:
            return super().size(x, g, parents)
        return self.problem.xp.asarray(np.linalg.norm(parents.array, axis=(1, 2)))

    def newton(
        self, x: Any, g: Any, V: Any, norm: Any, reach: Any, tolerance: Callable[[Any, Any, IntArray], Any]
    ) -> NewtonEnds:
        return newton_by_eigenvectors(self.problem, x, g, V, reach, tolerance, self.settings.nullity_rtol)

    def spectrum(self, x: FloatArray, target_index: int) -> LowestSpectrum:
        w = np.asarray(np.linalg.eigvalsh(evaluations.hessians(self.problem, x[None])[0]), dtype=np.float64)
        return counted(w, zero_threshold(w[0], w[-1], self.settings))

    def verdicts(self, outcome: Outcome, found: IntArray, target_index: int) -> Verdict:
        return verdicts(self.problem, outcome, found, self.settings)
