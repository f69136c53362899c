"""Which certified zeros are one and the same."""

from __future__ import annotations

import numpy as np

from landscape_dist.exploration.proofs.krawczyk import Zeros
from landscape_dist.records import FloatArray


def distinct(zeros: Zeros) -> tuple[Zeros, FloatArray]:
    """Each zero once, and boxes (2, d, k) around those of which it cannot be told.

    Boxes that do not meet hold different zeros.  Of two that do, one inside of the box in which the other's zero is the
    only one holds the same.  Pairs are found along a line, on which boxes that meet have shadows that do.
    """
    n, d = zeros.x.shape
    unclear = np.empty((2, d, 0))
    if n < 2:
        return zeros, unclear
    d_eps = (d + 4) * 2.0**-52
    size = np.abs(zeros.x)
    scale = np.maximum(np.maximum(np.ptp(zeros.x, axis=0), 1e-6 * size.max(axis=0)), 1e-290)
    line = np.random.default_rng(2026).uniform(0.5, 1.0, d) / scale
    at, shadow = zeros.x @ line, (zeros.radius + d_eps * size) @ line * (1 + 1e-6) + 1e-12
    order = np.argsort(at, kind="stable")
    zeros, at, shadow = zeros.at(order), at[order], shadow[order]
    small, around = zeros.boxes, zeros.around
    last = np.searchsorted(at, at + shadow + shadow.max(), side="right")
    keep = np.ones(n, dtype=bool)
    doubtful = []
    for i in np.flatnonzero(last > np.arange(n) + 1).tolist():
        if not keep[i]:
            continue
        others = np.arange(i + 1, last[i])
        others = others[keep[others]]
        meet = (np.minimum(small[:, :, others], small[:, :, [i]]).sum(axis=0) >= 0).all(axis=0)
        for j in others[meet].tolist():
            one = (small[:, :, j] <= around[:, :, i]).all() or (small[:, :, i] <= around[:, :, j]).all()
            keep[j] = False
            if not one:
                doubtful.append(np.maximum(small[:, :, i], small[:, :, j]))
    if doubtful:
        unclear = np.stack(doubtful, axis=2)
    return zeros.at(keep), unclear


def wrapped(zeros: Zeros, lower: FloatArray, upper: FloatArray, periods: FloatArray) -> Zeros:
    """Zeros with their periodic coordinates in one period from `lower` on, where the box has all of it; those at the
    upper end, or nearly so, are at the lower, or below it."""
    whole = np.isfinite(periods) & (upper - lower >= periods * (1 - 1e-12))
    turns = np.where(whole, np.floor((zeros.x - lower) / np.where(whole, periods, 1.0) + 1e-9), 0.0)
    return _moved(zeros, turns, periods)


def raised(zeros: Zeros, lower: FloatArray, periods: FloatArray) -> Zeros:
    """Those that `wrapped` has put below the lower end, at the upper one."""
    below = zeros.x + zeros.radius < lower
    return _moved(zeros, np.where(below & np.isfinite(periods), -1.0, 0.0), periods)


def _moved(zeros: Zeros, turns: FloatArray, periods: FloatArray) -> Zeros:
    """Zeros (n, d) so many periods lower."""
    away = turns * np.where(np.isfinite(periods), periods, 0.0)
    # rounded, and a period such as 2 pi is a double here
    error = np.where(turns != 0, 4e-16 * (np.abs(zeros.x) + 2 * np.abs(away)), 0.0)
    moved = np.stack([away.T, -away.T]) - error.T
    return Zeros(zeros.x - away, zeros.radius * (1 + 4e-16) + error, zeros.around + moved)
