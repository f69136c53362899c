"""The last digits of points whose Hessian is singular, where a small gradient says little about x."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.evaluations import gradients
from landscape_dist.hisd.newton import newton_step, pseudo_inverse
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray, IntArray

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


# The gradient along a zero mode counts as felt above this part of the Hessian's size.
EDGE = 1e-10
# A root that is not felt so close by, relative to 1 + |x|, is not known any better,
UNSURE = 1e-4
# and the edges of what is flat are looked for up to so far, in so many halvings.
FARTHEST_EDGE, HALVINGS = 4.0, 20


def centred(problem: Problem, X: FloatArray, H: FloatArray) -> FloatArray:
    """Points with one zero mode, in the middle of where along that mode no gradient is felt.

    At x^6 and flatter ones a search ends anywhere within a part of the valley that is wider than points that are told
    apart; its edges are the same wherever that was.

    Args:
        X: (n, d) points with one zero mode each. H: (n, d, d) their Hessians.

    Returns:
        (n, d), those of X where the root is known well, or where no edges are near.
    """
    w, Q = np.linalg.eigh(H)
    rows = np.arange(len(X))
    v = Q[rows, :, np.abs(w).argmin(axis=1)]
    felt = EDGE * np.abs(w).max(axis=1)
    scale = 1 + np.linalg.norm(X, axis=1)

    def is_felt(which: IntArray, distance: FloatArray) -> NDArray[np.bool_]:
        """(n,) whether a gradient is felt so far along the mode from the points `which`."""
        Y = problem.space.retract(X[which], distance[:, None] * v[which])
        g = gradients(problem, Y)
        return np.asarray(~(np.abs(np.sum(g * v[which], axis=1)) <= felt[which]))

    outer = [_beyond(is_felt, sign, scale) for sign in (1.0, -1.0)]
    which = np.flatnonzero(outer[0].wide & outer[1].wide)
    edges = [_edge(is_felt, which, side) for side in outer] if len(which) else [np.zeros(0)] * 2
    out = X.copy()
    out[which] = problem.space.retract(X[which], 0.5 * (edges[0] + edges[1])[:, None] * v[which])
    return out


@dataclass(frozen=True, slots=True)
class _Side:
    """On one side (`sign`) of n points, distances (n,) at which no gradient is felt (`low`) and one is (`high`)."""

    sign: float
    low: FloatArray
    high: FloatArray
    wide: NDArray[np.bool_]


def _beyond(is_felt: Callable[[IntArray, FloatArray], NDArray[np.bool_]], sign: float, scale: FloatArray) -> _Side:
    """Go out until a gradient is felt; `wide` where one is, not too far and not too near."""
    low, high = np.zeros(len(scale)), UNSURE * scale
    searching = ~is_felt(np.arange(len(scale)), sign * high)
    while searching.any():
        low, high = np.where(searching, high, low), np.where(searching, 2 * high, high)
        which = np.flatnonzero(searching & (high <= FARTHEST_EDGE * scale))
        searching[:] = False
        searching[which] = ~is_felt(which, sign * high[which]) if len(which) else False
    return _Side(sign, low, high, (low > 0) & (high <= FARTHEST_EDGE * scale))


def _edge(is_felt: Callable[[IntArray, FloatArray], NDArray[np.bool_]], which: IntArray, side: _Side) -> FloatArray:
    """(m,) where on one side of the points `which` the gradient is first felt."""
    near, far = side.low[which], side.high[which]
    for _ in range(HALVINGS):
        middle = 0.5 * (near + far)
        there = is_felt(which, side.sign * middle)
        near, far = np.where(there, near, middle), np.where(there, middle, far)
    return side.sign * 0.5 * (near + far)
