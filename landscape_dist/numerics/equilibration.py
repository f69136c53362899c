"""Symmetric matrices in units of their own, in which no coordinate is stiff or soft because of how it is measured."""

from __future__ import annotations

import numpy as np

from landscape_dist.records import FloatArray

SWEEPS = 8
# Rows below this part of the largest entry are rounding, and are not blown up.
ROUNDING = 1e-13


def equilibrating(H: FloatArray) -> FloatArray:
    """(m, d, d) symmetric -> (m, d) scales s > 0 such that the largest entry of each row of s_i H_ij s_j is about 1.

    By Sylvester's law of inertia the signs of the eigenvalues stay.  Rows that are zero, or as good as zero, are given
    the scale of the largest entry.  (D. Ruiz, A scaling algorithm to equilibrate both rows and columns norms in
    matrices, RAL-TR-2001-034.)

    Example:
        >>> equilibrating(np.diag([4.0, 1e8])[None]).round(6).tolist()
        [[0.5, 0.0001]]
    """
    A = np.abs(H)
    largest = np.maximum(A.max(axis=(1, 2)), 1e-300)
    dead = A.max(axis=2) <= ROUNDING * largest[:, None]
    scale = np.where(dead, 1 / np.sqrt(largest)[:, None], 1.0)
    A = A * scale[:, :, None] * scale[:, None, :]
    for _ in range(SWEEPS):
        rows = A.max(axis=2)
        factor = np.where(dead | (rows == 0), 1.0, 1 / np.sqrt(np.where(rows > 0, rows, 1.0)))
        scale *= factor
        A *= factor[:, :, None] * factor[:, None, :]
    return scale
