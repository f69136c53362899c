"""Fig. 5 and 7: index-1 saddle dynamics with fixed step, on surrogates and on the exact energies."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.pathways.trajectories import Trajectory
from landscape_dist.problems import Problem
from workflows.muller_brown_surrogate.cases import Case

STEP_SIZE = 3e-4
EIGENSOLVERS = ("sirqit", "lobpcg")
CLOSE = 1e-6
MOST_STEPS = 5000
STARTS: tuple[tuple[float, float], ...] = ((0.15, 0.25), (0.15, 1.5))
"""Of Fig. 5: the paper's, and that of its Fig. 7, from which the search ends at the saddle that it reports."""


def schemes(restart: int) -> dict[str, dict[str, Any]]:
    """Eq. 2.2, 2.4 and 2.5 of the paper; Nesterov's momentum restarted every so many steps."""
    return {
        "plain": {},
        "heavy ball": {"acceleration": "heavy_ball", "momentum": 0.8},
        "Nesterov": {"acceleration": "nesterov", "nesterov_restart": restart},
    }


@dataclass(frozen=True)
class Acceleration:
    """One panel of Fig. 7."""

    title: str
    case: Case
    start: tuple[float, float]
    restart: int


ACCELERATIONS = (
    Acceleration("Müller–Brown", Case(points=10_000, batch_size=1000), (0.15, 1.5), 5),
    Acceleration(
        "modified Müller–Brown",
        Case("modified_muller_brown", (-2.8, 0.0), (0.89, 2.2), points=10_000, batch_size=1000), (0.15, 1.4), 15,
    ),
)  # fmt: skip


def searched(problem: Problem, start: tuple[float, float], eigensolver: str, **options: Any) -> Trajectory:
    """The path of an index-1 search, every step of it."""
    found = ld.explore(
        problem, start=start, max_index=1, min_index=1, upward="none", step="explicit", step_size=STEP_SIZE,
        eigensolver=eigensolver, dense_limit=1, keep_trajectories=True, trajectory_points=None,
        **{"max_steps": MOST_STEPS} | options,
    )  # fmt: skip
    return found.trajectories[0]


def saddle_near(problem: Problem, x: np.ndarray) -> np.ndarray:
    """The saddle that a path has come to, to rounding."""
    return ld.explore(problem, start=x, max_index=1, min_index=1, upward="none").points[0].x


def steps_to(distances: np.ndarray) -> int | None:
    """Steps until a search stays within `CLOSE` of its saddle; None where it does not get there."""
    away = np.flatnonzero(distances >= CLOSE)
    steps = int(away[-1]) + 1 if len(away) else 0
    return steps if steps < len(distances) else None


def compared(problem: Problem, panel: Acceleration, repeats: int = 7) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Steps and CPU time of each scheme with each eigensolver, and the distances to the saddle.

    The time of a step is that of the whole search less that of one that is stopped after its first step, by the steps
    between; the median of `repeats`, in which all take turns.
    """
    rows: dict[str, Any] = {}
    curves: dict[str, np.ndarray] = {}
    kinds = {f"{s}, {e.upper()}": (e, o) for s, o in schemes(panel.restart).items() for e in EIGENSOLVERS}
    for name, (eigensolver, options) in kinds.items():
        path = searched(problem, panel.start, eigensolver, **options)
        saddle = saddle_near(problem, path.x[-1])
        curves[name] = path.distances(saddle)
        rows[name] = {"steps": steps_to(curves[name]), "saddle": saddle.tolist()}
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(repeats):
        for name, (eigensolver, options) in kinds.items():
            whole = _cpu(problem, panel.start, eigensolver, options)
            first = _cpu(problem, panel.start, eigensolver, options | {"max_steps": 1})
            times[name].append((whole - first) / (len(curves[name]) - 1))
    for name in kinds:
        rows[name]["microseconds"] = 1e6 * statistics.median(times[name])
    return rows, curves


def _cpu(problem: Problem, start: tuple[float, float], eigensolver: str, options: dict[str, Any]) -> float:
    began = time.process_time()
    searched(problem, start, eigensolver, **options)
    return time.process_time() - began


def paths(problem: Problem, restart: int = 5) -> dict[str, list[Trajectory]]:
    """Of each scheme, the paths from `STARTS`."""
    return {
        scheme: [searched(problem, start, "lobpcg", **options) for start in STARTS]
        for scheme, options in schemes(restart).items()
    }
