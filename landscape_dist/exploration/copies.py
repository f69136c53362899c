"""Copies without end: families of points along a flat direction, and images under a period that was not declared.

Both make an exploration that never ends.  Points of a family have equal energies and a zero mode along which they lie
at every distance; images under a period lie in a row, equally far apart, with equal energies and spectra.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape_dist.records import FloatArray, IntArray, PointColumns

# So many points of equal energy, index and nullity at as many different distances are a family,
FAMILY = 24
# and so many in a row, equally far apart, have a period: of so many points of equal energy, index and spectrum at most.
IN_A_ROW, LOOKED_AT = 4, 64
# Energies and eigenvalues are equal up to this part of their size; distances, too.
EQUAL, SAME_DISTANCE = 1e-6, 1e-3
# The cosine between the ways to two neighbours in a row.
OPPOSITE = -0.9


@dataclass(frozen=True, slots=True)
class Copies:
    """Why an exploration is given up.

    Attributes:
        n_points: copies seen. index, nullity: of each. energy: of each, NaN for vector fields.
        period: (d,) the shift from one to the next; None along a flat direction.
    """

    n_points: int
    index: int
    nullity: int
    energy: float
    period: tuple[float, ...] | None

    def __str__(self) -> str:
        of = f"{self.n_points} points of index {self.index}"
        if not np.isnan(self.energy):
            of += f" and energy {self.energy:.8g}"
        if self.period is None:
            return (
                f"copies without end: {of} lie along a flat direction (nullity {self.nullity}), as where an energy is "
                "invariant under shifts or rotations; declare the symmetry (same=, a group), or hold those coordinates"
            )
        return (
            f"copies without end: {of} and of one spectrum lie in a row, each {_shift(self.period)} from the last; "
            "declare the period (periods=), or give a domain"
        )


def copies_without_end(points: PointColumns, *, bounded: bool) -> Copies | None:
    """Copies among the points, if there are so many that there is no end to be seen.

    Args:
        points: p points. bounded: whether they are looked for in a bounded domain, where images under a period end.
    """
    for rows in _alike(points):
        if len(rows) < (FAMILY if points.nullity[rows[0]] else 2 * IN_A_ROW):
            continue
        first = rows[0]
        about = len(rows), int(points.index[first]), int(points.nullity[first]), float(points.energy[first])
        if about[2]:
            if _along_a_line(points.x[rows[:512]]):
                return Copies(*about, None)
        elif not bounded:
            period = _period(points.x[rows], points.eigenvalues[rows])
            if period is not None:
                return Copies(*about, tuple(period.tolist()))
    return None


def _alike(points: PointColumns) -> list[IntArray]:
    """Rows of points of equal index, nullity and energy, the largest first."""
    energy = np.where(np.isnan(points.energy), 0.0, points.energy)
    order = np.lexsort((energy, points.index, points.nullity))
    if not len(order):
        return []
    size = EQUAL * np.maximum(np.abs(energy[order[1:]]), np.ptp(energy))
    new = np.abs(np.diff(energy[order])) > size
    for of in (points.index, points.nullity):
        new |= np.diff(of[order]) != 0
    groups = np.split(order, np.flatnonzero(new) + 1)
    return sorted(groups, key=len, reverse=True)


def _along_a_line(X: FloatArray) -> bool:
    """Whether points fill a line or a surface: at every distance from one another, or one after another in a row.

    Isolated images under a symmetry are at few distances, with neighbours at right angles.
    """
    from scipy.spatial import cKDTree  # few landscapes need it, and it takes long to import

    distance, near = cKDTree(X).query(X, k=3)
    nearest = np.sort(distance[:, 1])
    different = 1 + np.count_nonzero(np.diff(nearest) > SAME_DISTANCE * nearest[1:])
    one, other = X[near[:, 1]] - X, X[near[:, 2]] - X
    cosine = np.sum(one * other, axis=1) / np.maximum(distance[:, 1] * distance[:, 2], 1e-300)
    return bool(different >= min(FAMILY, len(X)) // 3 or np.count_nonzero(cosine < OPPOSITE) > len(X) // 2)


def _period(X: FloatArray, eigenvalues: FloatArray) -> FloatArray | None:
    """The shortest shift that leads from a point to three more of the same spectrum, one after another."""
    from scipy.spatial import cKDTree

    w = np.where(np.isnan(eigenvalues), 0.0, eigenvalues)
    inner = np.argsort(np.linalg.norm(X - X.mean(axis=0), axis=1), kind="stable")
    equal: NDArray[np.bool_] = np.abs(w - w[inner[0]]).max(axis=1) <= 1e2 * EQUAL * np.abs(w).max()
    X = X[inner[equal[inner]][:LOOKED_AT]]
    if len(X) < 2 * IN_A_ROW:
        return None
    tree = cKDTree(X)
    shift = (X[None] - X[:, None]).reshape(-1, X.shape[1])
    begin = np.repeat(X, len(X), axis=0)
    length = np.linalg.norm(shift, axis=1)
    there = length > 0
    for k in range(2, IN_A_ROW):
        off = tree.query(begin + k * shift)[0]
        there &= off <= SAME_DISTANCE * length
    rows = np.flatnonzero(there)
    return shift[rows[length[rows].argmin()]] if len(rows) else None


def _shift(period: tuple[float, ...]) -> str:
    """In words."""
    most = np.abs(period).max()
    parts = [f"{v:.6g} along x{i + 1}" for i, v in enumerate(period) if abs(v) > 1e-6 * most]
    return " and ".join(parts[:4]) + (" and others" if len(parts) > 4 else "")
