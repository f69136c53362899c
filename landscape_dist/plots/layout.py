"""Where the points of a connection graph go: rows by index, and an order within each that keeps arrows short."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape_dist.records import FloatArray, IntArray

SWEEPS = 12


def row_positions(index: NDArray[np.int32], parent: IntArray, child: IntArray, first: FloatArray) -> FloatArray:
    """(p,) horizontal positions in [-1, 1]: points of one index side by side, near the points they connect to.

    The barycentre heuristic (K. Sugiyama, S. Tagawa, M. Toda, IEEE Trans. Syst. Man Cybern. 11 (1981) 109), swept
    down and up over the indices; fully vectorised, so it serves a hundred thousand points.

    Args:
        index: (p,) Morse indices. parent, child: (c,) ids of the arrows' ends.
        first: (p,) numbers that order the points before the first sweep, such as energies.
    """
    n = len(index)
    x = np.zeros(n)
    levels = [np.flatnonzero(index == k) for k in np.unique(index)]
    widest = max((len(rows) for rows in levels), default=1)
    slots = [_slots(len(rows), widest) for rows in levels]
    for rows, slot in zip(levels, slots, strict=True):
        x[rows[np.argsort(first[rows], kind="stable")]] = slot
    for sweep in range(SWEEPS):
        order = range(len(levels)) if sweep % 2 == 0 else range(len(levels) - 1, -1, -1)
        for level in order:
            rows = levels[level]
            upper = sweep % 2 == 1 and level < len(levels) - 1
            wish = _barycentre(n, x, child, parent) if upper else _barycentre(n, x, parent, child)
            wanted = np.where(np.isnan(wish[rows]), x[rows], wish[rows])
            x[rows[np.lexsort((x[rows], wanted))]] = slots[level]
    return x


def _slots(n: int, widest: int) -> FloatArray:
    """n places, evenly spread; rows of few points are narrower, but wider than in proportion."""
    if n == 1:
        return np.zeros(1)
    half = (n / widest) ** 0.4
    return np.linspace(-half, half, n)


def _barycentre(n: int, x: FloatArray, here: IntArray, there: IntArray) -> FloatArray:
    """(n,) mean position of the points at the other ends of arrows; NaN for points without arrows."""
    total = np.bincount(here, weights=x[there], minlength=n)
    count = np.bincount(here, minlength=n)
    return np.divide(total, count, out=np.full(n, np.nan), where=count > 0)


def heights_in_rows(index: NDArray[np.int32], energy: FloatArray, room: float = 0.5) -> FloatArray:
    """(p,) the index plus a part of `room` that shows the energy within its row; the index alone without energies."""
    y = index.astype(np.float64)
    if not np.isfinite(energy).all():
        return y
    for k in np.unique(index):
        rows = index == k
        low, high = energy[rows].min(), energy[rows].max()
        if high - low > 1e-9 * max(1.0, abs(low), abs(high)):
            y[rows] += room * ((energy[rows] - low) / (high - low) - 0.5)
    return y


def bends(parent: IntArray, child: IntArray, x: FloatArray) -> FloatArray:
    """(c,) how far each arrow bows to the side, as a part of its length: always away from the middle, and never 0, so
    that arrows that share a line stay apart."""
    lean = np.sign(x[child] - x[parent])
    lean[lean == 0] = np.where((parent + child)[lean == 0] % 2 == 0, 1.0, -1.0)
    return 0.1 * lean
