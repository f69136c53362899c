"""Completeness evidence: what speaks for and against a landscape being whole."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from landscape_dist.analysis.morse import MorseEvidence, morse_evidence, topology
from landscape_dist.pathways.pathway_map import Connections, count_hits, searches_per_branch
from landscape_dist.records import IntArray, PointColumns, SearchColumns, SearchKind, SearchStatus
from landscape_dist.spaces.flat import Euclidean
from landscape_dist.spaces.space import Space

COVERAGE_CAVEAT = (
    "searches are no random sample: the children of one parent are spread over its branches on purpose, so these "
    "numbers compare runs of one problem and bound nothing"
)


@dataclass(frozen=True, slots=True)
class ArrowEvidence:
    """Whether saddles have the arrows that they must have.

    Attributes:
        n_saddles: points of index above `min_index`, from which arrows down are due.
        without_arrows: ids of those that have none.
        out_of_domain: ids among them from which every search down left the domain, which explains it.
        n_index_one: points of index 1 (0 where min_index is above 0).
        branches_missing: id -> number of branches (0 or 1) of index-1 points with fewer than the two they have.
    """

    n_saddles: int
    without_arrows: tuple[int, ...]
    out_of_domain: tuple[int, ...]
    n_index_one: int
    branches_missing: dict[int, int]


@dataclass(frozen=True, slots=True)
class HitEvidence:
    """How often points were reached.

    Attributes:
        n_hits: searches that ended at a point.
        n_hit: points reached at least once.
        singletons, doubletons: points reached once, twice (f1, f2).
        chao1: n_hit + f1 (f1 - 1) / (2 (f2 + 1)), the bias-corrected lower bound for the number of points
            (A. Chao, Scand. J. Statist. 11 (1984) 265; corrected form in Chao, Encycl. Stat. Sci. (2005), p. 7907).
        coverage: 1 - f1 / n_hits, the estimated share of searches that end at a known point (I. J. Good,
            Biometrika 40 (1953) 237, eq. 9); None without hits.
        by_index: index -> (points, least hits, median hits).
        caveat: why this is evidence and no bound.
    """

    n_hits: int
    n_hit: int
    singletons: int
    doubletons: int
    chao1: float
    coverage: float | None
    by_index: dict[int, tuple[int, int, float]]
    caveat: str = COVERAGE_CAVEAT


@dataclass(frozen=True, slots=True)
class UpwardEvidence:
    """What the last round of upward searches found.

    Attributes:
        round: number of that round; None where no upward search was made.
        n_searches: upward searches in it.
        n_new: points that they found.
        bound: with n_new = 0, the 95 % upper bound 3 / n_searches (rule of three) on the share of upward searches
            that would find something new; None otherwise.
    """

    round: int | None
    n_searches: int
    n_new: int
    bound: float | None


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many searches ended in one way, and what a user can do about it."""

    status: str
    count: int
    advice: str


@dataclass(frozen=True)
class Audit:
    """Evidence on completeness.  `contradictions` prove that something is missing; the rest is for judging.

    `str(audit)` is a report in plain text, `as_dict()` is for JSON.
    """

    n_points: int
    n_searches: int
    min_index: int
    max_index: int
    morse: MorseEvidence
    arrows: ArrowEvidence
    hits: HitEvidence
    upward: UpwardEvidence
    statuses: tuple[StatusCount, ...]

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What cannot be so in a complete landscape."""
        found = []
        m, a = self.morse, self.arrows
        if m.sum_verdict == "violated":
            found.append(f"Morse sum is {m.morse_sum}, the Euler characteristic {m.euler_characteristic}")
        found += [f"Morse inequality at index {k} fails by {-m.slack[k]}" for k in m.violated]
        unexplained = len(a.without_arrows) - len(a.out_of_domain)
        if unexplained:
            found.append(f"{unexplained} saddles have no arrow down although not all searches left the domain")
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, text, lists and dicts, with `contradictions`."""
        return asdict(self) | {"contradictions": list(self.contradictions)}

    def __str__(self) -> str:
        from landscape_dist.analysis.report import audit_text

        return audit_text(self)


def audit(
    points: PointColumns,
    searches: SearchColumns,
    euler_characteristic: int | None,
    min_index: int,
    max_index: int,
    *,
    space: Space | None = None,
    images: Any = 1,
    everywhere: bool = True,
) -> Audit:
    """Gather what speaks for and against completeness.

    Args:
        points: p points of dimension d. searches: all searches.
        euler_characteristic: sum of (-1)^index that the problem declares: 1 for growth at infinity, 0 on a torus,
            None where unknown.
        min_index, max_index: the indices that were searched for.
        space: in which the points are told apart; default that of so many coordinates without periods.
        images: how many points of it each stands for, (p,) or one number; None where that is not known.
        everywhere: whether the whole space was searched, and not a domain in it.
    """
    connections = Connections(searches)
    space = Euclidean(points.x.shape[1]) if space is None else space
    demanded = topology(space, euler_characteristic, everywhere=everywhere)
    return Audit(
        n_points=len(points),
        n_searches=len(searches),
        min_index=min_index,
        max_index=max_index,
        morse=morse_evidence(points, demanded, min_index, max_index, dim=space.dim, images=images),
        arrows=_arrow_evidence(points, searches, connections, min_index),
        hits=_hit_evidence(points, count_hits(len(points), searches)),
        upward=_upward_evidence(points, searches),
        statuses=_statuses(searches),
    )


def _arrow_evidence(
    points: PointColumns, searches: SearchColumns, connections: Connections, min_index: int
) -> ArrowEvidence:
    n = len(points)
    n_arrows = np.bincount(connections.parent, minlength=n)
    due = points.index > max(min_index, 0)
    bare = np.flatnonzero(due & (n_arrows == 0))
    down = (searches.kind == SearchKind.DOWN) & (searches.parent >= 0)
    left = down & (searches.status == SearchStatus.LEFT_DOMAIN)
    n_down = np.bincount(searches.parent[down], minlength=n)
    n_left = np.bincount(searches.parent[left], minlength=n)
    outside = bare[(n_down[bare] > 0) & (n_down[bare] == n_left[bare])]
    # Both branches exist whatever the nullity, but they are only searched for where index 0 is.
    ones = np.flatnonzero(points.index == 1) if min_index <= 0 else np.empty(0, dtype=np.int64)
    parent = np.repeat(connections.parent, connections.counts)
    of_ones = points.index[parent] == 1
    branch = connections.origins[of_ones] // searches_per_branch(points, searches)
    n_branches = np.bincount(np.unique(2 * parent[of_ones] + branch) // 2, minlength=n)[ones]
    missing = {id: found for id, found in zip(ones.tolist(), n_branches.tolist(), strict=True) if found < 2}
    return ArrowEvidence(
        n_saddles=int(np.count_nonzero(due)),
        without_arrows=tuple(bare.tolist()),
        out_of_domain=tuple(outside.tolist()),
        n_index_one=len(ones),
        branches_missing=missing,
    )


def _hit_evidence(points: PointColumns, hits: IntArray) -> HitEvidence:
    n_hits, f1, f2 = int(hits.sum()), int(np.count_nonzero(hits == 1)), int(np.count_nonzero(hits == 2))
    n_hit = int(np.count_nonzero(hits))
    by_index = {}
    for index in np.unique(points.index).tolist():
        of_index = hits[points.index == index]
        by_index[index] = (len(of_index), int(of_index.min()), float(np.median(of_index)))
    return HitEvidence(
        n_hits=n_hits,
        n_hit=n_hit,
        singletons=f1,
        doubletons=f2,
        chao1=n_hit + f1 * (f1 - 1) / (2 * (f2 + 1)),
        coverage=1 - f1 / n_hits if n_hits else None,
        by_index=by_index,
    )


def _upward_evidence(points: PointColumns, searches: SearchColumns) -> UpwardEvidence:
    up = searches.kind == SearchKind.UP
    if not up.any():
        return UpwardEvidence(None, 0, 0, None)
    last = int(searches.round[up].max())
    slots = searches.slot[up & (searches.round == last)]
    n_new = int(np.count_nonzero(np.isin(points.found_by, slots)))
    return UpwardEvidence(last, len(slots), n_new, min(1.0, 3 / len(slots)) if n_new == 0 else None)


def _statuses(searches: SearchColumns) -> tuple[StatusCount, ...]:
    counts = np.bincount(searches.status, minlength=len(SearchStatus))
    return tuple(StatusCount(s.label, int(counts[s]), s.advice) for s in SearchStatus if counts[s])
