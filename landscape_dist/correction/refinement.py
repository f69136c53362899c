"""Stationary points of a surrogate taken to those of the true energy, by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.correction.sampling import Frame
from landscape_dist.correction.truth import TrueEnergy
from landscape_dist.hisd.newton import newton_step, pseudo_inverse
from landscape_dist.hisd.verdict import spectrum
from landscape_dist.records import FloatArray
from landscape_dist.surrogates.problem import Surrogate

MAX_ITERATIONS = 25
CLOSE = 1e-9
"""A Newton step below this fraction of the widths is the last; the error after it is of the order of its square, or
of the gradient's rounding."""
ROUNDING = 1e-7
"""Below this one the gradient need not shrink any more: it may be at its rounding."""
LEVEL = 1e-6
"""Gradients up to this, in units of the Hessian's size times the domain's, count as zero."""
CONTRACTION = 0.7
"""Each step must bring the gradient down by this factor,"""
REUSE = 0.1
"""and by this one for the Hessian to serve again."""
NULLITY_RTOL = 1e-6


@dataclass(frozen=True)
class Refined:
    """n points on the true energy, in the order of the surrogate's.

    Attributes:
        x: (n, d), where the method ended. gradient: (n, d) there. hessian: (n, d, d) there; nan where it failed.
        energy: (n,); nan where it failed. eigenvalues: (n, d). index, nullity: (n,), -1 where it failed.
        failure: why no point was found, by row.
    """

    x: FloatArray
    gradient: FloatArray
    hessian: FloatArray
    energy: FloatArray
    eigenvalues: FloatArray
    index: NDArray[np.int32]
    nullity: NDArray[np.int32]
    failure: dict[int, str]


def refine(truth: TrueEnergy, surrogate: Surrogate, X: FloatArray, frame: Frame, reach: float) -> Refined:
    """Newton's method on the true energy, with its Hessian where it has one.

    Where it has none, with the surrogate's, corrected by what each step shows (symmetric rank one), and one Hessian by
    differences at the end, or earlier where the steps do not contract.

    Args:
        truth: the true energy. surrogate: whose points X (n, d) are.
        frame: the domain. reach: fraction of its widths that a point may move.
    """
    n, d = X.shape
    has_hessian = truth.problem.has_hessian
    x, g = X.copy(), truth.gradient(X) if n else np.zeros((0, d))
    H = truth.hessian(X) if has_hessian and n else np.asarray(surrogate.hessian(X))
    exact = np.full(n, has_hessian)
    failure = {int(i): _nothing(truth, "gradient", x[i]) for i in np.flatnonzero(~np.isfinite(g).all(axis=1))}
    going = np.array([i for i in range(n) if i not in failure], dtype=np.int64)
    for _ in range(MAX_ITERATIONS):
        if not len(going):
            break
        step = _steps(H[going], g[going])
        length = frame.distance(step, np.zeros_like(step))
        large = length > CLOSE
        going, step, length = going[large], step[large], length[large]
        if not len(going):
            break
        trial = x[going] + step
        far = frame.distance(trial, X[going]) > reach
        trial_g = np.full_like(trial, np.nan)
        if (~far).any():
            trial_g[~far] = truth.gradient(trial[~far])
        before, after = np.linalg.norm(g[going], axis=1), np.linalg.norm(trial_g, axis=1)
        contracts = after <= CONTRACTION * before
        at_rounding = ~contracts & (length <= ROUNDING) & exact[going]
        stale: list[int] = []
        stop = list(at_rounding)
        for k, i in enumerate(going.tolist()):
            if contracts[k]:
                if not has_hessian:
                    H[i] = _rank_one(H[i], step[k], trial_g[k] - g[i])
                x[i], g[i] = trial[k], trial_g[k]
                exact[i] = False
                if has_hessian and after[k] > REUSE * before[k]:
                    stale.append(i)
            elif not at_rounding[k]:
                if not exact[i]:  # perhaps only the Hessian was wrong
                    stale.append(i)
                    continue
                failure[i] = (
                    f"Newton's method left the neighbourhood of {reach:g} of the domain's widths"
                    if far[k]
                    else f"Newton's method does not contract: the gradient goes from {before[k]:.3g} to {after[k]:.3g}"
                )
                stop[k] = True
        if stale:
            H[stale] = truth.hessian(x[stale])
            exact[stale] = True
        going = going[~np.array(stop, dtype=bool)]
    for i in going.tolist():
        if frame.distance(_steps(H[i : i + 1], g[i : i + 1])[0], np.zeros(d)) > ROUNDING:
            failure[i] = f"Newton's method has not converged in {MAX_ITERATIONS} steps"
    return _verified(truth, x, g, failure, frame)


def _steps(H: FloatArray, g: FloatArray) -> FloatArray:
    w, Q = np.linalg.eigh(np.where(np.isfinite(H), H, 0.0))
    return np.asarray(newton_step(Q, pseudo_inverse(w, NULLITY_RTOL, np), g))


def _rank_one(H: FloatArray, step: FloatArray, change: FloatArray) -> FloatArray:
    """The symmetric rank-one update by which H step = change."""
    off = change - H @ step
    down = float(off @ step)
    if abs(down) <= 1e-8 * np.linalg.norm(off) * np.linalg.norm(step):
        return H
    return H + np.outer(off, off) / down


def _verified(truth: TrueEnergy, x: FloatArray, g: FloatArray, failure: dict[int, str], frame: Frame) -> Refined:
    """Energy, Hessian and spectrum where the method ended well."""
    n, d = x.shape
    result = Refined(
        x, g, np.full((n, d, d), np.nan), np.full(n, np.nan), np.full((n, d), np.nan),
        np.full(n, -1, dtype=np.int32), np.full(n, -1, dtype=np.int32), failure,
    )  # fmt: skip
    good = np.array([i for i in range(n) if i not in failure], dtype=np.int64)
    if len(good):
        hessian = truth.hessian(x[good])
        # Newton's method takes no step along a mode without curvature, whatever the gradient is there.
        for i in good[~np.isfinite(hessian).all(axis=(1, 2))].tolist():
            failure[i] = _nothing(truth, "hessian", x[i])
        room = LEVEL * np.linalg.norm(hessian, axis=(1, 2)) * np.linalg.norm(frame.width)
        for i in good[~(np.linalg.norm(g[good], axis=1) <= room)].tolist():
            failure.setdefault(
                i, f"a gradient of {np.linalg.norm(g[i]):.3g} is left along directions without curvature"
            )
        result.hessian[good] = hessian
        good = np.array([i for i in good.tolist() if i not in failure], dtype=np.int64)
    if len(good):
        result.energy[good] = truth.energy(x[good])
        verdict = spectrum(result.hessian[good], NULLITY_RTOL, d)
        result.eigenvalues[good] = verdict.eigenvalues
        result.index[good], result.nullity[good] = verdict.index, verdict.nullity
    return result


def _nothing(truth: TrueEnergy, kind: str, x: FloatArray) -> str:
    """Why there is no such value at x (d,)."""
    raised = truth.raised(kind, x)
    return f"its {kind} there raised {raised}" if raised else f"its {kind} there is not finite"


def groups_of_same(X: FloatArray, index: Any, atol: float, frame: Frame) -> list[list[int]]:
    """Rows of X (n, d) that are one point: within `atol` of the first of their group; rows of index -1 are in none."""
    groups: list[list[int]] = []
    for i in range(len(X)):
        if index[i] < 0:
            continue
        for group in groups:
            if index[group[0]] == index[i] and frame.distance(X[i], X[group[0]]) <= atol:
                group.append(i)
                break
        else:
            groups.append([i])
    return groups
