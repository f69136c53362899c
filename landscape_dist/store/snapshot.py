"""What readers see of a database: one commit as a whole, or its pointer alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landscape_dist.records import FailureColumns, PointColumns, SearchColumns


@dataclass(frozen=True, slots=True)
class Progress:
    """What the commit pointer says, without the rows.

    Attributes:
        n_points, n_searches, n_failures: committed rows.
        number: how many commits there were.
        counters, state: as given to the last `commit`.
        final: whether the last commit was declared final.
        time: when it was written, ISO 8601 in UTC.
    """

    n_points: int
    n_searches: int
    n_failures: int
    number: int
    counters: dict[str, Any]
    state: dict[str, Any]
    final: bool
    time: str

    @classmethod
    def of(cls, pointer: dict[str, Any]) -> Progress:
        """From the commit pointer of a store."""
        return cls(**{name: pointer[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything of one commit."""

    header: dict[str, Any]
    points: PointColumns
    searches: SearchColumns
    failures: FailureColumns
    counters: dict[str, Any]
    state: dict[str, Any]
    progress: Progress

    @property
    def finished(self) -> bool:
        """Whether it was declared final."""
        return self.progress.final

    @property
    def certificates(self) -> dict[str, Any] | None:
        """What is certified of its points; None where nothing was, or points came later."""
        found = self.state.get("certificates")
        return still_certified(found, len(self.points), len(self.searches))

    @property
    def proof(self) -> dict[str, Any] | None:
        """What was proved of its points; None where nothing was tried."""
        proof = self.state.get("proof")
        return proof if isinstance(proof, dict) else None


def still_certified(kept: Any, n_points: int, n_searches: int) -> dict[str, Any] | None:
    """What a store keeps of certificates, for so many points and searches; nothing of arrows where there are others."""
    if not isinstance(kept, dict) or kept.get("of_points") != n_points:
        return None
    if kept.get("of_searches") == n_searches:
        return kept
    return kept | {"wrong_arrows": [], "n_branches": 0, "n_branches_certified": 0}
