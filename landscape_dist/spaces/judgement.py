"""SameJudgement: when two stationary points are the same one."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray


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


# One projection would put a hundred of 1e5 points into a cell; with three, cells hold equal points and few others.
N_PROJECTIONS = 3


def _directions(dim: int) -> FloatArray:
    """(dim, N_PROJECTIONS) fixed unit vectors without symmetry, so that mirror images do not share a fingerprint."""
    directions = np.random.default_rng(20_11).standard_normal((dim, N_PROJECTIONS))
    return directions / np.linalg.norm(directions, axis=0)


class Distance(SameJudgement):
    """Equal when the 2-norm of the difference is at most `atol`."""

    def __init__(self, atol: float, dim: int) -> None:
        if not atol > 0:
            raise SettingsError(f"same_atol is {atol!r}; give a positive number")
        self.atol = float(atol)
        self._directions = _directions(dim)
        self.fingerprint_atol = np.full(N_PROJECTIONS, self.atol)

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        return np.sum((x - X) ** 2, axis=-1) <= self.atol**2

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        return X @ self._directions

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
        self._directions = _directions(len(self.atol))
        self.fingerprint_atol = self.atol @ np.abs(self._directions)

    def check(self, dim: int) -> None:
        if len(self.atol) != dim:
            raise SettingsError(f"same has {len(self.atol)} tolerances for {dim} variables; give one number or {dim}")

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
