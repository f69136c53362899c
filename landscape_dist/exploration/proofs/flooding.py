"""Whether what is left undecided is a continuum of points, which no boxes will ever tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_dist.records import FloatArray

# So many boxes, and all of them smaller than this part of where they are, are looked at for it.
FEWEST, SMALLER = 4096, 0.04
# The number of cells that they touch grows with this power of the fineness: 0 for single points, 1 for a curve.
LEAST_DIMENSION = 0.6
# A cell, in widths of the largest box, and a coarse one, in those.
CELL, COARSE = 2.0, 8.0


@dataclass(frozen=True)
class Flood:
    """A set of boxes that looks like a continuum.

    Attributes:
        dimension: about, of the set. n_boxes: that are left.
    """

    dimension: float
    n_boxes: int

    def __str__(self) -> str:
        return (
            f"The {self.n_boxes} boxes left form a set of dimension about {self.dimension:.1f}: where points are not "
            "isolated (a ring, a symmetry that moves them) they cannot be counted. Fix the symmetry, or give a box "
            "without them"
        )


def flooding(boxes: FloatArray, whole: FloatArray) -> Flood | None:
    """What boxes (2, d, n) of a box of widths `whole` (d,) look like; None where they may be single points."""
    n = boxes.shape[2]
    if n < FEWEST:
        return None
    widths = (boxes[0] + boxes[1]) / whole[:, None]
    cell = CELL * np.quantile(widths.max(axis=0), 0.9)
    middles = 0.5 * (boxes[1] - boxes[0]) / whole[:, None]
    # of a whole that is far larger than where the points are, small boxes fill a part for a while
    if cell > SMALLER * np.ptp(middles, axis=1).max():
        return None
    fine, coarse = _cells(middles, cell), _cells(middles, cell * COARSE)
    dimension = float(np.log(fine / coarse) / np.log(COARSE))
    return Flood(dimension, n) if dimension > LEAST_DIMENSION and coarse > COARSE else None


def _cells(x: FloatArray, width: float) -> int:
    """How many cells of a grid hold points x (d, n)."""
    return len(np.unique(np.floor(x / width).astype(np.int64), axis=1).T)
