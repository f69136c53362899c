"""Landscapes compared as sets: which points are the same, which arrows are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.exploration.identification import Identification
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.records import FloatArray, IntArray, PointColumns
from landscape_dist.spaces.flat import space_with
from landscape_dist.spaces.judgement import SameJudgement


def match_points(
    x_a: FloatArray, index_a: NDArray[Any], x_b: FloatArray, index_b: NDArray[Any], tolerance: float = 1e-4,
    period: FloatArray | None = None,
) -> tuple[IntArray, IntArray]:  # fmt: skip
    """Pair points of equal index that lie within `tolerance` (2-norm), each at most once.

    As many pairs as possible; among those ways, the least sum of distances.

    Args:
        x_a: (p, d). index_a: (p,). x_b: (q, d). index_b: (q,).
        tolerance: in the unit of x; far below the distance of different points.
        period: (d,) of the coordinates, inf where one is not periodic; None where none is.

    Returns:
        (n,) rows of a, ascending, and the (n,) rows of b that they match.

    Raises:
        SettingsError: tolerance not positive, or points of different dimension.
    """
    if not tolerance > 0:
        raise SettingsError(f"tolerance is {tolerance}; give a positive distance")
    x_a, x_b = np.asarray(x_a, dtype=float), np.asarray(x_b, dtype=float)
    if x_a.ndim != 2 or x_b.ndim != 2 or x_a.shape[1] != x_b.shape[1]:
        raise SettingsError(f"points of shape {x_a.shape} and {x_b.shape} cannot be compared; give (p, d) and (q, d)")
    rows_a, rows_b, distance = _candidates(x_a, np.asarray(index_a), x_b, np.asarray(index_b), tolerance, period)
    if not len(rows_a):
        return rows_a, rows_b
    single = (np.bincount(rows_a)[rows_a] == 1) & (np.bincount(rows_b)[rows_b] == 1)
    pairs_a, pairs_b = [rows_a[single]], [rows_b[single]]
    for group in _groups(rows_a[~single], rows_b[~single]):
        chosen = _assign(rows_a[~single][group], rows_b[~single][group], distance[~single][group], tolerance)
        pairs_a.append(chosen[0])
        pairs_b.append(chosen[1])
    found_a, found_b = np.concatenate(pairs_a), np.concatenate(pairs_b)
    order = np.argsort(found_a)
    return found_a[order], found_b[order]


@dataclass(frozen=True, slots=True)
class Difference:
    """How landscape b differs from landscape a.

    Attributes:
        pairs: (id in a, id in b) of each common point.
        only_in_a, only_in_b: ids of points that the other lacks.
        arrows_only_in_a, arrows_only_in_b: (parent, child), in the ids of the one that has them; arrows at points
            that the other lacks included.
        largest_distance: between the points of a pair; 0 without pairs; NaN where a judgement paired them.
    """

    pairs: tuple[tuple[int, int], ...]
    only_in_a: tuple[int, ...]
    only_in_b: tuple[int, ...]
    arrows_only_in_a: tuple[tuple[int, int], ...]
    arrows_only_in_b: tuple[tuple[int, int], ...]
    largest_distance: float

    @property
    def is_empty(self) -> bool:
        """Whether both have the same points and arrows."""
        return not (self.only_in_a or self.only_in_b or self.arrows_only_in_a or self.arrows_only_in_b)

    def __str__(self) -> str:
        if self.is_empty:
            apart = "" if np.isnan(self.largest_distance) else f" (distances up to {self.largest_distance:.1e})"
            return f"the same {len(self.pairs)} points and the same arrows{apart}"
        return (
            f"{len(self.pairs)} common points; {len(self.only_in_a)} points and {len(self.arrows_only_in_a)} arrows "
            f"only in a, {len(self.only_in_b)} points and {len(self.arrows_only_in_b)} arrows only in b"
        )


def compare(
    a: PathwayMap, b: PathwayMap, tolerance: float = 1e-4, judgement: SameJudgement | None = None
) -> Difference:
    """Compare two landscapes as sets of points and arrows; ids, counts and origins do not matter.

    Args:
        a, b: the landscapes.
        tolerance: see `match_points`.
        judgement: says instead which points are the same; distances are then not computed (NaN), as mirror images can
            be far apart.

    Raises:
        SettingsError: see `match_points`.
    """
    if judgement is None:
        rows_a, rows_b = match_points(a.points.x, a.points.index, b.points.x, b.points.index, tolerance)
    else:
        rows_a, rows_b = _judged(a.points, b.points, judgement)
    b_of_a = np.full(len(a), -1, dtype=np.int64)
    b_of_a[rows_a] = rows_b
    # One number an arrow, in the ids of b: sets of pairs would take gigabytes in large landscapes.
    parent, child = b_of_a[a.connections.parent], b_of_a[a.connections.child]
    of_a = np.where((parent >= 0) & (child >= 0), parent * len(b) + child, -1)
    of_b = b.connections.parent * len(b) + b.connections.child
    distances = np.full(1, np.nan)
    if judgement is None:
        distances = np.linalg.norm(a.points.x[rows_a] - b.points.x[rows_b], axis=1)
    return Difference(
        pairs=tuple(zip(rows_a.tolist(), rows_b.tolist(), strict=True)),
        only_in_a=tuple(np.setdiff1d(np.arange(len(a)), rows_a).tolist()),
        only_in_b=tuple(np.setdiff1d(np.arange(len(b)), rows_b).tolist()),
        arrows_only_in_a=_arrows(a, ~np.isin(of_a, of_b)),
        arrows_only_in_b=_arrows(b, ~np.isin(of_b, of_a)),
        largest_distance=float(distances.max(initial=0.0)),
    )


def _arrows(pathways: PathwayMap, rows: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    ends = pathways.connections.parent[rows].tolist(), pathways.connections.child[rows].tolist()
    return tuple(zip(*ends, strict=True))


def _judged(a: PointColumns, b: PointColumns, judgement: SameJudgement) -> tuple[IntArray, IntArray]:
    """Rows of a, ascending, and the rows of b that are the same points; each row at most once."""
    of_b = Identification.of(judgement, a).find(b.x, b.energy, b.index)
    rows_b = np.flatnonzero(of_b >= 0)
    rows_a, once = np.unique(of_b[rows_b], return_index=True)
    return rows_a, rows_b[once]


def _candidates(
    x_a: FloatArray, index_a: NDArray[Any], x_b: FloatArray, index_b: NDArray[Any], tolerance: float,
    period: FloatArray | None,
) -> tuple[IntArray, IntArray, FloatArray]:  # fmt: skip
    """All pairs of equal index within the tolerance, with their distances."""
    from scipy.spatial import KDTree

    size = None  # of the torus; 0 where it is none
    if period is not None and np.isfinite(period).any():
        size = np.where(np.isfinite(period), period, 0.0)
        x_a, x_b = _on_torus(x_a, size), _on_torus(x_b, size)
    found: list[tuple[IntArray, IntArray]] = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
    for index in np.intersect1d(index_a, index_b).tolist():
        of_a, of_b = np.flatnonzero(index_a == index), np.flatnonzero(index_b == index)
        near = KDTree(x_a[of_a], boxsize=size).query_ball_tree(KDTree(x_b[of_b], boxsize=size), tolerance)
        lengths = [len(rows) for rows in near]
        flat = np.fromiter((row for rows in near for row in rows), dtype=np.int64, count=sum(lengths))
        found.append((np.repeat(of_a, lengths), of_b[flat]))
    rows_a, rows_b = (np.concatenate(side) for side in zip(*found, strict=True))
    space = space_with(period, x_a.shape[1])
    return rows_a, rows_b, np.linalg.norm(space.log(x_b[rows_b], x_a[rows_a]), axis=1)


def _on_torus(X: FloatArray, size: FloatArray) -> FloatArray:
    """Moved into [0, size) where that is not 0."""
    turned = X - size * np.floor(X / np.where(size > 0, size, 1.0))
    return np.asarray(np.where((size > 0) & (turned >= size), 0.0, turned))


def _groups(rows_a: IntArray, rows_b: IntArray) -> list[IntArray]:
    """Candidate pairs split into groups that share no point."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(rows_a):
        return []
    shift = int(rows_a.max()) + 1
    n = shift + int(rows_b.max()) + 1
    _, label = connected_components(coo_array((np.ones(len(rows_a)), (rows_a, rows_b + shift)), (n, n)), False)
    of_pair = label[rows_a]
    order = np.argsort(of_pair, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(of_pair[order])) + 1)


def _assign(rows_a: IntArray, rows_b: IntArray, distance: FloatArray, tolerance: float) -> tuple[IntArray, IntArray]:
    """Most pairs, then shortest: a pair that is not allowed costs more than all allowed ones together."""
    from scipy.optimize import linear_sum_assignment

    of_a, i = np.unique(rows_a, return_inverse=True)
    of_b, j = np.unique(rows_b, return_inverse=True)
    forbidden = tolerance * (len(of_a) + len(of_b) + 1)
    cost = np.full((len(of_a), len(of_b)), forbidden)
    cost[i, j] = distance
    left, right = linear_sum_assignment(cost)
    allowed = cost[left, right] < forbidden
    return of_a[left[allowed]], of_b[right[allowed]]
