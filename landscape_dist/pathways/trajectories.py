"""The paths that searches took, as users get them: looked up by search, read when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import SettingsError
from landscape_dist.exploration.arrows import connecting
from landscape_dist.records import FloatArray, IntArray, SearchColumns, SearchKind, SearchStatus, TrajectoryColumns

BLOCK_BYTES = 8 << 20
"""Paths that lie side by side are read together up to this size."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The path of one search.

    Attributes:
        slot: number of the search within its landscape.
        parent: id of the point it started from, -1 for the user's start.
        child: id of the point it ended at, -1 for none.
        kind, target, status: of the search.
        x: (t, d) points of the path, thinned; first and last are exact. It starts beside its parent, by the
            perturbation.
        time: (t,) pseudo-time of the dynamics at these points.
    """

    slot: int
    parent: int
    child: int
    kind: SearchKind
    target: int
    status: SearchStatus
    x: FloatArray
    time: FloatArray

    def __len__(self) -> int:
        return len(self.x)

    def distances(self, point: ArrayLike) -> FloatArray:
        """(t,) Euclidean distances of the path's points from a point (d,).

        Against the number of steps they show how a search converged, where `trajectory_points=None` kept every step;
        see `landscape_dist.plots.convergence_figure`.

        Raises:
            SettingsError: the point has another number of variables, or cannot be read as numbers.
        """
        try:
            point = np.asarray(point, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SettingsError(f"point is {point!r}, which cannot be read as numbers ({error})") from error
        if point.shape != self.x.shape[1:]:
            raise SettingsError(f"point has shape {point.shape}; give one of the path's, {self.x.shape[1:]}")
        return np.asarray(np.linalg.norm(self.x - point, axis=1))


class PathSource(Protocol):
    """Where paths are kept: flat points, and where each path ends among them."""

    def index(self) -> tuple[IntArray, IntArray]:
        """(t,) slots and (t,) ends."""
        ...

    def points(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """(n, d) points and (n,) times, from row `start` up to `stop`."""
        ...


class PathList:
    """Paths in memory: a `PathSource`."""

    def __init__(self) -> None:
        self._slots: list[IntArray] = []
        self._ends: list[IntArray] = []
        self._x: list[FloatArray] = []
        self._time: list[FloatArray] = []
        self._n = 0

    def append(self, paths: TrajectoryColumns) -> None:
        """Keep some more paths."""
        self._slots.append(paths.slot)
        self._ends.append(self._n + paths.end)
        self._x.append(paths.x)
        self._time.append(paths.time)
        self._n += len(paths.x)

    def index(self) -> tuple[IntArray, IntArray]:
        """See `PathSource`."""
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *self._slots]), np.concatenate([none, *self._ends])

    def points(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """See `PathSource`."""
        if len(self._x) > 1:
            self._x, self._time = [np.concatenate(self._x)], [np.concatenate(self._time)]
        return self._x[0][start:stop], self._time[0][start:stop]


class Trajectories(Mapping[int, Trajectory]):
    """Paths by slot of their search, in order of arrival.  Empty unless the run was asked to `keep_trajectories`.

    Points are read from the store when a path is asked for; `of`, `values` and `items` read many at a time.
    """

    def __init__(self, source: PathSource | None, searches: SearchColumns) -> None:
        self._source = source
        self._searches = searches

    def __repr__(self) -> str:
        return f"<{len(self)} trajectories>"

    @cached_property
    def _table(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """(t,) slots, first and last + 1 row of their points, and rows of their searches."""
        none = np.zeros(0, dtype=np.int64)
        if self._source is None:
            return none, none, none, none
        slot, end = self._source.index()
        first = np.concatenate((none, [0], end))[: len(end)].astype(np.int64)
        order = np.argsort(self._searches.slot, kind="stable")
        at = np.searchsorted(self._searches.slot, slot, sorter=order)
        known = at < len(order)  # a run that goes on may have committed more than the searches that were read
        row = order[np.minimum(at, max(len(order) - 1, 0))] if len(order) else at
        if len(order):
            known &= self._searches.slot[row] == slot
        return slot[known], first[known], end[known], row[known]

    @cached_property
    def _position(self) -> dict[int, int]:
        return {slot: i for i, slot in enumerate(self._table[0].tolist())}

    def __len__(self) -> int:
        return len(self._table[0])

    def __iter__(self) -> Iterator[int]:
        return iter(self._table[0].tolist())

    def __contains__(self, slot: object) -> bool:
        return slot in self._position

    def __getitem__(self, slot: int) -> Trajectory:
        return next(self._read(np.array([self._position[slot]])))

    def of(
        self,
        *,
        slots: Iterable[int] | None = None,
        kind: SearchKind | Iterable[SearchKind] | None = None,
        parent: int | None = None,
        child: int | None = None,
        connecting_only: bool = False,
    ) -> Iterator[Trajectory]:
        """The paths of certain searches, in order of arrival, read block by block.

        Args:
            slots: of these searches. kind: of this kind, or these. parent, child: from or to the point of this id.
            connecting_only: only those that make the arrows of the landscape.

        Raises:
            SettingsError: a slot of which no path was kept.
        """
        _, _, _, row = self._table
        chosen = np.ones(len(row), dtype=bool)
        s = self._searches
        if slots is not None:
            wanted = [int(slot) for slot in slots]
            for slot in wanted:
                if slot not in self:
                    raise no_path(slot, len(self))
            chosen &= np.isin(self._table[0], wanted)
        if kind is not None:
            chosen &= np.isin(s.kind[row], [kind] if isinstance(kind, SearchKind) else list(kind))
        if parent is not None:
            chosen &= s.parent[row] == parent
        if child is not None:
            chosen &= s.child[row] == child
        if connecting_only:
            chosen &= connecting(s)[row]
        return self._read(np.flatnonzero(chosen))

    def values(self) -> Iterator[Trajectory]:  # type: ignore[override]
        """All paths, one after another."""
        return self._read(np.arange(len(self)))

    def items(self) -> Iterator[tuple[int, Trajectory]]:  # type: ignore[override]
        """(slot, path) of all paths."""
        return ((path.slot, path) for path in self.values())

    def _read(self, positions: IntArray) -> Iterator[Trajectory]:
        """Paths at positions of the table, ascending; neighbours are read together."""
        slot, first, end, row = self._table
        s = self._searches
        begin = 0
        while begin < len(positions):
            assert self._source is not None
            stop = begin + 1
            bytes_each = 8 * (self._width + 1)
            while (
                stop < len(positions)
                and positions[stop] == positions[stop - 1] + 1
                and (end[positions[stop]] - first[positions[begin]]) * bytes_each <= BLOCK_BYTES
            ):
                stop += 1
            base = int(first[positions[begin]])
            x, time = self._source.points(base, int(end[positions[stop - 1]]))
            for i in positions[begin:stop].tolist():
                piece, r = slice(first[i] - base, end[i] - base), row[i]
                yield Trajectory(
                    int(slot[i]), int(s.parent[r]), int(s.child[r]), SearchKind(int(s.kind[r])), int(s.target[r]),
                    SearchStatus(int(s.status[r])), x[piece], time[piece],
                )  # fmt: skip
            begin = stop

    @cached_property
    def _width(self) -> int:
        assert self._source is not None
        return int(self._source.points(0, 1)[0].shape[-1])


def no_path(slot: int, n: int) -> SettingsError:
    """The error for a search of which no path was kept; n is how many there are."""
    why = "this search has none among them" if n else "none was kept in this run; explore with keep_trajectories=True"
    return SettingsError(f"no trajectory of search {slot}: {why}")
