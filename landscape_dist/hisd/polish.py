"""Newton's method for the last digits of searches that moved by explicit steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.eigensolvers.base import frobenius
from landscape_dist.hisd import conditioned
from landscape_dist.hisd.dynamics import rayleigh, reflect
from landscape_dist.hisd.newton import newton_step, pseudo_inverse
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.spectra import lowest_spectrum
from landscape_dist.hisd.state import State
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.lanczos import hessian_operator
from landscape_dist.problems.conditioned import Conditioned
from landscape_dist.records import FloatArray

# Polishing is tried when |g| has fallen to this part of the largest on the way,
BEGIN = 0.1
# and again, where that failed, when it has fallen to this part of what it then was, or after so many steps.
AGAIN, PATIENCE = 0.25, 200
# (to this part, where it led to a point of another index)
FURTHER = 1e-3
# In matrix-free runs, a curvature below this part of the Hessian's size may belong to a zero mode.
FLAT = 0.02
# Newton's steps must each bring |g| down by this factor,
CONTRACTION = 0.5
# together go no further than this part of the way that the search has come,
REACH = 0.5
# and get there in so many.
MAX_ITERATIONS = 12
# MINRES ends at a residual of at most this part of |H| |step| + |g|, which with small eigenvalues is more than of |g|.
LOOSEST = 1e-3
# A Hessian serves for several steps while each brings |g| down by this factor.
REUSE = 0.05


class Polish:
    """Takes a search to its end where Newton's method agrees with the dynamics about which point that is.

    That is: at the point where it begins the Hessian has as many negative eigenvalues as there are directions, the
    curvature along each of these is negative (so the dynamics contract), the step goes along the dynamics, every step
    contracts the gradient, and the end is near.  Otherwise the search goes on as it was.

    Up to `settings.dense_limit` variables the steps use the Hessian's eigenvectors, beyond MINRES on products; zero
    modes stay where they are in both.
    """

    def begin(self, state: State, xp: Any) -> None:
        """Remember the start and the largest gradient."""
        g = xp.linalg.vector_norm(state.g, axis=-1)
        # A search that leaves a stationary point begins with a small gradient, which is no bound for where it ends.
        below = xp.full_like(g, xp.inf)
        since = xp.zeros_like(g)
        state.extra |= {"start": state.x, "largest": g, "last": g, "below": below, "tried": below + 0.0, "since": since}

    def finish(self, problem: Any, state: State, settings: SolverSettings) -> Any:
        """Polish the searches that are close; their x, g and norm are replaced.

        Returns:
            (n,) NumPy bool, those that have been taken to their end; None if there were none.
        """
        xp, extra = problem.xp, state.extra
        size = xp.linalg.vector_norm(state.g, axis=-1)
        extra["largest"] = xp.maximum(extra["largest"], size)
        extra["since"] = extra["since"] + 1
        # Where it has grown well beyond what it was at the last trial, the search has gone elsewhere.
        extra["below"] = xp.where(size > extra["tried"] / AGAIN, xp.full_like(size, xp.inf), extra["below"])
        close = (size <= BEGIN * extra["largest"]) & ((size <= extra["below"]) | (extra["since"] >= PATIENCE))
        close = close & (size <= extra["last"]) & state.has_left(xp)
        extra["last"] = size
        which = np.flatnonzero(to_numpy(close))
        if not len(which):
            return None
        rows = _rows(which, state.x, xp)
        extra["below"][rows], extra["tried"][rows] = AGAIN * size[rows], size[rows]
        extra["since"][rows] = 0.0
        floor = state.floor[rows]

        def tolerance(x: Any, norm: Any, among: Any) -> Any:
            size = xp.maximum(norm, floor[among])
            return settings.gradient_atol + settings.gradient_rtol * size * (1 + xp.linalg.vector_norm(x, axis=-1))

        x, g, V = state.x[rows], state.g[rows], state.V[rows]
        reach = REACH * xp.linalg.vector_norm(x - extra["start"][rows], axis=-1)
        newton = _dense if problem.dim <= settings.dense_limit else _krylov
        done, refused, x, g, norm = newton(problem, x, g, V, state.norm[rows], reach, tolerance, settings)
        # They are near a point of another index, which they are bound to leave.
        elsewhere = _rows(which[refused], state.x, xp)
        extra["below"][elsewhere] = FURTHER * size[elsewhere]
        ended = np.zeros(len(state), dtype=bool)
        ended[which[done]] = True
        kept, to = _rows(done, state.x, xp), _rows(which[done], state.x, xp)
        # Not in place: the arrays may be shared with the trial's.
        state.x = _replaced(state.x, to, x[kept], xp)
        state.g = _replaced(state.g, to, g[kept], xp)
        state.norm = _replaced(state.norm, to, norm[kept], xp)
        return ended


def _replaced(array: Any, rows: Any, values: Any, xp: Any) -> Any:
    array = xp.asarray(array, copy=True)
    array[rows] = values
    return array


def _dense(
    problem: Any, x: Any, g: Any, V: Any, norm: Any, reach: Any, tolerance: Any, settings: SolverSettings
) -> Any:
    """Newton's method with eigenvectors of the Hessian, kept while it serves; the arguments are those of m searches.

    Returns:
        NumPy indices of those that ended well, and of those that ended at a point of another index; x, g and norm of
        all.
    """
    xp, zero = problem.xp, settings.nullity_rtol
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
        at = _rows(rows, x, xp)
        trial = x[at] + newton_step(Q[at], inverse[at], g[at])
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
            again = _rows(rows[stale], x, xp)
            fresh = problem.hessian(x[again])
            fresh = xp.where(xp.isfinite(fresh), fresh, xp.zeros_like(fresh))
            norm[again] = frobenius(fresh, xp)
            w, Q[again] = xp.linalg.eigh(fresh)
            inverse[again] = pseudo_inverse(w, zero, xp)
    none = np.zeros(0, dtype=np.int64)
    return np.concatenate([*done, none]).astype(np.int64), none, x, g, norm


def _rows(index: np.ndarray, like: Any, xp: Any) -> Any:
    return index if xp is np else xp.asarray(index, device=like.device)


def _krylov(
    problem: Any, x: Any, g: Any, V: Any, norm: Any, reach: Any, tolerance: Any, settings: SolverSettings
) -> Any:
    """The same with MINRES on Hessian products, one search after the other; the index is counted at the end."""
    xp = problem.xp
    x, g = xp.asarray(x, copy=True), xp.asarray(g, copy=True)
    fine = np.ones(len(x), dtype=bool)
    if V.shape[-1]:
        # Along zero modes the curvature is zero at the end, and here about zero.
        curvature = rayleigh(V, problem.hvp(x, V), xp)
        fine &= to_numpy(xp.all(curvature < FLAT * norm[:, None], axis=-1))
    rhs, far = to_numpy(reflect(V, -g)), to_numpy(reach)
    done, refused = [], []
    for i in np.flatnonzero(fine).tolist():
        among = np.array([i])
        origin, first = to_numpy(x[i]).copy(), float(xp.linalg.vector_norm(g[i]))
        for iteration in range(MAX_ITERATIONS):
            before = float(xp.linalg.vector_norm(g[i]))
            step = _minres(problem, to_numpy(x[i]), to_numpy(g[i]), min(LOOSEST, 0.5 * before / first))
            if iteration == 0 and not step @ rhs[i] > 0:
                break
            trial = x[i : i + 1] + xp.asarray(step[None, :])
            gradient = problem.gradient(trial)
            after = float(xp.linalg.vector_norm(gradient))
            if not (after <= CONTRACTION * before and np.linalg.norm(to_numpy(trial[0]) - origin) <= far[i]):
                break
            x[i], g[i] = trial[0], gradient[0]
            at = _rows(among, x, xp)
            if after <= float(tolerance(trial, norm[at], at)[0]):
                if _has_index(problem, to_numpy(trial[0]), V.shape[-1], settings):
                    done.append(i)
                else:
                    refused.append(i)
                break
    return np.array(done, dtype=np.int64), np.array(refused, dtype=np.int64), x, g, norm


def _minres(problem: Any, x: FloatArray, g: FloatArray, rtol: float) -> FloatArray:
    """Newton step at x (d,) for the gradient g (d,); the residual is at most rtol (|H| |step| + |g|)."""
    from scipy.sparse.linalg import LinearOperator, minres

    d = len(g)
    inverse = problem.preconditioner(x)
    M = None if inverse is None else LinearOperator((d, d), lambda v: inverse(v.reshape(d, 1)).ravel(), dtype=float)
    step, _ = minres(hessian_operator(problem, x), -g, rtol=rtol, maxiter=2 * d, M=M)
    return np.asarray(step)


def _has_index(problem: Any, x: FloatArray, k: int, settings: SolverSettings) -> bool:
    """Whether the Hessian at x (d,) has at most k negative eigenvalues, and at least k with those that are zero.

    Exactly k of them negative where there are no zero modes; along those the dynamics stand still on either side.
    Where that is in doubt it does not speak against the point.
    """
    of = conditioned.spectrum if isinstance(problem, Conditioned) else lowest_spectrum
    found = of(problem, x, k, settings)
    return bool(found.doubt) or found.index <= k <= found.index + found.nullity
