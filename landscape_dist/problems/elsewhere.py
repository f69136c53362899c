"""A problem in other linear coordinates of its space."""

from __future__ import annotations

import abc
from typing import Any

from landscape_dist.problems.base import CountsItself, Problem
from landscape_dist.problems.domain import Image, Unbounded
from landscape_dist.records import Counters, FloatArray


class Elsewhere(CountsItself):
    """The same energy or vector field as a function of y, with x = T y + x_0; evaluations count as the original's.

    Stationary points, index and nullity are those of the original (Sylvester's law of inertia).

    Args:
        original: the problem in x.
    """

    def __init__(self, original: Problem) -> None:
        counters, self.original = original.counters, original
        super().__init__()
        self.counters = counters
        self.name, self.dim = original.name, original.dim
        self.has_hessian, self.has_energy = original.has_hessian, original.has_energy
        self.symmetric = original.symmetric
        self.domain = original.domain if isinstance(original.domain, Unbounded) else Image(self)

    @property
    def counters(self) -> Counters:
        """The original's, which are counted by the original."""
        return self.original.counters

    @counters.setter
    def counters(self, counters: Counters) -> None:
        self.original.counters = counters

    @property
    def xp(self) -> Any:
        return self.original.xp

    def fingerprint(self) -> str:
        return self.original.fingerprint()

    @abc.abstractmethod
    def to_original(self, Y: Any) -> Any:
        """(n, d) y -> x."""

    @abc.abstractmethod
    def from_original(self, X: FloatArray) -> FloatArray:
        """(n, d) x -> y, NumPy."""

    @abc.abstractmethod
    def _covector(self, G: Any) -> Any:
        """(n, d) gradients (or fields) in x -> in y."""

    @abc.abstractmethod
    def _matrix(self, H: Any) -> Any:
        """(n, d, d) Hessians in x -> in y."""

    @abc.abstractmethod
    def _vectors(self, V: Any) -> Any:
        """(n, d, k) directions in y -> in x."""

    @abc.abstractmethod
    def _covectors(self, HV: Any) -> Any:
        """(n, d, k) Hessian products in x -> in y."""

    # -- counted by the original, which knows how -------------------------------------------------------------------
    def _energy(self, X: Any) -> Any:
        return self.original.energy(self.to_original(X))

    def _gradient(self, X: Any) -> Any:
        return self._covector(self.original.gradient(self.to_original(X)))

    def _hessian(self, X: Any) -> Any:
        return self._matrix(self.original.hessian(self.to_original(X)))

    def _gradient_hessian(self, X: Any) -> tuple[Any, Any]:
        g, H = self.original.gradient_hessian(self.to_original(X))
        return self._covector(g), self._matrix(H)

    def _hvp(self, X: Any, V: Any) -> Any:
        return self._covectors(self.original.hvp(self.to_original(X), self._vectors(V)))
