"""A problem in coordinates y = (x - origin) / lengths, of which a unit is a typical length of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.problems.base import Problem
from landscape_dist.problems.elsewhere import Elsewhere
from landscape_dist.records import FloatArray


class Scaled(Elsewhere):
    """The same energy or vector field in units of typical lengths.

    For vector fields the Jacobian is similar to the original one.  Tolerances, radii and distances mean the same
    whatever unit x is in.

    Args:
        original: the problem in x. origin: (d,). lengths: (d,) positive.
    """

    def __init__(self, original: Problem, origin: FloatArray, lengths: FloatArray) -> None:
        super().__init__(original)
        xp = original.xp
        self._origin, self._lengths = xp.asarray(origin), xp.asarray(lengths)
        # Of a vector field the components have the unit of x, those of a gradient the inverse one.
        self._weights = self._lengths if original.symmetric else 1 / self._lengths

    def to_original(self, Y: Any) -> Any:
        return self._origin + Y * self._lengths

    def from_original(self, X: FloatArray) -> FloatArray:
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

    def _covector(self, G: Any) -> Any:
        return G * self._weights

    def _matrix(self, H: Any) -> Any:
        return self._weights[:, None] * H * self._lengths

    def _vectors(self, V: Any) -> Any:
        return V * self._lengths[:, None]

    def _covectors(self, HV: Any) -> Any:
        return HV * self._weights[:, None]
