"""What a run decides, kept: counters in memory, rows in the database where there is one."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_dist.campaign.header import check_header, differences
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.campaign.run_log import RunLog
from landscape_dist.campaign.status import OnStatus, Tracker
from landscape_dist.errors import ClusterError, StoreMismatchError, StoreNotFoundError
from landscape_dist.exploration.coordinator import Coordinator, Decisions
from landscape_dist.numerics.plain_json import plain_json
from landscape_dist.pathways.trajectories import PathList
from landscape_dist.records import Counters, FailureColumns, ResultBatch, TrajectoryColumns

if TYPE_CHECKING:
    from landscape_dist.store.database import Database

# Between commits: what kill -9 can lose, against what commits cost.
COMMIT_SECONDS, COMMIT_ROWS, COMMIT_BYTES = 0.5, 50_000, 64 << 20
SILENT_SECONDS = 30.0  # a commit without results, so that those who watch the store know that the run is alive


class Journal:
    """Keeps what the coordinator decides: counters always, rows in the database where there is one."""

    def __init__(
        self, header: dict[str, Any], problem: Any, coordinator: Coordinator, database: Database | None
    ) -> None:
        self.header = header
        self.problem = problem
        self.coordinator = coordinator
        self.database = database
        self.counters = Counters()
        self.failures: list[FailureColumns] = []
        self.paths = PathList()
        self.store: Any = None
        self.finished = False
        self.tracker = Tracker(coordinator)
        self.log: RunLog | None = None
        self.running = True
        self._committed_at = time.monotonic()

    def watch(self, on_status: OnStatus | None, log: RunLog | None) -> None:
        """Tell display and log how the run goes from here on."""
        self.tracker = Tracker(self.coordinator, on_status, log)
        self.log = log
        if log is not None:
            log.started(self.header, self.store, len(self.coordinator.points), len(self.coordinator.searches))

    def resume(self) -> None:
        """Bring the coordinator to where the database is."""
        from landscape_dist.store.consistency import check_rows

        assert self.database is not None
        snapshot = self.database.read()
        check_rows(snapshot.points, snapshot.searches, str(self.store))
        self.coordinator.replay(snapshot.points, snapshot.searches)
        self.failures.append(snapshot.failures)
        self.counters = Counters(**{name: int(snapshot.counters.get(name, 0)) for name in Counters.__slots__})

    def write(self, result: ResultBatch, decisions: Decisions) -> None:
        """Take note of one result; commits when it is time."""
        self.counters.add(result.counters)
        self.failures.append(decisions.failures)
        if self.log is not None:
            self.log.decided(decisions)
        paths = _new_paths(result, decisions) if result.trajectories else None
        if self.database is None:
            if paths is not None:
                self.paths.append(paths)
            return
        self.database.append(decisions.points, decisions.searches, decisions.failures, paths)
        full = self.database.n_buffered >= COMMIT_ROWS or self.database.n_buffered_bytes >= COMMIT_BYTES
        if full or time.monotonic() - self._committed_at >= COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Make everything so far count."""
        if self.database is not None:
            # Counting all there is takes a while in large stores: done once, for `info`.
            state = self.landscape().overview.as_state() if self.finished else {}
            state |= self.tracker.as_state(running=self.running)
            self.database.commit(self.counters.as_dict(), state, final=self.finished)
            self._committed_at = time.monotonic()
            if self.log is not None:
                self.log.committed(self.database.progress().number, self.tracker.status())

    def report(self, run: Any) -> None:
        """Take note of how the run goes; where no results come for long, commit that it goes on."""
        self.tracker(run)
        if self.database is not None and time.monotonic() - self._committed_at >= SILENT_SECONDS:
            self.commit()

    def landscape(self) -> Landscape:
        """What there is now; paths that are in a store are read from there."""
        paths: Any = self.paths
        if self.database is not None:
            from landscape_dist.store.trajectories import StoredPaths

            paths = StoredPaths(self.store)
        return Landscape(
            self.header,
            self.coordinator.points.view(),
            self.coordinator.searches.view(),
            _concatenated(self.failures, self.coordinator.dim),
            self.counters.as_dict(),
            finished=self.finished,
            problem=self.problem,
            paths=paths,
        )


def _new_paths(result: ResultBatch, decisions: Decisions) -> TrajectoryColumns | None:
    """The paths of the searches that were new to the coordinator."""
    slots = [slot for slot in decisions.searches.slot.tolist() if slot in result.trajectories]
    if not slots:
        return None
    x = [result.trajectories[slot] for slot in slots]
    end = np.cumsum([len(path) for path in x], dtype=np.int64)
    time = np.concatenate([result.trajectory_times[slot] for slot in slots])
    return TrajectoryColumns(np.array(slots, dtype=np.int64), end, np.concatenate(x), time)


def _concatenated(parts: list[FailureColumns], dim: int) -> FailureColumns:
    return FailureColumns(
        np.concatenate([np.zeros(0, dtype=np.int64), *(p.slot for p in parts)]),
        np.concatenate([np.zeros((0, dim)), *(p.x for p in parts)]),
        np.concatenate([np.zeros(0), *(p.gradient_norm for p in parts)]),
        [m for p in parts for m in p.message],
    )


@contextmanager
def open_journal(
    store: Any,
    header: dict[str, Any],
    problem: Any,
    coordinator: Coordinator,
    n_eigenvalues: int,
    lease: dict[str, Any],
) -> Iterator[Journal]:
    """A journal on the store, resumed if there is something in it; whatever happens, what is known is committed.

    A store made for a run that never reached its cluster is taken away again.
    """
    if store is None:
        yield Journal(header, problem, coordinator, None)
        return
    from landscape_dist.store.database import Database

    try:
        database = Database.open(store, "a", **lease)
        known = True
    except StoreNotFoundError:
        database = Database.create(store, header, dim=problem.dim, n_eigenvalues=n_eigenvalues, **lease)
        known = False
    unused = False
    try:
        with database:
            journal = Journal(header, problem, coordinator, database)
            journal.store = store
            if known:
                check_header(database.header, database.dim, str(store))
                wrong = differences(database.header, plain_json("header", header))  # tuples come back as lists
                if wrong:
                    raise StoreMismatchError(
                        f"the store {store} holds a landscape made differently: {'; '.join(wrong)}. Use the same "
                        "problem and settings, or another store"
                    )
                journal.header = database.header
                journal.resume()
            try:
                yield journal
            except ClusterError:
                unused = not known and not len(coordinator.searches)
                raise
            finally:
                journal.running = False
                if database.is_usable:  # if a commit has failed, that error is on its way
                    journal.commit()
    finally:
        # It would only stand in the way of a run with other settings.
        if unused and isinstance(store, str | os.PathLike) and os.path.isdir(store):
            shutil.rmtree(store, ignore_errors=True)
