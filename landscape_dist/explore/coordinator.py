"""The coordinator: asks for searches, is told results, decides what is new.  No I/O, no clock.

The exploration proceeds in rounds.  Round 0 runs the starts and, from every point found, all downward searches.
When these have run dry, a round of upward searches is opened, chosen by the content of the points and not by the
order in which they came, followed again by all downward searches of what it finds; and so on until a round finds
nothing new.

An upward search that leads from a point S to a saddle P says that P may have an arrow to S.  Where the downward
searches of P did not end at S (their directions are the eigenvectors, and a narrow wedge between them can lead to S), a
round of its own aims from P at S.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.explore.judgement import HashIndex, SameJudgement
from landscape_dist.explore.sampling import content_hash, mixed
from landscape_dist.explore.settings import ExploreSettings
from landscape_dist.explore.slots import Slots, confirm_slot
from landscape_dist.explore.tables import SEARCH_TYPES, Column, PointTable, SearchTable
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
    """

    def __init__(
        self, starts: FloatArray, settings: ExploreSettings, judgement: SameJudgement, n_eigenvalues: int
    ) -> None:
        self.starts = np.atleast_2d(np.asarray(starts, dtype=np.float64))
        self.settings = settings
        self.judgement = judgement
        self.dim = self.starts.shape[1]
        if settings.max_index > self.dim:
            raise SettingsError(
                f"max_index is {settings.max_index}, above the dimension {self.dim}; give at most {self.dim}"
            )
        self.points = PointTable(self.dim, n_eigenvalues)
        self.searches = SearchTable()
        self.round = 0
        self._index = HashIndex(judgement)
        self._slots = Slots(self.starts, settings, self.points)
        self._hash = Column(np.uint64)
        self._done = Column(np.bool_)
        self._done.extend(np.zeros(self._slots.n, dtype=bool))
        self._confirmed: set[int] = set()  # told slots of kind CONFIRM, which are negative
        self._in_flight: set[int] = set()
        self._pending: dict[tuple[SearchKind, int], deque[IntArray]] = {}
        self._n_pending = 0
        self._issued: set[int] = set()  # slots of rounds, upward and to confirm
        self._last_upward = (0, 0)  # round and size of the last sample of upward searches
        self._push(np.arange(len(self.starts)) * self._slots.per_start)

    # -- state ----------------------------------------------------------------------------------------------
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
    def complete(self) -> bool:
        """Whether every search that there is to make has been told."""
        if self._in_flight:
            return False
        if not self._n_pending:
            self._open_round()
        return not self._n_pending

    @property
    def finished(self) -> bool:
        """Whether nothing more will be handed out: complete, or a budget is spent."""
        return not self._in_flight and (self.budget_spent or self.complete)

    # -- ask ------------------------------------------------------------------------------------------------
    def ask(self, max_searches: int) -> SearchBatch | None:
        """Hand out up to `max_searches` searches of one kind and target index; None if there is none just now.

        Highest target first, so that levels are wide when their turn comes.
        """
        if self.budget_spent or max_searches < 1:
            return None
        if not self._n_pending:
            if self._in_flight:
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
        self._in_flight.update(taken.tolist())
        return self._slots.batch(key[0], key[1], taken)

    def forget(self, slots: Any) -> None:
        """Take back searches that were handed out and will not be told."""
        back = [int(s) for s in slots if int(s) in self._in_flight]
        self._in_flight.difference_update(back)
        if back:
            self._push(np.sort(np.array(back, dtype=np.int64)))

    # -- tell -----------------------------------------------------------------------------------------------
    def tell(self, result: ResultBatch) -> Decisions:
        """Account for results; searches already told change nothing.

        Returns:
            what was added, for the journal.
        """
        first_search, first_point = len(self.searches), len(self.points)
        fresh = np.flatnonzero(~self._is_done(result.slot))
        if len(fresh):
            _, once = np.unique(result.slot[fresh], return_index=True)
            fresh = fresh[once]
        slot = result.slot[fresh]
        self._in_flight.difference_update(slot.tolist())
        self._mark_done(slot)
        parent, kind, ordinal, target = self._slots.describe(slot)
        status = result.status[fresh].copy()
        found = result.index[fresh] >= 0
        child = np.full(len(fresh), -1, dtype=np.int64)
        if found.any():
            child[found] = self._identify(result, fresh[found], slot[found])
        status[found & (child == parent) & (parent >= 0)] = SearchStatus.SAME_AS_PARENT
        n_steps = result.n_steps[fresh]
        rounds = np.full(len(fresh), self.round, dtype=np.int32)
        self.searches.extend(SearchColumns(slot, parent, kind, ordinal, target, status, child, n_steps, rounds))
        self._follow_starts(slot, found)
        self._enqueue_downward(first_point)
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
        X, energy, index = result.x[rows], result.energy[rows], result.index[rows]
        own, keys = self._index.candidates(X, energy, index)
        ids = np.full(len(rows), -1, dtype=np.int64)
        # All at once against the first candidate of each; most searches end at a known point.
        guess = np.array([next((p for key in ks for p in self._index.members(key)), -1) for ks in keys], dtype=np.int64)
        self._match(ids, np.flatnonzero(guess >= 0), guess, X, [])
        added: list[int] = []
        left = np.flatnonzero(ids < 0)
        while len(left):
            # The first of each cell goes through all candidates; the others wait and are compared with it.
            leaders = {own[i]: i for i in reversed(left.tolist())}
            for i in sorted(leaders.values()):
                ids[i] = self._identify_one(X, i, keys[i], added)
                if ids[i] < 0:
                    ids[i] = len(self.points) + len(added)
                    self._index.append(own[i], int(ids[i]))
                    added.append(i)
            left = np.flatnonzero(ids < 0)
            if len(left):
                guess[left] = [ids[leaders[own[i]]] for i in left.tolist()]
                self._match(ids, left, guess, X, added)
                left = np.flatnonzero(ids < 0)
        if added:
            new = rows[added]
            self._add_points(
                PointColumns(
                    result.x[new],
                    result.energy[new],
                    result.index[new],
                    result.nullity[new],
                    result.gradient_norm[new],
                    result.eigenvalues[new],
                    slot[added],
                    np.full(len(added), self.round, dtype=np.int32),
                )
            )
        return ids

    def _match(self, ids: IntArray, rows: IntArray, guess: IntArray, X: FloatArray, added: list[int]) -> None:
        """Accept the guesses that are right; `added` are the rows of points found new in this batch."""
        if len(rows):
            right = self.judgement.same(X[rows], self._coordinates(guess[rows], X, added))
            ids[rows[right]] = guess[rows[right]]

    def _identify_one(self, X: FloatArray, i: int, keys: list[tuple[int, ...]], added: list[int]) -> int:
        """The first candidate that equals row i, or -1."""
        near = np.array([p for key in keys for p in self._index.members(key)], dtype=np.int64)
        if not len(near):
            return -1
        points = self._coordinates(near, X, added)
        match = np.flatnonzero(self.judgement.same(np.broadcast_to(X[i], points.shape), points))
        return int(near[match[0]]) if len(match) else -1

    def _coordinates(self, ids: IntArray, X: FloatArray, added: list[int]) -> FloatArray:
        n_known = len(self.points)
        if not added:
            return self.points.x[ids]
        fresh = ids >= n_known
        out = np.empty((len(ids), self.dim))
        out[~fresh] = self.points.x[ids[~fresh]]
        out[fresh] = X[np.array(added)[ids[fresh] - n_known]]
        return out

    def _add_points(self, points: PointColumns) -> None:
        """Append points and give them their slots."""
        self.points.extend(points)
        before = self._slots.n
        self._slots.add(points)
        self._done.extend(np.zeros(self._slots.n - before, dtype=bool))
        self._hash.extend(content_hash(points.x))

    # -- what comes next --------------------------------------------------------------------------------------
    def _push(self, slots: IntArray) -> None:
        """Queue slots by kind and target."""
        _, kind, _, target = self._slots.describe(slots)
        code = kind.astype(np.int64) * (self.dim + 1) + target
        for value in np.unique(code).tolist():
            key = (SearchKind(value // (self.dim + 1)), value % (self.dim + 1))
            self._pending.setdefault(key, deque()).append(slots[code == value])
        self._n_pending += len(slots)

    def _enqueue_downward(self, first_point: int) -> None:
        """Queue the downward searches of the points from `first_point` on."""
        slots = self._slots.downward(first_point)
        if len(slots):
            self._push(slots)

    def _follow_starts(self, slot: IntArray, found: np.ndarray) -> None:
        """A start that found nothing at one index tries the next lower one."""
        for i in np.flatnonzero((slot >= 0) & (slot < self._slots.n_start) & ~found).tolist():
            following = int(slot[i]) + 1
            if following % self._slots.per_start and not self._done.view()[following]:
                self._push(np.array([following]))

    def _is_done(self, slots: IntArray) -> np.ndarray:
        done = np.zeros(len(slots), dtype=bool)
        plain = slots >= 0
        done[plain] = self._done.view()[slots[plain]]
        done[~plain] = [s in self._confirmed for s in slots[~plain].tolist()]
        return done

    def _mark_done(self, slots: IntArray) -> None:
        plain = slots >= 0
        self._done.view()[slots[plain]] = True
        self._confirmed.update(slots[~plain].tolist())

    def _open_round(self) -> None:
        """Queue the next round, if there is to be one."""
        slots = self._choose_round(self.searches.view(), len(self.points))
        # Arrows are confirmed all the same; a further sample of upward searches needs a reason.
        if len(slots) and (slots[0] < 0 or not self._fruitless()):
            self._open(slots)
            self._push(np.sort(slots))

    def _choose_round(self, searches: SearchColumns, n_points: int) -> IntArray:
        """Slots of the round after these searches had found these points: arrows to confirm, else upward searches."""
        slots = self._to_confirm(searches)
        if len(slots):
            return slots
        slots = self._upward_candidates(n_points)
        return slots[: self.settings.patience] if self.settings.upward == "auto" else slots

    def _open(self, slots: IntArray) -> None:
        """Count a round of these slots."""
        self.round += 1
        self._issued.update(slots.tolist())
        if slots[0] >= 0:
            self._last_upward = (self.round, len(slots))

    def _fruitless(self) -> bool:
        """Whether the last full sample of upward searches, and what followed it, found nothing new."""
        number, size = self._last_upward
        if self.settings.upward != "auto":
            return False
        return size >= self.settings.patience and not (self.points.view().round >= number).any()

    def _to_confirm(self, searches: SearchColumns) -> IntArray:
        """Slots of arrows that upward searches suggest and no downward search has found."""
        points = self.points.view()
        up = np.flatnonzero((searches.kind == SearchKind.UP) & (searches.child >= 0))
        lower, upper = searches.parent[up], searches.child[up]
        # From an index-1 point the downward searches go along its only unstable direction, both ways, already.
        right = (points.index[upper] == points.index[lower] + 1) & (points.index[lower] >= 1)
        right &= points.index[upper] <= self.settings.max_index
        suggested = np.unique(confirm_slot(upper[right], lower[right]))
        down = np.flatnonzero((searches.kind == SearchKind.DOWN) & (searches.child >= 0))
        known = confirm_slot(searches.parent[down], searches.child[down])
        suggested = suggested[~np.isin(suggested, known)]
        return np.array([s for s in suggested.tolist() if s not in self._issued], dtype=np.int64)

    def _upward_candidates(self, n_points: int) -> IntArray:
        """Upward slots of the first points that no round has had yet, in the order of their content's hash."""
        slots, owner, place = self._slots.upward(n_points)
        if self._issued:
            left = ~np.isin(slots, np.fromiter(self._issued, dtype=np.int64))
            slots, owner, place = slots[left], owner[left], place[left]
        return slots[np.argsort(mixed(self._hash.view()[owner], place), kind="stable")]

    # -- resume -----------------------------------------------------------------------------------------------
    def replay(self, points: PointColumns, searches: SearchColumns) -> None:
        """Restore the state that told these searches and found these points (from a database).

        Must be called on a new coordinator with the same starts, settings and judgement.
        """
        if len(self.searches) or len(self.points):
            raise SettingsError("replay needs a new coordinator; this one has been told results already")
        if len(points):
            self._index.add_many(0, points.x, points.energy, points.index)
            self._add_points(points)
        self.searches.extend(searches)
        self._mark_done(searches.slot)
        self._pending.clear()
        self._n_pending = 0
        self._replay_rounds(searches)
        down = self._slots.downward()
        rounds = np.array(sorted(self._issued), dtype=np.int64)
        waiting = np.concatenate([self._open_starts(searches), down, rounds])
        self._push(waiting[~self._is_done(waiting)])

    def _replay_rounds(self, searches: SearchColumns) -> None:
        """Reopen the rounds as they were: each chose among what the rounds before it had found."""
        found_in = self.points.view().round
        for number in range(1, int(searches.round.max(initial=0)) + 1):
            before = searches.round < number
            earlier = SearchColumns(**{f: getattr(searches, f)[before] for f in SEARCH_TYPES})
            self._open(self._choose_round(earlier, int((found_in < number).sum())))

    def _open_starts(self, searches: SearchColumns) -> IntArray:
        """For each start, the next index to try: the one after its last, unless that found a point."""
        out = []
        mine = searches.kind == SearchKind.START
        for s in range(len(self.starts)):
            rows = mine & (searches.slot // self._slots.per_start == s)
            if (searches.child[rows] >= 0).any():
                continue
            following = s * self._slots.per_start + int(rows.sum())
            if following < (s + 1) * self._slots.per_start:
                out.append(following)
        return np.array(out, dtype=np.int64)

    # -- invariants -------------------------------------------------------------------------------------------
    def validate(self) -> None:
        """Raise AssertionError where the state contradicts itself; called at the end of tests and runs."""
        points, searches = self.points.view(), self.searches.view()
        assert len(np.unique(searches.slot)) == len(searches), "a slot was told twice"
        assert self._is_done(searches.slot).all(), "a told slot is not marked"
        assert int(self._done.view().sum()) + len(self._confirmed) == len(searches), "a marked slot was not told"
        assert (searches.child < len(points)).all(), "a search ended at an unknown point"
        assert (searches.parent < len(points)).all(), "a search started from an unknown point"
        by = np.argsort(searches.slot)
        where = by[np.searchsorted(searches.slot[by], points.found_by)]
        assert (searches.slot[where] == points.found_by).all(), "a point's search is missing"
        assert (searches.child[where] == np.arange(len(points))).all(), "a point was not found by its search"
        waiting = np.concatenate([s for q in self._pending.values() for s in q] or [np.zeros(0, dtype=np.int64)])
        assert len(waiting) == self._n_pending == len(np.unique(waiting)), "a slot waits twice"
        assert not self._is_done(waiting).any(), "a told slot still waits"
        assert not self._in_flight.intersection(waiting.tolist()), "a slot is in flight and waits"
