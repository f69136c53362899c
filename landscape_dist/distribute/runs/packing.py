"""How many searches go into a piece of work, and which come next."""

from __future__ import annotations

import math
from typing import Protocol

from landscape_dist.distribute.worker.pieces import take
from landscape_dist.errors import SettingsError
from landscape_dist.records import IntArray, ResultBatch, SearchBatch


class Coordinator(Protocol):
    """What the runners need from `exploration.coordinator`."""

    @property
    def finished(self) -> bool: ...

    @property
    def n_pending(self) -> int: ...

    def ask(self, max_searches: int) -> SearchBatch | None: ...

    def tell(self, result: ResultBatch) -> object: ...

    def forget(self, slots: IntArray) -> None: ...


WAITING = 0.05
"""Pieces that compute for a smaller part of their time than this wait for something else than a processor."""

PIECES_PER_SECOND = 150
"""So many pieces a second cost the process that hands them out about 0.4 CPU seconds (client, scheduler and coordinator
together): with many workers, pieces are larger instead of more."""


class PackSizer:
    """How many searches go into one piece of work.

    Pieces of `target_seconds` keep Dask's overhead (about 2 ms a future) small and progress visible.  What a search
    costs is learned from finished pieces, per target index and kind; sizes grow at most `growth`-fold from one
    finished piece to the next, so that a few lucky searches do not lead to a piece that runs for an hour.

    Args:
        target_seconds: wanted run time of a piece, in seconds; more than 75 workers get larger ones, so that no more
            than `PIECES_PER_SECOND` are handed out.
        floor_seconds: work shorter than this is not divided further for the sake of idle workers. Where processors are
            shared, CPU seconds count: smaller pieces, in which a search costs more, would only add to the load.
        probe: searches in the first pieces, while nothing is known at all. Where only the kind or target is new, the
            cost of the others counts, with a factor of four for the doubt.
        max_searches, max_bytes: upper limits of a piece.
        fixed: if given, every piece has this many searches.
    """

    def __init__(
        self,
        target_seconds: float = 0.5,
        *,
        floor_seconds: float = 0.05,
        probe: int = 32,
        growth: int = 8,
        max_searches: int = 16384,
        max_bytes: int = 4 << 20,
        fixed: int | None = None,
    ) -> None:
        if not (math.isfinite(target_seconds) and target_seconds > 0):
            raise SettingsError(f"target_seconds is {target_seconds!r}; give a positive number of seconds")
        if fixed is not None and fixed < 1:
            raise SettingsError(f"batch_size is {fixed!r}; give a whole number of at least 1, or None to adapt")
        self.target_seconds = target_seconds
        self.floor_seconds = min(floor_seconds, target_seconds)
        self.probe = probe
        self.growth = growth
        self.max_searches = max_searches
        self.max_bytes = max_bytes
        self.fixed = fixed
        self._last = probe
        # per (target index, kind): decayed seconds, decayed seconds of work, decayed searches, largest piece seen
        self._seen: dict[tuple[int, int], tuple[float, float, float, int]] = {}
        self._overall = (0.0, 0.0, 0.0)

    def record(self, batch: SearchBatch, seconds: float, cpu_seconds: float | None = None) -> None:
        """A piece took `seconds` of wall time where it ran.

        Args:
            cpu_seconds: CPU time of that; None unknown. Where it is next to nothing, the energy is computed elsewhere.
        """
        waits = cpu_seconds is None or cpu_seconds < WAITING * seconds
        work = seconds if waits or cpu_seconds is None else min(seconds, cpu_seconds)
        key = (batch.target_index, int(batch.kind))
        old_seconds, old_work, old_searches, largest = self._seen.get(key, (0.0, 0.0, 0.0, 0))
        # weighting by searches lets large pieces, which show the true cost of a search, count for more
        self._seen[key] = (
            0.7 * old_seconds + seconds, 0.7 * old_work + work, 0.7 * old_searches + len(batch),
            max(largest, len(batch)),
        )  # fmt: skip
        old_seconds, old_work, old_searches = self._overall
        self._overall = (0.9 * old_seconds + seconds, 0.9 * old_work + work, 0.9 * old_searches + len(batch))

    def seconds_per_search(self, batch: SearchBatch) -> float | None:
        """Learned cost of a search like those in `batch`; None before the first one finished."""
        seen = self._seen.get((batch.target_index, int(batch.kind)))
        return None if seen is None else max(seen[0] / seen[2], 1e-9)

    def to_ask(self, n_pending: int, n_slots: int | None) -> int:
        """How many searches to fetch before it is known what they are; `size` then cuts them."""
        if self.fixed is not None:
            return self.fixed
        share = n_pending if n_slots is None else math.ceil(n_pending / (2 * n_slots))
        return max(1, min(self.max_searches, max(share, self._last)))

    def size(self, batch: SearchBatch, n_waiting: int, n_slots: int | None) -> int:
        """How many searches of `batch` the next piece gets.

        Args:
            batch: what was fetched; the piece is cut from its front.
            n_waiting: searches known but not handed out, those in `batch` included.
            n_slots: searches that run at the same time on the cluster; None where there is nobody to share with.
        """
        n = len(batch)
        if self.fixed is not None:
            return min(n, self.fixed)
        target_seconds = max(self.target_seconds, (n_slots or 0) / PIECES_PER_SECOND)
        cost = self.seconds_per_search(batch)
        if cost is not None:
            _, work, searches, largest = self._seen[(batch.target_index, int(batch.kind))]
            wanted = min(int(target_seconds / cost), self.growth * largest)
            floor = int(self.floor_seconds / max(work / searches, 1e-9))
        elif self._overall[2] > 0:
            seconds, work, searches = self._overall
            wanted = int(target_seconds / max(seconds / searches, 1e-9) / 4)
            floor = int(self.floor_seconds / max(work / searches, 1e-9))
        else:
            wanted, floor = self.probe, 1
        bytes_per_search = (batch.X.nbytes + batch.keep.nbytes) / n + 40
        wanted = min(wanted, self.max_searches, int(self.max_bytes / bytes_per_search))
        self._last = max(1, wanted)
        if n_slots is not None:
            wanted = min(wanted, max(math.ceil(n_waiting / (2 * n_slots)), floor))
        wanted = max(1, wanted)
        if wanted >= n:
            return n
        return math.ceil(n / math.ceil(n / wanted))


class Feed:
    """Fetches searches from a coordinator and cuts them into pieces.

    What was fetched and not yet handed on is kept (`held`), so that nothing is lost when a run stops.
    """

    def __init__(self, coordinator: Coordinator, sizer: PackSizer) -> None:
        self._coordinator = coordinator
        self._sizer = sizer
        self._rest: SearchBatch | None = None
        self._kept: list[SearchBatch] = []

    def next(self, n_slots: int | None) -> SearchBatch | None:
        """The next piece, None if there is nothing to hand out at the moment."""
        rest = self._rest
        if rest is None:
            rest = self._coordinator.ask(self._sizer.to_ask(self._coordinator.n_pending, n_slots))
            if rest is None or len(rest) == 0:
                return None
            self._rest = rest
        size = self._sizer.size(rest, self._coordinator.n_pending + len(rest), n_slots)
        if size >= len(rest):
            self._rest = None
            return rest
        piece = take(rest, 0, size)
        self._rest = take(rest, size, len(rest))
        return piece

    def keep(self, piece: SearchBatch) -> None:
        """Take a piece back that could not be handed on."""
        self._kept.append(piece)

    @property
    def held(self) -> list[SearchBatch]:
        return self._kept if self._rest is None else [*self._kept, self._rest]
