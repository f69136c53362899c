"""The log of a run: a line of JSON for each thing that happened, for people with jq and for machines."""

from __future__ import annotations

import datetime
import json
import os
import socket
import time
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

from landscape_dist.errors import SettingsError
from landscape_dist.records import SearchStatus

if TYPE_CHECKING:
    from landscape_dist.campaign.status import Status
    from landscape_dist.exploration.coordinator import Decisions

SLOW_SECONDS = 30.0
"""A piece of work that is under way for longer is logged, once."""

MOST_FAILURES = 100
"""Failures of one kind that get a line each; of the others only the counts are logged, with the commits."""


class RunLog:
    """Appends to a file; every line is an object with time (ISO 8601, UTC), level, event and the event's fields.

    Events: run_started, cluster, commit, round_opened, workers_joined, workers_lost, pieces_resubmitted, slow_search,
    search_failed, run_ended.  A file that cannot be written any more is given up with a warning; the run goes on.

    Args:
        path: of the file; rotating it is left to its owner (each line is written by one call, in append mode).

    Raises:
        SettingsError: the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        try:
            self._file: int | None = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SettingsError(f"log {self.path!r} cannot be written ({reason}); give the path of a file") from error
        self._failures: Counter[int] = Counter()
        self._n_workers = 0
        self._round = 0
        self._n_resubmitted = 0
        self._slow: float | None = None

    def write(self, event: str, level: str = "info", **fields: Any) -> None:
        """One line."""
        if self._file is None:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "level": level, "event": event, **fields}, default=str) + "\n"
        try:
            os.write(self._file, line.encode())
        except OSError as error:
            self.close()
            warnings.warn(
                f"the log {self.path} cannot be written any more ({error.strerror}); the run goes on without it",
                RuntimeWarning,
                stacklevel=2,
            )

    def started(self, header: dict[str, Any], store: Any, n_points: int, n_searches: int) -> None:
        """What runs, with which settings and versions, and what the store held before."""
        fields = {name: header[name] for name in ("made_by", "start", "explore", "solver", "same")}
        self.write(
            "run_started", problem=header["problem"], store=None if store is None else str(store),
            host=socket.gethostname(), pid=os.getpid(), n_points=n_points, n_searches=n_searches, **fields,
        )  # fmt: skip

    def cluster(self, scheduler: str, dashboard: str | None) -> None:
        """The Dask cluster that the run uses, by the addresses of its scheduler and of its dashboard."""
        self.write("cluster", scheduler=scheduler, dashboard=dashboard)

    def committed(self, number: int, status: Status) -> None:
        """A commit to the store."""
        self.write(
            "commit", number=number, n_points=status.n_points, n_searches=status.n_searches, n_pending=status.n_pending,
            by_index=status.by_index, by_status=status.by_status, seconds=round(status.seconds, 3),
        )  # fmt: skip

    def decided(self, decisions: Decisions) -> None:
        """Failures with their reasons.  Searches that left the domain are only counted: that is how most climbs end."""
        if not len(decisions.failures):
            return
        searches = decisions.searches
        row_of = {slot: row for row, slot in enumerate(searches.slot.tolist())}
        for slot, message, norm in zip(
            decisions.failures.slot.tolist(), decisions.failures.message, decisions.failures.gradient_norm, strict=True
        ):
            row = row_of[slot]
            status = SearchStatus(int(searches.status[row]))
            if status in (SearchStatus.LEFT_DOMAIN, SearchStatus.ENDLESS) or self._failures[status] >= MOST_FAILURES:
                continue
            self._failures[status] += 1
            self.write(
                "search_failed", "warning", status=status.label, message=message, slot=slot,
                parent=int(searches.parent[row]), kind=int(searches.kind[row]), target_index=int(searches.target[row]),
                gradient_norm=float(norm) if norm == norm else None, n_steps=int(searches.n_steps[row]),
            )  # fmt: skip

    def status(self, status: Status) -> None:
        """What changed since the last status."""
        if status.round != self._round:
            self._round = status.round
            self.write("round_opened", round=status.round, n_points=status.n_points, n_searches=status.n_searches)
        if status.n_workers != self._n_workers:
            lost = status.n_workers < self._n_workers
            event, level = ("workers_lost", "warning") if lost else ("workers_joined", "info")
            self.write(event, level, n_workers=status.n_workers, n_before=self._n_workers)
            self._n_workers = status.n_workers
        if status.n_resubmitted != self._n_resubmitted:
            self._n_resubmitted = status.n_resubmitted
            self.write(
                "pieces_resubmitted", "warning", n_resubmitted=status.n_resubmitted, n_killed=status.n_killed,
                n_hung=status.n_hung,
            )  # fmt: skip
        slowest = status.slowest
        if slowest is not None and time.time() - slowest.since > SLOW_SECONDS:
            # one piece has one time at which it was handed out, computed from two clocks
            if self._slow is None or abs(self._slow - slowest.since) > 1.0:
                self.write("slow_search", "warning", **slowest.as_dict(), seconds=round(time.time() - slowest.since, 3))
            self._slow = slowest.since

    def ended(self, finished: bool, status: Status) -> None:
        """The end of a run: finished, or stopped by a budget or Ctrl-C."""
        self.write(
            "run_ended", finished=finished, n_points=status.n_points, n_searches=status.n_searches,
            by_index=status.by_index, by_status=status.by_status, seconds=round(status.seconds, 3),
        )  # fmt: skip

    def failed(self, error: BaseException) -> None:
        """The end of a run by an error."""
        self.write("run_ended", "error", finished=False, error=f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Harmless when repeated."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
