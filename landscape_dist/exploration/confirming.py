"""Searches that confirm arrows: from saddles to which upward searches led, aimed at the points where these began."""

from __future__ import annotations

import numpy as np

from landscape_dist.exploration.boundaries import arrows_due
from landscape_dist.exploration.slot_sets import SlotSet
from landscape_dist.exploration.slots import Slots, confirm_slot, confirmed
from landscape_dist.exploration.tables import Column, PointTable, SearchTable
from landscape_dist.records import IntArray, SearchKind


class ConfirmingSearches:
    """Which arrows are to be confirmed in a round.

    Args:
        slots, points, searches: of the coordinator.
        child: where each plain slot led, -1 for nowhere yet.
        issued: slots that a round has opened.
    """

    def __init__(self, slots: Slots, points: PointTable, searches: SearchTable, child: Column, issued: SlotSet) -> None:
        self._slots = slots
        self._points = points
        self._searches = searches
        self._child = child
        self._issued = issued
        self._n_images = slots.space.n_images

    def take(self, number: int) -> IntArray:
        """Slots of round `number`: arrows that the upward searches of the round before suggest and no downward search
        has found; where points have several images, the nearest one first."""
        points, searches = self._points.view(), self._searches.view()
        # Rounds follow one another, so this column ascends.
        begin, end = np.searchsorted(searches.round, np.array([number - 1, number], dtype=np.int32)).tolist()
        up = begin + np.flatnonzero((searches.kind[begin:end] == SearchKind.UP) & (searches.child[begin:end] >= 0))
        lower, upper = searches.parent[up], searches.child[up]
        # From an index-1 point the downward searches go along its only unstable direction, both ways, already.
        right = (points.index[upper] == points.index[lower] + 1) & (points.index[lower] >= 1)
        right &= points.index[upper] <= self._slots.settings.max_index
        suggested = np.unique(confirm_slot(upper[right], lower[right], int(self._n_images > 1)))
        if self._n_images > 1:
            suggested = np.union1d(suggested, self._other_images(begin, end))
        suggested = suggested[~self._issued.has(suggested)]
        if not len(suggested):
            return suggested
        upper, lower, _ = confirmed(suggested)
        parents = np.unique(upper)
        slots, row = self._slots.downward(parents)
        found = confirm_slot(parents[row], self._child.view()[slots].astype(np.int64))
        return suggested[~np.isin(confirm_slot(upper, lower), found)]

    def due(self, number: int) -> IntArray:
        """Slots of round `number` from saddles aimed at points to which arrows are due, see `boundaries`."""
        # What later rounds found is known here when a store is resumed.
        points, searches = self._points.before(number), self._searches.before(number)
        if self._n_images > 1 or self._slots.settings.min_index > 0 or np.isnan(points.energy).any():
            return np.zeros(0, dtype=np.int64)
        upper, lower = arrows_due(points, searches, self._slots.settings.max_index)
        slots = np.unique(confirm_slot(upper, lower))
        return slots[~self._issued.has(slots)]

    def _other_images(self, begin: int, end: int) -> IntArray:
        """Slots aimed at all other images where searches `begin`, ..., `end` - 1 missed the nearest."""
        searches = self._searches.view()
        aimed = begin + np.flatnonzero(searches.kind[begin:end] == SearchKind.CONFIRM)
        missed = aimed[searches.child[aimed] != -1 - searches.ordinal[aimed]]
        upper, lower, image = confirmed(searches.slot[missed])
        nearest = np.flatnonzero(image == 1)
        others = np.arange(2, self._n_images + 1)
        return confirm_slot(upper[nearest, None], lower[nearest, None], others).ravel()
