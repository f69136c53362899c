"""What the end point of a search is: decided by its spectrum, never by what was searched for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.degenerate import approach
from landscape_dist.hisd.newton import newton_step, pseudo_inverse
from landscape_dist.hisd.outcome import Outcome
from landscape_dist.hisd.schur import jacobian_spectrum
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.spectra import LowestSpectrum
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.linalg import inertia
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray, IntArray


@dataclass(slots=True)
class Verdict:
    """Spectra of n stationary points.

    Attributes:
        eigenvalues: (n, m) ascending; for vector fields those of the Jacobian as in `schur.jacobian_spectrum`.
        index, nullity: (n,).
        doubts: why index or nullity may be wrong, by row.
    """

    eigenvalues: FloatArray
    index: NDArray[np.int32]
    nullity: NDArray[np.int32]
    doubts: dict[int, str] = field(default_factory=dict)


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


# Eigenvalues below this fraction of the Hessian's size at the start may be zero at the exact point.
SUSPICIOUS = 1e-5
# Newton's method at a root of multiplicity m is off by m of its steps; so is the Hessian, by m of its changes.
MULTIPLICITY = 4.0


def verdicts(problem: Problem, outcome: Outcome, found: IntArray, settings: SolverSettings) -> Verdict:
    """On the converged searches `found` of an outcome, by dense Hessians; degenerate points get their last digits."""
    X = outcome.x[found]
    H = outcome.H[found] if outcome.H is not None else to_numpy(problem.hessian(problem.xp.asarray(X)))
    if not problem.has_energy:
        return Verdict(*jacobian_spectrum(H, settings.nullity_rtol, settings.n_eigenvalues, settings.nullity_atol))
    blur = np.full(len(found), settings.nullity_atol)
    verdict = spectrum(H, settings.nullity_rtol, problem.dim, blur if settings.nullity_atol else None)
    # These few are looked at twice; for the others that would be an evaluation lost.
    smallest = np.abs(verdict.eigenvalues).min(axis=1)
    verdict.eigenvalues = verdict.eigenvalues[:, : settings.n_eigenvalues]
    rows = np.flatnonzero(smallest <= SUSPICIOUS * outcome.norm_at_start[found])
    if not len(rows):
        return verdict
    g = to_numpy(problem.gradient(problem.xp.asarray(X[rows])))
    X[rows], g, H[rows] = approach(problem, X[rows], g, H[rows])
    outcome.x[found[rows]], outcome.gradient_norm[found[rows]] = X[rows], np.linalg.norm(g, axis=1)
    blur[rows] = np.maximum(blur[rows], remaining_change(problem, X[rows], g, H[rows], settings.nullity_rtol))
    return spectrum(H, settings.nullity_rtol, settings.n_eigenvalues, blur)


def lowest_verdicts(of: Callable[[FloatArray], LowestSpectrum], X: FloatArray, n_eigenvalues: int) -> Verdict:
    """Index and nullity of points X (n, d), each from its lowest eigenvalues; those beyond are NaN.

    Args:
        of: from a point (d,), its spectrum. n_eigenvalues: how many to keep.
    """
    n, d = X.shape
    verdict = Verdict(np.full((n, min(d, n_eigenvalues)), np.nan), np.zeros(n, np.int32), np.zeros(n, np.int32))
    for i in range(n):
        found = of(X[i])
        kept = found.values[: verdict.eigenvalues.shape[1]]
        verdict.eigenvalues[i, : len(kept)] = kept
        verdict.index[i], verdict.nullity[i] = found.index, found.nullity
        if found.doubt:
            verdict.doubts[i] = found.doubt
    return verdict


def remaining_change(problem: Problem, X: FloatArray, g: FloatArray, H: FloatArray, nullity_rtol: float) -> FloatArray:
    """How far the Hessians (n, d, d) at converged points (n, d) may still be from those at the exact points: (n,).

    The change over one more Newton step.  It is at rounding where the convergence is quadratic, and as large as the
    eigenvalue itself where that vanishes at the exact point (a fold, a quartic minimum).
    """
    w, Q = np.linalg.eigh(H)
    # No step along modes that count as zero already: there g / w is rounding over rounding.
    step = newton_step(Q, pseudo_inverse(w, nullity_rtol, np), g)
    after = to_numpy(problem.hessian(problem.xp.asarray(problem.space.retract(X, step))))
    return MULTIPLICITY * np.linalg.norm(after - H, axis=(1, 2))
