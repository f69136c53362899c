"""Leaving a degenerate point along its zero modes, which to second order lead nowhere.

Along a zero mode that comes from a symmetry the points nearby are stationary, too: the next one on the orbit is all
that could be found, and so without end.  Along any other, the gradient tells what higher orders do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.evaluations import gradients, hessians
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray

# How far along a zero mode the gradient is looked at, relative to max(1, largest coordinate).
RADIUS = 0.05
# Steps that take the other modes back to where the gradient along them vanishes, and curvatures that are such modes'.
STEPS, CURVED = 12, 1e-4
# A gradient below this part of what a curved mode would have there is none.
FELT = 1e-9


def moved_along(problem: Problem, X: FloatArray, offset: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Points a little way along zero modes, on the valley floor, and whether the gradient is felt there.

    Args:
        X: (n, d) degenerate points. offset: (n, d) unit vectors of their null spaces.

    Returns:
        (n, d), those of X where nothing is felt; and (n,) bool.
    """
    w, Q = np.linalg.eigh(hessians(problem, X))
    radius = RADIUS * np.maximum(1.0, problem.space.lengths(X).max(axis=1))
    Y = problem.space.retract(X, radius[:, None] * offset)
    # The Hessian may vanish at the point itself.
    size = np.maximum(np.abs(w).max(axis=1), np.linalg.norm(hessians(problem, Y), axis=(1, 2)))[:, None]
    size = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    curved = np.abs(w) > CURVED * size
    for _ in range(STEPS):
        g = gradients(problem, Y)
        along = (Q.mT @ g[:, :, None])[:, :, 0]
        if (np.abs(along[curved]) <= 0.1 * FELT * np.broadcast_to(size * radius[:, None], along.shape)[curved]).all():
            break
        step = (Q @ np.where(curved, along / np.where(curved, w, 1.0), 0.0)[:, :, None])[:, :, 0]
        Y = problem.space.retract(Y, -step)
    near = np.linalg.norm(problem.space.log(X, Y), axis=1) <= 2 * radius
    felt = near & (np.linalg.norm(g, axis=1) > FELT * size[:, 0] * radius)
    return np.where(felt[:, None], Y, X), felt
