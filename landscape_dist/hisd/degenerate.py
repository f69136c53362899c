"""The last digits of points whose Hessian is singular, where a small gradient says little about x."""

from __future__ import annotations

import numpy as np

from landscape_dist.hisd.newton import newton_step, pseudo_inverse
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray

# At a root of multiplicity m each Newton step leaves the part (1 - 1/m) of the error, and the m-th power of that of the
# gradient: a third of it or less. What contracts less is rounding, or a zero mode, along which nothing is to be gained.
CONTRACTION = 0.5
MAX_STEPS = 60
# Curvatures below this part of the largest are rounding.
ROUNDING = 1e-14
FARTHEST = 1e-2


def approach(
    problem: Problem, X: FloatArray, g: FloatArray, H: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Newton's method along all modes, the nearly flat ones included, for as long as it contracts the gradient.

    At a quartic minimum |g| <= tolerance holds as far as tolerance^(1/3) away, so that searches from two sides would
    give two points.

    Args:
        X, g, H: (n, d), (n, d), (n, d, d) converged points with gradients and Hessians.

    Returns:
        The same at the points come to.
    """
    X, g, H = X.copy(), g.copy(), H.copy()
    rows = np.arange(len(X))
    for _ in range(MAX_STEPS):
        w, Q = np.linalg.eigh(H[rows])
        step = newton_step(Q, pseudo_inverse(w, ROUNDING, np), g[rows])
        near = np.linalg.norm(step, axis=1) <= FARTHEST * (1 + np.linalg.norm(X[rows], axis=1))
        trial = problem.space.retract(X[rows], np.where(near[:, None], step, 0.0))
        gradient, hessian = (to_numpy(a) for a in problem.gradient_hessian(problem.xp.asarray(trial)))
        before, after = np.linalg.norm(g[rows], axis=1), np.linalg.norm(gradient, axis=1)
        good = near & (after <= CONTRACTION * before) & np.isfinite(hessian).all(axis=(1, 2))
        rows, trial, gradient, hessian = rows[good], trial[good], gradient[good], hessian[good]
        X[rows], g[rows], H[rows] = trial, gradient, hessian
        if not len(rows):
            break
    return X, g, H
