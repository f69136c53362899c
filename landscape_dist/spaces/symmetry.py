"""SameJudgement up to symmetries: periodic coordinates, sign flips, permutations, finite groups of maps.

Each measures the least 2-norm between one point and the images of the other, and each fingerprint is invariant and
changes by no more than that distance, so the hash index loses nothing.  Translations of grids are in
`landscape_dist.spaces.translations`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.numerics.linalg import modulo
from landscape_dist.records import FloatArray, IntArray
from landscape_dist.spaces.judgement import SameJudgement

# Up to so many equivalent blocks all orders are tried at once; beyond, an assignment problem is solved for each pair.
ALL_ORDERS = 4


def positive(name: str, value: Any) -> float:
    """A tolerance."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not value > 0:
        raise SettingsError(f"{name} is {value!r}; give a positive number")
    return float(value)


def fixed_direction(n: int) -> FloatArray:
    """(n,) unit vector without symmetry, always the same."""
    direction = np.random.default_rng(20_11).standard_normal(n)
    return np.asarray(direction / np.linalg.norm(direction))


class PeriodicCoordinates(SameJudgement):
    """Equal when the 2-norm of the difference, modulo the periods, is at most `atol` (a torus).

    Args:
        period: a number, or d of them; inf for a coordinate that is not periodic.
        atol: in the coordinates' unit.
    """

    def __init__(self, period: Any, atol: float) -> None:
        self.atol = positive("atol", atol)
        self.period = np.asarray(period, dtype=float)
        if self.period.ndim > 1 or not (self.period > 0).all():
            raise SettingsError(f"period is {period!r}; give a positive number, or one for each coordinate")
        self.fingerprint_atol = np.array([self.atol])

    def check(self, dim: int) -> None:
        _fits("period", self.period, dim)

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        return np.asarray(np.sum(modulo(x - X, self.period) ** 2, axis=-1) <= self.atol**2)

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        d = X.shape[1]
        weight = fixed_direction(d)
        period = np.broadcast_to(self.period, d)
        radius = np.where(np.isfinite(period), period, 1.0) / (2 * np.pi)
        # Phases without symmetry, so that mirror images do not share a fingerprint.
        waves = radius * np.cos(X / radius + np.arange(1.0, d + 1.0))
        return (np.where(np.isfinite(period), waves, X) @ weight)[:, None]

    def as_dict(self) -> dict[str, Any]:
        periods = [float(p) if np.isfinite(p) else None for p in np.atleast_1d(self.period)]
        return {"kind": "periodic_coordinates", "period": periods, "atol": self.atol}


def periods_of(problem: Any) -> FloatArray | None:
    """(d,) periods of a problem's coordinates, inf where one is not periodic; None where none is.

    Raises:
        SettingsError: its `periods` are not positive, or not one number or d of them.
    """
    given = getattr(problem, "periods", None)
    if given is None:
        return None
    judgement = PeriodicCoordinates(given, 1.0)
    judgement.check(problem.dim)
    periods = np.broadcast_to(judgement.period, problem.dim)
    return periods if np.isfinite(periods).any() else None


class SignFlips(SameJudgement):
    """Equal when the 2-norm of the difference is at most `atol` for some choice of signs.

    Args:
        atol: in the coordinates' unit.
        groups: lists of coordinates; those in a list flip together, each list on its own. None: all flip together.
    """

    def __init__(self, atol: float, groups: Sequence[Sequence[int]] | None = None) -> None:
        self.atol = positive("atol", atol)
        self.groups = None if groups is None else _disjoint("sign flips", [list(g) for g in groups])
        self.fingerprint_atol = np.array([self.atol])

    def check(self, dim: int) -> None:
        _within("sign flips", self.groups or [], dim)

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        groups, rest = self._parts(X.shape[1])
        squares = np.sum((x[:, rest] - X[:, rest]) ** 2, axis=-1)
        for g in groups:
            a, b = x[:, g], X[:, g]
            squares += np.minimum(np.sum((a - b) ** 2, axis=-1), np.sum((a + b) ** 2, axis=-1))
        return np.asarray(squares <= self.atol**2)

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        weight = fixed_direction(X.shape[1])
        groups, rest = self._parts(X.shape[1])
        total = X[:, rest] @ weight[rest]
        for g in groups:
            total = total + np.abs(X[:, g] @ weight[g])
        return np.asarray(total)[:, None]

    def _parts(self, d: int) -> tuple[list[IntArray], IntArray]:
        if self.groups is None:
            return [np.arange(d)], np.zeros(0, dtype=np.int64)
        return [np.array(g) for g in self.groups], np.setdiff1d(np.arange(d), np.concatenate(self.groups))

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "sign_flips", "atol": self.atol, "groups": self.groups}


class Permutations(SameJudgement):
    """Equal when the 2-norm of the difference is at most `atol` for some order of equivalent coordinates.

    Args:
        groups: lists of things that are equivalent: coordinates, or blocks of coordinates (the three of an atom).
            `[[0, 1, 2]]` says that three coordinates may be permuted, `[[(0, 1), (2, 3)]]` that two particles in the
            plane may be.
        atol: in the coordinates' unit.
    """

    def __init__(self, groups: Sequence[Sequence[int | Sequence[int]]], atol: float) -> None:
        self.atol = positive("atol", atol)
        try:
            self.groups = [np.array([np.atleast_1d(item) for item in g], dtype=np.int64) for g in groups]
        except (TypeError, ValueError) as error:
            raise SettingsError(
                f"permutations are {groups!r}; give lists of coordinates, or of blocks of coordinates of equal length"
            ) from error
        _disjoint("permutations", [g.ravel().tolist() for g in self.groups])
        self.fingerprint_atol = np.array([self.atol])

    def check(self, dim: int) -> None:
        _within("permutations", [g.ravel().tolist() for g in self.groups], dim)

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        rest = np.setdiff1d(np.arange(X.shape[1]), np.concatenate([g.ravel() for g in self.groups]))
        squares = np.sum((x[:, rest] - X[:, rest]) ** 2, axis=-1)
        for g in self.groups:
            squares = squares + _least_squares(x[:, g], X[:, g])
        return np.asarray(squares <= self.atol**2)

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        weight = fixed_direction(X.shape[1])
        rest = np.setdiff1d(np.arange(X.shape[1]), np.concatenate([g.ravel() for g in self.groups]))
        total = X[:, rest] @ weight[rest]
        for g in self.groups:
            # Sorting moves no two vectors apart, nor does projecting each block on a line.
            line = np.sort(X[:, g] @ fixed_direction(g.shape[1]), axis=1)
            total = total + line @ weight[g[:, 0]]
        return np.asarray(total)[:, None]

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "permutations", "atol": self.atol, "groups": [g.tolist() for g in self.groups]}


def _least_squares(a: FloatArray, b: FloatArray) -> FloatArray:
    """(n, m, s) twice -> (n,): least sum of squares of a - b over all orders of the m blocks."""
    n, m, s = b.shape
    if s == 1:  # the order of size is the best (rearrangement inequality)
        return np.asarray(np.sum((np.sort(a[:, :, 0], axis=1) - np.sort(b[:, :, 0], axis=1)) ** 2, axis=1))
    cost = np.sum((a[:, :, None, :] - b[:, None, :, :]) ** 2, axis=-1)
    if m <= ALL_ORDERS:
        orders = np.array(list(itertools.permutations(range(m))))
        return np.asarray(cost[:, np.arange(m), orders].sum(axis=-1).min(axis=1))
    from scipy.optimize import linear_sum_assignment

    out = np.zeros(n)
    for i in range(n):
        rows, columns = linear_sum_assignment(cost[i])
        out[i] = cost[i, rows, columns].sum()
    return out


Map = Callable[[FloatArray], FloatArray]


class UpTo(SameJudgement):
    """Equal when one point and some image of the other are the same for another judgement.

    Composes: `UpTo(PeriodicCoordinates(1.0, 1e-4), {"mirror": lambda X: -X})`.

    Args:
        inner: the other judgement.
        maps: by name, maps of points (n, d) -> (n, d) that keep distances and that, with the identity, are a group.
    """

    def __init__(self, inner: SameJudgement, maps: dict[str, Map]) -> None:
        self.inner = inner
        self.maps = dict(maps)
        self.fingerprint_atol = inner.fingerprint_atol

    def check(self, dim: int) -> None:
        self.inner.check(dim)

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        out = self.inner.same(x, X)
        for transform in self.maps.values():
            left = np.flatnonzero(~out)
            if not len(left):
                break
            out[left] = self.inner.same(x[left], transform(X[left]))
        return out

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        # The largest over the images, column by column: no map of the group changes it.
        largest = self.inner.fingerprint(X, energy)
        for transform in self.maps.values():
            largest = np.maximum(largest, self.inner.fingerprint(transform(X), energy))
        return largest

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "up_to", "inner": self.inner.as_dict(), "maps": sorted(self.maps)}


# -- what users give --------------------------------------------------------------------------------------------
def _fits(name: str, value: FloatArray, dim: int) -> None:
    if value.ndim == 1 and len(value) != dim:
        raise SettingsError(f"{name} has {len(value)} entries for {dim} variables; give one number or {dim}")


def _within(name: str, groups: list[list[int]], dim: int) -> None:
    wrong = [i for g in groups for i in g if not -1 < i < dim]
    if wrong:
        raise SettingsError(f"{name}: there is no coordinate {wrong[0]} in {dim} variables; count from 0")


def _disjoint(name: str, groups: list[list[int]]) -> list[list[int]]:
    flat = [i for g in groups for i in g]
    if not flat or not all(groups) or not all(isinstance(i, int | np.integer) for i in flat):
        raise SettingsError(f"{name}: groups are {groups!r}; give non-empty lists of coordinates")
    twice = [i for i in set(flat) if flat.count(i) > 1]
    if twice:
        raise SettingsError(f"{name}: coordinate {twice[0]} is in two groups; put it into one")
    return [[int(i) for i in g] for g in groups]
