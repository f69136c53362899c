"""Descents whose way depends on how closely they follow the dynamics: past a saddle, or along a ridge."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.hisd.state import State
from landscape_dist.numerics.arrays import to_numpy

# Past a saddle the gradient falls to this part of its largest, and then rises by this factor.
LOW, RISE = 0.2, 1.3
# On a ridge the lowest curvature is below minus this part of the largest, along a direction at right angles to the
# descent: of a cosine of less than that.
CURVED, ASIDE = 0.02, 0.2


class Passes:
    """Notes which of n searches have felt a small gradient on their way and then a larger one, or were on a ridge.

    Attributes:
        close: (n,) bool, which.
    """

    def __init__(self, n: int) -> None:
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
        unknown = np.flatnonzero(~self.close[row])
        if len(unknown) and state.H is not None and state.H.array is not None:
            H = to_numpy(state.H.array)
            w = np.linalg.eigvalsh(H[unknown])
            unknown = unknown[w[:, 0] < -CURVED * np.abs(w).max(axis=1)]
            _, Q = np.linalg.eigh(H[unknown])
            along = np.abs(np.sum(Q[:, :, 0] * to_numpy(state.g)[unknown], axis=1))
            self.close[row[unknown]] = along < ASIDE * g[unknown]
