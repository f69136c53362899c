"""Pieces of work as Dask futures: what is in flight, what came back, and what to do about workers that died."""

from __future__ import annotations

import hashlib
import math
import pickle
import time
from collections import Counter, deque
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from distributed import KilledWorker, as_completed

from landscape_dist.distribute.clusters.environment import VersionCheck
from landscape_dist.distribute.clusters.healing import heal
from landscape_dist.distribute.runs.interrupts import Interrupts
from landscape_dist.distribute.runs.slowest import Underway
from landscape_dist.distribute.worker.broadcast import (
    Broadcast,
    ProblemMissingError,
    ProblemNotLoadableError,
    dump,
    run_searches,
)
from landscape_dist.distribute.worker.isolation import Solve, Solved
from landscape_dist.distribute.worker.pieces import failed, halves, take
from landscape_dist.distribute.worker.watchdog import Hang, HangWatch
from landscape_dist.errors import ClusterError, LandscapeError, ProblemError
from landscape_dist.records import SearchBatch, SearchStatus

if TYPE_CHECKING:
    from distributed import Client, Future

    from landscape_dist.hisd.settings import SolverSettings
    from landscape_dist.problems.base import Problem

POLL_SECONDS = 0.25
REFRESH_SECONDS = 2.0
SLOW_SECONDS = 10.0
STALE_SECONDS = (3.0, 45.0)
MAX_ATTEMPTS = 6
HOPELESS_LOSSES = 8
HANG_TRIES = 2

RESUME = (
    "what was committed is in the store: run the same command again, with a scheduler that is up, to go on from there"
)


@dataclass(slots=True)
class _Flight:
    future: Future[Solved]
    batch: SearchBatch
    number: int
    attempt: int
    alone: bool
    submitted: float
    one_by_one: bool = False
    done_since: float = math.inf

    def is_stale(self, now: float) -> bool:
        """Done for so long that its value will hardly arrive: longer than it ran, and longer each time."""
        low, high = STALE_SECONDS
        patience = min(max(low, self.done_since - self.submitted), high) * 2**self.attempt
        return now - self.done_since > patience


class DaskExecutor:
    """Runs pieces of work as futures of one client.

    Only a few futures are in flight; the frontier stays with the coordinator.  A piece whose workers died too often
    (KilledWorker) is halved and tried again.  A single search to which that happened waits until nothing else runs
    and is then tried alone: neighbours in the same worker processes come under suspicion too, and only a search that
    ends workers while it is alone gets the status WORKER_LOST.

    A piece that hangs is taken back as soon as its watchdog says so, and its searches run one by one, which shows the
    one that hangs; after `HANG_TRIES` times of that it gets the status HUNG.

    Attributes:
        n_slots: searches that the cluster runs at the same time (threads of all workers), at least 1.
        n_workers: worker processes at the last look, maybe 0.
        n_resubmitted: pieces sent again for whatever reason.
        n_killed: pieces given back by the scheduler because workers died on them.
        n_hung: pieces that hung.
    """

    def __init__(
        self,
        client: Client,
        problem: Problem,
        settings: SolverSettings,
        solve: Solve,
        *,
        hang_seconds: float | None = None,
        futures_per_slot: float = 2.0,
    ) -> None:
        self._client = client
        self._address = str(getattr(client.scheduler, "address", "an unknown address"))
        self._call = dump((solve, settings), "the solver or its settings")
        self._broadcast = Broadcast(client, problem)
        self._hang_watch = HangWatch(client, hang_seconds)
        self._n_hangs: Counter[int] = Counter()  # by slot
        self._key_seed = hashlib.blake2b(self._call + self._broadcast.version.encode(), digest_size=16).digest()
        self._completed = as_completed(loop=client.loop, with_results=True, raise_errors=False)
        self._futures_per_slot = futures_per_slot
        self._flights: dict[str, _Flight] = {}
        self._suspects: deque[SearchBatch] = deque()
        self._fatal: LandscapeError | None = None
        self._n_submitted = 0
        self._n_results = 0
        self._refreshed = -math.inf
        self._versions = VersionCheck(client)
        self._located: tuple[str, str | None, float] = ("", None, -math.inf)  # key, its worker, when asked
        self.n_slots = 1
        self.n_workers = 0
        self.n_resubmitted = 0
        self.n_killed = 0
        self.n_hung = 0
        try:
            self._broadcast.register()
            self._hang_watch.register()
            self._refresh()
        except BaseException:
            self.close()  # nobody else will: a run that does not start has no executor
            raise

    # -- what the loop asks ---------------------------------------------------------------------------------
    @property
    def n_in_flight(self) -> int:
        return len(self._flights)

    def has_room(self) -> bool:
        """Whether one more piece should be handed over now."""
        if any(flight.alone for flight in self._flights.values()):
            return False
        # just above two a slot the scheduler keeps what does not run in its own queue, and not on the workers
        return len(self._flights) < math.floor(self._futures_per_slot * self.n_slots) + 2

    def is_idle(self) -> bool:
        return not self._flights and not self._suspects

    def outstanding(self) -> list[SearchBatch]:
        """Everything that was submitted and did not come back."""
        return [flight.batch for flight in self._flights.values()] + list(self._suspects)

    def slowest(self) -> Underway | None:
        """The piece submitted first of those not done; its worker, if that is longer ago than `SLOW_SECONDS`."""
        waiting = [(f.submitted, key) for key, f in self._flights.items() if f.done_since == math.inf]
        if not waiting:
            return None
        submitted, key = min(waiting)
        worker = self._locate(key) if time.monotonic() - submitted > SLOW_SECONDS else None
        return Underway.of(self._flights[key].batch, submitted, worker)

    def _locate(self, key: str) -> str | None:
        """Address of the worker that has a piece; asks the scheduler at most every `SLOW_SECONDS`."""
        known, worker, asked = self._located
        if known != key or time.monotonic() - asked > SLOW_SECONDS:
            try:
                processing = self._client.processing()
            except OSError:
                processing = {}
            worker = next((str(address) for address, keys in processing.items() if key in keys), None)
            self._located = (key, worker, time.monotonic())
        return worker

    def submit(self, batch: SearchBatch) -> None:
        self._submit(batch, attempt=0, alone=False)

    def collect(self, interrupts: Interrupts) -> list[Solved]:
        """Wait a moment for results; hands back those that came, oldest submission first."""
        if not self._flights and self._suspects:
            self._submit(self._suspects[0], attempt=0, alone=True)
            self._suspects.popleft()
        with interrupts.allowed():
            self._wait()
        solved = self.collect_finished()
        if not solved:
            self._check_connection()
        self._refresh()
        self._resubmit_stale()
        return solved

    def collect_finished(self) -> list[Solved]:
        """Results that are there already."""
        landed: list[tuple[int, Solved]] = []
        troubles: list[tuple[_Flight, Any]] = []
        for hang in self._hang_watch.take():
            flight = self._flights.get(hang.key)
            solved = None if flight is None else self._handle_hang(flight, hang)
            if flight is not None and solved is not None:
                landed.append((flight.number, solved))
        for future, value in self._completed.next_batch(block=False):
            flight = self._flights.get(future.key)
            if flight is None:
                continue
            if isinstance(value, Solved):
                # a status of 'lost' does not matter: the value is here
                value.batch = flight.batch
                landed.append((flight.number, value))
                del self._flights[future.key]
            else:
                troubles.append((flight, value))
        self._n_results += len(landed)
        for flight, value in troubles:
            try:
                solved = self._handle_failure(flight, value)
            except LandscapeError as error:
                # told when the results that did arrive are safe; the flight stays outstanding
                self._fatal = self._fatal or error
                continue
            if solved is not None:
                landed.append((flight.number, solved))
        if self._fatal is not None and not landed:
            raise self._fatal
        return [solved for _, solved in sorted(landed, key=lambda pair: pair[0])]

    def close(self) -> None:
        """Cancel what is in flight; the workers need the problem no more."""
        flights = list(self._flights.values())
        self._flights.clear()
        self._suspects.clear()
        self._broadcast.release()
        if self._client.status != "running":
            return
        try:
            if flights:
                self._client.cancel([flight.future for flight in flights])
            self._hang_watch.close()
        except OSError:
            # the scheduler went away in this very moment: there is nothing left to cancel
            return

    # -- sending --------------------------------------------------------------------------------------------
    def _submit(self, batch: SearchBatch, *, attempt: int, alone: bool, one_by_one: bool = False) -> None:
        self._check_connection()
        payload = pickle.dumps(batch, protocol=5)
        # no key twice, not even after it was cancelled: Dask may still be busy with what it stood for
        n = self._n_submitted.to_bytes(8, "little")
        digest = hashlib.blake2b(payload, digest_size=16, key=self._key_seed, salt=n)
        # the '0' keeps Dask from taking an all-letter hash for a part of the prefix that all keys share
        key = f"search-0{digest.hexdigest()}"
        arguments = (self._broadcast.version, self._call, payload, self._hang_watch.topic, one_by_one)
        future = self._client.submit(run_searches, *arguments, key=key, pure=False)
        self._n_submitted += 1
        self._flights[key] = _Flight(future, batch, self._n_submitted, attempt, alone, time.monotonic(), one_by_one)
        self._completed.add(future)

    def _again(self, flight: _Flight, why: str) -> None:
        if flight.attempt + 1 >= MAX_ATTEMPTS:
            raise ClusterError(
                f"a piece of {len(flight.batch)} searches failed {MAX_ATTEMPTS} times outside of the solver on the "
                f"cluster at {self._address}; last: {why}. See the logs of the workers; {RESUME}"
            )
        self._submit(flight.batch, attempt=flight.attempt + 1, alone=flight.alone, one_by_one=flight.one_by_one)
        self.n_resubmitted += 1
        self._land(flight)

    def _land(self, flight: _Flight) -> None:
        self._flights.pop(str(flight.future.key), None)

    # -- what can go wrong ----------------------------------------------------------------------------------
    def _handle_failure(self, flight: _Flight, value: Any) -> Solved | None:
        if isinstance(value, CancelledError):
            if self._client.status != "running":
                # stays outstanding; the connection check tells the story once other results are delivered
                return None
            self._again(flight, str(value) or "cancelled")
            return None
        error = value[1] if isinstance(value, tuple) and len(value) == 3 else value
        if isinstance(error, KilledWorker):
            return self._handle_killed(flight, error)
        if isinstance(error, ProblemNotLoadableError):
            raise ProblemError(
                f"the workers of the cluster at {self._address} cannot load {error}. Install on the workers the module "
                "in which it is defined, or define it in the script itself, which is sent along"
            )
        if isinstance(error, ProblemMissingError):
            self._broadcast.register()
            self._hang_watch.register()
        self._again(flight, f"{type(error).__name__}: {error}")
        return None

    def _handle_killed(self, flight: _Flight, error: KilledWorker) -> Solved | None:
        self.n_killed += 1
        if self._n_results == 0 and self.n_killed >= HOPELESS_LOSSES:
            raise ClusterError(
                f"the workers of the cluster at {self._address} die on whatever they are given ({self.n_killed} pieces "
                "of work, no result). Look at their memory limit and at the energy; with serial=True a crash shows "
                f"where it happens; {RESUME}"
            )
        if len(flight.batch) > 1:
            for half in halves(flight.batch):
                self._submit(half, attempt=0, alone=False)
            self.n_resubmitted += 1
            self._land(flight)
            return None
        self._land(flight)
        if not flight.alone:
            self._suspects.append(flight.batch)
            return None
        times = int(getattr(error, "allowed_failures", 0)) + 1
        message = (
            f"worker processes died repeatedly while this search ran alone on its worker ({times} time"
            f"{'s' * (times > 1)} on end): a crash in the energy, or more memory than a worker has"
        )
        result = failed(flight.batch, SearchStatus.WORKER_LOST, message)
        return Solved(flight.batch, result, 0.0, clean=False)

    def _handle_hang(self, flight: _Flight, hang: Hang) -> Solved | None:
        """Take a hung piece back before the scheduler gives it to another worker, and find the search that hangs."""
        self.n_hung += 1
        with suppress(OSError):  # the scheduler went away: noticed soon
            self._client.cancel([flight.future])
        batch = flight.batch
        if len(batch) > 1 and hang.slot is None:
            step = math.ceil(len(batch) / min(len(batch), 2 * self.n_slots))
            for start in range(0, len(batch), step):
                piece = take(batch, start, min(start + step, len(batch)))
                self._submit(piece, attempt=0, alone=False, one_by_one=True)
            self.n_resubmitted += 1
            self._land(flight)
            return None
        hung = np.flatnonzero(batch.slot == hang.slot)[:1] if len(batch) > 1 else np.zeros(1, dtype=np.int64)
        one, rest = batch.select(hung), np.setdiff1d(np.arange(len(batch)), hung)
        slot = int(one.slot[0])
        self._n_hangs[slot] += 1
        if len(rest):
            self._submit(batch.select(rest), attempt=0, alone=False, one_by_one=True)
            self.n_resubmitted += 1
        if self._n_hangs[slot] < HANG_TRIES:
            self._submit(one, attempt=0, alone=False, one_by_one=True)
            self.n_resubmitted += 1
            self._land(flight)
            return None
        self._land(flight)
        message = f"{hang.message}; so {HANG_TRIES} times, each time with this search by itself"
        return Solved(one, failed(one, SearchStatus.HUNG, message), 0.0, clean=False)

    def _check_connection(self) -> None:
        if self._client.status != "running":
            raise ClusterError(f"the connection to the scheduler at {self._address} was lost; {RESUME}")

    def _resubmit_stale(self) -> None:
        """A future that is done but whose value does not arrive must not hold up the run.

        Its worker died with the value, and Dask looks for it there until its connect timeout; or fetching it broke.
        """
        now = time.monotonic()
        for flight in list(self._flights.values()):
            if flight.future.status not in ("finished", "error", "cancelled"):
                flight.done_since = math.inf
            elif flight.done_since == math.inf:
                flight.done_since = now
            elif flight.is_stale(now):
                self._again(flight, "its result could not be fetched")

    # -- looking at the cluster -----------------------------------------------------------------------------
    def _wait(self) -> None:
        condition = self._completed.thread_condition
        with condition:
            # checked under the lock that the notifier takes, so that no wake-up is missed
            if not self._completed.has_ready():
                condition.wait(POLL_SECONDS)

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._refreshed < REFRESH_SECONDS:
            return
        self._check_connection()
        try:
            threads = self._client.nthreads()
            self._versions.check(threads)
        except OSError as error:
            raise ClusterError(
                f"the scheduler at {self._address} does not answer ({type(error).__name__}: {error}); {RESUME}"
            ) from error
        self.n_workers = len(threads)
        self.n_slots = max(1, sum(threads.values()))
        heal(self._client, self.n_workers)
        self._refreshed = time.monotonic()
