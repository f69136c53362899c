"""How points were found as searches went on: whether the curve still rises, and where it seems to go."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from landscape_dist.pathways.connections import count_hits, rows_of_slots
from landscape_dist.records import IntArray, PointColumns, SearchColumns

MOMENTS = 100
"""Points of the curve, at most, beside its beginning."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """A curve of discovery, at k moments.

    Attributes:
        n_searches: (k,) searches that were over, from 0 to all of them, in the order in which they were kept.
        n_points: (k,) points that were known then.
        estimate: (k,) how many there are at least, by Chao1 from the hits of these searches (see `HitEvidence`, whose
            caveat holds here too).
        last_new: searches that were over when the last point was found.
    """

    n_searches: tuple[int, ...]
    n_points: tuple[int, ...]
    estimate: tuple[float, ...]
    last_new: int

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def __str__(self) -> str:
        n = self.n_searches[-1]
        return (
            f"{self.n_points[-1]} points after {n} searches, the last of them after {self.last_new}; "
            f"{n - self.last_new} searches since then found none\n"
            f"Estimated number of points (Chao1): {self.estimate[-1]:.1f}"
        )


def discovery(points: PointColumns, searches: SearchColumns) -> Discovery:
    """Follow how the points were found.

    Args:
        points: p points. searches: all searches, in the order in which they were kept.
    """
    n = len(searches)
    at = np.unique(np.linspace(0, n, MOMENTS + 1).astype(np.int64))
    found = np.sort(rows_of_slots(searches, points.found_by)) + 1
    hits = np.zeros(len(points), dtype=np.int64)
    estimate = [0.0]
    for first, last in zip(at[:-1].tolist(), at[1:].tolist(), strict=True):
        part = SearchColumns(*(getattr(searches, name)[first:last] for name in searches.__slots__))
        hits += count_hits(len(points), part)
        estimate.append(chao1(hits))
    return Discovery(
        tuple(at.tolist()),
        tuple(np.searchsorted(found, at, side="right").tolist()),
        tuple(estimate),
        last_discovery(points, searches),
    )


def last_discovery(points: PointColumns, searches: SearchColumns) -> int:
    """Searches that were over when the last point was found."""
    return 1 + int(np.flatnonzero(np.isin(searches.slot, points.found_by)).max(initial=-1))


def chao1(hits: IntArray) -> float:
    """The lower bound of the number of points that hits (p,) tell: see `HitEvidence`."""
    n_hit, f1, f2 = (int(np.count_nonzero(of)) for of in (hits, hits == 1, hits == 2))
    return n_hit + f1 * (f1 - 1) / (2 * (f2 + 1))
