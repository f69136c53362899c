"""Newton's method by MINRES on Hessian products, for searches that are close to their ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.hisd.curvatures.operators import hessian_operator
from landscape_dist.hisd.dynamics import rayleigh, reflect
from landscape_dist.hisd.newton import CONTRACTION, MAX_ITERATIONS, NewtonEnds
from landscape_dist.hisd.spectra import LowestSpectrum
from landscape_dist.numerics.arrays import rows_like, to_numpy
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray, IntArray

# In matrix-free runs, a curvature below this part of the Hessian's size may belong to a zero mode.
FLAT = 0.02
# MINRES ends at a residual of at most this part of |H| |step| + |g|, which with small eigenvalues is more than of |g|.
LOOSEST = 1e-3


def newton_by_products(
    problem: Problem,
    x: Any,
    g: Any,
    V: Any,
    norm: Any,
    reach: Any,
    tolerance: Callable[[Any, Any, IntArray], Any],
    spectrum: Callable[[FloatArray, int], LowestSpectrum],
) -> NewtonEnds:
    """One search after the other; the index is counted at the end.  The arguments are those of `Evaluator.newton`.

    Args:
        spectrum: of the Hessian at a point (d,) where an index is expected.
    """
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
            trial = problem.space.retract(x[i : i + 1], xp.asarray(step[None, :]))
            gradient = problem.gradient(trial)
            after = float(xp.linalg.vector_norm(gradient))
            if not (after <= CONTRACTION * before and np.linalg.norm(to_numpy(trial[0]) - origin) <= far[i]):
                break
            x[i], g[i] = trial[0], gradient[0]
            at = rows_like(among, x, xp)
            if after <= float(tolerance(trial, norm[at], at)[0]):
                if _has_index(spectrum(to_numpy(trial[0]), V.shape[-1]), V.shape[-1]):
                    done.append(i)
                else:
                    refused.append(i)
                break
    return NewtonEnds(np.array(done, dtype=np.int64), np.array(refused, dtype=np.int64), x, g, norm)


def _minres(problem: Problem, x: FloatArray, g: FloatArray, rtol: float) -> FloatArray:
    """Newton step at x (d,) for the gradient g (d,); the residual is at most rtol (|H| |step| + |g|)."""
    from scipy.sparse.linalg import LinearOperator, minres

    d = len(g)
    inverse = problem.preconditioner(x)
    M = None if inverse is None else LinearOperator((d, d), lambda v: inverse(v.reshape(d, 1)).ravel(), dtype=float)
    step, _ = minres(hessian_operator(problem, x), -g, rtol=rtol, maxiter=2 * d, M=M)
    return np.asarray(step)


def _has_index(found: LowestSpectrum, k: int) -> bool:
    """Whether there are at most k negative eigenvalues, and at least k with those that are zero.

    Exactly k of them negative where there are no zero modes; along those the dynamics stand still on either side.
    Where that is in doubt it does not speak against the point.
    """
    return bool(found.doubt) or found.index <= k <= found.index + found.nullity
