"""What explains a long silence: the piece of work that has been under way longest."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from landscape_dist.records import SearchBatch

MOST_PARENTS = 3
"""Parents that are named."""


@dataclass(frozen=True, slots=True)
class Underway:
    """A piece of work that was handed out and is not back.

    Attributes:
        since: when it was handed out, in seconds of Unix time.
        n_searches: searches in it.
        kind: what kind they are of, as the name of a `SearchKind` in lower case.
        target_index: Morse index that they look for.
        parents: ids of the first few points that they start from; empty for the user's start.
        n_parents: how many points these are.
        worker: address of the Dask worker that computes it; None where unknown, and in serial runs.
    """

    since: float
    n_searches: int
    kind: str
    target_index: int
    parents: tuple[int, ...]
    n_parents: int = 0
    worker: str | None = None

    @classmethod
    def of(cls, batch: SearchBatch, submitted: float, worker: str | None = None) -> Underway:
        """Describe a piece that was handed out at `submitted`, a value of time.monotonic()."""
        parents = tuple(parent for parent in batch.parents[:MOST_PARENTS].tolist() if parent >= 0)
        since = time.time() - (time.monotonic() - submitted)
        kind = batch.kind.name.lower()
        return cls(since, len(batch), kind, batch.target_index, parents, len(batch.parents) if parents else 0, worker)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Underway:
        """The inverse of `as_dict`."""
        return cls(**data | {"parents": tuple(data["parents"])})

    def text(self, now: float) -> str:
        """'4 down searches to index 1 from point 17, for 95 s on tcp://...'."""
        searches = f"{self.n_searches} {self.kind} search{'es' * (self.n_searches != 1)} to index {self.target_index}"
        known = ", ".join(map(str, self.parents)) + (", ..." if self.n_parents > len(self.parents) else "")
        origin = f" from point{'s' * (len(self.parents) > 1)} {known}" if self.parents else ""
        place = f" on {self.worker}" if self.worker else ""
        return f"{searches}{origin}, for {max(0.0, now - self.since):.0f} s{place}"
