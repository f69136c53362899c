"""Samples of the upward searches that have not been made yet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape_dist.exploration.sampling import mixed
from landscape_dist.exploration.slot_sets import SlotSet
from landscape_dist.exploration.slots import Slots
from landscape_dist.exploration.tables import Column
from landscape_dist.records import IntArray

# Points whose searches are looked at together; bounds the memory.
_POINTS = 1 << 16
HELD = 16384
"""Upward searches held for the next samples: so many samples come from one look at all points."""

_ALL = np.uint64(2**64 - 1)


class UpwardSearches:
    """Upward searches in the order of a hash of their points' content, so that a sample does not depend on the order of
    arrival.

    Only those of lowest hash are held, so a sample costs what the points found since the last one cost.

    Args:
        slots: the numbers of all searches.
        content: hash of each point.
        issued: slots that are taken already; whoever takes some adds them.
        limit: size of a sample; None for all that there are.
        held: searches held for further samples.
    """

    def __init__(self, slots: Slots, content: Column, issued: SlotSet, limit: int | None, held: int = HELD) -> None:
        self._slots = slots
        self._content = content
        self._issued = issued
        self._limit = limit
        self._room = 4 * max(limit or 0, held)
        self._n_points = 0
        self._bound = _ALL  # all searches of the points so far with hashes up to this one are held
        self._hash: NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        self._held: IntArray = np.zeros(0, dtype=np.int64)

    def take(self, n_points: int) -> IntArray:
        """The next sample of the upward slots of the first `n_points` points that were not taken before.

        `n_points` must not be less than the last time.
        """
        self._absorb(self._n_points, n_points)
        self._keep(~self._issued.has(self._held))  # some may have been told without a round
        wanted = len(self._held) if self._limit is None else self._limit
        if self._bound < _ALL and len(self._held) < wanted:
            self._bound, self._hash, self._held = _ALL, self._hash[:0], self._held[:0]
            self._absorb(0, n_points)
        lowest = np.arange(len(self._held))
        if wanted < len(self._held):
            lowest = np.flatnonzero(self._hash <= np.partition(self._hash, wanted - 1)[wanted - 1])
        # Equal hashes go by their slots.
        lowest = lowest[np.lexsort((self._held[lowest], self._hash[lowest]))[:wanted]]
        taken = self._held[lowest]
        rest = np.ones(len(self._held), dtype=bool)
        rest[lowest] = False
        self._keep(rest)
        return taken

    def _keep(self, rows: NDArray[np.bool_]) -> None:
        self._hash, self._held = self._hash[rows], self._held[rows]

    def _absorb(self, first: int, last: int) -> None:
        """Add the searches of points `first`, ..., `last` - 1."""
        self._n_points = last
        for start in range(first, last, _POINTS):
            slots, owner, place = self._slots.upward(start, min(start + _POINTS, last))
            h = mixed(self._content.view()[owner], place)
            low = h <= self._bound
            low[low] = ~self._issued.has(slots[low])
            self._hash = np.concatenate([self._hash, h[low]])
            self._held = np.concatenate([self._held, slots[low]])
            if self._limit is not None and len(self._held) > self._room:
                self._bound = np.partition(self._hash, self._room // 4)[self._room // 4]
                self._keep(self._hash <= self._bound)
