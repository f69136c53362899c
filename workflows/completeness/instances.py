"""What an instance is: an energy or a field, a start, and the stationary points that it is known to have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import landscape_dist as ld
from landscape_dist.problems.base import Problem

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Derivatives = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""(n, d) -> (n, d) gradients (of a field: minus the field), (n, d, d) Hessians (minus the Jacobians)."""

ESCAPE = -3
"""In place of a minimum, where a branch leads to infinity."""


class NotCertain(Exception):
    """A draw whose points are not known for certain, or lie too close to each other: draw again."""


@dataclass(frozen=True)
class Instance:
    """One problem and the truth about it, in plain coordinates without units.

    Attributes:
        name: family, dimension, seed and number, which make it again.
        formulas: an energy, or the d components of a field.
        start: (d,) where the search starts.
        points: (n, d) all stationary points. index: (n,) their indices.
        derivatives: gradients and Hessians by formulas of their own, without the package.
        arrows: for each point of index 1 the rows of the two minima that its branches lead to, or ESCAPE; None where
            they are not known.
        euler_characteristic: that of the space, for an energy that grows at infinity; None for a field.
        period: of every coordinate; None where there is none.
    """

    name: str
    formulas: tuple[str, ...]
    start: FloatArray
    points: FloatArray
    index: IntArray
    derivatives: Derivatives
    arrows: dict[int, tuple[int, int]] | None = None
    euler_characteristic: int | None = None
    period: float | None = None

    @property
    def dim(self) -> int:
        return len(self.start)

    @property
    def spread(self) -> FloatArray:
        """(d,) the unit of distances: the period, or from the least to the largest coordinate of the points.

        Of a single point it is the way there from the start.
        """
        if self.period is not None:
            return np.full(self.dim, self.period)
        if len(self.points) == 1:
            way: FloatArray = np.abs(self.points[0] - self.start)
            return way
        spread: FloatArray = np.ptp(self.points, axis=0)
        return spread

    def distances(self, X: FloatArray) -> FloatArray:
        """(m, d) -> (m, n): to each point, as the largest coordinate difference in units of the spread."""
        largest: FloatArray = np.abs(differences(X, self.points, self.period) / self.spread).max(axis=2, initial=0.0)
        return largest

    def problem(self, declare: bool = False) -> Problem:
        """As a user would write it down.

        Args:
            declare: whether the Euler characteristic is said, too.
        """
        if len(self.formulas) > 1:
            return ld.problems.vector_field(list(self.formulas), self.dim, name=self.name)
        euler = self.euler_characteristic if declare else None
        problem = ld.problems.symbolic(self.formulas[0], self.dim, name=self.name, euler_characteristic=euler)
        if self.period is not None:
            problem.periods = [self.period] * self.dim
        return problem

    def named(self, name: str) -> Instance:
        return replace(self, name=name)


def differences(X: FloatArray, Y: FloatArray, period: float | None) -> FloatArray:
    """(m, d), (n, d) -> (m, n, d): X - Y, the shortest modulo the period."""
    difference: FloatArray = X[:, None] - Y
    return difference if period is None else difference - period * np.round(difference / period)


def sum_of(factors: Sequence[float] | FloatArray, names: Sequence[str]) -> str:
    """Formula of a linear form, with all digits."""
    return " + ".join(f"({float(a)!r})*{name}" for a, name in zip(factors, names, strict=True))


def variables(dim: int) -> list[str]:
    return [f"x{i}" for i in range(1, dim + 1)]
