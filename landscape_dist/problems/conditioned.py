"""The same energy in linear coordinates in which its Hessian is well-conditioned."""

from __future__ import annotations

import abc
from typing import Any

from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Domain
from landscape_dist.records import FloatArray


class Conditioned(Problem):
    """An energy as a function of y = w T x with an orthonormal T and weights w > 0.

    A metric for the dynamics: stationary points, their indices and nullities are those of the original (Sylvester's
    law of inertia), while steps, eigensolvers and Krylov solvers need as many iterations as for the Hessian
    w^-1 T H T^T w^-1.  Its evaluations count in the counters of the original, and as such.

    Attributes:
        original: the problem in x.
        weights: (d,) w, NumPy.
    """

    has_hessian = False

    def __init__(self, original: Problem, weights: FloatArray) -> None:
        super().__init__()
        self.original = original
        self.counters = original.counters
        self.name = original.name
        self.dim = original.dim
        self.domain = _Image(self)
        self.weights = weights

    @property
    def xp(self) -> Any:
        return self.original.xp

    @abc.abstractmethod
    def rotate(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): T x of each row."""

    @abc.abstractmethod
    def rotate_back(self, Z: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): T^T z of each row."""

    def from_original(self, X: FloatArray) -> FloatArray:
        """(n, d) x -> (n, d) y."""
        return self.weights * self.rotate(X)

    def to_original(self, Y: FloatArray) -> FloatArray:
        """(n, d) y -> (n, d) x."""
        return self.rotate_back(Y / self.weights)

    def _energy(self, X: Any) -> Any:
        return self.original._energy(self.to_original(X))

    def _hessian(self, X: Any) -> Any:
        eye = self.xp.eye(self.dim)
        return self._hvp(X, self.xp.broadcast_to(eye, (X.shape[0], self.dim, self.dim)))

    def fingerprint(self) -> str:
        return self.original.fingerprint()


class _Image(Domain):
    """The domain of the original, in y."""

    def __init__(self, problem: Conditioned) -> None:
        self._problem = problem

    def contains(self, X: Any, xp: Any = None, margin: float = 0.0) -> Any:
        problem = self._problem
        return problem.original.domain.contains(problem.to_original(X), problem.xp, margin)

    def check(self, dim: int) -> None:
        self._problem.original.domain.check(dim)

    def as_dict(self) -> dict[str, Any]:
        return self._problem.original.domain.as_dict()
