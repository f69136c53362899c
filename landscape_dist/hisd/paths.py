"""The paths of searches: recorded while they run, thinned to what a picture needs."""

from __future__ import annotations

import heapq
from itertools import pairwise

import numpy as np

from landscape_dist.records import FloatArray, IntArray

CROWDED = 16
"""A path is thinned while it runs once it has this many times the points that it is to have in the end."""

STRAIGHT = 1e-5
"""A path within this part of its length from the points kept needs no more of them."""


def thin(path: FloatArray, n_points: int) -> IntArray:
    """(k,) increasing rows of a path to keep; the ends and the last step are among them, and k <= max(n_points, 3).

    Half of the points are spent evenly along the path: a dropped point is no further from the chord of its two
    neighbours kept than L / (n_points // 2 - 1), L the length of the path.  The others go one after another to where
    the path is furthest from its chords (U. Ramer, Comput. Graph. Image Process. 1 (1972) 244), until they are spent
    or the path is drawn to 1e-5 of its length.

    Args:
        path: (t, d). n_points: how many to keep.
    """
    t = len(path)
    if t <= max(n_points, 3):
        return np.arange(t)
    if n_points <= 3:
        return np.array([0, t - 2, t - 1])
    length = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))))
    kept = [*_even(length[:-1], n_points // 2), t - 1]  # the last step says how the search converged
    heap: list[tuple[float, int, int, int]] = []

    def look(a: int, b: int) -> None:
        if b - a > 1:
            distance = _from_chord(path[a : b + 1])
            middle = int(distance.argmax())
            heapq.heappush(heap, (-float(distance[middle]), a, a + 1 + middle, b))

    for a, b in pairwise(kept):
        look(a, b)
    while heap and len(kept) < n_points and -heap[0][0] > STRAIGHT * length[-1]:
        _, a, middle, b = heapq.heappop(heap)
        kept.append(middle)
        look(a, middle)
        look(middle, b)
    return np.array(sorted(kept))


def _even(length: FloatArray, n: int) -> list[int]:
    """At most max(n, 2) rows, first and last included, such that rows are dropped only within 2 L / (n - 1)."""
    last = len(length) - 1
    if n <= 2:
        return [0, last]
    reach = 2.0 * length[-1] / (n - 1)
    kept = [0]
    while kept[-1] < last:
        furthest = int(np.searchsorted(length, length[kept[-1]] + reach, side="right")) - 1
        kept.append(min(last, max(furthest, kept[-1] + 1)))
    return kept


def _from_chord(piece: FloatArray) -> FloatArray:
    """(m - 2,) distances of the inner points of a piece (m, d) from the line segment that joins its ends."""
    start, chord = piece[0], piece[-1] - piece[0]
    inner = piece[1:-1] - start
    square = float(chord @ chord)
    along = np.clip(inner @ chord / square, 0.0, 1.0) if square > 0 else np.zeros(len(inner))
    return np.asarray(np.linalg.norm(inner - along[:, None] * chord, axis=1))


class Paths:
    """The paths of a batch of searches while they run.

    Args:
        start: (n, d) where they start. n_points: points to keep of each; None keeps all.
    """

    def __init__(self, start: FloatArray, n_points: int | None) -> None:
        self.n_points = n_points
        self._x = [[x.copy()] for x in start]
        self._time = [[0.0] for _ in start]

    def record(self, row: IntArray, x: FloatArray, pseudo_time: FloatArray) -> None:
        """Searches `row` (m,) have come to x (m, d); the last step stood for `pseudo_time` (m,) of the dynamics."""
        for i, x_i, elapsed in zip(row.tolist(), x, pseudo_time.tolist(), strict=True):
            self._x[i].append(x_i.copy())
            self._time[i].append(self._time[i][-1] + elapsed)
            # Long paths in many variables would fill the memory.
            if self.n_points is not None and len(self._x[i]) > CROWDED * max(self.n_points, 2):
                kept = thin(np.array(self._x[i]), CROWDED // 2 * max(self.n_points, 2))
                self._x[i] = [self._x[i][k] for k in kept.tolist()]
                self._time[i] = [self._time[i][k] for k in kept.tolist()]

    def taken(self, i: int) -> tuple[FloatArray, FloatArray]:
        """(t, d) and (t,): the path of search i, thinned, and the pseudo-time at its points."""
        x, time = np.array(self._x[i]), np.array(self._time[i])
        if self.n_points is None:
            return x, time
        kept = thin(x, self.n_points)
        return x[kept], time[kept]

    def __len__(self) -> int:
        return len(self._x)
