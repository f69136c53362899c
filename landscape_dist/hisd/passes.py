"""Descents whose way depends on how closely they follow the dynamics: past a saddle, or along a ridge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.state import State
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.records import FloatArray

# Past a saddle the gradient falls to this part of its largest, and then rises by this factor.
LOW, RISE = 0.2, 1.3
# On a ridge neighbouring descents part: some curvature at right angles to the descent is below minus this part of the
# largest. Where the lowest mode is that of the descent (a squared cosine above ALONG), it says nothing of others.
CURVED, ALONG = 0.02, 0.98
# A softer ridge matters to descents so close to it that they may be on its wrong side. Below this part of the largest
# a negative curvature may be none.
SOFT = 1e-5
TINY = 1e-300


class Passes:
    """Notes which of n searches have felt a small gradient on their way and then a larger one, or were on a ridge.

    Ridges are those of an energy: of a vector field, whose Jacobian is not symmetric, nothing is said of them.

    Args:
        origin: (n, d) where they start. tolerance: of steps, by which part of the way paths may be off.

    Attributes:
        close: (n,) bool, which.
    """

    def __init__(self, origin: FloatArray, tolerance: float, symmetric: bool = True) -> None:
        n = len(origin)
        self._origin = origin
        self._tolerance = tolerance
        self._symmetric = symmetric
        self.close = np.zeros(n, dtype=bool)
        self._largest = np.zeros(n)
        self._least = np.zeros(n)  # since the largest

    def note(self, state: State[Any]) -> None:
        """Look at the gradients, and at the Hessians, of the searches that go on."""
        row, g = state.row, to_numpy(state.gradient_norm)
        new = g >= self._largest[row]
        self._largest[row] = np.maximum(self._largest[row], g)
        least = self._least[row] = np.where(new, g, np.minimum(self._least[row], g))
        self.close[row] |= (least < LOW * self._largest[row]) & (g > RISE * least)
        if self._symmetric and state.H is not None and state.H.array is not None:
            H = to_numpy(state.H.array)
            diagonal = np.einsum("nii->ni", H)
            # Gershgorin: where every diagonal outweighs its row no eigenvalue is negative.
            outweighed = (2 * np.maximum(diagonal, 0.0) < np.abs(H).sum(axis=2)).any(axis=1)
            unknown = np.flatnonzero(~self.close[row] & outweighed)
            w = np.linalg.eigvalsh(H[unknown])
            saddle_like = w[:, 0] < -SOFT * np.abs(w).max(axis=1)
            rows = unknown[saddle_like]
            way = np.linalg.norm(to_numpy(state.x)[rows] - self._origin[row[rows]], axis=1)
            slope = to_numpy(state.g)[rows] / np.maximum(g[rows], TINY)[:, None]
            self.close[row[rows]] = _parting(H[rows], slope, g[rows] / np.maximum(self._tolerance * way, TINY))


def _parting(H: FloatArray, slope: FloatArray, least: FloatArray) -> NDArray[np.bool_]:
    """(n,) whether descents part: unit gradients (n, d) and Hessians (n, d, d), each with a negative eigenvalue.

    Args:
        least: (n,) size of the gradient over how far the descents may be off.
    """
    w, Q = np.linalg.eigh(H)
    share = np.abs(np.sum(Q[:, :, 0] * slope, axis=1))
    along = share**2
    downhill = np.einsum("ni,nij,nj->n", slope, H, slope)
    # The lowest mode without its part along the descent gives a bound of the lowest curvature to the side.
    aside = w[:, 0] * (1 - 2 * along) + along * downhill
    steep = aside < -CURVED * np.abs(w).max(axis=1) * (1 - along)
    # The top of the ridge is at share |g| / |w| from here.
    near = share * least <= -w[:, 0]
    return np.asarray((steep | near) & (along < ALONG))
