"""What searches say about points: which of them are arrows, how often a point was reached, when it was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from landscape_dist.exploration.arrows import connecting
from landscape_dist.records import Connection, IntArray, PointColumns, SearchColumns, SearchKind, SearchStatus

_BLOCK = 65536
"""Connections made into records together."""


def arrows(searches: SearchColumns, dim: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Row, parent, child and origin of each search that is an arrow.

    These are the `connecting` ones and, for pairs that none of them connects, upward searches to index d = `dim`.  From
    a point of index d - 1 one direction alone leads up, and with all directions reversed the search follows that branch
    exactly, as a downward search does that of an index-1 point.  The arrow points the other way, and has the origin of
    a search aimed at its child.
    """
    rows = np.flatnonzero(connecting(searches))
    parent, child = searches.parent[rows], searches.child[rows]
    origin = searches.ordinal[rows].astype(np.int64)
    # In one variable the downward searches follow the same branches already.
    up = (searches.kind == SearchKind.UP) & (searches.status == SearchStatus.CONVERGED)
    climbed = np.flatnonzero(up & (searches.target == dim) & (searches.child >= 0)) if dim > 1 else rows[:0]
    if not len(climbed):
        return rows, parent, child, origin
    size = 1 + int(max(searches.parent.max(), searches.child.max()))
    pair = searches.child[climbed] * size + searches.parent[climbed]
    _, first = np.unique(pair, return_index=True)
    # Few points are at the top: among millions of arrows only theirs are worth sorting.
    reached = np.zeros(size, dtype=bool)
    reached[searches.child[climbed]] = True
    down = np.flatnonzero(reached[parent])
    climbed = climbed[first[~np.isin(pair[first], parent[down] * size + child[down])]]
    upper, lower = searches.child[climbed], searches.parent[climbed]
    return (
        np.concatenate((rows, climbed)),
        np.concatenate((parent, upper)),
        np.concatenate((child, lower)),
        np.concatenate((origin, -1 - lower)),
    )


def count_connections(searches: SearchColumns, dim: int) -> int:
    """How many connections there are, without making them."""
    _, ends, child, _ = arrows(searches, dim)
    if not len(ends):
        return 0
    ends = ends * (int(child.max()) + 1) + child
    ends.sort()
    return 1 + int(np.count_nonzero(ends[1:] != ends[:-1]))


def count_hits(n_points: int, searches: SearchColumns) -> IntArray:
    """(p,) number of searches that ended at each point; falling back to the own parent does not count."""
    at_points = (SearchStatus.CONVERGED, SearchStatus.OTHER_INDEX, SearchStatus.UNDECIDED)
    ended = np.isin(searches.status, at_points) & (searches.child >= 0)
    return np.bincount(searches.child[ended], minlength=n_points).astype(np.int64)


def searches_per_branch(points: PointColumns, searches: SearchColumns) -> int:
    """How many searches follow each of the two branches of an index-1 point: 1, and more with random repeats.

    Downward recipes of an index-1 point list one sign with its repeats, then the other, so `ordinal // this` is the
    branch (0 or 1).  Told from the highest ordinal there is.
    """
    of_ones = (searches.kind == SearchKind.DOWN) & (searches.parent >= 0)
    parent = searches.parent[of_ones]
    of_ones[of_ones] = (points.index[parent] == 1) & (points.nullity[parent] == 0)
    return (int(searches.ordinal[of_ones].max(initial=0)) + 2) // 2


def rows_of_slots(searches: SearchColumns, slots: IntArray) -> IntArray:
    """(n,) rows of the searches in these slots; 0 for those that are not there."""
    known = searches.slot
    if not len(known):
        return np.zeros(len(slots), dtype=np.int64)
    order = np.argsort(known, kind="stable")
    row = order[np.minimum(np.searchsorted(known, slots, sorter=order), len(known) - 1)]
    return np.where(known[row] == slots, row, 0).astype(np.int64)


class Connections(Sequence[Connection]):
    """Arrows in order of (parent, child), made one at a time when asked for.

    Attributes:
        parent, child: (c,) ids. counts: (c,) searches behind each arrow.
        origins: (sum of count,) ordinals, arrow after arrow, ascending in each. first: (c + 1,) where each begins.
    """

    def __init__(self, searches: SearchColumns, dim: int) -> None:
        _, parent, child, origin = arrows(searches, dim)
        order = _order(parent, child, origin)
        parent, child = parent[order], child[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (parent[1:] != parent[:-1]) | (child[1:] != child[:-1])
        first = np.flatnonzero(new)
        self.parent: IntArray = parent[first]
        self.child: IntArray = child[first]
        self.first: IntArray = np.append(first, len(order))
        self.counts: IntArray = np.diff(self.first)
        self.origins: IntArray = origin[order]

    def __len__(self) -> int:
        return len(self.parent)

    @overload
    def __getitem__(self, i: int) -> Connection: ...
    @overload
    def __getitem__(self, i: slice) -> list[Connection]: ...
    def __getitem__(self, i: int | slice) -> Connection | list[Connection]:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(f"connection {i} of {len(self)}")
        i %= len(self)
        origins = tuple(self.origins[self.first[i] : self.first[i + 1]].tolist())
        return Connection(int(self.parent[i]), int(self.child[i]), len(origins), origins)

    def __iter__(self) -> Iterator[Connection]:
        for start in range(0, len(self), _BLOCK):
            part = slice(start, min(start + _BLOCK, len(self)))
            first = self.first[part.start : part.stop + 1]
            origins = self.origins[first[0] : first[-1]].tolist()
            first = (first - first[0]).tolist()
            for i, (parent, child) in enumerate(
                zip(self.parent[part].tolist(), self.child[part].tolist(), strict=True)
            ):
                yield Connection(parent, child, first[i + 1] - first[i], tuple(origins[first[i] : first[i + 1]]))


def _order(parent: IntArray, child: IntArray, ordinal: IntArray) -> IntArray:
    """(n,) positions that sort by parent, then child, then ordinal."""
    if not len(parent):
        return np.zeros(0, dtype=np.int64)
    lowest = int(ordinal.min())
    sizes = (int(parent.max()) + 1, int(child.max()) + 1, int(ordinal.max()) - lowest + 1)
    if sizes[0] * sizes[1] * sizes[2] >= 2**63:
        return np.lexsort((ordinal, child, parent))
    # One number instead of three, a quarter of the time.
    return np.argsort((parent * sizes[1] + child) * sizes[2] + (ordinal - lowest), kind="stable")
