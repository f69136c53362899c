"""Where a batch of searches has ended, before anything is verified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.paths import Paths
from landscape_dist.records import FloatArray, IntArray


@dataclass(slots=True)
class Outcome:
    """Where n searches ended, NumPy.

    Attributes:
        status: (n,) CONVERGED, LEFT_DOMAIN, NOT_FINITE, MAX_STEPS, STALLED or DEADLINE.
        x: (n, d). gradient_norm: (n,). H: (n, d, d) Hessians there, or None where there are no such arrays.
        n_steps: (n,) trial steps, those taken back included. norm_at_start: (n,) size of the Hessian there.
        paths: of the searches, where asked for. close: (n,) which passed close by a saddle, where asked for.
        undecided: (n,) whose way rounding chose, where asked for.
    """

    status: NDArray[np.int8]
    x: FloatArray
    gradient_norm: FloatArray
    H: FloatArray | None
    n_steps: IntArray
    norm_at_start: FloatArray
    paths: Paths | None = None
    close: NDArray[np.bool_] | None = None
    undecided: NDArray[np.bool_] | None = None
