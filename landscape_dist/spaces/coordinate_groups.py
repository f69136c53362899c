"""Groups that change the signs and the order of coordinates; their images need not be tried one by one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray, IntArray
from landscape_dist.spaces.group import Group
from landscape_dist.spaces.space import Space, fixed_direction

# Up to so many equivalent blocks all orders are tried at once; beyond, an assignment problem is solved for each pair.
ALL_ORDERS = 4


class SignFlipGroup(Group):
    """Lists of coordinates flip their signs together, each list on its own.

    Args:
        groups: these lists; None: all coordinates flip together.
    """

    kind = "sign_flips"

    def __init__(self, groups: Sequence[Sequence[int]] | None = None) -> None:
        self.groups = None if groups is None else _disjoint("sign flips", [list(g) for g in groups])

    def check(self, dim: int) -> None:
        _within("sign flips", self.groups or [], dim)

    def align(self, X: FloatArray, Y: FloatArray, space: Space) -> FloatArray:
        image = Y.copy()
        for g in self._parts(X.shape[1])[0]:
            nearer = _squares(X[:, g] + Y[:, g]) < _squares(X[:, g] - Y[:, g])
            image[:, g] = np.where(nearer[:, None], -Y[:, g], Y[:, g])
        return image

    def squared_distance(self, X: FloatArray, Y: FloatArray, space: Space) -> FloatArray:
        groups, rest = self._parts(X.shape[1])
        squares = _squares(X[:, rest] - Y[:, rest])
        for g in groups:
            a, b = X[:, g], Y[:, g]
            squares += np.minimum(_squares(a - b), _squares(a + b))
        return squares

    def fingerprint(self, X: FloatArray, space: Space) -> FloatArray:
        weight = fixed_direction(X.shape[1])
        groups, rest = self._parts(X.shape[1])
        total = X[:, rest] @ weight[rest]
        for g in groups:
            total = total + np.abs(X[:, g] @ weight[g])
        return np.asarray(total)[:, None]

    def orbit_size(self, X: FloatArray, space: Space, atol: float) -> NDArray[Any]:
        size = np.ones(len(X), dtype=object)
        for g in self._parts(X.shape[1])[0]:
            size = size * np.where(4.0 * _squares(X[:, g]) > atol**2, 2, 1)
        return size

    def _parts(self, d: int) -> tuple[list[IntArray], IntArray]:
        if self.groups is None:
            return [np.arange(d)], np.zeros(0, dtype=np.int64)
        return [np.array(g) for g in self.groups], np.setdiff1d(np.arange(d), np.concatenate(self.groups))

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "groups": self.groups}


class PermutationGroup(Group):
    """Equivalent coordinates, or blocks of them, in any order.

    Args:
        groups: lists of what is equivalent, as for `Permutations`.
    """

    kind = "permutations"

    def __init__(self, groups: Sequence[Sequence[int | Sequence[int]]]) -> None:
        try:
            self.groups = [np.array([np.atleast_1d(item) for item in g], dtype=np.int64) for g in groups]
        except (TypeError, ValueError) as error:
            raise SettingsError(
                f"permutations are {groups!r}; give lists of coordinates, or of blocks of coordinates of equal length"
            ) from error
        _disjoint("permutations", [g.ravel().tolist() for g in self.groups])

    def check(self, dim: int) -> None:
        _within("permutations", [g.ravel().tolist() for g in self.groups], dim)

    def align(self, X: FloatArray, Y: FloatArray, space: Space) -> FloatArray:
        image = Y.copy()
        for g in self.groups:
            order = _best_orders(X[:, g], Y[:, g])
            image[:, g] = np.take_along_axis(Y[:, g], order[:, :, None], axis=1)
        return image

    def squared_distance(self, X: FloatArray, Y: FloatArray, space: Space) -> FloatArray:
        rest = np.setdiff1d(np.arange(Y.shape[1]), np.concatenate([g.ravel() for g in self.groups]))
        squares = _squares(X[:, rest] - Y[:, rest])
        for g in self.groups:
            squares = squares + _least_squares(X[:, g], Y[:, g])
        return squares

    def fingerprint(self, X: FloatArray, space: Space) -> FloatArray:
        weight = fixed_direction(X.shape[1])
        rest = np.setdiff1d(np.arange(X.shape[1]), np.concatenate([g.ravel() for g in self.groups]))
        total = X[:, rest] @ weight[rest]
        for g in self.groups:
            # Sorting moves no two vectors apart, nor does projecting each block on a line.
            line = np.sort(X[:, g] @ fixed_direction(g.shape[1]), axis=1)
            total = total + line @ weight[g[:, 0]]
        return np.asarray(total)[:, None]

    def orbit_size(self, X: FloatArray, space: Space, atol: float) -> NDArray[Any]:
        size = np.ones(len(X), dtype=object)
        for g in self.groups:
            blocks = X[:, g]
            for i in range(len(g)):
                # An exchange of two blocks moves a point by the root of two times what they are apart.
                equal = 2.0 * np.sum((blocks[:, : i + 1] - blocks[:, i : i + 1]) ** 2, axis=2) <= atol**2
                size = size * (i + 1) // np.count_nonzero(equal, axis=1)  # whole at each step: a multinomial number
        return size

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "groups": [g.tolist() for g in self.groups]}


def _squares(D: FloatArray) -> FloatArray:
    """(n, d) -> (n,) sums of squares."""
    return np.asarray(np.sum(D**2, axis=-1))


def _costs(a: FloatArray, b: FloatArray) -> FloatArray:
    """(n, m, s) twice -> (n, m, m): squares of the distances of each block of a from each of b."""
    return np.asarray(np.sum((a[:, :, None, :] - b[:, None, :, :]) ** 2, axis=-1))


def _least_squares(a: FloatArray, b: FloatArray) -> FloatArray:
    """(n, m, s) twice -> (n,): least sum of squares of a - b over all orders of the m blocks."""
    n, m, s = b.shape
    if s == 1:  # the order of size is the best (rearrangement inequality)
        return np.asarray(np.sum((np.sort(a[:, :, 0], axis=1) - np.sort(b[:, :, 0], axis=1)) ** 2, axis=1))
    cost = _costs(a, b)
    if m <= ALL_ORDERS:
        orders = np.array(list(itertools.permutations(range(m))))
        return np.asarray(cost[:, np.arange(m), orders].sum(axis=-1).min(axis=1))
    from scipy.optimize import linear_sum_assignment

    out = np.zeros(n)
    for i in range(n):
        rows, columns = linear_sum_assignment(cost[i])
        out[i] = cost[i, rows, columns].sum()
    return out


def _best_orders(a: FloatArray, b: FloatArray) -> IntArray:
    """(n, m, s) twice -> (n, m): which block of b comes to each place where their order is nearest to that of a."""
    if b.shape[2] == 1:
        place = np.argsort(np.argsort(a[:, :, 0], axis=1, kind="stable"), axis=1)
        return np.take_along_axis(np.argsort(b[:, :, 0], axis=1, kind="stable"), place, axis=1)
    from scipy.optimize import linear_sum_assignment

    return np.array([linear_sum_assignment(cost)[1] for cost in _costs(a, b)]).reshape(b.shape[:2])


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
