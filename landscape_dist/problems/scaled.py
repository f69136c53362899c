"""A problem in coordinates y = (x - origin) / lengths, of which a unit is a typical length of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Image, Unbounded
from landscape_dist.records import FloatArray


class Scaled(Problem):
    """The same energy or vector field as a function of y; its evaluations count in the counters of the original.

    Stationary points, index and nullity are those of the original (Sylvester's law of inertia; for vector fields the
    Jacobian is similar to the original one), while tolerances, radii and distances mean the same whatever unit x is in.

    Args:
        original: the problem in x. origin: (d,). lengths: (d,) positive.
    """

    def __init__(self, original: Problem, origin: FloatArray, lengths: FloatArray) -> None:
        super().__init__()
        self.original = original
        self.counters = original.counters
        self.name, self.dim = original.name, original.dim
        self.has_hessian, self.has_energy = original.has_hessian, original.has_energy
        self.symmetric = original.symmetric
        xp = original.xp
        self._origin, self._lengths = xp.asarray(origin), xp.asarray(lengths)
        # Of a vector field the components have the unit of x, those of a gradient the inverse one.
        self._weights = self._lengths if original.symmetric else 1 / self._lengths
        self.domain = original.domain if isinstance(original.domain, Unbounded) else Image(self)

    @property
    def xp(self) -> Any:
        return self.original.xp

    def to_original(self, Y: Any) -> Any:
        """(n, d) y -> (n, d) x."""
        return self._origin + Y * self._lengths

    def from_original(self, X: FloatArray) -> FloatArray:
        """(n, d) x -> (n, d) y, NumPy."""
        return np.asarray((X - np.asarray(self._origin)) / np.asarray(self._lengths))

    def gradient_noise(self, X: Any) -> Any:
        noise = self.original.gradient_noise(self.to_original(X))
        return None if noise is None else noise * self.xp.max(self._weights)

    def hessian_noise(self, X: Any) -> Any:
        noise = self.original.hessian_noise(self.to_original(X))
        return None if noise is None else noise * self.xp.max(self._weights) * self.xp.max(self._lengths)

    @property
    def position_noise(self) -> float:
        return self.original.position_noise / float(self.xp.min(self._lengths))

    def fingerprint(self) -> str:
        return self.original.fingerprint()

    def _energy(self, X: Any) -> Any:
        return self.original._energy(self.to_original(X))

    def _gradient(self, X: Any) -> Any:
        return self.original._gradient(self.to_original(X)) * self._weights

    def _hessian(self, X: Any) -> Any:
        return self._weights[:, None] * self.original._hessian(self.to_original(X)) * self._lengths

    def _gradient_hessian(self, X: Any) -> tuple[Any, Any]:
        g, H = self.original._gradient_hessian(self.to_original(X))
        return g * self._weights, self._weights[:, None] * H * self._lengths

    def _hvp(self, X: Any, V: Any) -> Any:
        HV = self.original._hvp(self.to_original(X), V * self._lengths[:, None])
        return HV * self._weights[:, None]
