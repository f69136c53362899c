"""Landscapes out of stores: all of one, its numbers, who wrote to it."""

from __future__ import annotations

from typing import Any

from landscape_dist.analysis.overview import Overview
from landscape_dist.campaign.header import check_header
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.errors import StoreError
from landscape_dist.store.snapshot import still_certified


def open_landscape(store: Any) -> Landscape:
    """The landscape in a store, as of its last commit; also while a run is writing to it.

    Raises:
        StoreNotFoundError: nothing is there.
        StoreFormatError: something else is there.
    """
    from landscape_dist.store.consistency import check_rows
    from landscape_dist.store.database import Database
    from landscape_dist.store.trajectories import StoredPaths

    with Database.open(store) as database:
        check_header(database.header, database.dim, str(store))
        identity = database.identity()
        snapshot = database.read()
    check_rows(snapshot.points, snapshot.searches, str(store))
    return Landscape.of(snapshot, paths=StoredPaths(store, identity))


def open_overview(store: Any) -> Overview:
    """A store in numbers, as of its last commit; errors as `open_landscape`.

    A finished landscape was counted in its last commit; an unfinished one is read.
    """
    from landscape_dist.store.database import Database

    with Database.open(store) as database:
        check_header(database.header, database.dim, str(store))
        progress = database.progress()
        known = Overview.from_state(database.header, progress.state, progress.counters, progress.final)
    return open_landscape(store).overview if known is None else known


def open_certificates(store: Any) -> dict[str, Any] | None:
    """What a store keeps of the certificates of its points, see `Certificates.summary`; errors as `open_landscape`."""
    from landscape_dist.store.database import Database

    with Database.open(store) as database:
        progress = database.progress()
    return still_certified(progress.state.get("certificates"), progress.n_points, progress.n_searches)


def keep_certificates(store: Any, summary: dict[str, Any]) -> None:
    """Keep that in a store, beside its points.

    Raises:
        StoreInUseError: a run is writing to it. StoreError: it has other points by now, or cannot be written.
    """
    from landscape_dist.store.database import Database

    with Database.open(store, "a", session={"action": "certify"}) as database:
        now = database.progress()
        if now.n_points != summary["of_points"]:
            raise StoreError(
                f"{store} has {now.n_points} points by now, and {summary['of_points']} were looked at; certify it again"
            )
        kept = summary | {"of_searches": now.n_searches}
        database.commit(now.counters, now.state | {"certificates": kept}, final=now.final)


def open_sessions(store: Any) -> list[dict[str, Any]]:
    """Who wrote to a store and when, oldest first, see `landscape_dist.store.sessions`; errors as `open_landscape`."""
    from landscape_dist.store.database import Database

    with Database.open(store) as database:
        return list(database.sessions)
