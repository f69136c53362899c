"""What leaves doubt about a landscape that nothing contradicts: each reason by name, with what to do about it."""

from __future__ import annotations

import numpy as np

from landscape_dist.analysis.discovery import last_discovery
from landscape_dist.analysis.evidence import ArrowEvidence, RestartEvidence
from landscape_dist.exploration.copies import copies_without_end
from landscape_dist.records import PointColumns, SearchColumns, SearchKind, SearchStatus

FEWEST_FRUITLESS = 6
"""So many searches at least must have found nothing new since the last point was found."""
ENOUGH_RESTARTS = 32
"""Where most climbs are lost, so many restarts that found nothing new make up for it."""
MOST_BROKEN = 0.05
"""More than this part of the downward searches must not have ended before they arrived."""

_HIDING = {
    SearchStatus.NOT_FINITE: "met an energy that is not finite",
    SearchStatus.RAISED: "ended with an exception of the energy",
    SearchStatus.HUNG: "ended with an energy that did not return",
    SearchStatus.WORKER_LOST: "were lost with their workers",
    SearchStatus.INDEX_UNCERTAIN: "came to points whose index could not be settled",
}
_LOST = (SearchStatus.LEFT_DOMAIN, SearchStatus.ENDLESS, SearchStatus.SAME_AS_PARENT)
_BROKEN = (SearchStatus.MAX_STEPS, SearchStatus.STALLED, SearchStatus.DEADLINE)


def weaknesses(
    points: PointColumns,
    searches: SearchColumns,
    arrows: ArrowEvidence,
    restarts: RestartEvidence,
    *,
    dim: int,
    n_levels: int,
    finished: bool = True,
    bounded: bool = False,
    proved: bool = False,
) -> tuple[str, ...]:
    """Reasons to doubt that all points were found.

    Args:
        points: p points. searches: all searches. arrows, restarts: what is known of these.
        dim: of the space. n_levels: number of indices that were searched for.
        finished: whether the exploration came to its end. bounded: whether its domain is.
        proved: whether the points are proved to be all that there are, which leaves doubts about arrows.
    """
    if proved:
        open_ = [] if finished else ["the exploration is not finished"]
        return (*open_, *_of_arrows(points, searches, arrows))
    if not len(points):
        return ("no points were found",)
    found: list[str] = []
    if not finished:
        found.append("the exploration is not finished")
    copies = copies_without_end(points, bounded=bounded)
    if copies is not None:
        found.append(str(copies))
    found += _of_starts(searches, n_levels)
    found += _of_failures(searches)
    found += _of_climbs(searches, restarts, bounded)
    found += _of_arrows(points, searches, arrows)
    flat = int(np.count_nonzero(points.nullity >= dim))
    if flat:
        found.append(f"at {flat} points the Hessian vanishes altogether, so its index says little")
    fruitless = len(searches) - last_discovery(points, searches)
    if fruitless < FEWEST_FRUITLESS:
        found.append(f"only {fruitless} searches were made since the last new point")
    return tuple(found)


def _of_arrows(points: PointColumns, searches: SearchColumns, arrows: ArrowEvidence) -> list[str]:
    found = []
    bare = len(arrows.without_arrows) - len(arrows.out_of_domain)
    if bare:
        found.append(f"{bare} saddles have no arrow down although no search from them left the domain")
    unexplained = _branches_unexplained(points, searches, arrows)
    if unexplained:
        found.append(f"{unexplained} saddles of index 1 lack a branch that did not leave the domain")
    return found


def _of_starts(searches: SearchColumns, n_levels: int) -> list[str]:
    begun = searches.kind == SearchKind.START
    start = searches.slot[begun] // n_levels
    reached = np.unique(start[searches.child[begun] >= 0])
    n = len(np.unique(start))
    return [f"{n - len(reached)} of {n} starts reached no point"] if len(reached) < n else []


def _of_failures(searches: SearchColumns) -> list[str]:
    """Searches that ended where points may hide."""
    walks = searches.kind < SearchKind.RESTART
    found = []
    for status, what in _HIDING.items():
        n = int(np.count_nonzero(walks & (searches.status == status)))
        if n:
            found.append(f"{n} searches {what}: points may hide there")
    # The flow to a minimum arrives; saddle dynamics for a higher index may go round for ever (it is no gradient flow),
    # which says nothing of points. What it leaves without an arrow is told apart.
    down = np.isin(searches.kind, (SearchKind.DOWN, SearchKind.CONFIRM)) & (searches.target == 0)
    broken = int(np.count_nonzero(down & np.isin(searches.status, _BROKEN)))
    if broken > MOST_BROKEN * np.count_nonzero(down):
        found.append(f"{broken} of {np.count_nonzero(down)} descents to minima ended before they had arrived")
    return found


def _of_climbs(searches: SearchColumns, restarts: RestartEvidence, bounded: bool) -> list[str]:
    """Climbs that led nowhere, where nothing makes up for them."""
    up = searches.kind == SearchKind.UP
    n, lost = int(np.count_nonzero(up)), int(np.count_nonzero(up & np.isin(searches.status, _LOST)))
    fruitless = restarts.n_fruitless
    if not n and not restarts.n_searches:
        return ["no searches were made upward, or from other starts"]
    # Where there is an edge to leave by, climbs are bound to.
    if 2 * lost > n and fruitless < min(ENOUGH_RESTARTS, lost // 4 if bounded else lost):
        return [
            f"most climbs ({lost} of {n}) left the domain or fell back, and only {fruitless} restarts made up for them"
        ]
    return []


def _branches_unexplained(points: PointColumns, searches: SearchColumns, arrows: ArrowEvidence) -> int:
    """Index-1 points of which a branch neither arrived nor left the domain.

    In a vector field a branch may end at a saddle for good, on a plane that the flow does not leave.
    """
    if not arrows.branches_missing:
        return 0
    left = np.isin(searches.status, (SearchStatus.LEFT_DOMAIN, SearchStatus.FLAT))
    if np.isnan(points.energy).any():
        left |= (searches.status == SearchStatus.OTHER_INDEX) & (searches.child != searches.parent)
    left &= (searches.kind == SearchKind.DOWN) & (searches.parent >= 0)
    n_left = np.bincount(searches.parent[left], minlength=1 + max(arrows.branches_missing))
    return sum(have + n_left[id] < 2 for id, have in arrows.branches_missing.items())
