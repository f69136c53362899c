"""Lists that the product tests run over."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape_dist.problems import Problem, systems


@dataclass(frozen=True)
class ProblemCase:
    """A problem whose stationary points are known.

    Attributes:
        name: test id. factory: makes a fresh problem. start: (d,) one start for all. max_index: highest index to
            search for. counts: points by index, from 0. arrows: connections between neighbouring indices, where known.
    """

    name: str
    factory: Callable[[], Problem]
    start: tuple[float, ...]
    max_index: int
    counts: tuple[int, ...]
    arrows: int | None = None


ROSENBROCK_S = (-500.0,) * 5 + (1.0, 1.0)

PROBLEMS = [
    ProblemCase("muller_brown", systems.muller_brown, (0.15, 0.25), 2, (3, 2), 4),
    ProblemCase("arctan_2d", systems.arctan_2d, (0.7, 0.7), 2, (3, 2), 4),
    ProblemCase("arctan_3d_alpha6", lambda: systems.arctan_3d(alpha=6.0), (0.7, 0.7, 0.7), 3, (3, 3, 1)),
    ProblemCase("arctan_3d_alpha3", lambda: systems.arctan_3d(alpha=3.0), (0.7, 0.7, 0.7), 3, (6, 7, 2)),
    ProblemCase("butterfly", systems.butterfly, (0.1, 0.1), 2, (4, 4, 1), 12),
    ProblemCase("weighted_cubic", lambda: systems.weighted_cubic(dim=3), (0.1,) * 3, 3, (8, 12, 6, 1), 54),
    ProblemCase("coupled_lattice", lambda: systems.coupled_lattice(dim=3), (0.1,) * 3, 3, (8, 12, 6, 1), 54),
    ProblemCase("rosenbrock7", lambda: systems.rosenbrock(dim=7, s=ROSENBROCK_S), (0.9,) * 7, 3, (1, 4, 4, 1)),
]


def reference_points(key: str) -> tuple[Problem, np.ndarray, np.ndarray, np.ndarray]:
    """System, points (p, d), energies (p,) and indices (p,) of one entry of reference_points.json."""
    entry: dict[str, Any] = reference_entries()[key]
    points = entry["points"]
    return (
        systems.get(entry["system"], **entry["parameters"]),
        np.array([point["x"] for point in points]),
        np.array([point["energy"] for point in points]),
        np.array([point["index"] for point in points]),
    )


def reference_entries() -> dict[str, Any]:
    """All entries of reference_points.json, computed without saddle dynamics."""
    entries: dict[str, Any] = json.loads((Path(__file__).parent / "reference_points.json").read_text())
    return entries
