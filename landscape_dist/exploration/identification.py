"""Which known point each of many end points is, and which of them are new."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from landscape_dist.exploration.cells import CellIndex, Whereabouts
from landscape_dist.exploration.tables import PointTable
from landscape_dist.records import FloatArray, IntArray, PointColumns
from landscape_dist.spaces.judgement import SameJudgement

NUMBERS = 1 << 19
"""Coordinates compared together."""


class Identification:
    """Tells known points from new ones, a batch at a time.

    Args:
        judgement: when two points are the same.
        points: the known points; whoever adds to it calls `add` for the same points.
    """

    def __init__(self, judgement: SameJudgement, points: PointTable) -> None:
        self.judgement = judgement
        self.points = points
        self._index = CellIndex(judgement)

    @classmethod
    def of(cls, judgement: SameJudgement, points: PointColumns) -> Identification:
        """Of points that are all there, which are not copied."""
        known = cls(judgement, PointTable.of(points))
        known.add(points)
        return known

    def add(self, points: PointColumns) -> None:
        """Register points that were appended to the table."""
        self._index.add(self._index.locate(points.x, points.energy, points.index).own)

    def find(self, X: FloatArray, energy: FloatArray, index: NDArray[np.int32]) -> IntArray:
        """(n,) ids of known points that equal these, -1 where there is none."""
        return self._find(self._index.locate(X, energy, index), X, np.arange(len(X)))

    def identify(
        self, X: FloatArray, energy: FloatArray, index: NDArray[np.int32], append: Callable[[IntArray], None]
    ) -> IntArray:
        """(n,) ids of these points; those that equal no known one and none before them are added.

        Args:
            X, energy, index: (n, d), (n,), (n,) end points.
            append: is given rows of new points and appends them to the table, in that order.
        """
        where = self._index.locate(X, energy, index)
        ids = self._find(where, X, np.arange(len(X)))
        left = np.flatnonzero(ids < 0)
        while len(left):
            here = where.select(left)
            new = _leaders(here)
            ids[left[new]] = len(self.points) + np.arange(len(new))
            append(left[new])
            self._index.add(here.own[new])
            others = np.ones(len(left), dtype=bool)
            others[new] = False
            left = left[others]
            ids[left] = self._find(where.select(left), X, left)
            left = left[ids[left] < 0]
        return ids

    def _find(self, where: Whereabouts, X: FloatArray, rows: IntArray) -> IntArray:
        # All at once against the first point of each cell; most searches end at a known point.
        ids = self._index.first(where.own)
        guessed = np.flatnonzero(ids >= 0)
        wrong = guessed[~self._same(X, rows[guessed], ids[guessed])]
        ids[wrong] = -1
        # The others are nowhere: their own cells are empty, and they are near no border.
        left = np.union1d(wrong, where.row[ids[where.row] < 0]) if len(wrong) or len(where.row) else wrong
        if not len(left):
            return ids
        row, point = self._index.candidates(where.select(left))
        if len(row):
            right = self._same(X, rows[left[row]], point)
            best = np.full(len(left), len(self.points), dtype=np.int64)
            np.minimum.at(best, row[right], point[right])
            ids[left] = np.where(best < len(self.points), best, -1)
        return ids

    def _same(self, X: FloatArray, rows: IntArray, ids: IntArray) -> NDArray[np.bool_]:
        """(n,) whether these rows of X equal these points, in parts that fit the cache."""
        same = np.zeros(len(rows), dtype=bool)
        step = max(1, NUMBERS // X.shape[1])
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            same[part] = self.judgement.same(X[rows[part]], self.points.x[ids[part]])
        return same


def _leaders(where: Whereabouts) -> IntArray:
    """Ascending rows of points not seen before that can be added at once, as no two of them can be equal.

    The first of each cell; one near a border waits for the one beyond it, if that comes earlier.
    """
    keys, first = np.unique(where.own, return_index=True)
    is_first = np.zeros(len(where.own), dtype=bool)
    is_first[first] = True
    if len(where.row):
        at = np.minimum(np.searchsorted(keys, where.beyond), len(keys) - 1)
        waits = (keys[at] == where.beyond) & (first[at] < where.row)
        is_first[where.row[waits]] = False
    return np.flatnonzero(is_first)
