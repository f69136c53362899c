"""What the end point of a search is: decided by its spectrum, never by what was searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.state import to_numpy
from landscape_dist.linalg import inertia
from landscape_dist.records import FloatArray


@dataclass(slots=True)
class Verdict:
    """Spectra of n stationary points: eigenvalues (n, m) ascending, index (n,), nullity (n,)."""

    eigenvalues: FloatArray
    index: NDArray[np.int32]
    nullity: NDArray[np.int32]


def spectrum(H: FloatArray, nullity_rtol: float, n_eigenvalues: int, blur: FloatArray | None = None) -> Verdict:
    """Index and nullity from dense Hessians.

    Args:
        H: (n, d, d).
        nullity_rtol: an eigenvalue counts as zero up to this fraction of the largest.
        n_eigenvalues: how many of the lowest to keep.
        blur: (n,) eigenvalues up to this size count as zero, too (see `remaining_change`).
    """
    w = np.asarray(np.linalg.eigvalsh(H), dtype=np.float64)
    index, nullity = inertia(w, nullity_rtol)
    if blur is not None:
        zero = np.abs(w) <= np.maximum(nullity_rtol * np.abs(w).max(axis=1), blur)[:, None]
        index, nullity = ((w < 0) & ~zero).sum(axis=1, dtype=np.int32), zero.sum(axis=1, dtype=np.int32)
    return Verdict(w[:, :n_eigenvalues], index, nullity)


# Newton's method at a root of multiplicity m is off by m of its steps; so is the Hessian, by m of its changes.
MULTIPLICITY = 4.0


def remaining_change(problem: Any, X: FloatArray, g: FloatArray, H: FloatArray) -> FloatArray:
    """How far the Hessians (n, d, d) at converged points (n, d) may still be from those at the exact points: (n,).

    The change over one more Newton step.  It is at rounding where the convergence is quadratic, and as large as the
    eigenvalue itself where that vanishes at the exact point (a fold, a quartic minimum).
    """
    w, Q = np.linalg.eigh(H)
    safe = np.where(np.abs(w) > 1e-300, w, np.inf)
    step = -(Q @ ((Q.mT @ g[:, :, None]) / safe[:, :, None]))[:, :, 0]
    after = to_numpy(problem.hessian(problem.xp.asarray(X + step)))
    return MULTIPLICITY * np.linalg.norm(after - H, axis=(1, 2))
