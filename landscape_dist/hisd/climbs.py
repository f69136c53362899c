"""Climbs that cannot arrive: gradient and curvature along them only rise, as where an energy grows without end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.state import State
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.sparse import SparseHessians, count_below
from landscape_dist.records import FloatArray

# Steps in a row in which all of it rose.  (Of 1,219 climbs that arrive, on twenty energies, 16 did so for six steps, 14
# of them on one; of 730 that left the domain 427 did, and had made half of their steps by then.)
PATIENCE = 6


class Climbs:
    """Watches searches that look for a point above.

    A search for index k climbs along k directions and arrives only where the curvature along all of them is negative.
    It is given up where for `PATIENCE` steps one after another the gradient, its part along the directions, the largest
    curvature along these and the distance from the start have all grown, with fewer than k negative curvatures around.

    Args:
        origin: (n, d) where they start.
    """

    def __init__(self, origin: FloatArray) -> None:
        n = len(origin)
        self._origin = origin
        self._last = np.full((n, 4), np.nan)
        self._rising = np.zeros(n, dtype=np.int64)

    def endless(self, state: State[Any]) -> NDArray[np.bool_]:
        """(n,) which searches of the state are to be given up."""
        assert state.H is not None
        V, g, HV = (to_numpy(a) for a in (state.V, state.g, state.H @ state.V))
        row, k = state.row, V.shape[2]
        curvature = np.einsum("nij,nij->nj", V, HV).max(axis=1)
        along = np.linalg.norm((V.mT @ g[:, :, None])[:, :, 0], axis=1)
        distance = np.linalg.norm(to_numpy(state.x) - self._origin[row], axis=1)
        now = np.stack([curvature, along, to_numpy(state.gradient_norm), distance], axis=1)
        rises = (now > self._last[row]).all(axis=1) & (self._last[row, 0] > 0)
        moved = np.ones(len(row), dtype=bool) if state.moved is None else to_numpy(state.moved)
        self._rising[row[moved]] = np.where(rises[moved], self._rising[row[moved]] + 1, 0)
        self._last[row[moved]] = now[moved]
        over = self._rising[row] >= PATIENCE
        rows = np.flatnonzero(over)
        H = state.H
        if len(rows) and isinstance(H, SparseHessians):
            over[rows] = [count_below(H.matrices[i], 0.0).n_below in range(k) for i in rows.tolist()]
        elif len(rows):
            over[rows] = np.linalg.eigvalsh(to_numpy(H.array)[rows])[:, k - 1] > 0
        return over
