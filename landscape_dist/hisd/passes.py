"""Descents that pass close by a saddle, where which way they turn depends on how closely they follow the dynamics."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.hisd.state import State
from landscape_dist.numerics.arrays import to_numpy

# The gradient falls to this part of its largest, and then rises by this factor.
LOW, RISE = 0.3, 1.2


class Passes:
    """Notes which of n searches have felt a small gradient on their way, and then a larger one.

    Attributes:
        close: (n,) bool, which have.
    """

    def __init__(self, n: int) -> None:
        self.close = np.zeros(n, dtype=bool)
        self._largest = np.zeros(n)
        self._least = np.zeros(n)  # since the largest

    def note(self, state: State[Any]) -> None:
        """Look at the gradients of the searches that go on."""
        row, g = state.row, to_numpy(state.gradient_norm)
        new = g >= self._largest[row]
        self._largest[row] = np.maximum(self._largest[row], g)
        least = self._least[row] = np.where(new, g, np.minimum(self._least[row], g))
        self.close[row] |= (least < LOW * self._largest[row]) & (g > RISE * least)
