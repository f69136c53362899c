"""`landscape-dist watch`: how a run is going, seen from any machine that sees its store."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from landscape_dist.cli.guard import Debug, guarded
from landscape_dist.cli.stores import Store
from landscape_dist.errors import SettingsError

if TYPE_CHECKING:
    from rich.table import Table

    from landscape_dist.campaign.monitor import Sight


@guarded
def watch(
    store: Store,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each look.")] = False,
    interval: Annotated[float, typer.Option(metavar="SECONDS", help="Time between two looks.")] = 2.0,
    debug: Debug = False,
) -> None:
    """Say how a run is going, from any machine that sees its store; ends when the run does.

    Rate, points by index, searches by how they ended, workers, the search under way longest, an estimate of points not
    seen yet, and how long ago the last commit was. The run is not asked, so a run that was killed looks like one that
    is silent.
    """
    from landscape_dist.campaign.monitor import Monitor

    if not 0.1 <= interval <= 86400:
        raise SettingsError(f"--interval is {interval}; give a number of seconds from 0.1 to 86400")
    monitor = Monitor(store)
    sight = monitor.look()
    if as_json or once or not sys.stdout.isatty():
        while True:
            typer.echo(json.dumps(sight.as_dict(), allow_nan=False) if as_json else text(store, sight))
            if once or sight.ended:
                return
            time.sleep(interval)
            sight = monitor.look()
    from rich.live import Live

    with Live(display(store, sight), refresh_per_second=4) as live:
        while not sight.ended:
            time.sleep(interval)
            sight = monitor.look()
            live.update(display(store, sight))


def rows(store: str, sight: Sight) -> list[tuple[str, str]]:
    """Labels and texts of what is shown."""
    found = ", ".join(f"{index}: {n:,}" for index, n in sorted(sight.by_index.items())) or "none yet"
    ended = ", ".join(f"{n:,} {label}" for label, n in sight.by_status.items()) or "none yet"
    shown = [
        (sight.name, f"{state(sight)}   {store}"),
        ("points", f"{sight.n_points:,}   by index  {found}"),
        ("searches", f"{sight.n_searches:,}   {ended}"),
    ]
    speed = [] if sight.rate is None else [f"{sight.rate:,.1f} searches/s over the last commits"]
    if sight.n_pending is not None:
        speed.append(f"{sight.n_pending:,} pending")
    if sight.round:
        speed.append(f"round {sight.round}")
    if speed and not sight.finished:
        shown.append(("to do", ", ".join(speed)))
    if sight.n_unseen is not None:
        shown.append(("unseen", f"about {sight.n_unseen:,.0f} more points by the hits so far (Chao1; no bound)"))
    if sight.seconds is not None:
        n = sight.n_workers or 0
        place = f"on {n} worker{'s' * (n != 1)}" if n or sight.on_cluster else "in one process"
        where = f", process {sight.pid} on {sight.host}" if sight.host else ""
        shown.append(("session", f"{duration(sight.seconds)} {place}{where}"))
    if sight.slowest is not None and not sight.ended:
        shown.append(("slowest", sight.slowest.text(time.time())))
    if sight.dashboard and not sight.ended:
        shown.append(("dashboard", sight.dashboard))
    age = f"number {sight.commit}, {duration(sight.commit_seconds)} ago" if sight.commit else "none yet"
    if sight.silent:
        age += f"; no commit for {duration(sight.commit_seconds)}: is the run alive?"
    return [*shown, ("commit", age)]


def state(sight: Sight) -> str:
    """In a word."""
    if sight.finished:
        return "finished"
    if sight.running is False:
        return "stopped; run the same command again to go on"
    return "silent" if sight.silent else "running"


def text(store: str, sight: Sight) -> str:
    """Plain lines."""
    shown = rows(store, sight)
    width = max(len(label) for label, _ in shown) + 3
    return "\n".join(f"{label + ':':<{width}}{value}" for label, value in shown)


def display(store: str, sight: Sight) -> Table:
    """The same as a rich table."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    for label, value in rows(store, sight):
        table.add_row(Text(label), Text(value, style="yellow" if label == "commit" and sight.silent else ""))
    return table


def duration(seconds: float) -> str:
    """'42 s', '5 min', '3 h 20 min', '2 d 4 h'."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
