"""How a run is going, on stderr: a live display on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from landscape_dist.cli.guard import note

if TYPE_CHECKING:
    from rich.live import Live as RichLive
    from rich.table import Table

    from landscape_dist.campaign.status import Status

LINE_SECONDS = 5.0
RATE_SECONDS = 5.0
SLOW_SECONDS = 10.0
"""A piece of work that is under way for longer is mentioned."""


LONELY_SECONDS = 120.0
"""After so long, a cluster that has no workers is wondered about."""


class Progress(Protocol):
    """What a run tells how it goes."""

    started: bool

    def __call__(self, status: Status) -> None: ...


class Silent:
    """Shows nothing.

    Attributes:
        started: whether the run told anything yet.
    """

    def __init__(self) -> None:
        self.started = False

    def __call__(self, status: Status) -> None:
        self.started = True


class Rate:
    """Searches per second over the last few seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, seconds: float, n_searches: int) -> float | None:
        """The rate with this new count; None while there is nothing to compare with."""
        self._seen.append((seconds, n_searches))
        while len(self._seen) > 2 and self._seen[1][0] < seconds - RATE_SECONDS:
            self._seen.popleft()
        elapsed = seconds - self._seen[0][0]
        return (n_searches - self._seen[0][1]) / elapsed if elapsed > 0 else None


class Lines:
    """A plain line every few seconds."""

    def __init__(self) -> None:
        self.started = False
        self._rate = Rate()
        self._shown = 0.0
        self._dashboard: str | None = None

    def __call__(self, status: Status) -> None:
        self.started = True
        if status.dashboard != self._dashboard:
            self._dashboard = status.dashboard
            note(f"dashboard: {status.dashboard}")
        rate = self._rate.update(status.seconds, status.n_searches)
        if status.seconds - self._shown >= LINE_SECONDS:
            self._shown = status.seconds
            note(line(status, rate))


class Live:
    """A display that is redrawn in place."""

    def __init__(self, live: RichLive, name: str) -> None:
        self.started = False
        self._live = live
        self._name = name
        self._rate = Rate()
        self._shown: tuple[Status, float | None] | None = None

    def __call__(self, status: Status) -> None:
        self.started = True
        self._shown = (status, self._rate.update(status.seconds, status.n_searches))
        self._live.update(self)

    def __rich__(self) -> str | Table:
        # drawn anew four times a second, also while a serial run is silent in a long search
        return "" if self._shown is None else display(self._name, *self._shown)


@contextmanager
def progress(name: str, quiet: bool) -> Iterator[Progress]:
    """What to give to `explore` as `on_status`.

    Args:
        name: of the problem. quiet: show nothing.
    """
    if quiet:
        yield Silent()
    elif not sys.stderr.isatty():
        yield Lines()
    else:
        from rich.console import Console
        from rich.live import Live as RichLive

        with RichLive(console=Console(stderr=True), transient=True, refresh_per_second=4) as live:
            yield Live(live, name)


def line(status: Status, rate: float | None) -> str:
    """Everything in one line of plain text."""
    parts = [
        f"{status.seconds:.0f} s",
        f"{status.n_points:,} points ({by_index(status)})",
        f"{status.n_searches:,} searches ({by_status(status)})",
        "" if rate is None else f"{rate:,.0f}/s",
        f"{status.n_pending:,} pending",
        workers(status),
        slow(status),
    ]
    return "  ".join(part for part in parts if part)


def display(name: str, status: Status, rate: float | None) -> Table:
    """The same as a rich table."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    table.add_row(name, f"{status.seconds:.0f} s, {workers(status)}")
    table.add_row("points", f"{status.n_points:,}   by index  {by_index(status)}")
    table.add_row("searches", f"{status.n_searches:,}   {by_status(status)}")
    speed = "" if rate is None else f"{rate:,.0f} searches/s, "
    table.add_row("to do", f"{speed}{status.n_pending:,} pending, {status.n_in_flight:,} under way")
    if slow(status):
        table.add_row("", slow(status))
    if status.dashboard:
        table.add_row("dashboard", status.dashboard)
    return table


def by_index(status: Status) -> str:
    """'0: 64, 1: 192'."""
    return ", ".join(f"{index}: {n:,}" for index, n in sorted(status.by_index.items())) or "none yet"


def by_status(status: Status) -> str:
    """'3,060 converged, 105 left_domain'."""
    return ", ".join(f"{n:,} {label}" for label, n in status.by_status.items()) or "none yet"


def slow(status: Status) -> str:
    """What takes long at the moment; nothing where nothing does."""
    now = time.time()
    if status.slowest is None or now - status.slowest.since < SLOW_SECONDS:
        return ""
    return f"longest under way: {status.slowest.text(now)}"


def workers(status: Status) -> str:
    """Where it is computed."""
    if status.n_workers == 0 and not status.on_cluster:
        return "in this process"
    there = f"{status.n_workers} worker{'s' * (status.n_workers != 1)}"
    if status.n_workers == 0 and status.seconds >= LONELY_SECONDS:
        # A job that fails at once looks like one that waits in the queue.
        return f"{there}: jobs may be queued, or fail; `landscape-dist cluster check FILE` tells which"
    return there
