"""The searches that start from one point: which direction to leave along, which to keep, which index to look for.

All points of equal index and nullity share one list of recipes, so a search is known by its parent and its place
(ordinal) in that list.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from landscape_dist.explore.settings import ExploreSettings
from landscape_dist.records import IntArray


@dataclass(frozen=True, slots=True)
class Recipes:
    """r searches from one kind of point; the ordinal is the row.

    Attributes:
        target: (r,) wanted index. leave: (r,) column of the frame to leave along. sign: (r,) ±1.
        keep: r tuples of columns, of length target. repeat: (r,) 0 or the number of the random perturbation.
    """

    target: IntArray
    leave: IntArray
    sign: IntArray
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


def _collect(rows: list[tuple[int, int, int, tuple[int, ...], int]]) -> Recipes:
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), (), ()]
    target, leave, sign, keep, repeat = columns
    as_ints = [np.array(c, dtype=np.int64) for c in (target, leave, sign, repeat)]
    return Recipes(as_ints[0], as_ints[1], as_ints[2], tuple(keep), as_ints[3])


def downward(index: int, settings: ExploreSettings) -> Recipes:
    """Recipes from a saddle of this index: one for every kept set, leaving direction, sign and repeat."""
    rows = []
    for target in range(index - 1, max(settings.min_index, index - settings.max_index_gap) - 1, -1):
        if settings.combinations == "min":
            choices = [(tuple(range(target)), target)]
        else:
            choices = [
                (keep, leave) for keep in combinations(range(index), target) for leave in range(index) if leave not in keep
            ]
        rows += [
            (target, leave, sign, keep, repeat)
            for keep, leave in choices
            for sign in (1, -1)
            for repeat in range(settings.n_random + 1)
        ]
    return _collect(rows)


def upward(index: int, nullity: int, dim: int, settings: ExploreSettings) -> Recipes:
    """Recipes from a point of this index to the next: climb along each of its lowest stable directions."""
    if settings.upward == "none" or index >= min(settings.max_index, dim):
        return _collect([])
    first = index + nullity
    last = dim if settings.upward_modes is None else min(dim, first + settings.upward_modes)
    negative = tuple(range(index))
    return _collect([(index + 1, leave, sign, (*negative, leave), 0) for leave in range(first, last) for sign in (1, -1)])
