"""What `Verbose=True` prints: how the run goes, and iteration count and |gradient| of each search."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from landscape_dist.campaign.landscape import Landscape
from landscape_dist.campaign.status import Status
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray, IntArray, SearchKind, SearchStatus


class LiveReport:
    """Prints a line each time that so many more searches are done."""

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self.printed = 0

    def __call__(self, status: Status) -> None:
        if status.n_searches - self.printed >= self.interval:
            self.printed = status.n_searches
            found = ", ".join(f"{n} of index {k}" for k, n in sorted(status.by_index.items()))
            print(f"{status.n_searches} searches, {status.n_pending} waiting; points: {found or 'none'}", flush=True)


def search_lines(landscape: Landscape, problem: Problem, ids: IntArray, begin: int, interval: int) -> Iterator[str]:
    """Lines for each search of a run: |gradient| every `interval` iterations, where its path was kept, and its end.

    Args:
        ids: (p,) IDs of the run's points. begin: ID of the point that the run began beside, -1 for none.
    """
    s, points, paths = landscape.searches, landscape.columns, landscape.trajectories
    failed = dict(zip(landscape.failures.slot.tolist(), landscape.failures.gradient_norm.tolist(), strict=True))
    for row, slot in enumerate(s.slot.tolist()):
        parent, child, target = int(s.parent[row]), int(s.child[row]), int(s.target[row])
        if parent >= 0:
            where = f"point {ids[parent]} (index {points.index[parent]})"
        else:
            where = "the start" if begin < 0 else f"beside point {begin}"
        upward = "upward " if s.kind[row] == SearchKind.UP else ""
        yield f"From {where}, {upward}search for index {target}:"
        if slot in paths:
            x = paths[slot].x
            at = np.arange(interval, len(x) - 1, interval)
            for iteration, norm in zip(at.tolist(), _norms(problem, x[at]).tolist(), strict=True):
                yield f"  iteration {iteration}: |gradient| {norm:.2e}"
        norm = float(points.gradient_norm[child]) if child >= 0 else failed.get(slot, float("nan"))
        status = SearchStatus(int(s.status[row]))
        end = f"point {ids[child]} (index {points.index[child]})" if child >= 0 else status.label
        yield f"  iteration {s.n_steps[row]}: |gradient| {norm:.2e}, {end}"


def _norms(problem: Problem, X: FloatArray) -> FloatArray:
    """(n, d) -> (n,): |g|, not counted as evaluations of the search."""
    if not len(X):
        return np.zeros(0)
    before = problem.counters.copy()
    norms = np.linalg.norm(np.asarray(problem.gradient(X)), axis=1)
    problem.counters = before
    return np.asarray(norms)
