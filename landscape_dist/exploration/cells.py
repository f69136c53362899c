"""Known points by cells of their fingerprints: looking one up does not depend on how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.exploration.sampling import mixed
from landscape_dist.exploration.tables import Column
from landscape_dist.records import FloatArray, IntArray
from landscape_dist.spaces.judgement import SameJudgement

Keys = NDArray[np.uint64]

# Cells this many tolerances wide: a point close enough to a border to be looked up twice is rare.
CELL_WIDTH = 64.0


class KeyTable:
    """64-bit keys, each with a number from 0 on; open addressing with linear probing, a whole batch at a time."""

    _FREE = np.uint64(0)

    def __init__(self) -> None:
        self._keys: Keys = np.zeros(1024, dtype=np.uint64)
        self._numbers: NDArray[np.int32] = np.zeros(1024, dtype=np.int32)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def find(self, keys: Keys) -> IntArray:
        """(n,) numbers of keys, -1 for those that are not there."""
        keys = np.maximum(keys, np.uint64(1))
        numbers = np.full(len(keys), -1, dtype=np.int64)
        rows, place = np.arange(len(keys)), self._home(keys)
        while len(rows):
            there = self._keys[place]
            hit = there == keys[rows]
            numbers[rows[hit]] = self._numbers[place[hit]]
            on = ~hit & (there != self._FREE)
            rows, place = rows[on], self._next(place[on])
        return numbers

    def add(self, keys: Keys) -> IntArray:
        """(n,) numbers of keys that differ from one another and from those that are there."""
        numbers = np.arange(self._n, self._n + len(keys))
        if 2 * (self._n + len(keys)) > len(self._keys):
            self._grow(2 * (self._n + len(keys)))
        self._put(np.maximum(keys, np.uint64(1)), numbers)
        self._n += len(keys)
        return numbers

    def _home(self, keys: Keys) -> IntArray:
        return (keys & np.uint64(len(self._keys) - 1)).astype(np.int64)

    def _next(self, place: IntArray) -> IntArray:
        return (place + 1) & (len(self._keys) - 1)

    def _grow(self, least: int) -> None:
        used = np.flatnonzero(self._keys != self._FREE)
        keys, numbers = self._keys[used], self._numbers[used]
        size = 1 << least.bit_length()
        self._keys, self._numbers = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.int32)
        self._put(keys, numbers)

    def _put(self, keys: Keys, numbers: Any) -> None:
        rows, place = np.arange(len(keys)), self._home(keys)
        while len(rows):
            free = self._keys[place] == self._FREE
            self._keys[place[free]] = keys[rows[free]]
            # Where several went for one free place, the last that wrote is in; the others go on.
            settled = free & (self._keys[place] == keys[rows])
            self._numbers[place[settled]] = numbers[rows[settled]]
            rows, place = rows[~settled], self._next(place[~settled])


@dataclass(slots=True)
class Whereabouts:
    """Cells in which points equal to n given ones can be.

    Attributes:
        own: (n,) key of the cell of each. row: (b,) which of the n is near a border, once for each cell beyond it, and
        beyond: (b,) the key of that cell.
    """

    own: Keys
    row: IntArray
    beyond: Keys

    def select(self, which: IntArray) -> Whereabouts:
        """Those of the points at ascending positions `which`."""
        at = np.searchsorted(which, self.row)
        kept = at < len(which)
        kept[kept] = which[at[kept]] == self.row[kept]
        return Whereabouts(self.own[which], at[kept], self.beyond[kept])


class CellIndex:
    """Points, numbered from 0 on, by the cells of their fingerprints and their index.

    Args:
        judgement: gives the fingerprints and how far those of equal points can be apart.
    """

    def __init__(self, judgement: SameJudgement) -> None:
        self.judgement = judgement
        self._cells = KeyTable()
        self._first = Column(np.int32)  # first and last point of each cell
        self._last = Column(np.int32)
        self._following = Column(np.int32)  # the next point in the cell of each, -1 for none

    def __len__(self) -> int:
        """Number of points."""
        return len(self._following)

    def locate(self, X: FloatArray, energy: FloatArray, index: NDArray[np.int32]) -> Whereabouts:
        """Cells of (n, d) points with these (n,) energies and indices."""
        f = self.judgement.fingerprint(X, energy) / (CELL_WIDTH * self.judgement.fingerprint_atol)
        cell = np.floor(f)
        into = f - cell
        cell = cell.astype(np.int64)
        step = np.where(into < 1.0 / CELL_WIDTH, -1, np.where(1.0 - into < 1.0 / CELL_WIDTH, 1, 0))
        rows = np.flatnonzero(step.any(axis=1))
        if not len(rows):
            return Whereabouts(_keys(cell, index), rows, np.zeros(0, dtype=np.uint64))
        near, row, beside = cell[rows], rows, np.zeros(len(rows), dtype=bool)
        for j in range(cell.shape[1]):
            over = np.flatnonzero(step[row, j])
            moved = near[over]
            moved[:, j] += step[row[over], j]
            near, row = np.concatenate([near, moved]), np.concatenate([row, row[over]])
            beside = np.concatenate([beside, np.ones(len(over), dtype=bool)])
        return Whereabouts(_keys(cell, index), row[beside], _keys(near[beside], index[row[beside]]))

    def add(self, own: Keys) -> None:
        """Append the next points, in these cells."""
        if not len(own):
            return
        ids = np.arange(len(self), len(self) + len(own), dtype=np.int32)
        # Stable, so that the points of a cell follow one another in the order of their numbers.
        order = np.argsort(own, kind="stable")
        keys, point = own[order], ids[order]
        starts = np.ones(len(own), dtype=bool)
        starts[1:] = keys[1:] != keys[:-1]
        following = np.full(len(own), -1, dtype=np.int32)
        following[order[:-1]] = np.where(starts[1:], -1, point[1:])
        self._following.extend(following)
        first, last = point[starts], point[np.append(starts[1:], True)]
        cells = self._cells.find(keys[starts])
        known = cells >= 0
        self._following.view()[self._last.view()[cells[known]]] = first[known]
        self._last.view()[cells[known]] = last[known]
        self._cells.add(keys[starts][~known])
        self._first.extend(first[~known])
        self._last.extend(last[~known])

    def first(self, keys: Keys) -> IntArray:
        """(n,) the first point in each of the cells, -1 where there is none."""
        cells = self._cells.find(keys)
        found = np.full(len(keys), -1, dtype=np.int64)
        found[cells >= 0] = self._first.view()[cells[cells >= 0]]
        return found

    def candidates(self, where: Whereabouts) -> tuple[IntArray, IntArray]:
        """All pairs (which of the n points located, known point that may equal it)."""
        row = np.concatenate([np.arange(len(where.own)), where.row])
        point = self.first(np.concatenate([where.own, where.beyond]))
        rows, points = [], []
        while True:
            row, point = row[point >= 0], point[point >= 0]
            if not len(row):
                break
            rows.append(row)
            points.append(point)
            point = self._following.view()[point].astype(np.int64)
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *rows]), np.concatenate([none, *points])


def _keys(cell: IntArray, index: NDArray[np.int32]) -> Keys:
    """(n,) hashes of (n, f) cells and (n,) indices.  Cells that share one only add candidates."""
    key = mixed(np.zeros(len(cell), dtype=np.uint64), index + np.int64(1))
    for j in range(cell.shape[1]):
        key = mixed(key, cell[:, j])
        key += np.uint64(j + 1)
    return key
