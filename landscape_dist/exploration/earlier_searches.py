"""Searches that were made before, told to a coordinator that would number them differently.

So landscapes are merged, extended by starts or indices, and freed of failures: a new coordinator asks as in a fresh
run, and what was found out before is its answer.  What nobody asks for (upward searches that another sample chose) is
told as well, because a point that was found must not be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landscape_dist.exploration.coordinator import Coordinator, Decisions
from landscape_dist.exploration.recipes import Recipes, downward, upward
from landscape_dist.exploration.restarts import restarts
from landscape_dist.exploration.sampling import content_hash
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.exploration.slots import (
    TOLD_RESTARTS,
    Slots,
    confirm_slot,
    confirmed,
    ranges,
    restart_slot,
    restarted,
)
from landscape_dist.exploration.tables import Column
from landscape_dist.problems.domain import Domain, Unbounded
from landscape_dist.records import (
    FailureColumns,
    FloatArray,
    IntArray,
    PointColumns,
    ResultBatch,
    SearchColumns,
    SearchKind,
    SearchStatus,
)

TOLD_TOGETHER = 50_000

FRAME_RTOL = 1e-6
"""Points closer than this, relative to their largest coordinate, have the same frame of eigenvectors."""


@dataclass(slots=True)
class MadeBefore:
    """What one earlier exploration found out.

    Attributes:
        points, searches, failures: its tables; searches that are left out will be made again.
        starts: (s, d) its starting points. settings: its policy. domain: where points were looked for.
        paths: slots of searches whose paths were kept. path: (n, d) points and (n,) times of one of them.
    """

    points: PointColumns
    searches: SearchColumns
    failures: FailureColumns
    starts: FloatArray
    settings: ExploreSettings
    domain: Domain = field(default_factory=Unbounded)
    paths: frozenset[int] = frozenset()
    path: Callable[[int], tuple[FloatArray, FloatArray]] | None = field(default=None, repr=False)


def tell_known(coordinator: Coordinator, sources: Sequence[MadeBefore]) -> Iterator[tuple[ResultBatch, Decisions]]:
    """Tell a new coordinator all that is known; it is then where a run that had found this out itself would be.

    Where several sources know a search, the first that found a point by it counts.
    """
    answers = _Answers(coordinator, sources)
    waiting = np.zeros(0, dtype=np.int64)
    while True:
        while (batch := coordinator.ask(TOLD_TOGETHER)) is not None:
            answers.recognise_restarts()
            known = answers.found(batch.slot) if len(sources) > 1 else answers.has(batch.slot)  # others may know more
            waiting = np.concatenate([waiting, batch.slot[~known]])
            if known.any():
                yield answers.tell(batch.slot[known])
        answers.recognise()
        known = answers.has(waiting)
        ready, waiting = waiting[known], waiting[~known]
        if not len(ready):
            ready = answers.unasked()
        if not len(ready):
            break
        for first in range(0, len(ready), TOLD_TOGETHER):
            yield answers.tell(ready[first : first + TOLD_TOGETHER])
    coordinator.forget(waiting)


class _Answers:
    """Which search of which source answers each slot of the coordinator."""

    def __init__(self, coordinator: Coordinator, sources: Sequence[MadeBefore]) -> None:
        self._coordinator = coordinator
        self._parts = [_Source(source, coordinator) for source in sources]
        self._part = Column(np.int16)  # by plain slot; -1 where nobody knows
        self._row = Column(np.int64)
        self._aimed: dict[int, tuple[int, int]] = {}
        self._told = coordinator.told
        for number, part in enumerate(self._parts):
            self._register(number, *part.from_starts())
        # Restarts are known by their slot, which has their number, and by where they begin.
        self._restarts: dict[tuple[int, bytes], list[tuple[int, int]]] = {}
        self._n_restarts = self._n_told_restarts = 0
        for number, part in enumerate(self._parts):
            for key, row in part.restarts():
                self._restarts.setdefault(key, []).append((number, row))

    def has(self, slots: IntArray) -> NDArray[np.bool_]:
        """(n,) which slots have an answer."""
        known = np.zeros(len(slots), dtype=bool)
        plain = (slots >= 0) & (slots < len(self._part))
        known[plain] = self._part.view()[slots[plain]] >= 0
        known[slots < 0] = [slot in self._aimed for slot in slots[slots < 0].tolist()]
        return known

    def found(self, slots: IntArray) -> NDArray[np.bool_]:
        """(n,) which slots have an answer that is a point."""
        found = self.has(slots)
        for i in np.flatnonzero(found & (slots < 0)).tolist():
            found[i] = self._is_found(*self._aimed[int(slots[i])])
        plain = np.flatnonzero(found & (slots >= 0))
        part, row = self._part.view()[slots[plain]], self._row.view()[slots[plain]]
        for number, source in enumerate(self._parts):
            here = part == number
            found[plain[here]] = source.searches.child[row[here]] >= 0
        return found

    def _is_found(self, part: int, row: int) -> bool:
        return bool(self._parts[part].searches.child[row] >= 0)

    def unasked(self) -> IntArray:
        """Slots with an answer that were not told."""
        self._tell_restarts()
        slots = np.flatnonzero(self._part.view() >= 0)
        slots = np.concatenate([np.array(sorted(self._aimed), dtype=np.int64), slots])
        slots = slots[~self._told(slots)]
        # A start that found nothing at one index counts only when those above were tried.
        starts = (slots >= 0) & (slots < self._coordinator.slots.n_start)
        keep = np.ones(len(slots), dtype=bool)
        for i in np.flatnonzero(starts).tolist():
            keep[i] = self._is_found(*self._answer(int(slots[i])))
        return slots[keep]

    def recognise_restarts(self) -> None:
        """Look for the restarts that the coordinator has made up since the last time."""
        slots, X = self._coordinator.slots.restarts()
        for i in range(self._n_restarts, len(slots)):
            same = self._restarts.pop((int(slots[i]), X[i].tobytes()), [])
            for part, row in same[:1] + [one for one in same if self._is_found(*one)][:1]:
                self._aimed[int(slots[i])] = (part, row)
        self._n_restarts = len(slots)

    def _tell_restarts(self) -> None:
        """Give slots of their own to the restarts that nobody asked for."""
        for (slot, _), same in self._restarts.items():
            _, kind, target = restarted(np.array([slot]))
            for answer in same:
                number = np.array([TOLD_RESTARTS + self._n_told_restarts])
                self._aimed[int(restart_slot(number, kind, target)[0])] = answer
                self._n_told_restarts += 1
        self._restarts.clear()

    def recognise(self) -> None:
        """Look for points of each source among those that others found meanwhile."""
        for number, part in enumerate(self._parts):
            self._learn(number, *part.find(self._coordinator))

    def tell(self, slots: IntArray) -> tuple[ResultBatch, Decisions]:
        """Tell these answers."""
        slots = np.sort(slots)
        answers = [self._answer(slot) for slot in slots.tolist()] if len(self._aimed) else None
        part, row = (
            (self._part.view()[slots], self._row.view()[slots])
            if answers is None
            else (np.array([a[0] for a in answers]), np.array([a[1] for a in answers], dtype=np.int64))
        )
        n, m = len(slots), self._coordinator.n_eigenvalues
        result = _blank(slots, self._coordinator.space.n_variables, m)
        for number, source in enumerate(self._parts):
            here = np.flatnonzero(part == number)
            if len(here):
                source.fill(result, here, row[here])
        decisions = self._coordinator.tell(result)
        assert len(decisions.searches) == n, "a known search was told twice"
        for number, source in enumerate(self._parts):
            here = np.flatnonzero((part == number) & (decisions.searches.child >= 0))
            old = source.searches.child[row[here]]
            old, once = np.unique(old, return_index=True)
            self._learn(number, old, decisions.searches.child[here][once])
        return result, decisions

    def _answer(self, slot: int) -> tuple[int, int]:
        if slot < 0:
            return self._aimed[slot]
        return int(self._part.view()[slot]), int(self._row.view()[slot])

    def _learn(self, number: int, old: IntArray, new: IntArray) -> None:
        """The points `old` of a source are the coordinator's points `new`."""
        part = self._parts[number]
        fresh = part.ids[old] < 0
        if fresh.any():
            part.ids[old[fresh]] = new[fresh]
            self._register(number, *part.numbered(old[fresh], self._coordinator))
            self._register(number, *part.aimed())

    def _register(self, number: int, rows: IntArray, slots: IntArray) -> None:
        part, n = self._parts[number], self._coordinator.slots.n
        grown = n - len(self._part)
        if grown > 0:
            self._part.extend(np.full(grown, -1, dtype=np.int16))
            self._row.extend(np.zeros(grown, dtype=np.int64))
        found = part.searches.child[rows] >= 0
        plain = slots >= 0
        before = np.full(len(slots), -1, dtype=np.int64)
        before[plain] = self._part.view()[slots[plain]]
        better = before < 0
        for other in np.unique(before[before >= 0]).tolist():
            theirs = before == other
            child = self._parts[other].searches.child
            better[theirs] = found[theirs] & (child[self._row.view()[slots[theirs]]] < 0)
        take = plain & better & ~self._told(slots)
        self._part.view()[slots[take]] = number
        self._row.view()[slots[take]] = rows[take]
        for row, slot in zip(rows[~plain].tolist(), slots[~plain].tolist(), strict=True):
            if slot not in self._aimed or not self._is_found(*self._aimed[slot]):
                self._aimed[slot] = (number, row)


class _Source:
    """One earlier exploration, with the coordinator's names for its points and searches."""

    def __init__(self, source: MadeBefore, coordinator: Coordinator) -> None:
        self.source = source
        self.searches = source.searches
        self.ids = np.full(len(source.points), -1, dtype=np.int64)
        self._new = coordinator
        kind, parent = source.searches.kind, source.searches.parent
        self._aimed_rows = np.flatnonzero(kind == SearchKind.CONFIRM)
        rows = np.flatnonzero((kind == SearchKind.DOWN) | (kind == SearchKind.UP))
        self._rows = rows[np.argsort(parent[rows], kind="stable")]
        self._first = np.searchsorted(parent[self._rows], np.arange(len(source.points) + 1))
        self._ordinals: dict[tuple[int, int, int, int], IntArray] = {}
        self._failure = np.argsort(source.failures.slot, kind="stable")

    # -- points -------------------------------------------------------------------------------------------------
    def find(self, coordinator: Coordinator) -> tuple[IntArray, IntArray]:
        """Points of unknown identity that the coordinator has, and its ids of them."""
        points = self.source.points
        left = np.flatnonzero(self.ids < 0)
        ids = coordinator.known.find(points.x[left], points.energy[left], points.index[left])
        return left[ids >= 0], ids[ids >= 0]

    def _same_frame(self, old: IntArray) -> NDArray[np.bool_]:
        """(n,) whether the coordinator's point has the same eigenvectors: not its mirror image, say."""
        x, y = self.source.points.x[old], self._new.points.x[self.ids[old]]
        return np.asarray(np.abs(x - y).max(axis=1) <= FRAME_RTOL * np.maximum(1.0, np.abs(x).max(axis=1)))

    # -- searches -----------------------------------------------------------------------------------------------
    def restarts(self) -> Iterator[tuple[tuple[int, bytes], int]]:
        """Slot and beginning of each restart, and its row; of those that were told to it, the beginning is none."""
        points, searches = self.source.points, self.searches
        rows = np.flatnonzero(searches.kind >= SearchKind.RESTART)
        if not len(rows):
            return
        new = self._new
        slots = Slots(self.source.starts, self.source.settings, new.points, new.space, new.slots.lengths)
        content = content_hash(points.x)
        for number in np.unique(searches.round[rows]).tolist():
            mine = rows[searches.round[rows] == number]
            mine = mine[searches.ordinal[mine] < TOLD_RESTARTS]
            n = int(np.searchsorted(points.round, np.int32(number)))
            known = PointColumns(*(getattr(points, name)[:n] for name in points.__slots__))
            X, _, _ = restarts(slots, searches.ordinal[mine].astype(np.int64), known, content[:n], self.source.domain)
            for row, x in zip(mine.tolist(), X, strict=True):
                yield (int(searches.slot[row]), x.tobytes()), row
        for row in rows[searches.ordinal[rows] >= TOLD_RESTARTS].tolist():
            yield (int(searches.slot[row]), b""), row

    def from_starts(self) -> tuple[IntArray, IntArray]:
        """Rows and slots of searches from starts that the coordinator has, too."""
        source, slots = self.source, self._new.slots
        place = {start.tobytes(): i for i, start in enumerate(self._new.starts + 0.0)}  # + 0.0: one zero
        number = np.array([place.get(start.tobytes(), -1) for start in source.starts + 0.0], dtype=np.int64)
        per_start = source.settings.max_index - source.settings.min_index + 1
        rows = np.flatnonzero(self.searches.kind == SearchKind.START)
        start, target = number[self.searches.slot[rows] // per_start], self.searches.target[rows]
        settings = self._new.settings
        there = (start >= 0) & (target <= settings.max_index) & (target >= settings.min_index)
        slot = start * slots.per_start + (settings.max_index - target)
        return rows[there], slot[there].astype(np.int64)

    def numbered(self, old: IntArray, coordinator: Coordinator) -> tuple[IntArray, IntArray]:
        """Rows and slots of the searches from these points of the source."""
        n = self._first[old + 1] - self._first[old]
        rows, old = self._rows[ranges(self._first[old], n)], np.repeat(old, n)
        new, kind = self.ids[old], self.searches.kind[rows]
        a, b = self.source.points, coordinator.points.view()
        code = np.stack([kind, a.index[old], a.nullity[old], b.nullity[new]], axis=1)
        ordinal = np.full(len(rows), -1, dtype=np.int64)
        groups, member = np.unique(code, axis=0, return_inverse=True)
        for g, (k, m, z, z_new) in enumerate(groups.tolist()):
            here = member.ravel() == g
            table = self._table(k, m, z, z_new)
            told = self.searches.ordinal[rows[here]]
            ordinal[here] = (
                np.where(told < len(table), table[np.minimum(told, len(table) - 1)], -1) if len(table) else -1
            )
        up = kind == SearchKind.UP
        # In another frame the same ordinal is another search: of a downward one that matters, of an upward one only
        # where it ended does.
        usable = (ordinal >= 0) & (self._same_frame(old) | (up & (self.searches.child[rows] >= 0)))
        slot = coordinator.slots.number(new[usable], up[usable], ordinal[usable])
        return rows[usable], slot

    def _table(self, kind: int, index: int, nullity: int, new_nullity: int) -> IntArray:
        """The coordinator's ordinal for each ordinal of the source; -1 where it has no such search."""
        key = (kind, index, nullity, new_nullity)
        if key not in self._ordinals:
            settings = self.source.settings
            if kind == SearchKind.UP:
                old = upward(index, nullity, self._new.dim, settings)
            else:
                old = downward(index, settings, nullity) if index <= settings.max_index else downward(0, settings)
            new = self._new.slots.recipes(SearchKind(kind), index, new_nullity)
            place = {row: i for i, row in enumerate(_rows(new))}
            self._ordinals[key] = np.array([place.get(row, -1) for row in _rows(old)], dtype=np.int64)
        return self._ordinals[key]

    def aimed(self) -> tuple[IntArray, IntArray]:
        """Rows and slots of searches that were aimed at a point, as far as both ends are known."""
        rows = self._aimed_rows
        if not len(rows):
            return rows, rows
        upper, lower = self.ids[self.searches.parent[rows]], self.ids[-1 - self.searches.ordinal[rows].astype(np.int64)]
        known = (upper >= 0) & (lower >= 0)
        self._aimed_rows = rows[~known]
        image = confirmed(self.searches.slot[rows[known]])[2]
        return rows[known], confirm_slot(upper[known], lower[known], image)

    def fill(self, result: ResultBatch, here: IntArray, rows: IntArray) -> None:
        """Put what the searches `rows` came to into the rows `here` of a result."""
        points, searches = self.source.points, self.searches
        child = searches.child[rows]
        found = child >= 0
        status, n_steps = searches.status[rows].copy(), searches.n_steps[rows]
        again = found & (status == SearchStatus.SAME_AS_PARENT)  # told anew by whom the parent is
        reached = points.index[child] == searches.target[rows]
        status[again] = np.where(reached[again], SearchStatus.CONVERGED, SearchStatus.OTHER_INDEX)
        result.status[here], result.n_steps[here] = status, n_steps
        at, of = here[found], child[found]
        for name in ("x", "energy", "index", "nullity", "gradient_norm"):
            getattr(result, name)[at] = getattr(points, name)[of]
        width = min(result.eigenvalues.shape[1], points.eigenvalues.shape[1])
        result.eigenvalues[at, :width] = points.eigenvalues[of, :width]
        self._fill_failures(result, here[~found], searches.slot[rows[~found]])
        if self.source.paths and self.source.path is not None:
            for i, slot in enumerate(searches.slot[rows].tolist()):
                if slot in self.source.paths:
                    new = int(result.slot[here[i]])
                    result.trajectories[new], result.trajectory_times[new] = self.source.path(slot)

    def _fill_failures(self, result: ResultBatch, here: IntArray, slots: IntArray) -> None:
        failures, by = self.source.failures, self._failure
        if not len(by):
            return
        place = by[np.minimum(np.searchsorted(failures.slot[by], slots), len(by) - 1)]
        there = failures.slot[place] == slots
        here, place = here[there], place[there]
        result.x[here], result.gradient_norm[here] = failures.x[place], failures.gradient_norm[place]
        for slot, row in zip(result.slot[here].tolist(), place.tolist(), strict=True):
            if failures.message[row]:
                result.messages[slot] = failures.message[row]


def _rows(recipes: Recipes) -> list[tuple[object, ...]]:
    """Recipes as values to compare."""
    return list(
        zip(recipes.target.tolist(), recipes.leave, recipes.sign, recipes.keep, recipes.repeat.tolist(), strict=True)
    )


def _blank(slots: IntArray, dim: int, n_eigenvalues: int) -> ResultBatch:
    n = len(slots)
    return ResultBatch(
        slot=slots,
        status=np.zeros(n, dtype=np.int8),
        x=np.full((n, dim), np.nan),
        energy=np.full(n, np.nan),
        index=np.full(n, -1, dtype=np.int32),
        nullity=np.zeros(n, dtype=np.int32),
        gradient_norm=np.full(n, np.nan),
        eigenvalues=np.full((n, n_eigenvalues), np.nan),
        n_steps=np.zeros(n, dtype=np.int32),
    )
