"""Which searches each round makes: to confirm arrows, upward, from random points; and when there have been enough.

A round is chosen by what the rounds before it found, so it is the same in every order of arrival and in every resume.
"""

from __future__ import annotations

import numpy as np

from landscape_dist.exploration.confirming import ConfirmingSearches
from landscape_dist.exploration.copies import Copies, copies_without_end
from landscape_dist.exploration.proofs.prover import Find, Proved, Prover
from landscape_dist.exploration.restarts import Restarts
from landscape_dist.exploration.slot_sets import SlotSet
from landscape_dist.exploration.slots import Slots
from landscape_dist.exploration.tables import Column, PointTable, SearchTable
from landscape_dist.exploration.upward import UpwardSearches
from landscape_dist.problems.domain import Domain, Unbounded
from landscape_dist.records import IntArray

LEAST_BOXES, BOXES_AN_ITERATION, BOXES_A_STEP, BOXES_A_RESTART = 2000, 10, 0.01, 36
"""Boxes that cost less than half of what searches do: of an iteration of many together, of a step of one of very many;
and as much as a restart."""
FIRST_LOOK = 16
"""Points at which copies are looked for first."""


class Rounds:
    """Chooses rounds, one after another.

    Args:
        slots, points, searches: of the coordinator.
        child: where each plain slot led, -1 for nowhere yet.
        content: hash of each point.
        domain: where points are looked for.
        prover: proves what points there are; None where that is not to be.
        find: ids of known points.

    Attributes:
        number: of the last round opened. issued: slots upward, to confirm and of restarts that a round opened, or that
            were told without one. copies: why no more rounds are opened, where there would be no end to them.
    """

    def __init__(
        self,
        slots: Slots,
        points: PointTable,
        searches: SearchTable,
        child: Column,
        content: Column,
        domain: Domain,
        prover: Prover | Proved | None = None,
        find: Find | None = None,
    ) -> None:
        self.number = 0
        self._slots = slots
        self._searches = searches
        self._prover = prover
        self._find = find
        self.issued = SlotSet()
        self._settings = slots.settings
        self._points = points
        limit = self._settings.patience if self._settings.upward == "auto" else None
        self._upward = UpwardSearches(slots, content, self.issued, limit)
        self._confirming = ConfirmingSearches(slots, points, searches, child, self.issued)
        self._restarts = Restarts(slots, points, searches, content, domain)
        self._bounded = not isinstance(domain, Unbounded)
        self.copies: Copies | None = None
        self._looked_at = FIRST_LOOK // 2
        self._last_upward = (0, 0)  # round and size of the last sample of upward searches

    def open(self) -> IntArray:
        """Slots of the next round; none where there is to be none."""
        number = self.number + 1
        self.look_for_copies()
        if self.copies is not None:
            return np.zeros(0, dtype=np.int64)
        slots = self._confirming.take(number)
        # Arrows are confirmed all the same; a further sample of upward searches needs a reason.
        if not len(slots) and not self._fruitless(number):
            slots = self._upward.take(self._n_points_before(number))
            if len(slots):
                self._last_upward = (number, len(slots))
        if not len(slots):
            slots = self._proved(number)
        if not len(slots) and not (self._prover is not None and self._prover.complete):
            slots = self._restarts.take(number)
        if not len(slots) and self._settings.restarts != "none":
            slots = self._confirming.due(number)
        if len(slots):
            self.number = number
            self.issued.add(slots)
        return slots

    def _proved(self, number: int) -> IntArray:
        """Searches from points that are proved and were missed, before others are made at random."""
        prover, settings = self._prover, self._settings
        # Who asks for one index, or for no searches but those that lead down, asks for no whole landscape.
        asked = settings.prove != "auto" or (settings.upward != "none" and settings.restarts != "none")
        if prover is None or self._find is None or not asked or not settings.max_index > settings.min_index:
            return np.zeros(0, dtype=np.int64)
        n_known = self._n_points_before(number)
        starts = prover.starts(number, self._worth(number), self._find, n_known)
        return self._slots.add_proved(*starts)

    def _worth(self, number: int) -> int:
        """How many boxes a proof may look at before round `number`.

        Searches of a round, kind and target are made together: what they cost is mostly the steps of the longest.
        Where nothing bounds the domain many restarts are made, which a proof saves.
        """
        searches = self._searches.before(number)
        code = (searches.round.astype(np.int64) * 16 + searches.kind) * (1 + self._settings.max_index) + searches.target
        _, group = np.unique(code, return_inverse=True)
        longest = np.zeros(1 + int(group.max(initial=-1)))
        np.maximum.at(longest, group, searches.n_steps)
        saved = 0 if self._bounded else BOXES_A_RESTART * self._restarts.planned(number)
        return int(LEAST_BOXES + BOXES_AN_ITERATION * longest.sum() + BOXES_A_STEP * searches.n_steps.sum() + saved)

    def look_for_copies(self) -> None:
        """Look for copies without end among the points, as often as these have doubled."""
        if self.copies is None and len(self._points) >= 2 * self._looked_at:
            self._looked_at = len(self._points)
            self.copies = copies_without_end(self._points.view(), bounded=self._bounded)

    def _fruitless(self, number: int) -> bool:
        """Whether the last full sample of upward searches, and what followed it, found nothing new."""
        last, size = self._last_upward
        if self._settings.upward != "auto" or size < self._settings.patience:
            return False
        return self._n_points_before(last) == self._n_points_before(number)

    def _n_points_before(self, number: int) -> int:
        return len(self._points.before(number))
