"""Completeness evidence: what speaks for and against a landscape being whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.analysis.discovery import chao1, last_discovery
from landscape_dist.analysis.evidence import (
    ArrowEvidence,
    Audit,
    HitEvidence,
    NearZero,
    RestartEvidence,
    StatusCount,
    UpwardEvidence,
)
from landscape_dist.analysis.morse import morse_evidence, topology
from landscape_dist.analysis.proof_evidence import CertificateEvidence, ProofEvidence
from landscape_dist.analysis.weaknesses import weaknesses
from landscape_dist.pathways.connections import Connections, count_hits, searches_per_branch
from landscape_dist.records import IntArray, PointColumns, SearchColumns, SearchKind, SearchStatus
from landscape_dist.spaces.flat import Euclidean
from landscape_dist.spaces.space import Space

# Eigenvalues below this part of the largest are zero to rounding, and above that certainly not.
CLEARLY_ZERO, CLEARLY_NOT = 1e-11, 1e-6


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
    finished: bool = True,
    proof: dict[str, Any] | None = None,
    certificates: dict[str, Any] | None = None,
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
        finished: whether the exploration came to its end.
        proof: what a store keeps of a proof; None where none was tried.
        certificates: what it keeps of the certificates of its points; None where there are none.
    """
    space = Euclidean(points.x.shape[1]) if space is None else space
    connections = Connections(searches, space.dim)
    demanded = topology(space, euler_characteristic, everywhere=everywhere)
    arrows = _arrow_evidence(points, searches, connections, min_index)
    restarts = _restart_evidence(points, searches)
    proved = ProofEvidence.of(proof, len(points))
    return Audit(
        n_points=len(points),
        n_searches=len(searches),
        min_index=min_index,
        max_index=max_index,
        morse=morse_evidence(points, demanded, min_index, max_index, dim=space.dim, images=images),
        arrows=arrows,
        hits=_hit_evidence(points, count_hits(len(points), searches)),
        upward=_upward_evidence(points, searches),
        restarts=restarts,
        statuses=_statuses(searches),
        weaknesses=weaknesses(
            points, searches, arrows, restarts,
            dim=space.dim, n_levels=max_index - min_index + 1, finished=finished, bounded=not everywhere,
            proved=proved is not None and proved.settled,
        ),
        near_zero=_near_zero(points),
        proof=proved,
        certificates=CertificateEvidence.of(certificates),
    )  # fmt: skip


def _arrow_evidence(
    points: PointColumns, searches: SearchColumns, connections: Connections, min_index: int
) -> ArrowEvidence:
    n = len(points)
    n_arrows = np.bincount(connections.parent, minlength=n)
    due = points.index > max(min_index, 0)
    bare = np.flatnonzero(due & (n_arrows == 0))
    # One that left the domain, or came to a point of another index, or to some point by chance, is where an arrow went
    # astray.
    down = (searches.kind == SearchKind.DOWN) & (searches.parent >= 0)
    left = np.isin(searches.status, (SearchStatus.LEFT_DOMAIN, SearchStatus.ENDLESS, SearchStatus.FLAT))
    elsewhere = np.isin(searches.status, (SearchStatus.OTHER_INDEX, SearchStatus.UNDECIDED))
    elsewhere &= searches.child != searches.parent
    n_left = np.bincount(searches.parent[down & (left | elsewhere)], minlength=n)
    outside = bare[n_left[bare] > 0]
    # Both branches exist whatever the nullity, but they are only searched for where index 0 is.
    ones = np.flatnonzero(points.index == 1) if min_index <= 0 else np.empty(0, dtype=np.int64)
    parent = np.repeat(connections.parent, connections.counts)
    of_ones = (points.index[parent] == 1) & (connections.origins >= 0)
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


def _near_zero(points: PointColumns) -> tuple[NearZero, ...]:
    """Points whose smallest eigenvalue is between rounding and what is certain, as a part of the largest."""
    if not len(points):
        return ()
    # Of vector fields, whose eigenvalues come as real and imaginary parts, real parts only.
    w = points.eigenvalues
    if np.isnan(points.energy).any():
        w = w[:, : w.shape[1] // 2]
    size = np.where(np.isnan(w), np.inf, np.abs(w))
    smallest = np.argmin(size, axis=1)
    rows = np.arange(len(w))
    largest = np.where(np.isnan(w), 0.0, np.abs(w)).max(axis=1)
    ratio = size[rows, smallest] / np.where(largest > 0, largest, 1.0)
    near = np.flatnonzero((ratio > CLEARLY_ZERO) & (ratio < CLEARLY_NOT))
    return tuple(NearZero(int(i), float(w[i, smallest[i]]), float(largest[i])) for i in near)


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
        chao1=chao1(hits),
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


def _restart_evidence(points: PointColumns, searches: SearchColumns) -> RestartEvidence:
    again = searches.kind >= SearchKind.RESTART
    finders = np.isin(searches.slot, points.found_by)
    fruitless = int(np.count_nonzero(again[last_discovery(points, searches) :]))
    bound = min(1.0, 3 / fruitless) if fruitless else None
    return RestartEvidence(int(np.count_nonzero(again)), int(np.count_nonzero(again & finders)), fruitless, bound)


def _statuses(searches: SearchColumns) -> tuple[StatusCount, ...]:
    counts = np.bincount(searches.status, minlength=len(SearchStatus))
    return tuple(StatusCount(s.label, int(counts[s]), s.advice) for s in SearchStatus if counts[s])
