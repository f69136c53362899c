"""Where the branches of the index-1 points lead: the gradient flow, integrated finely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from workflows.completeness.instances import Derivatives, FloatArray, IntArray, NotCertain, differences

CLOSE = 0.05
"""Within that share of its distance to the next stationary point a minimum draws everything in."""


def arrows(
    derivatives: Derivatives, points: FloatArray, index: IntArray, period: float | None = None
) -> dict[int, tuple[int, int]]:
    """Row of each index-1 point -> rows of the two minima, of the energies here that have no way to infinity.

    Args:
        points: (n, d) all stationary points. index: (n,) theirs. period: of all coordinates.

    Raises:
        NotCertain: a branch does not reach a minimum in the time given.
    """
    apart = np.linalg.norm(differences(points, points, period), axis=2)
    np.fill_diagonal(apart, np.inf)
    minima = np.flatnonzero(index == 0)
    radii = CLOSE * apart.min(axis=1, initial=1.0)
    found = {}
    for row in np.flatnonzero(index == 1).tolist():
        eigenvalues, eigenvectors = np.linalg.eigh(derivatives(points[row : row + 1])[1][0])
        branches = []
        for side in (-1.0, 1.0):
            begin = points[row] + side * 1e-3 * radii[row] * eigenvectors[:, 0]
            end = _end(derivatives, begin, points[minima], radii[minima], 1e5 / -eigenvalues[0], period)
            branches.append(int(minima[end]))
        found[row] = (min(branches), max(branches))
    return found


def _end(
    derivatives: Derivatives, x: FloatArray, minima: FloatArray, radii: FloatArray, time: float, period: float | None
) -> int:
    """Number of the minimum at which the flow from x (d,) arrives; radii (m,) say when it is there."""

    def inside(_: float, y: FloatArray) -> float:
        distances = np.linalg.norm(differences(y[None], minima, period)[0], axis=1)
        return float((distances - radii).min())

    inside_event: Callable[..., Any] = inside
    inside_event.terminal = True  # type: ignore[attr-defined]
    path = solve_ivp(
        lambda _, y: -derivatives(y[None])[0][0], (0.0, time), x, method="LSODA", rtol=1e-9, atol=1e-12,
        jac=lambda _, y: -derivatives(y[None])[1][0], events=inside_event,
    )  # fmt: skip
    if path.status != 1:
        raise NotCertain("a branch that reaches no minimum")
    distances = np.linalg.norm(differences(path.y[:, -1][None], minima, period)[0], axis=1)
    return int((distances - radii).argmin())
