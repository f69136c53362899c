"""What a run decides, kept: counters in memory, rows in the database where there is one."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_dist.campaign.header import check_header, differences
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.campaign.run_log import RunLog
from landscape_dist.campaign.status import OnStatus, Tracker
from landscape_dist.errors import ClusterError, StoreMismatchError, StoreNotFoundError
from landscape_dist.exploration.coordinator import Coordinator, Decisions
from landscape_dist.numerics.plain_json import plain_json
from landscape_dist.pathways.trajectories import PathList, PathSource
from landscape_dist.records import Counters, FailureColumns, PointColumns, ResultBatch, SearchColumns, TrajectoryColumns
from landscape_dist.store.settings import Lease
from landscape_dist.store.snapshot import still_certified

if TYPE_CHECKING:
    from landscape_dist.distribute.runs.runner import RunReport
    from landscape_dist.problems.base import Problem
    from landscape_dist.store.database import Database

# Between commits: what kill -9 can lose, against what commits cost.
COMMIT_SECONDS, COMMIT_ROWS, COMMIT_BYTES = 0.5, 50_000, 64 << 20
SILENT_SECONDS = 30.0  # a commit without results, so that those who watch the store know that the run is alive


@dataclass(frozen=True, slots=True)
class _Now:
    """The tables as they are now, for `Landscape.of`."""

    header: dict[str, Any]
    points: PointColumns
    searches: SearchColumns
    failures: FailureColumns
    counters: dict[str, Any]
    finished: bool
    proof: dict[str, Any] | None
    certificates: dict[str, Any] | None


class Journal:
    """Keeps what the coordinator decides: counters always, rows in the database where there is one.

    Args:
        header: of the landscape.
        problem: of the landscape; None where it is not at hand.
        coordinator: whose decisions are written.
        database: open for writing; None keeps everything in memory.
        store: where the database is, as `explore` takes it.
        new: whether the database was made for this run.
        counters: what was evaluated before.
        on_status: called with each status of the run. log: told what happens.
    """

    def __init__(
        self,
        header: dict[str, Any],
        problem: Problem | None,
        coordinator: Coordinator,
        database: Database | None = None,
        *,
        store: Any = None,
        new: bool = True,
        counters: Counters | None = None,
        on_status: OnStatus | None = None,
        log: RunLog | None = None,
    ) -> None:
        self.header = header
        self.problem = problem
        self.coordinator = coordinator
        self.database = database
        self.store = store
        self.counters = counters or Counters()
        self.failures: list[FailureColumns] = []
        self.paths = PathList()
        self.finished = False
        listeners = ([] if log is None else [log.status]) + ([] if on_status is None else [on_status])
        self.tracker = Tracker(coordinator, listeners)
        self.log = log
        self._certificates: dict[str, Any] | None = None
        self._new = new
        self._running = True
        self._unused = False
        self._committed_at = time.monotonic()

    # -- from begin to end ----------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Bring the coordinator to where the database is.

        Raises:
            StoreMismatchError: the database is of another problem or other settings.
        """
        if self.database is not None and not self._new:
            self._resume(self.database)
        if self.log is not None:
            self.log.started(self.header, self.store, len(self.coordinator.points), len(self.coordinator.searches))

    def _resume(self, database: Database) -> None:
        from landscape_dist.store.consistency import check_rows

        check_header(database.header, database.dim, str(self.store))
        wrong = differences(database.header, plain_json("header", self.header))  # tuples come back as lists
        if wrong:
            raise StoreMismatchError(
                f"the store {self.store} holds a landscape made differently: {'; '.join(wrong)}. Use the same "
                "problem and settings, or another store"
            )
        self.header = database.header
        snapshot = database.read()
        check_rows(snapshot.points, snapshot.searches, str(self.store))
        if self.coordinator.prover is not None and snapshot.proof is not None:
            self.coordinator.prover.adopt(snapshot.proof)
        self._certificates = snapshot.certificates
        self.coordinator.replay(snapshot.points, snapshot.searches)
        self.failures.append(snapshot.failures)
        self.counters = Counters(**{name: int(snapshot.counters.get(name, 0)) for name in Counters.__slots__})

    def finish(self, error: BaseException | None = None) -> None:
        """The last commit: it says that no more is to come, and whether anything is left to do.

        Args:
            error: what ended the run; None where it came to its end.
        """
        self._running = False
        self.finished = error is None and self.coordinator.complete
        if self.finished:
            self.coordinator.settle()
        self._unused = isinstance(error, ClusterError) and self._new and not len(self.coordinator.searches)
        if self.database is not None and self.database.is_usable:  # if a commit has failed, that error is on its way
            self.commit()

    def discard_unused(self) -> None:
        """Take a store away that was made for a run which never reached its cluster.

        It would only stand in the way of a run with other settings.  To be called when the database is closed.
        """
        if self._unused and isinstance(self.store, str | os.PathLike) and os.path.isdir(self.store):
            shutil.rmtree(self.store, ignore_errors=True)

    # -- while it goes on -----------------------------------------------------------------------------------------
    def cluster(self, client: Any) -> None:
        """Take note of the Dask client that the run uses."""
        self.tracker.cluster(client)
        if self.log is not None:
            self.log.cluster(str(client.scheduler.address), self.tracker.dashboard)

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
            state |= self.tracker.as_state(running=self._running)
            kept = {"proof": self._proof(), "certificates": self._still_certified()}
            state |= {name: value for name, value in kept.items() if value is not None}
            self.database.commit(self.counters.as_dict(), state, final=self.finished)
            self._committed_at = time.monotonic()
            if self.log is not None:
                self.log.committed(self.database.progress().number, self.tracker.status())

    def report(self, run: RunReport) -> None:
        """Take note of how the run goes; where no results come for long, commit that it goes on."""
        self.tracker(run)
        if self.database is not None and time.monotonic() - self._committed_at >= SILENT_SECONDS:
            self.commit()

    def _proof(self) -> dict[str, Any] | None:
        """What is proved, as a store keeps it."""
        prover = self.coordinator.prover
        return prover.record if prover is not None and prover.asked else None

    def _still_certified(self) -> dict[str, Any] | None:
        """What was certified of the points, where there are no others since."""
        return still_certified(self._certificates, len(self.coordinator.points), len(self.coordinator.searches))

    def landscape(self) -> Landscape:
        """What there is now; paths that are in a store are read from there."""
        paths: PathSource = self.paths
        if self.database is not None:
            from landscape_dist.store.trajectories import StoredPaths

            paths = StoredPaths(self.store, self.database.identity())
        now = _Now(
            self.header,
            self.coordinator.points.view(),
            self.coordinator.searches.view(),
            _concatenated(self.failures, self.coordinator.space.n_variables),
            self.counters.as_dict(),
            self.finished,
            self._proof(),
            self._still_certified(),
        )
        return Landscape.of(now, problem=self.problem, paths=paths)


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
    problem: Problem,
    coordinator: Coordinator,
    n_eigenvalues: int,
    *,
    lease: Lease,
    session: dict[str, Any],
    on_status: OnStatus | None = None,
    log: RunLog | None = None,
    counters: Counters | None = None,
) -> Iterator[Journal]:
    """A journal on the store, resumed if there is something in it; whatever happens, what is known is committed.

    Args:
        counters: what a new run has evaluated already.
    """
    database, new = None, True
    if store is not None:
        from landscape_dist.store.database import Database

        how: dict[str, Any] = {"steal": lease.steal, "lease_seconds": lease.seconds, "session": session}
        try:
            database, new = Database.open(store, "a", **how), False
        except StoreNotFoundError:
            database = Database.create(store, header, dim=problem.dim, n_eigenvalues=n_eigenvalues, **how)
    journal = Journal(
        header, problem, coordinator, database,
        store=store, new=new, on_status=on_status, log=log, counters=counters,
    )  # fmt: skip
    try:
        with nullcontext() if database is None else database:
            journal.begin()
            try:
                yield journal
            except BaseException as error:
                journal.finish(error)
                raise
            journal.finish()
    finally:
        journal.discard_unused()
