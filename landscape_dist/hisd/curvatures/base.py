"""What a strategy for curvature offers: at the parents of searches, along their way, and at their ends."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from landscape_dist.eigensolvers.base import Curvature
from landscape_dist.hisd.curvatures.krylov import newton_by_products
from landscape_dist.hisd.curvatures.operators import finite, power_norm
from landscape_dist.hisd.newton import NewtonEnds
from landscape_dist.hisd.outcome import Outcome
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.spectra import LowestSpectrum
from landscape_dist.hisd.verdict import Verdict, lowest_verdicts
from landscape_dist.numerics.hessians import DenseHessians, HessianStack
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray, IntArray, ResultBatch, SearchBatch

# Children start so many times farther from their parent than noise moves points, but not farther than this part of it.
BEYOND_NOISE, FARTHEST_START = 20.0, 0.03


class Curvatures(abc.ABC):
    """All that a batch of searches wants to know of Hessians, for one problem and its settings.

    Args:
        problem, settings: those of the user.

    Attributes:
        problem, settings: as the searches see them, which may be in other coordinates, see `moved`.
        has_hessians: whether each step may have a Hessian, so that 'auto' means the implicit step.
        max_explicit_steps: where the settings give no number.
    """

    has_hessians: ClassVar[bool] = False
    max_explicit_steps: ClassVar[int] = 20_000

    def __init__(self, problem: Problem, settings: SolverSettings) -> None:
        self.problem = problem
        self.settings = settings

    @classmethod
    @abc.abstractmethod
    def serves(cls, problem: Problem, settings: SolverSettings) -> bool:
        """Whether it can be taken for this problem with these settings."""

    def has_matrices(self, uses_hessian: bool) -> bool:
        """Whether eigensolvers get Hessians as arrays (n, d, d).

        Args:
            uses_hessian: as the step rule says.
        """
        return False

    def rows(self, room: int) -> int:
        """How many searches go together, for an aim of `room` bytes."""
        return max(1, room // (8 * self.problem.dim))

    # -- coordinates ----------------------------------------------------------------------------------------
    def moved(self, batch: SearchBatch) -> SearchBatch:
        """The batch with its points in the coordinates of `self.problem`."""
        return batch

    def moved_back(self, result: ResultBatch) -> ResultBatch:
        """The result with its points, and the norms of their gradients, in the user's coordinates."""
        return result

    # -- starts ---------------------------------------------------------------------------------------------
    @abc.abstractmethod
    def frames(
        self, X: FloatArray, columns: int, *, gap: float = 0.0, hessians: bool = False
    ) -> tuple[FloatArray, HessianStack | None]:
        """Lowest eigenvectors of the Hessians at parents X (p, d), in canonical bases.

        Args:
            columns: how many are wanted.
            gap: eigenvalues that differ by less than this part may count as equal, see `canonical_eigenbasis`.
            hessians: whether the Hessians are wanted, too.

        Returns:
            (p, d, m) with m >= columns; and the Hessians, in NumPy, where they are wanted or at hand anyway.
        """

    def radius(self, X: FloatArray) -> FloatArray:
        """(m, d) parents -> (m,) distances from the parent at which its children start."""
        if self.settings.perturbation_radius is not None:
            return np.full(len(X), self.settings.perturbation_radius)
        size = np.maximum(1.0, self.problem.space.lengths(X).max(axis=1))
        # Where noise is all that is felt of the gradient, a search would end where it began.
        return np.maximum(1e-3 * size, np.minimum(BEYOND_NOISE * self.problem.position_noise, FARTHEST_START * size))

    def offset(self, offset: FloatArray) -> FloatArray:
        """Unit vectors (n, d) from parents to starts, zero for none, as they shall be."""
        return offset

    def size(self, x: Any, g: Any, parents: HessianStack | None) -> Any:
        """(n,) sizes of the Hessians at starts x (n, d) with gradients g, where steps use none."""
        return power_norm(self.problem, x, g)

    # -- steps ----------------------------------------------------------------------------------------------
    def evaluate(self, x: Any) -> tuple[Any, HessianStack, Any]:
        """(n, d) points -> gradients (n, d), Hessians, and the sizes of these (n,)."""
        gradient, hessian = self.problem.gradient_hessian(x)
        H = DenseHessians(hessian, self.problem.xp)
        return gradient, H, H.sizes()

    def curvature(self, at: Any, H: HessianStack | None, norm: Any, needs_hessian: bool) -> Curvature:
        """For the eigensolver, at points (n, d).

        Args:
            H: Hessians there, None where the steps use none; then `Curvature.norm` grows with the products seen.
            norm: (n,) their sizes, or estimates. needs_hessian: whether arrays must be had.
        """
        problem, xp = self.problem, self.problem.xp
        if H is not None:
            return Curvature(H.array, H.__matmul__, norm, xp, H.solve if H.array is None else None)
        if needs_hessian:
            return Curvature.dense(finite(problem.hessian(at), xp), xp)

        def product(V: Any) -> Any:
            HV = finite(problem.hvp(at, V), xp)
            stretch = xp.max(xp.linalg.vector_norm(HV, axis=1), axis=-1)
            curvature.norm = xp.maximum(curvature.norm, stretch)
            return HV

        curvature = Curvature(None, product, norm, xp)
        return curvature

    def newton(
        self, x: Any, g: Any, V: Any, norm: Any, reach: Any, tolerance: Callable[[Any, Any, IntArray], Any]
    ) -> NewtonEnds:
        """Newton's method from m searches that are close to their ends, see `Evaluator.newton`."""
        return newton_by_products(self.problem, x, g, V, norm, reach, tolerance, self.spectrum)

    # -- ends -----------------------------------------------------------------------------------------------
    @abc.abstractmethod
    def spectrum(self, x: FloatArray, target_index: int) -> LowestSpectrum:
        """Index, nullity and the lowest eigenvalues of the Hessian at x (d,), of expected index `target_index`."""

    def verdicts(self, outcome: Outcome, found: IntArray, target_index: int) -> Verdict:
        """What the converged searches `found` of an outcome have come to; their points may get better."""
        X = outcome.x[found]
        return lowest_verdicts(lambda x: self.spectrum(x, target_index), X, self.settings.n_eigenvalues)
