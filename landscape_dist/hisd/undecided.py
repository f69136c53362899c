"""Searches whose way is chosen by rounding: they climb along a direction along which they felt no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.hisd.ends import ROUNDING
from landscape_dist.hisd.state import State
from landscape_dist.numerics.arrays import rows_like, to_numpy

# Displacements up to this part of 1 + |x| are none: parents are rounded, and so are their symmetries.
NOTHING = 1e-9
# Part of the gradient that a direction must have for the search to go where it leads.
LEADS = 0.1


class Undecided:
    """Notes which of n searches have climbed along a direction that began with nothing.

    On a set that a symmetry keeps, the gradient has no part along a direction that breaks the symmetry.  While the
    curvature along that is negative it does not matter.  Where it is positive (on the way past a point of lower index,
    say) the dynamics leave the set along it, but where to, and when, rounding chooses: the dynamics themselves would
    stay.  As soon as the curvature is negative again before anything has come of it, the search is back on the set.

    Args:
        k: how many directions each of them has.

    Attributes:
        found: (n,) bool, which.
    """

    def __init__(self, n: int, k: int) -> None:
        self.found = np.zeros(n, dtype=bool)
        self._unstable = np.zeros((n, k), dtype=bool)  # along which there was nothing, and the curvature is positive

    def note(self, state: State[Any], xp: Any) -> None:
        """Look at the directions of the searches that go on."""
        assert state.H is not None
        row, V, g = state.row, to_numpy(state.V), to_numpy(state.g)
        along = np.abs((V.mT @ g[:, :, None])[:, :, 0])
        size = (1 + np.linalg.norm(to_numpy(state.x), axis=1))[:, None]
        stiffest = to_numpy(state.norm)[:, None] * size
        # The curvature is asked for where it matters.
        which = np.flatnonzero((self._unstable[row] | (along <= NOTHING * stiffest)).any(axis=1))
        if not len(which):
            return
        rows = rows_like(which, state.x, xp)
        curvature = np.einsum("nij,nij->nj", V[which], to_numpy(state.H[rows] @ state.V[rows]))
        row, along, size, stiffest = row[which], along[which], size[which], stiffest[which]
        nothing = along <= np.maximum(NOTHING * np.abs(curvature) * size, ROUNDING * stiffest)
        unstable = self._unstable[row] = (curvature > 0) & (nothing | self._unstable[row])
        leads = along >= LEADS * to_numpy(state.gradient_norm)[which, None]
        self.found[row] |= (unstable & leads & ~nothing).any(axis=1)
