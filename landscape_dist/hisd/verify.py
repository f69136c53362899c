"""What the end point of a search is: decided by its spectrum, never by what was searched for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape_dist.linalg import inertia
from landscape_dist.records import FloatArray


@dataclass(slots=True)
class Verdict:
    """Spectra of n stationary points: eigenvalues (n, m) ascending, index (n,), nullity (n,)."""

    eigenvalues: FloatArray
    index: NDArray[np.int32]
    nullity: NDArray[np.int32]


def spectrum(H: FloatArray, nullity_rtol: float, n_eigenvalues: int) -> Verdict:
    """Index and nullity from dense Hessians (n, d, d)."""
    w = np.linalg.eigvalsh(H)
    index, nullity = inertia(w, nullity_rtol)
    return Verdict(w[:, :n_eigenvalues], index, nullity)
