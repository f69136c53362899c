"""The loop between a coordinator and whatever computes: this process, or Dask workers."""

from __future__ import annotations

import enum
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from landscape_dist.distribute.runs.interrupts import Interrupts
from landscape_dist.distribute.runs.packing import Coordinator, Feed, PackSizer
from landscape_dist.distribute.runs.settings import check_hang_seconds
from landscape_dist.distribute.runs.slowest import Underway
from landscape_dist.distribute.worker.isolation import Solve, Solved, solve_isolated
from landscape_dist.records import ResultBatch, SearchBatch

if TYPE_CHECKING:
    from distributed import Client

    from landscape_dist.hisd.settings import SolverSettings
    from landscape_dist.problems.base import Problem

PROGRESS_SECONDS = 0.5


class RunEnd(enum.Enum):
    """Why a run ended."""

    FINISHED = "finished"
    """The coordinator has nothing more to do."""
    STOPPED = "stopped"
    """`should_stop` said so."""
    INTERRUPTED = "interrupted"
    """Ctrl-C."""
    STARVED = "starved"
    """The coordinator hands out nothing although it is not finished: a budget is spent."""


@dataclass(slots=True)
class RunReport:
    """How a run went; while it runs, how it is going (`end` is None then).

    Attributes:
        end: why it ended. ended_by: number of the signal that is to end the process, None where none came.
        n_searches: results told to the coordinator.
        n_pieces: pieces of work they came in.
        n_in_flight: pieces handed out and not back yet.
        n_workers: worker processes at the last look; 0 for a serial run (and for a cluster that has none).
        n_resubmitted: pieces sent again because something outside of the solver failed.
        n_killed: pieces that the scheduler gave up because workers died on them.
        n_hung: pieces that hung, so that their worker was ended.
        seconds: wall time.
        slowest: the piece that has been under way longest; None where nothing is.
    """

    end: RunEnd | None = None
    ended_by: int | None = None
    n_searches: int = 0
    n_pieces: int = 0
    n_in_flight: int = 0
    n_workers: int = 0
    n_resubmitted: int = 0
    n_killed: int = 0
    n_hung: int = 0
    seconds: float = 0.0
    slowest: Underway | None = None

    @property
    def interrupted(self) -> bool:
        return self.end is RunEnd.INTERRUPTED


class Executor(Protocol):
    """What computes pieces of work."""

    n_workers: int
    n_resubmitted: int
    n_killed: int
    n_hung: int

    @property
    def n_slots(self) -> int | None: ...

    @property
    def n_in_flight(self) -> int: ...

    def has_room(self) -> bool: ...

    def is_idle(self) -> bool: ...

    def submit(self, batch: SearchBatch) -> None: ...

    def collect(self, interrupts: Interrupts) -> list[Solved]: ...

    def collect_finished(self) -> list[Solved]: ...

    def outstanding(self) -> list[SearchBatch]: ...

    def slowest(self) -> Underway | None: ...

    def close(self) -> None: ...


OnDecisions = Callable[[ResultBatch, Any], None]
OnProgress = Callable[[RunReport], None]


def run_serial(
    coordinator: Coordinator,
    problem: Problem,
    settings: SolverSettings,
    *,
    on_decisions: OnDecisions,
    batch_size: int | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_progress: OnProgress | None = None,
    solve: Solve | None = None,
) -> RunReport:
    """Run all searches in this process, one piece after the other.

    Args:
        coordinator: hands out searches and takes results.
        problem, settings: given to the solver as they are.
        on_decisions: called with each result and what the coordinator made of it; writes the journal.
        batch_size: searches a piece; default adapts to about half a second each.
        should_stop: asked before each piece.
        on_progress: called about twice a second, and at the end.
        solve: `solve(problem, batch, settings)`; default `hisd.solver.solve_batch`.

    Returns:
        RunReport. After Ctrl-C its `end` is INTERRUPTED; the piece that was running is back with the coordinator.
    """
    executor = _InlineExecutor(problem, settings, solve or _default_solve())
    sizer = PackSizer(fixed=batch_size)
    return _drive(coordinator, executor, sizer, on_decisions, should_stop, on_progress)


class DaskRunner:
    """Runs searches on the workers of a Dask cluster.

    Args:
        client: a synchronous Dask client, see `clusters.connect`.
        problem: sent to each worker once.
        settings: sent with each piece, so keep it small.
        solve: `solve(problem, batch, settings)`, importable on the workers; default `hisd.solver.solve_batch`.
        target_seconds: wanted run time of one piece.
        batch_size: searches a piece; default adapts to target_seconds.
        hang_seconds: without an evaluation that comes back for so long, a worker process is ended; None never.
    """

    def __init__(
        self,
        client: Client,
        problem: Problem,
        settings: SolverSettings,
        *,
        solve: Solve | None = None,
        target_seconds: float = 0.5,
        batch_size: int | None = None,
        hang_seconds: float | None = None,
    ) -> None:
        check_hang_seconds(hang_seconds)
        self.client = client
        self.problem = problem
        self.settings = settings
        self.solve = solve or _default_solve()
        self.sizer = PackSizer(target_seconds, fixed=batch_size)
        self.hang_seconds = hang_seconds

    def run(
        self,
        coordinator: Coordinator,
        *,
        on_decisions: OnDecisions,
        should_stop: Callable[[], bool] | None = None,
        on_progress: OnProgress | None = None,
    ) -> RunReport:
        """As `run_serial`, on the workers.  What was in flight when a run ends early is back with the coordinator.

        Raises:
            ClusterError: the scheduler was lost, or the workers cannot do anything. Everything told is journalled.
            ProblemError: the problem cannot be sent to, or loaded by, the workers.
        """
        from landscape_dist.distribute.runs.futures import DaskExecutor

        executor = DaskExecutor(self.client, self.problem, self.settings, self.solve, hang_seconds=self.hang_seconds)
        return _drive(coordinator, executor, self.sizer, on_decisions, should_stop, on_progress)


def _default_solve() -> Solve:
    from landscape_dist.hisd.solver import solve_batch

    return solve_batch


class _InlineExecutor:
    """One piece at a time, computed when it is collected."""

    n_slots: int | None = None
    n_workers = 0
    n_resubmitted = 0
    n_killed = 0
    n_hung = 0

    def __init__(self, problem: Problem, settings: SolverSettings, solve: Solve) -> None:
        self._problem = problem
        self._settings = settings
        self._solve = solve
        self._batch: SearchBatch | None = None
        self._submitted = 0.0

    @property
    def n_in_flight(self) -> int:
        return 0 if self._batch is None else 1

    def has_room(self) -> bool:
        return self._batch is None

    def is_idle(self) -> bool:
        return self._batch is None

    def submit(self, batch: SearchBatch) -> None:
        self._batch, self._submitted = batch, time.monotonic()

    def collect(self, interrupts: Interrupts) -> list[Solved]:
        if self._batch is None:
            return []
        with interrupts.allowed():
            solved = solve_isolated(self._solve, self._problem, self._batch, self._settings)
        solved.batch, self._batch = self._batch, None
        return [solved]

    def collect_finished(self) -> list[Solved]:
        return []

    def outstanding(self) -> list[SearchBatch]:
        return [] if self._batch is None else [self._batch]

    def slowest(self) -> Underway | None:
        return None if self._batch is None else Underway.of(self._batch, self._submitted)

    def close(self) -> None:
        self._batch = None


class _Ledger:
    """Hands results to the coordinator and counts; knows which results it was given and did not deliver."""

    def __init__(self, coordinator: Coordinator, sizer: PackSizer, on_decisions: OnDecisions) -> None:
        self.coordinator = coordinator
        self.sizer = sizer
        self.on_decisions = on_decisions
        self.report = RunReport()
        self.queue: deque[Solved] = deque()
        self.telling = False  # after an exception: coordinator and journal may hold different things

    def deliver(self, solved: list[Solved]) -> None:
        self.queue.extend(solved)
        while self.queue:
            piece = self.queue[0]
            if piece.clean and piece.batch is not None:
                self.sizer.record(piece.batch, piece.seconds, piece.result.cpu_seconds)
            self.telling = True
            decisions = self.coordinator.tell(piece.result)
            self.queue.popleft()
            self.report.n_searches += len(piece.result)
            self.report.n_pieces += 1
            self.on_decisions(piece.result, decisions)
            self.telling = False


def _drive(
    coordinator: Coordinator,
    executor: Executor,
    sizer: PackSizer,
    on_decisions: OnDecisions,
    should_stop: Callable[[], bool] | None,
    on_progress: OnProgress | None,
) -> RunReport:
    feed = Feed(coordinator, sizer)
    ledger = _Ledger(coordinator, sizer, on_decisions)
    progress = _Progress(ledger.report, executor, on_progress)
    with Interrupts() as interrupts:
        try:
            try:
                ledger.report.end = _loop(coordinator, executor, feed, ledger, interrupts, should_stop, progress)
            except KeyboardInterrupt:
                if ledger.telling:
                    # The second Ctrl-C, in the middle of a bookkeeping step.  Journalled after a piece that is missing,
                    # others would get its rows' ids.
                    raise
                ledger.report.end, ledger.report.ended_by = RunEnd.INTERRUPTED, interrupts.ended_by
            if ledger.report.end in (RunEnd.STOPPED, RunEnd.INTERRUPTED):
                ledger.deliver(executor.collect_finished())
        finally:
            unfinished = feed.held + executor.outstanding()
            slots = [batch.slot for batch in unfinished] + [piece.result.slot for piece in ledger.queue]
            executor.close()
            if slots:
                coordinator.forget(np.concatenate(slots))
        progress.show(force=True)
    return ledger.report


def _loop(
    coordinator: Coordinator,
    executor: Executor,
    feed: Feed,
    ledger: _Ledger,
    interrupts: Interrupts,
    should_stop: Callable[[], bool] | None,
    progress: _Progress,
) -> RunEnd:
    while True:
        if should_stop is not None and should_stop():
            return RunEnd.STOPPED
        while executor.has_room():
            piece = feed.next(executor.n_slots)
            if piece is None:
                break
            try:
                executor.submit(piece)
            except BaseException:
                feed.keep(piece)
                raise
        if executor.is_idle():
            return RunEnd.FINISHED if coordinator.finished else RunEnd.STARVED
        progress.show()  # before, as a serial run says nothing until the piece is done
        ledger.deliver(executor.collect(interrupts))


class _Progress:
    def __init__(self, report: RunReport, executor: Executor, on_progress: OnProgress | None) -> None:
        self.report = report
        self.executor = executor
        self.on_progress = on_progress
        self.started = time.monotonic()
        self.shown = 0.0

    def show(self, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self.shown < PROGRESS_SECONDS:
            return
        self.shown = now
        self.report.seconds = now - self.started
        self.report.n_in_flight = self.executor.n_in_flight
        self.report.n_workers = self.executor.n_workers
        self.report.n_resubmitted = self.executor.n_resubmitted
        self.report.n_killed = self.executor.n_killed
        self.report.n_hung = self.executor.n_hung
        self.report.slowest = self.executor.slowest()
        if self.on_progress is not None:
            self.on_progress(self.report)
