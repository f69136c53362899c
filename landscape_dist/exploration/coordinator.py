"""The coordinator: asks for searches, is told results, decides what is new.  No I/O, no clock.

The exploration proceeds in rounds.  Round 0 runs the starts and, from every point found, all downward searches.
When these have run dry, a round of upward searches is opened, chosen by the content of the points and not by the
order in which they came, followed again by all downward searches of what it finds; and so on until a round finds
nothing new.  Then a round starts anew from random points of where all this happened.

An upward search that leads from a point S to a saddle P says that P may have an arrow to S.  Where the downward
searches of P did not end at S (their directions are the eigenvectors, and a narrow wedge between them can lead to S), a
round of its own aims from P at S.  Where S has several images that is the nearest one, and where it is missed the next
round aims at the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.exploration.copies import Copies
from landscape_dist.exploration.identification import Identification
from landscape_dist.exploration.proofs.prover import Proved, Prover
from landscape_dist.exploration.rounds import Rounds
from landscape_dist.exploration.sampling import content_hash
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.exploration.slot_sets import SlotSet
from landscape_dist.exploration.slots import Slots
from landscape_dist.exploration.tables import Column, PointTable, SearchTable
from landscape_dist.problems.domain import Domain, Unbounded
from landscape_dist.records import (
    FailureColumns,
    FloatArray,
    IntArray,
    PointColumns,
    ResultBatch,
    SearchBatch,
    SearchColumns,
    SearchKind,
    SearchStatus,
)
from landscape_dist.spaces.flat import Euclidean
from landscape_dist.spaces.judgement import SameJudgement
from landscape_dist.spaces.space import Space

BY_DISTANCE = ("distance", "per_coordinate", "periodic_coordinates")
"""Kinds of judgements by which points are the same only where they are near."""
BLOCK = 65536
"""Points whose searches are looked at together; bounds the memory."""


@dataclass(slots=True)
class Decisions:
    """What one `tell` added: new points, the searches accounted for, and the failures among them."""

    points: PointColumns
    searches: SearchColumns
    failures: FailureColumns


class Coordinator:
    """Decides which searches to make and what their results mean.

    Args:
        starts: (s, d) the user's starting points.
        settings: which searches to make.
        judgement: when two points are the same.
        n_eigenvalues: width of the eigenvalue columns.
        space: where the points live, as they are told apart; None for coordinates without periods.
        domain: where points are looked for; None for everywhere.
        lengths: (d,) typical lengths of the coordinates; None for 1.
        prover: proves what points there are, to start from those that are missed; None where that is not to be.
    """

    def __init__(
        self,
        starts: FloatArray,
        settings: ExploreSettings,
        judgement: SameJudgement,
        n_eigenvalues: int,
        space: Space | None = None,
        domain: Domain | None = None,
        lengths: FloatArray | Sequence[float] | None = None,
        prover: Prover | Proved | None = None,
    ) -> None:
        self.starts = np.atleast_2d(np.asarray(starts, dtype=np.float64))
        self.settings = settings
        self.judgement = judgement
        self.space = Euclidean(self.starts.shape[1]) if space is None else space
        self.space.check(self.starts.shape[1])
        self.dim = self.space.dim
        if settings.max_index > self.dim:
            raise SettingsError(
                f"max_index is {settings.max_index}, above the dimension {self.dim}; give at most {self.dim}"
            )
        self.n_eigenvalues = n_eigenvalues
        self.points = PointTable(self.space.n_variables, n_eigenvalues)
        self.searches = SearchTable()
        self.known = Identification(judgement, self.points)
        self._slots = Slots(self.starts, settings, self.points, self.space, lengths)
        self._hash = Column(np.uint64)
        self._child = Column(np.int32)  # where each plain slot led, -1 for nowhere yet
        self._child.extend(np.full(self._slots.n, -1, dtype=np.int32))
        self._done = SlotSet()
        self._in_flight = SlotSet()
        self._pending: dict[tuple[SearchKind, int], deque[IntArray]] = {}
        self._n_pending = 0
        where = Unbounded() if domain is None else domain
        self.prover = prover
        tables = self._slots, self.points, self.searches, self._child, self._hash
        self._rounds = Rounds(*tables, where, prover, self._find)
        self._issued = self._rounds.issued
        self._push(np.arange(len(self.starts)) * self._slots.per_start)

    # -- state ----------------------------------------------------------------------------------------------
    @property
    def round(self) -> int:
        """Number of the round that was opened last."""
        return self._rounds.number

    @property
    def slots(self) -> Slots:
        """The numbers of all searches."""
        return self._slots

    def told(self, slots: IntArray) -> NDArray[np.bool_]:
        """(n,) which of these searches were told."""
        return self._done.has(slots)

    @property
    def n_pending(self) -> int:
        """Searches known but not handed out."""
        return self._n_pending

    @property
    def n_in_flight(self) -> int:
        """Searches handed out and not told."""
        return len(self._in_flight)

    @property
    def budget_spent(self) -> bool:
        """Whether `max_searches` or `max_points` has been reached."""
        s = self.settings
        return (s.max_searches is not None and len(self.searches) >= s.max_searches) or (
            s.max_points is not None and len(self.points) >= s.max_points
        )

    @property
    def copies(self) -> Copies | None:
        """Why nothing more is handed out where there would be no end of points; None otherwise."""
        return self._rounds.copies

    @property
    def complete(self) -> bool:
        """Whether every search that there is to make has been told, or there would be no end of them."""
        if len(self._in_flight):
            return False
        if self.copies is not None:
            return True
        if not self._n_pending:
            self._open_round()
        return not self._n_pending

    @property
    def finished(self) -> bool:
        """Whether nothing more will be handed out: complete, or a budget is spent."""
        return not len(self._in_flight) and (self.budget_spent or self.complete)

    # -- ask ------------------------------------------------------------------------------------------------
    def ask(self, max_searches: int) -> SearchBatch | None:
        """Hand out up to `max_searches` searches of one kind and target index; None if there is none just now.

        Highest target first, so that levels are wide when their turn comes.
        """
        if self.budget_spent or max_searches < 1 or self.copies is not None:
            return None
        if not self._n_pending:
            if len(self._in_flight):
                return None
            self._open_round()
            if not self._n_pending:
                return None
        if self.settings.max_searches is not None:
            max_searches = min(max_searches, self.settings.max_searches - len(self.searches) - len(self._in_flight))
            if max_searches < 1:
                return None
        key = max((k for k, queue in self._pending.items() if queue), key=lambda k: (k[1], -k[0]))
        queue = self._pending[key]
        parts: list[IntArray] = []
        room = max_searches
        while queue and room:
            slots = queue.popleft()
            if len(slots) > room:
                queue.appendleft(slots[room:])
                slots = slots[:room]
            parts.append(slots)
            room -= len(slots)
        taken = np.concatenate(parts)
        self._n_pending -= len(taken)
        self._in_flight.add(taken)
        return self._slots.batch(key[0], key[1], taken)

    def forget(self, slots: Any) -> None:
        """Take back searches that were handed out and will not be told."""
        back = np.unique(np.asarray(slots, dtype=np.int64))
        back = back[self._in_flight.has(back)]
        self._in_flight.discard(back)
        if len(back):
            self._push(back)

    # -- tell -----------------------------------------------------------------------------------------------
    def tell(self, result: ResultBatch) -> Decisions:
        """Account for results; searches already told change nothing.

        Returns:
            what was added, for the journal.
        """
        first_search, first_point = len(self.searches), len(self.points)
        fresh = np.flatnonzero(~self._done.has(result.slot))
        if len(fresh):
            _, once = np.unique(result.slot[fresh], return_index=True)
            fresh = fresh[once]
        slot = result.slot[fresh]
        parent, kind, ordinal, target = self._slots.describe(slot)
        late = ~self._in_flight.has(slot) & ((kind < SearchKind.UP) | self._issued.has(slot))
        if late.any():  # they may have been forgotten
            self._withdraw(slot[late])
        self._in_flight.discard(slot)
        self._issued.add(slot[kind >= SearchKind.UP])  # news only for searches that were made under another coordinator
        status = result.status[fresh].copy()
        found = result.index[fresh] >= 0
        child = np.full(len(fresh), -1, dtype=np.int64)
        if found.any():
            child[found] = self._identify(result, fresh[found], slot[found])
        status[found & (child == parent) & (parent >= 0)] = SearchStatus.SAME_AS_PARENT
        self._mark_done(slot, child, status)
        n_steps = result.n_steps[fresh]
        rounds = np.full(len(fresh), self.round, dtype=np.int32)
        self.searches.extend(SearchColumns(slot, parent, kind, ordinal, target, status, child, n_steps, rounds))
        self._follow_starts(slot, found & (result.index[fresh] <= self.settings.max_index))
        self._enqueue_downward(first_point)
        self._rounds.look_for_copies()
        lost = np.flatnonzero(~found)
        failures = FailureColumns(
            slot[lost],
            result.x[fresh[lost]],
            result.gradient_norm[fresh[lost]],
            [result.messages.get(int(s), "") for s in slot[lost]],
        )
        return Decisions(self.points.view(first_point), self.searches.view(first_search), failures)

    def _identify(self, result: ResultBatch, rows: IntArray, slot: IntArray) -> IntArray:
        """Ids of the points at result rows; unknown ones are added."""

        def append(new: IntArray) -> None:
            of = rows[new]
            rounds = np.full(len(new), self.round, dtype=np.int32)
            names = ("x", "energy", "index", "nullity", "gradient_norm", "eigenvalues")
            about = {name: getattr(result, name)[of] for name in names}
            points = PointColumns(**about, found_by=slot[new], round=rounds)
            self.points.extend(points)
            self._number(points)

        return self.known.identify(result.x[rows], result.energy[rows], result.index[rows], append)

    def _find(self, X: FloatArray, energy: FloatArray, index: IntArray) -> IntArray:
        return self.known.find(X, energy, index.astype(np.int32))

    def settle(self) -> None:
        """Compare what is proved with what is known, for the audit."""
        if self.prover is not None:
            kind = self.judgement.as_dict().get("kind")
            self.prover.settle(self.points.view(), self._find, by_distance=kind in BY_DISTANCE)

    def _number(self, points: PointColumns) -> None:
        self._slots.add(points)
        self._child.extend(np.full(self._slots.n - len(self._child), -1, dtype=np.int32))
        self._hash.extend(content_hash(points.x))

    def _mark_done(self, slots: IntArray, child: IntArray, status: NDArray[np.int8]) -> None:
        self._done.add(slots)
        led = (slots >= 0) & (status != SearchStatus.UNDECIDED)
        self._child.view()[slots[led]] = child[led]

    # -- what comes next --------------------------------------------------------------------------------------
    def _push(self, slots: IntArray) -> None:
        """Queue slots by kind and target."""
        _, kind, _, target = self._slots.describe(slots)
        code = kind.astype(np.int64) * (self.dim + 1) + target
        for value in np.unique(code).tolist():
            key = (SearchKind(value // (self.dim + 1)), value % (self.dim + 1))
            self._pending.setdefault(key, deque()).append(slots[code == value])
        self._n_pending += len(slots)

    def _withdraw(self, slots: IntArray) -> None:
        """Take these slots out of the queues that they are in."""
        for key, queue in self._pending.items():
            parts = [part[~np.isin(part, slots)] for part in queue]
            self._n_pending -= sum(map(len, queue)) - sum(map(len, parts))
            self._pending[key] = deque(part for part in parts if len(part))

    def _enqueue_downward(self, first_point: int) -> None:
        """Queue the downward searches of the points from `first_point` on."""
        slots, _ = self._slots.downward(np.arange(first_point, len(self.points)))
        if len(slots):
            self._push(slots)

    def _follow_starts(self, slot: IntArray, found: np.ndarray) -> None:
        """A start that found nothing at one index, or only what is above all indices, tries the next lower one.

        No searches start from a point above `max_index`, so the exploration would end with it.
        """
        for i in np.flatnonzero((slot >= 0) & (slot < self._slots.n_start) & ~found).tolist():
            following = int(slot[i]) + 1
            if following % self._slots.per_start and not self._done.has(np.array([following]))[0]:
                self._push(np.array([following]))

    def _open_round(self) -> None:
        """Queue the next round, if there is to be one."""
        slots = self._rounds.open()
        if len(slots):
            self._push(np.sort(slots))

    # -- resume -----------------------------------------------------------------------------------------------
    def replay(self, points: PointColumns, searches: SearchColumns) -> None:
        """Restore the state that told these searches and found these points (from a database), and take them over.

        Must be called on a new coordinator with the same starts, settings and judgement.
        """
        if len(self.searches) or len(self.points):
            raise SettingsError("replay needs a new coordinator; this one has been told results already")
        if len(points):
            self.points.adopt(points)
            self._number(points)
            self.known.add(points)
        if int(searches.slot.max(initial=-1)) >= self._slots.n:
            raise SettingsError(
                f"replay: there is no search {searches.slot.max()} among {self._slots.n}; give the settings, starts "
                "and points that the searches were made with"
            )
        self.searches.adopt(searches)
        self._mark_done(searches.slot, searches.child, searches.status)
        self._pending.clear()
        self._n_pending = 0
        self._replay_rounds(searches)
        waiting = [self._open_starts(searches), self._issued.all()]
        for first in range(0, len(self.points), BLOCK):
            down, _ = self._slots.downward(np.arange(first, min(first + BLOCK, len(self.points))))
            waiting.append(down[~self._done.has(down)])
        slots = np.concatenate(waiting)
        self._push(slots[~self._done.has(slots)])
        self._rounds.look_for_copies()

    def _replay_rounds(self, searches: SearchColumns) -> None:
        """Reopen the rounds as they were: each chose among what the rounds before it had found."""
        last = int(searches.round.max(initial=0))
        ends = np.searchsorted(searches.round, np.arange(last + 1, dtype=np.int32), side="right")
        for number, (begin, end) in enumerate(pairwise([0, *ends.tolist()]), start=1):
            self._issued.add(searches.slot[begin:end][searches.kind[begin:end] >= SearchKind.UP])
            if number <= last:
                self._rounds.open()

    def _open_starts(self, searches: SearchColumns) -> IntArray:
        """For each start, the next index to try: the highest not tried, unless one above it found a point from which
        searches start."""
        mine = np.flatnonzero(searches.kind == SearchKind.START)
        found, open_ = np.zeros(self._slots.n_start, dtype=bool), np.ones(self._slots.n_start, dtype=bool)
        open_[searches.slot[mine]] = False
        mine = mine[searches.child[mine] >= 0]
        found[searches.slot[mine]] = self.points.view().index[searches.child[mine]] <= self.settings.max_index
        ends = (found | open_).reshape(len(self.starts), self._slots.per_start)
        first = np.arange(len(ends)) * self._slots.per_start + np.argmax(ends, axis=1)
        return np.asarray(first[open_[first]], dtype=np.int64)

    # -- invariants -------------------------------------------------------------------------------------------
    def validate(self) -> None:
        """Raise AssertionError where the state contradicts itself; called at the end of tests and runs."""
        points, searches = self.points.view(), self.searches.view()
        assert len(np.unique(searches.slot)) == len(searches), "a slot was told twice"
        assert self._done.has(searches.slot).all(), "a told slot is not marked"
        assert len(self._done) == len(searches), "a marked slot was not told"
        assert (searches.child < len(points)).all(), "a search ended at an unknown point"
        assert (searches.parent < len(points)).all(), "a search started from an unknown point"
        by = np.argsort(searches.slot)
        where = by[np.searchsorted(searches.slot[by], points.found_by)]
        assert (searches.slot[where] == points.found_by).all(), "a point's search is missing"
        assert (searches.child[where] == np.arange(len(points))).all(), "a point was not found by its search"
        waiting = np.concatenate([s for q in self._pending.values() for s in q] or [np.zeros(0, dtype=np.int64)])
        assert len(waiting) == self._n_pending == len(np.unique(waiting)), "a slot waits twice"
        assert not self._done.has(waiting).any(), "a told slot still waits"
        assert not self._in_flight.has(waiting).any(), "a slot is in flight and waits"
