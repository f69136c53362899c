"""Sets of slots, a bit of state each, for whole batches at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape_dist.exploration.tables import Column
from landscape_dist.records import IntArray


class SlotSet:
    """A set of slots.  Plain ones (0, 1, ...) are flags in an array, negative ones (of kind CONFIRM) are few."""

    def __init__(self) -> None:
        self._plain = Column(np.bool_)
        self._negative: set[int] = set()
        self._n_plain = 0

    def __len__(self) -> int:
        return self._n_plain + len(self._negative)

    def has(self, slots: IntArray) -> NDArray[np.bool_]:
        """(n,) which of these slots are in the set."""
        flags = self._plain.view()
        if len(slots) and slots.min() >= 0 and slots.max() < len(flags):
            within: NDArray[np.bool_] = flags[slots]
            return within
        found = np.zeros(len(slots), dtype=bool)
        plain = (slots >= 0) & (slots < len(flags))
        found[plain] = flags[slots[plain]]
        if self._negative:
            rows = np.flatnonzero(slots < 0)
            found[rows] = [slot in self._negative for slot in slots[rows].tolist()]
        return found

    def add(self, slots: IntArray) -> None:
        """Put in these slots, each named once."""
        plain = slots[slots >= 0]
        if len(plain):
            self._plain.extend(np.zeros(max(0, int(plain.max()) + 1 - len(self._plain)), dtype=bool))
            flags = self._plain.view()
            self._n_plain += len(plain) - int(np.count_nonzero(flags[plain]))
            flags[plain] = True
        if len(plain) < len(slots):
            self._negative.update(slots[slots < 0].tolist())

    def discard(self, slots: IntArray) -> None:
        """Take out these slots, each named once, as far as they are in."""
        plain = slots[slots >= 0]
        flags = self._plain.view()
        plain = plain[plain < len(flags)]
        self._n_plain -= int(np.count_nonzero(flags[plain]))
        flags[plain] = False
        if self._negative:
            self._negative.difference_update(slots[slots < 0].tolist())

    def all(self) -> IntArray:
        """The slots in the set, ascending."""
        negative = np.array(sorted(self._negative), dtype=np.int64)
        return np.concatenate([negative, np.flatnonzero(self._plain.view())])
