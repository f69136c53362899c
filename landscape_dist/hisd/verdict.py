"""What the end point of a search is: decided by its spectrum, never by what was searched for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.degenerate import approach, centred
from landscape_dist.hisd.ends import NOISY_CURVATURE
from landscape_dist.hisd.evaluations import gradients, hessians
from landscape_dist.hisd.newton import newton_step, pseudo_inverse
from landscape_dist.hisd.outcome import Outcome
from landscape_dist.hisd.schur import jacobian_spectrum
from landscape_dist.hisd.settings import SolverSettings, nullity_rtol_of
from landscape_dist.hisd.spectra import LowestSpectrum
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.equilibration import equilibrating
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


def spectrum(
    H: FloatArray, nullity_rtol: float, n_eigenvalues: int, nullity_atol: float = 0.0, change: FloatArray | None = None
) -> Verdict:
    """Index and nullity from dense Hessians.

    An eigenvalue counts as zero where it is small in units of the Hessian's own, see `numerics.equilibration`: being
    small beside a stiff mode makes no zero.

    Args:
        H: (n, d, d).
        nullity_rtol: up to this fraction of the largest eigenvalue, in those units; nullity_atol: or up to this size,
            in the Hessian's unit.
        n_eigenvalues: how many of the lowest to keep.
        change: (n, d, d) by which Hessians may be wrong, see `remaining_change`.
    """
    w = np.asarray(np.linalg.eigvalsh(H), dtype=np.float64)
    size = np.abs(w)
    largest = size.max(axis=1, keepdims=True)
    index = (w < -np.maximum(nullity_rtol * largest, nullity_atol)).sum(axis=1, dtype=np.int32)
    nullity = (size <= np.maximum(nullity_rtol * largest, nullity_atol)).sum(axis=1, dtype=np.int32)
    doubtful = nullity > 0
    if change is not None:
        doubtful |= size.min(axis=1) <= np.linalg.norm(change, axis=(1, 2))
    rows = np.flatnonzero(doubtful)
    if len(rows):
        index[rows], nullity[rows] = _own_inertia(
            H[rows], nullity_rtol, nullity_atol, None if change is None else change[rows]
        )
    return Verdict(w[:, :n_eigenvalues], index, nullity)


def noisy_spectrum(H: FloatArray, nullity_rtol: float, n_eigenvalues: int, zero: FloatArray) -> Verdict:
    """As `spectrum`, for Hessians (n, d, d) whose curvatures count as zero up to `zero` (n,), in their unit."""
    w = np.asarray(np.linalg.eigvalsh(H), dtype=np.float64)
    size = np.abs(w)
    border = np.maximum(nullity_rtol * size.max(axis=1, keepdims=True), zero[:, None])
    index, nullity = (of.sum(axis=1, dtype=np.int32) for of in (w < -border, size <= border))
    return Verdict(w[:, :n_eigenvalues], index, nullity)


def _own_inertia(
    H: FloatArray, rtol: float, atol: float, change: FloatArray | None
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Index and nullity (m,) of Hessians (m, d, d) in their own units; the arguments as in `spectrum`."""
    scale = equilibrating(H)
    w, Q = np.linalg.eigh(scale[:, :, None] * H * scale[:, None, :])
    back = scale[:, :, None] * Q
    # w / |back|^2 is the Rayleigh quotient of H along each mode.
    zero = np.maximum(rtol * np.abs(w).max(axis=1, keepdims=True), atol * np.sum(back**2, axis=1))
    if change is not None:
        zero = np.maximum(zero, np.abs(np.einsum("mij,mik,mkj->mj", back, change, back)))
    return (w < -zero).sum(axis=1, dtype=np.int32), (np.abs(w) <= zero).sum(axis=1, dtype=np.int32)


# Eigenvalues below this fraction of the Hessian's size at the start may be zero at the exact point.
SUSPICIOUS = 1e-5
# Newton's method at a root of multiplicity m is off by m of its steps; so is the Hessian, by m of its changes.
MULTIPLICITY = 4.0


def verdicts(problem: Problem, outcome: Outcome, found: IntArray, settings: SolverSettings) -> Verdict:
    """On the converged searches `found` of an outcome, by dense Hessians; degenerate points get their last digits."""
    X = outcome.x[found]
    H = outcome.H[found] if outcome.H is not None else hessians(problem, X)
    if not problem.has_energy:
        noise = problem.hessian_noise(problem.xp.asarray(X))
        unsure = 0.0 if noise is None else NOISY_CURVATURE * float(to_numpy(noise).max(initial=0.0))
        field_atol = max(settings.nullity_atol, unsure)
        return Verdict(*jacobian_spectrum(H, settings.nullity_rtol, settings.n_eigenvalues, field_atol))
    rtol, atol = settings.nullity_rtol, settings.nullity_atol
    noise = problem.hessian_noise(problem.xp.asarray(X))
    if noise is not None:
        # What is below the noise of the Hessian cannot be told from zero, and no last digits can be had.
        return noisy_spectrum(H, rtol, settings.n_eigenvalues, np.maximum(atol, NOISY_CURVATURE * to_numpy(noise)))
    rtol = nullity_rtol_of(settings, problem.has_hessian)
    verdict = spectrum(H, rtol, problem.dim, atol)
    # These few are looked at twice; for the others that would be an evaluation lost.
    smallest = np.abs(verdict.eigenvalues).min(axis=1)
    verdict.eigenvalues = verdict.eigenvalues[:, : settings.n_eigenvalues]
    rows = np.flatnonzero(smallest <= SUSPICIOUS * outcome.norm_at_start[found])
    if not len(rows):
        return verdict
    g = gradients(problem, X[rows])
    X[rows], g, H[rows] = approach(problem, X[rows], g, H[rows])
    outcome.x[found[rows]], outcome.gradient_norm[found[rows]] = X[rows], np.linalg.norm(g, axis=1)
    change = np.zeros_like(H)
    change[rows] = remaining_change(problem, X[rows], g, H[rows], rtol)
    verdict = spectrum(H, rtol, settings.n_eigenvalues, atol, change)
    single = rows[verdict.nullity[rows] == 1]
    if len(single) and problem.space.flat:
        X[single] = centred(problem, X[single], H[single])
        g = gradients(problem, X[single])
        outcome.x[found[single]], outcome.gradient_norm[found[single]] = X[single], np.linalg.norm(g, axis=1)
    return verdict


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
    """By what the Hessians (n, d, d) at converged points (n, d) may still differ from those at the exact points.

    The change over one more Newton step.  It is at rounding where the convergence is quadratic, and as large as the
    eigenvalue itself where that vanishes at the exact point (a fold, a quartic minimum).
    """
    scale = equilibrating(H)
    w, Q = np.linalg.eigh(scale[:, :, None] * H * scale[:, None, :])
    # No step along modes that count as zero already: there g / w is rounding over rounding.
    step = scale * newton_step(Q, pseudo_inverse(w, nullity_rtol, np), scale * g)
    after = hessians(problem, problem.space.retract(X, step))
    return np.asarray(MULTIPLICITY * (after - H))
