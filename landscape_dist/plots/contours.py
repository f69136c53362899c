"""The energy itself, under the points: which region, on which grid, at which levels."""

from __future__ import annotations

import numpy as np

from landscape_dist.errors import LandscapeError
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.problems import definition
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Box, Domain
from landscape_dist.records import FloatArray

GRID = 240
MARGIN = 0.22


def problem_of(landscape: LandscapeLike) -> Problem | None:
    """The landscape's problem: at hand, or built from what its store says; None where that cannot be.

    One that is built counts only if its fingerprint is the stored one: a store may be of a version that knew it under
    another form.
    """
    if landscape.problem is not None:
        return landscape.problem
    try:
        return definition.problem_of(landscape.header, check=False)
    except LandscapeError:
        return None


def window(x: FloatArray, domain: Domain, margin: float = MARGIN) -> FloatArray:
    """(2, 2) lower and upper corner of what is shown: all points with a margin, no more than a box domain.

    Args:
        x: (p, 2). domain: of the problem. margin: on each side, as a part of the points' extent.
    """
    low, high = x.min(axis=0), x.max(axis=0)
    size = np.maximum(high - low, 0.35 * (high - low).max())
    size = np.where(size > 0, size, np.maximum(1.0, np.abs(low)))
    middle = 0.5 * (low + high)
    corners = np.stack((middle - (0.5 + margin) * size, middle + (0.5 + margin) * size))
    if isinstance(domain, Box):
        corners[0] = np.maximum(corners[0], np.minimum(np.asarray(domain.lower), low))
        corners[1] = np.minimum(corners[1], np.maximum(np.asarray(domain.upper), high))
    return corners


def energies_on_grid(problem: Problem, corners: FloatArray, n: int = GRID) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n,), (n,), (n, n): coordinates and energies, NaN where not finite.  Does not count as evaluations."""
    x, y, X = _grid(corners, n)
    before = problem.counters.copy()
    with np.errstate(all="ignore"):
        E = np.asarray(problem.energy(problem.xp.asarray(X)), dtype=np.float64).reshape(n, n)
    problem.counters = before
    return x, y, np.where(np.isfinite(E), E, np.nan)


def field_on_grid(
    problem: Problem, corners: FloatArray, n: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(n,), (n,), (n, n), (n, n): coordinates and components of the flow dx/dt; NaN where not finite, not counted."""
    x, y, X = _grid(corners, n)
    before = problem.counters.copy()
    with np.errstate(all="ignore"):
        F = -np.asarray(problem.gradient(problem.xp.asarray(X)), dtype=np.float64).reshape(n, n, 2)
    problem.counters = before
    F = np.where(np.isfinite(F), F, np.nan)
    return x, y, F[..., 0], F[..., 1]


def _grid(corners: FloatArray, n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    x = np.linspace(corners[0, 0], corners[1, 0], n)
    y = np.linspace(corners[0, 1], corners[1, 1], n)
    return x, y, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def levels(E: FloatArray, energy: FloatArray, n: int = 20) -> FloatArray:
    """Increasing contour levels: from the lowest energy to somewhat above the highest point, half of them evenly
    spread, half where the picture has area (quantiles), so that basins and ridges of any shape are seen.

    Args:
        E: energies on the grid. energy: (p,) energies of the points.
    """
    finite = E[np.isfinite(E)]
    lowest = min(float(finite.min()), float(energy.min()))
    span = float(energy.max()) - lowest
    if span <= 0:
        span = float(np.median(finite)) - lowest or 1.0
    top = float(energy.max()) + 0.6 * span
    inside = finite[finite <= top]
    even = np.linspace(lowest, top, n)
    if not len(inside):
        return even
    spread = np.quantile(inside, np.linspace(0.0, 1.0, n))
    chosen = 0.5 * (even + spread)
    chosen[0], chosen[-1] = lowest, top
    return chosen[np.concatenate(([True], np.diff(chosen) > 1e-9 * span))]
