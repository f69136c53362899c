"""Looking at a run through its store, from any machine that sees it."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from typing import Any

from landscape_dist.campaign.status import STATE
from landscape_dist.distribute.runs.slowest import Underway

ALIVE_SECONDS = 300.0
"""A run that goes on commits at least every half minute, but a serial one says nothing during a long search."""

GROWTH = 1.1
"""The estimate of unseen points reads all searches, so it is made again when there are so many times more of them."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at a store showed.

    Attributes:
        name: of the problem. finished: whether nothing is left to do.
        running: whether the last commit said that more is to come; None where an older version wrote the store.
        n_points, n_searches: as of the last commit.
        by_index: points by Morse index. by_status: searches by label of their status.
        rate: searches per second over the last commits, of about a minute; None where there are too few.
        seconds: wall time of the session up to the last commit; None where unknown.
        n_workers, on_cluster, n_pending, round: as in `Status`; None where unknown.
        commit: number of the last commit. commit_seconds: its age.
        slowest: what was under way longest at the last commit; None where nothing was, or where it is unknown.
        n_unseen: estimated number of points never reached (bias-corrected Chao1, see `analysis.audit`): no bound.
        host, pid, dashboard: of the process that wrote, and its Dask dashboard; None where unknown.
    """

    name: str
    finished: bool
    running: bool | None
    n_points: int
    n_searches: int
    by_index: dict[int, int]
    by_status: dict[str, int]
    rate: float | None
    seconds: float | None
    n_workers: int | None
    on_cluster: bool | None
    n_pending: int | None
    round: int | None
    commit: int
    commit_seconds: float
    slowest: Underway | None
    n_unseen: float | None
    host: str | None
    pid: int | None
    dashboard: str | None

    @property
    def silent(self) -> bool:
        """Whether there was no commit for so long that the run may be dead."""
        return not self.ended and self.commit_seconds > ALIVE_SECONDS

    @property
    def ended(self) -> bool:
        """Whether no more is to be expected."""
        return self.finished or self.running is False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        by_index = {str(index): n for index, n in self.by_index.items()}
        return asdict(self) | {"by_index": by_index, "silent": self.silent, "ended": self.ended}


class Monitor:
    """Looks at a store again and again, at the price of one small file a look.

    Args:
        store: path of the database, a Zarr store, or a URL.
    """

    def __init__(self, store: Any) -> None:
        self.store = store
        self._estimated: tuple[int, float | None] = (-1, None)  # searches then, unseen points

    def look(self) -> Sight:
        """The store as of its last commit.

        Raises:
            StoreNotFoundError: nothing is there.
            StoreFormatError: something else is there.
        """
        from landscape_dist.store.database import Database

        with Database.open(self.store) as database:
            header, progress = database.header, database.progress()
        kept = progress.state.get(STATE)
        if kept is None:
            kept = self._counted()
        recent = kept.get("recent", ())
        rate = None
        if len(recent) > 1 and recent[-1][0] > recent[0][0]:
            rate = (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])
        slowest = kept.get("slowest")
        written = datetime.datetime.fromisoformat(progress.time)
        now = datetime.datetime.now(datetime.UTC)
        return Sight(
            name=str(header["problem"]["name"]),
            finished=progress.final,
            running=kept.get("running"),
            n_points=progress.n_points,
            n_searches=progress.n_searches,
            by_index={int(index): n for index, n in kept["by_index"].items()},
            by_status=kept["by_status"],
            rate=rate,
            seconds=kept.get("seconds"),
            n_workers=kept.get("n_workers"),
            on_cluster=kept.get("on_cluster"),
            n_pending=kept.get("n_pending"),
            round=kept.get("round"),
            commit=progress.number,
            commit_seconds=max(0.0, (now - written).total_seconds()),  # the clocks of two machines differ
            slowest=None if slowest is None else Underway.from_dict(slowest),
            n_unseen=self._unseen(progress.n_searches),
            host=kept.get("host"),
            pid=kept.get("pid"),
            dashboard=kept.get("dashboard"),
        )

    def _counted(self) -> dict[str, Any]:
        """What can be counted in a store whose writer kept no status."""
        from landscape_dist.campaign.opening import open_overview

        overview = open_overview(self.store)
        return {"by_index": {k: some.n for k, some in overview.by_index.items()}, "by_status": overview.by_status}

    def _unseen(self, n_searches: int) -> float | None:
        from landscape_dist.campaign.opening import open_landscape

        then, estimate = self._estimated
        if then < 0 or n_searches >= GROWTH * then + 1:
            hits = open_landscape(self.store).audit().hits if n_searches else None
            estimate = None if hits is None or not hits.n_hits else hits.chao1 - hits.n_hit
            self._estimated = (n_searches, estimate)
        return estimate
