"""Density maps in the plane of their t-SNE coordinates: where there are any, and how sure their energies are."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from landscape_dist.records import FloatArray, IntArray
from landscape_dist.surrogates import TrainingData


class Support:
    """Where maps are; elsewhere a surface through them is extrapolation.

    Args:
        x: (n, 2) coordinates of the maps.
        quantile: share of the maps whose distance to their next map counts as near.
    """

    def __init__(self, x: FloatArray, quantile: float = 0.95) -> None:
        from scipy.spatial import cKDTree

        self.x = x
        self._tree = cKDTree(x)
        self.reach = float(np.quantile(self._tree.query(x, k=2)[0][:, 1], quantile))

    @cached_property
    def _hull(self) -> Any:
        from scipy.spatial import Delaunay

        return Delaunay(self.x)

    def inside(self, X: FloatArray) -> FloatArray:
        """(m, 2) -> (m,) whether in the maps' convex hull."""
        return np.asarray(self._hull.find_simplex(X) >= 0)

    def distance(self, X: FloatArray) -> FloatArray:
        """(m, 2) -> (m,) distance to the nearest map."""
        return np.asarray(self._tree.query(X)[0])

    def covers(self, X: FloatArray) -> FloatArray:
        """(m, 2) -> (m,) whether in the hull and no farther from a map than `reach`."""
        return np.asarray(self.inside(X) & (self.distance(X) <= self.reach))

    def where(self, x: FloatArray) -> str:
        """Of one point, in words."""
        if not self.inside(x[None])[0]:
            return "outside the maps"
        return "among maps" if self.covers(x[None])[0] else "in a gap"


def spread_out(x: FloatArray, count: int) -> FloatArray:
    """(count, d) of the rows of x: the one nearest to their mean, then always the one farthest from those before."""
    rows = [int(np.linalg.norm(x - x.mean(axis=0), axis=1).argmin())]
    away = np.linalg.norm(x - x[rows[0]], axis=1)
    while len(rows) < min(count, len(x)):
        rows.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(x - x[rows[-1]], axis=1))
    return np.asarray(x[rows])


def resampled(data: TrainingData, seed: int) -> TrainingData:
    """As many maps drawn with replacement."""
    return data.rows(np.sort(np.random.default_rng([seed, 0xB007]).integers(0, len(data), len(data))))


def folds(n: int, count: int) -> list[IntArray]:
    """Rows of 0..n-1 in so many parts of equal size, the same every time."""
    return [np.sort(part) for part in np.array_split(np.random.default_rng(0).permutation(n), count)]


def neighbours_scatter(data: TrainingData) -> float:
    """Standard deviation of the maps' energies about a smooth surface, from each map's difference to its next one."""
    from scipy.spatial import cKDTree

    nearest = cKDTree(data.x).query(data.x, k=2)[1][:, 1]
    return float(np.sqrt(np.mean((data.energy - data.energy[nearest]) ** 2) / 2))
