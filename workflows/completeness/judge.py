"""One search with default settings, and what it got right and wrong."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np

import landscape_dist as ld
from workflows.completeness.instances import FloatArray, Instance, IntArray
from workflows.completeness.newton import APART, newton

SAME = APART / 10
"""A point is found where one of right index lies that close to it, in units of the spread of each coordinate."""
Record = dict[str, Any]


def search(instance: Instance, declare: bool = False) -> Record:
    """Search for all indices and judge the result; see `judge` for most of what is returned.

    Args:
        declare: whether the problem says its Euler characteristic.
    """
    problem = instance.problem(declare)
    record: Record = {"name": instance.name, "dim": instance.dim, "declared": declare}
    began = time.process_time()
    try:
        landscape = ld.explore(problem, start=instance.start, max_index=instance.dim)
    except Exception as error:  # it counts as a search that found nothing, and the others go on
        nothing = np.empty((0, instance.dim))
        record |= {"error": f"{type(error).__name__}: {error}", "verdict": "raised", "complete": False}
        return record | compare(instance, nothing, np.empty(0, dtype=np.int64))
    record["cpu_seconds"] = round(time.process_time() - began, 3)
    return record | judge(instance, landscape)


def judge(instance: Instance, landscape: ld.Landscape) -> Record:
    """What a landscape has of the points and arrows of the instance, what its audit says, and what it cost."""
    columns, counters = landscape.columns, landscape.counters
    record = compare(instance, columns.x, np.where(columns.nullity > 0, -1, columns.index))
    record |= compare_arrows(instance, landscape)
    audit = landscape.audit()
    return record | {
        "verdict": verdict(audit),
        "contradictions": list(audit.contradictions),
        "gradients": counters["n_gradients"],
        "hessians": counters["n_hessians"],
        "searches": counters["n_searches"],
    }


def compare(instance: Instance, x: FloatArray, index: IntArray) -> Record:
    """Points (m, d) that were found with their indices (m,) against the true ones.

    `complete` means all of them, once each, with the right index, and nothing else.  A `doubtful` point is none of the
    true ones although Newton's method, with derivatives that know nothing of the package, stays there: then the truth
    is to blame.
    """
    distances = instance.distances(x)
    nearest = distances.argmin(axis=1)
    right = distances[np.arange(len(x)), nearest] < SAME
    hit = np.unique(nearest[right])
    wrong = int(np.count_nonzero(index[right] != instance.index[nearest[right]]))
    missing = np.setdiff1d(np.arange(len(instance.points)), hit)
    spurious = x[~right]
    duplicates = int(np.count_nonzero(right)) - len(hit)
    return {
        "points": len(instance.points),
        "found": len(hit),
        "complete": not (len(missing) or len(spurious) or duplicates or wrong),
        "spurious": [[float(v) for v in point] for point in spurious],
        "duplicates": duplicates,
        "wrong_index": wrong,
        "missing": [about_missing(instance, row, instance.points[hit]) for row in missing.tolist()],
        "doubtful": sum(_is_stationary(instance, point) for point in spurious),
    }


def about_missing(instance: Instance, row: int, found: FloatArray) -> Record:
    """Index, and where it lies in the box of the found ones: 0 to 1 inside, for each coordinate."""
    record: Record = {"index": int(instance.index[row])}
    if len(found) and np.ptp(found, axis=0).all():
        share = (instance.points[row] - found.min(axis=0)) / np.ptp(found, axis=0)
        record["in_box"] = [round(float(v), 3) for v in share]
        record["nearest"] = round(float(instance.distances(found)[:, row].min()), 4)
    return record


def compare_arrows(instance: Instance, landscape: ld.Landscape) -> Record:
    """Branches of the index-1 points: how many there are, how many the landscape lacks and how many lead elsewhere.

    A branch that leads to a wrong minimum counts as one of the wrong and, as the right one is not there, of the
    missing ones.
    """
    if instance.arrows is None:
        return {"arrows": 0, "arrows_missing": 0, "arrows_wrong": 0}
    distances = instance.distances(landscape.columns.x)
    names = np.where(distances.min(axis=1) < SAME, distances.argmin(axis=1), -1)
    found: dict[int, Counter[int]] = {}
    for state in landscape.pathways.transition_states():
        found[int(names[state.id])] = Counter(int(names[id]) for id in state.minima)
    missing = wrong = 0
    for row, minima in instance.arrows.items():
        there, due = found.get(row, Counter()), Counter(minima)
        missing += (due - there).total()
        wrong += (there - due).total()
    return {"arrows": 2 * len(instance.arrows), "arrows_missing": missing, "arrows_wrong": wrong}


def verdict(audit: Any) -> str:
    """What the audit says: 'contradicted', 'weak', 'supported' or 'proved'; of a search that raised, 'raised'."""
    if hasattr(audit, "verdict"):
        return str(audit.verdict)
    return "contradicted" if audit.contradictions else "supported"


def _is_stationary(instance: Instance, point: FloatArray) -> bool:
    """Whether Newton's method in units of the spread, with small steps, ends right there and at no known point."""
    units = instance.spread

    def derivatives(Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        g, H = instance.derivatives(Z * units)
        return g * units, H * (units[:, None] * units)

    ends = newton(derivatives, (point / units)[None], longest=SAME, steps=30) * units
    if not len(ends):
        return False
    moved = np.abs((ends[0] - point) / units).max()
    return bool(moved < SAME and instance.distances(ends).min() > SAME)
