"""The searches that start from one point: which direction to leave along, which to keep, which index to look for.

All points of equal index and nullity share one list of recipes, so a search is known by its parent and its place
(ordinal) in that list.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.records import IntArray


@dataclass(frozen=True, slots=True)
class Recipes:
    """r searches from one kind of point; the ordinal is the row.

    Attributes:
        target: (r,) wanted index. leave: r tuples of columns of the frame to leave along. sign: r tuples of ±1, one for
        each of them. keep: r tuples of columns, of length target. repeat: (r,) 0 or the number of the random
        perturbation.
    """

    target: IntArray
    leave: tuple[tuple[int, ...], ...]
    sign: tuple[tuple[int, ...], ...]
    keep: tuple[tuple[int, ...], ...]
    repeat: IntArray

    def __len__(self) -> int:
        return len(self.target)

    def kept(self, target: int) -> IntArray:
        """(r, target) array of the kept columns; rows of other targets are zero."""
        out = np.zeros((len(self), target), dtype=np.int64)
        for i in np.flatnonzero(self.target == target):
            out[i] = self.keep[i]
        return out

    def left(self) -> tuple[IntArray, IntArray]:
        """(r, l) arrays of the columns to leave along (-1 beyond the last) and of their signs (0 there)."""
        width = max((len(columns) for columns in self.leave), default=1)
        leave, sign = np.full((len(self), width), -1), np.zeros((len(self), width), dtype=np.int64)
        for i, (columns, signs) in enumerate(zip(self.leave, self.sign, strict=True)):
            leave[i, : len(columns)] = columns
            sign[i, : len(columns)] = signs
        return leave, sign


MOST_ZERO_MODES = 2
"""Points with more are left along none: these come from a symmetry, or are too many to leave every way."""

Row = tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...], int]


def _collect(rows: list[Row]) -> Recipes:
    target, leave, sign, keep, repeat = list(zip(*rows, strict=True)) if rows else [()] * 5
    return Recipes(np.array(target, dtype=np.int64), leave, sign, keep, np.array(repeat, dtype=np.int64))


def downward(index: int, settings: ExploreSettings, nullity: int = 0) -> Recipes:
    """Recipes from a point of this index and nullity: one for every kept set, pattern of signs and repeat.

    With 'all' combinations a search keeps k of the m unstable directions and leaves along all others at once, with
    every pattern of signs; for a gap of one that is along the one other, both ways.
    """
    rows: list[Row] = []
    for target in range(index - 1, max(settings.min_index, index - settings.max_index_gap) - 1, -1):
        if settings.combinations == "min":
            choices: list[tuple[tuple[int, ...], tuple[int, ...]]] = [(tuple(range(target)), (target,))]
        else:
            choices = [
                (keep, tuple(j for j in range(index) if j not in keep)) for keep in combinations(range(index), target)
            ]
        rows += [
            (target, leave, sign, keep, repeat)
            for keep, leave in choices
            for sign in product((1, -1), repeat=len(leave))
            for repeat in range(settings.n_random + 1)
        ]
    if leaves_null_directions(nullity, settings):
        rows += _along_null_directions(index, nullity)
    return _collect(rows)


def leaves_null_directions(nullity: int, settings: ExploreSettings) -> bool:
    """Whether points of this nullity are left along their null directions."""
    return settings.null_directions == "all" and 1 <= nullity <= MOST_ZERO_MODES


def _along_null_directions(index: int, nullity: int) -> list[Row]:
    """Leave along zero modes, for points of the same index and of those between.

    To second order nothing tells where the energy falls around such a point, so it is left every way: along each
    zero mode and, where there are two, halfway between.
    """
    negative, null = tuple(range(index)), range(index, index + nullity)
    rows: list[Row] = []
    for n_left in range(1, nullity + 1):
        for leave in combinations(null, n_left):
            rest = tuple(j for j in null if j not in leave)
            for target in range(index, index + len(rest) + 1):
                keep = (*negative, *rest[: target - index])
                rows += [(target, leave, sign, keep, 0) for sign in product((1, -1), repeat=n_left)]
    return rows


def upward(index: int, nullity: int, dim: int, settings: ExploreSettings) -> Recipes:
    """Recipes from a point of this index to the next: climb along each of its lowest stable directions."""
    if settings.upward == "none" or index >= min(settings.max_index, dim):
        return _collect([])
    first = index + nullity
    last = dim if settings.upward_modes is None else min(dim, first + settings.upward_modes)
    negative = tuple(range(index))
    climbed = [*range(first, last)]
    if leaves_null_directions(nullity, settings):
        climbed += range(index, first)
    return _collect([(index + 1, (leave,), (sign,), (*negative, leave), 0) for leave in climbed for sign in (1, -1)])
