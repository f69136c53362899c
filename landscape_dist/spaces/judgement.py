"""SameJudgement: when two stationary points are the same one."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray
from landscape_dist.spaces.flat import Euclidean
from landscape_dist.spaces.group import Group
from landscape_dist.spaces.space import N_PROJECTIONS, Space, projections


class SameJudgement(abc.ABC):
    """Decides which of some known points a new one equals, and gives numbers by which to look them up.

    Two points that are the same must have fingerprints that differ by at most `fingerprint_atol` in each column.
    """

    fingerprint_atol: FloatArray

    @abc.abstractmethod
    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        """(n, d), (n, d) -> (n,): row by row."""

    @abc.abstractmethod
    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        """(n, d), (n,) -> (n, f): numbers that are (nearly) equal for equal points."""

    @abc.abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, for the header of a store."""

    def check(self, dim: int) -> None:  # noqa: B027, most fit every dimension
        """Raise `SettingsError` if this judgement does not fit `dim` variables."""

    def space(self, dim: int) -> Space | None:
        """In which points of so many coordinates are told apart; None where that is not known."""
        return None

    def orbit_size(self, X: FloatArray) -> NDArray[Any] | None:
        """(n, d) -> (n,) how many points of the space each stands for; None where that cannot be told."""
        return np.ones(len(X), dtype=np.int64)


def positive(name: str, value: Any) -> float:
    """A tolerance."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not value > 0:
        raise SettingsError(f"{name} is {value!r}; give a positive number")
    return float(value)


class SameOrbit(SameJudgement):
    """Equal when the distance between one point and the nearest image of the other is at most `atol`.

    Args:
        atol: in the coordinates' unit.
        space: in which the distance is measured; None stands for that of so many coordinates without periods.
        group: whose images count; None where each point has but itself.
    """

    def __init__(self, atol: Any, space: Space | None = None, group: Group | None = None) -> None:
        self.atol = positive("atol", atol)
        self._space = space
        self.group = group
        self.fingerprint_atol = np.array([self.atol])

    def check(self, dim: int) -> None:
        self.space(dim).check(dim)
        if self.group is not None:
            self.group.check(dim)

    def space(self, dim: int) -> Space:
        return Euclidean(dim) if self._space is None else self._space

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        space = self.space(X.shape[1])
        squares = space.squared_distance(x, X) if self.group is None else self.group.squared_distance(x, X, space)
        return np.asarray(squares <= self.atol**2)

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        space = self.space(X.shape[1])
        return space.fingerprint(X) if self.group is None else self.group.fingerprint(X, space)

    def orbit_size(self, X: FloatArray) -> NDArray[Any] | None:
        if self.group is None:
            return super().orbit_size(X)
        return self.group.orbit_size(X, self.space(X.shape[1]), self.atol)

    def as_dict(self) -> dict[str, Any]:
        parts = {"space": self._space, "group": self.group}
        rest = {name: None if part is None else part.as_dict() for name, part in parts.items()}
        return {"kind": "same_orbit", "atol": self.atol} | rest


class Distance(SameOrbit):
    """Equal when the 2-norm of the difference is at most `atol`."""

    def __init__(self, atol: float, dim: int) -> None:
        if not atol > 0:
            raise SettingsError(f"same_atol is {atol!r}; give a positive number")
        super().__init__(float(atol), Euclidean(dim))
        self.fingerprint_atol = np.full(N_PROJECTIONS, self.atol)

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "distance", "atol": self.atol}


class PerCoordinate(SameJudgement):
    """Equal when |x_i - y_i| <= atol_i for every coordinate.

    Args:
        atol: (d,) tolerances, all positive.
    """

    def __init__(self, atol: Any) -> None:
        self.atol = np.asarray(atol, dtype=float)
        if self.atol.ndim != 1 or not (self.atol > 0).all():
            raise SettingsError(f"per-coordinate tolerances are {atol!r}; give d positive numbers")
        self._directions = projections(len(self.atol))
        self.fingerprint_atol = self.atol @ np.abs(self._directions)

    def check(self, dim: int) -> None:
        if len(self.atol) != dim:
            raise SettingsError(f"same has {len(self.atol)} tolerances for {dim} variables; give one number or {dim}")

    def space(self, dim: int) -> Space:
        return Euclidean(dim)

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        return np.all(np.abs(x - X) <= self.atol, axis=-1)

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        return X @ self._directions

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "per_coordinate", "atol": self.atol.tolist()}


class Custom(SameJudgement):
    """A user's own rule, `function(a, b) -> bool` for points a, b of shape (d,); looked up by energy.

    Args:
        function: the rule; points that it calls the same must have energies within `energy_atol`.
        energy_atol: in the energy's unit.
        name: stands for the function in the header of a store.
    """

    def __init__(
        self, function: Callable[[FloatArray, FloatArray], bool], energy_atol: float = 1e-6, name: str | None = None
    ) -> None:
        if not callable(function):
            raise SettingsError(f"same is {function!r}; give a tolerance, d tolerances, or a function of two points")
        self.function = function
        self.name = name or getattr(function, "__qualname__", type(function).__qualname__)
        self.fingerprint_atol = np.array([float(energy_atol)])

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        return np.array([bool(self.function(a, b)) for a, b in zip(x, X, strict=True)], dtype=bool)

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        return np.nan_to_num(energy)[:, None]

    def orbit_size(self, X: FloatArray) -> None:
        return None

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "custom", "name": self.name, "energy_atol": float(self.fingerprint_atol[0])}


def make_judgement(same: Any, dim: int) -> SameJudgement:
    """From a number (2-norm), d numbers (per coordinate), a function of two points, or a judgement."""
    if isinstance(same, SameJudgement):
        same.check(dim)
        return same
    if callable(same):
        return Custom(same)
    value = np.asarray(same, dtype=float)
    if value.ndim == 0:
        return Distance(float(value), dim)
    if value.shape != (dim,):
        raise SettingsError(f"same has {value.size} tolerances for {dim} variables; give one number or {dim}")
    return PerCoordinate(value)
