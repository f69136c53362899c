"""Newton's method through eigenvectors of dense Hessians, for searches that are close to their ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.hisd.dynamics import rayleigh, reflect
from landscape_dist.hisd.newton import CONTRACTION, MAX_ITERATIONS, NewtonEnds, newton_step, pseudo_inverse
from landscape_dist.numerics.arrays import rows_like, to_numpy
from landscape_dist.numerics.linalg import frobenius
from landscape_dist.problems.base import Problem
from landscape_dist.records import IntArray

# A Hessian serves for several steps while each brings |g| down by this factor.
REUSE = 0.05


def newton_by_eigenvectors(
    problem: Problem,
    x: Any,
    g: Any,
    V: Any,
    reach: Any,
    tolerance: Callable[[Any, Any, IntArray], Any],
    zero: float,
) -> NewtonEnds:
    """With eigenvectors of the Hessian, kept while it serves; the arguments are those of `Evaluator.newton`.

    Args:
        zero: eigenvalues count as zero up to this part of the largest; along their modes nothing moves.
    """
    xp = problem.xp
    origin = x
    x, g = xp.asarray(x, copy=True), xp.asarray(g, copy=True)
    H = problem.hessian(x)
    fine = to_numpy(xp.all(xp.reshape(xp.isfinite(H), (H.shape[0], -1)), axis=-1))
    H = xp.where(xp.isfinite(H), H, xp.zeros_like(H))
    norm = frobenius(H, xp)
    w, Q = xp.linalg.eigh(H)
    inverse = pseudo_inverse(w, zero, xp)
    negative = to_numpy(xp.sum(xp.where(inverse < 0, xp.ones_like(w), xp.zeros_like(w)), axis=-1))
    k = V.shape[-1]
    fine &= negative == k
    if k:
        fine &= to_numpy(xp.all(rayleigh(V, H @ V, xp) < 0, axis=-1))
    first = newton_step(Q, inverse, g)
    along = xp.sum(first * reflect(V, -g), axis=-1) > 0
    fine &= to_numpy(along & (xp.linalg.vector_norm(first, axis=-1) <= reach))
    rows = np.flatnonzero(fine)
    done = []
    for _ in range(MAX_ITERATIONS):
        if not len(rows):
            break
        at = rows_like(rows, x, xp)
        trial = problem.space.retract(x[at], newton_step(Q[at], inverse[at], g[at]))
        gradient = problem.gradient(trial)
        before, after = xp.linalg.vector_norm(g[at], axis=-1), xp.linalg.vector_norm(gradient, axis=-1)
        near = xp.linalg.vector_norm(trial - origin[at], axis=-1) <= reach[at]
        good = to_numpy(near & xp.isfinite(after) & (after <= CONTRACTION * before))
        x[at], g[at] = trial, gradient
        ended = good & to_numpy(after <= tolerance(trial, norm[at], at))
        done.append(rows[ended])
        stale = (good & ~ended & to_numpy(after > REUSE * before))[good & ~ended]
        rows = rows[good & ~ended]
        if stale.any():
            again = rows_like(rows[stale], x, xp)
            fresh = problem.hessian(x[again])
            fresh = xp.where(xp.isfinite(fresh), fresh, xp.zeros_like(fresh))
            norm[again] = frobenius(fresh, xp)
            w, Q[again] = xp.linalg.eigh(fresh)
            inverse[again] = pseudo_inverse(w, zero, xp)
    none = np.zeros(0, dtype=np.int64)
    return NewtonEnds(np.concatenate([*done, none]).astype(np.int64), none, x, g, norm)
