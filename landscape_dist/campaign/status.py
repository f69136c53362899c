"""How an exploration is going: for displays, for the log, and for those who watch its store from elsewhere."""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_dist.distribute.runs.slowest import Underway
from landscape_dist.records import SearchStatus

if TYPE_CHECKING:
    from landscape_dist.distribute.runs.runner import RunReport
    from landscape_dist.exploration.coordinator import Coordinator

STATE = "status"
"""Its place in the state of a store's commit."""

RECENT_SECONDS, MOST_RECENT = 5.0, 13
"""Commits that a rate is computed from: so far apart, so many."""


@dataclass(slots=True)
class Status:
    """How an exploration is going; what progress displays get.

    Attributes:
        by_index: points found, by Morse index. by_status: searches, by label of their status.
        n_points, n_searches, n_pending, n_in_flight: as the coordinator has them.
        n_workers: worker processes, 0 for a serial run. on_cluster: tells that from a cluster that has none.
        seconds: wall time of this session.
        round: number of the last round of searches that was opened.
        n_resubmitted, n_killed, n_hung: pieces of work sent again, given up because workers died, hung.
        slowest: what has been under way longest; None where nothing is.
        dashboard: address of the Dask dashboard; None where there is none.
    """

    by_index: dict[int, int]
    by_status: dict[str, int]
    n_points: int
    n_searches: int
    n_pending: int
    n_in_flight: int
    n_workers: int
    seconds: float
    round: int = 0
    n_resubmitted: int = 0
    n_killed: int = 0
    n_hung: int = 0
    slowest: Underway | None = None
    dashboard: str | None = None
    on_cluster: bool = False


OnStatus = Callable[[Status], None]


class Tracker:
    """Counts as a run goes on, at a cost in proportion to what is new, and tells who wants to know.

    Args:
        coordinator: of the run. listeners: called with each status.
    """

    def __init__(self, coordinator: Coordinator, listeners: Sequence[OnStatus] = ()) -> None:
        self.dashboard: str | None = None
        self._on_cluster = False
        self._coordinator = coordinator
        self._listeners = listeners
        self._by_index = np.zeros(coordinator.dim + 1, dtype=np.int64)
        self._by_status = np.zeros(len(SearchStatus), dtype=np.int64)
        self._n_points = 0
        self._n_searches = 0
        self._recent: deque[tuple[float, int]] = deque(maxlen=MOST_RECENT)
        self._started = time.monotonic()
        self._run: RunReport | None = None

    def cluster(self, client: Any) -> None:
        """Take note of the Dask cluster that the run uses."""
        self._on_cluster = True
        ours = client.cluster is not None  # and its dashboard would only say that bokeh is missing
        if not ours or importlib.util.find_spec("bokeh") is not None:
            with suppress(AttributeError, KeyError, ValueError, OSError):  # it has none
                self.dashboard = client.dashboard_link

    def __call__(self, run: RunReport) -> None:
        """Take note of how the run goes, and tell who wants to know."""
        self._run = run
        if self._listeners:
            status = self.status()
            for listener in self._listeners:
                listener(status)

    def status(self) -> Status:
        """As of now."""
        points, searches = (
            self._coordinator.points.view(self._n_points),
            self._coordinator.searches.view(self._n_searches),
        )
        self._by_index += np.bincount(points.index, minlength=len(self._by_index))
        self._by_status += np.bincount(searches.status, minlength=len(self._by_status))
        self._n_points += len(points)
        self._n_searches += len(searches)
        status = Status(
            {index: n for index, n in enumerate(self._by_index.tolist()) if n},
            {s.label: int(self._by_status[s]) for s in SearchStatus if self._by_status[s]},
            self._n_points,
            self._n_searches,
            self._coordinator.n_pending,
            self._coordinator.n_in_flight,
            0,
            time.monotonic() - self._started,
            self._coordinator.round,
            dashboard=self.dashboard,
            on_cluster=self._on_cluster,
        )
        run = self._run
        if run is not None:
            status.n_workers, status.slowest = run.n_workers, run.slowest
            status.n_resubmitted, status.n_killed, status.n_hung = run.n_resubmitted, run.n_killed, run.n_hung
        return status

    def as_state(self, running: bool) -> dict[str, Any]:
        """For the state of a store's commit, below 2 kB; `landscape_dist.campaign.monitor` reads it.

        Args:
            running: whether more is to come.
        """
        status, now = self.status(), time.time()
        # The last entry is always this commit; those before it stay some seconds apart.
        if len(self._recent) > 1 and self._recent[-1][0] - self._recent[-2][0] < RECENT_SECONDS:
            self._recent.pop()
        self._recent.append((now, status.n_searches))
        names = (
            "n_pending", "n_in_flight", "n_workers", "on_cluster", "seconds", "round",
            "n_resubmitted", "n_killed", "n_hung",
        )  # fmt: skip
        kept: dict[str, Any] = {name: getattr(status, name) for name in names}
        kept |= {
            "running": running,
            "by_index": {str(index): n for index, n in status.by_index.items()},
            "by_status": status.by_status,
            "slowest": status.slowest.as_dict() if running and status.slowest is not None else None,
            "recent": list(self._recent),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "dashboard": self.dashboard,
        }
        return {STATE: kept}
