"""Stationary points by Newton's method from very many starts, and when the list of them is taken for whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workflows.completeness.instances import Derivatives, FloatArray, IntArray, NotCertain, differences

APART = 1e-3
"""Closest that two points may lie, in units of the spread; closer ones are not told apart reliably by anyone."""
LEAST_CURVATURE = 1e-4
"""Smallest |eigenvalue| of a Hessian that still counts, as a share of the largest."""
Draw = Callable[[int], FloatArray]
"""n -> (about n, d) starts, others at each call."""


def newton(derivatives: Derivatives, X: FloatArray, longest: float, steps: int = 80, far: float = np.inf) -> FloatArray:
    """(n, d) starts -> (m, d) where Newton's steps, none longer than `longest`, have come to rest.

    Args:
        far: starts that get farther from the origin than that are let go.
    """
    ends = []
    for _ in range(steps):
        if not len(X):
            break
        g, H = derivatives(X)
        step = -_solve(H, g)
        length = np.linalg.norm(step, axis=1)
        X = X + step * np.minimum(1.0, longest / np.maximum(length, 1e-300))[:, None]
        arrived = length < 1e-9 * longest
        ends.append(X[arrived])
        X = X[~arrived & (np.linalg.norm(X, axis=1) < far)]
    return np.concatenate(ends) if ends else X[:0]


def least_gradient(derivatives: Derivatives, X: FloatArray, steps: int = 40) -> FloatArray:
    """(n, d) starts -> (n, d) nearer to minima of |gradient|^2, by Levenberg-Marquardt steps.

    Newton's method runs away from where a Hessian is nearly singular; this does not.
    """
    damping = np.ones(len(X))
    g, H = derivatives(X)
    for _ in range(steps):
        square = H @ H + (damping * (1e-12 + np.trace(H @ H, axis1=1, axis2=2)))[:, None, None] * np.eye(X.shape[1])
        tried = X - _solve(square, (H @ g[:, :, None])[:, :, 0])
        g_tried, H_tried = derivatives(tried)
        better = np.linalg.norm(g_tried, axis=1) < np.linalg.norm(g, axis=1)
        X, g = np.where(better[:, None], tried, X), np.where(better[:, None], g_tried, g)
        H = np.where(better[:, None, None], H_tried, H)
        damping = np.clip(np.where(better, damping / 4, damping * 4), 1e-8, 1e8)
    return X


def distinct(X: FloatArray, same: float, period: float | None = None) -> FloatArray:
    """(n, d) -> (m, d): one of each set of points closer than `same`."""
    kept = []
    while len(X):
        kept.append(X[0])
        X = X[np.linalg.norm(differences(X, X[:1], period)[:, 0], axis=1) > same]
    return np.array(kept)


def indices(derivatives: Derivatives, X: FloatArray) -> IntArray:
    """(n, d) -> (n,): numbers of negative eigenvalues.

    Raises:
        NotCertain: one of them is nearly zero.
    """
    eigenvalues = np.linalg.eigvalsh(derivatives(X)[1])
    size = np.abs(eigenvalues)
    if (size.min(axis=1) < LEAST_CURVATURE * size.max()).any():
        raise NotCertain("a nearly degenerate point")
    count: IntArray = np.count_nonzero(eigenvalues < 0, axis=1)
    return count


def check_apart(X: FloatArray, spread: FloatArray, period: float | None = None) -> None:
    """Raises NotCertain where two points nearly coincide, in units of the spread (d,) of each coordinate."""
    if len(X) < 2:
        return
    apart = np.abs(differences(X, X, period) / spread).max(axis=2)
    np.fill_diagonal(apart, np.inf)
    if apart.min() < APART:
        raise NotCertain("two points nearly coincide")


def certified(
    derivatives: Derivatives, draw: Draw, n: int, euler_characteristic: int, size: float, period: float | None = None
) -> tuple[FloatArray, IntArray]:
    """All stationary points (m, d) and their indices (m,), as far as starts can tell.

    n starts, as many again, twice as many, ...: until the last of these finds nothing new and the Morse sum is right.

    Args:
        size: a length of the energy, such as the width of its finest part: steps are half of it at most.

    Raises:
        NotCertain: new points still come up after 16 n starts, or the Morse sum is wrong.
    """
    known = np.empty((0, draw(1).shape[1]))
    total = 0
    for more in (n, n, 2 * n, 4 * n, 8 * n):
        X = draw(more)
        half = least_gradient(derivatives, X[::2])
        ends = [newton(derivatives, X, size / 2, far=100 * size), newton(derivatives, half, size / 10, far=100 * size)]
        around = known.repeat(20, axis=0) + size * np.random.default_rng(more).normal(size=(20 * len(known), len(X[0])))
        ends.append(newton(derivatives, around, size / 4, far=100 * size))
        found = np.concatenate([known, *ends])
        if period is not None:
            found = found % period
        now = distinct(found, 1e-6 * size, period)
        total += more
        if len(now) == len(known) and total > n:
            index = indices(derivatives, now)
            if np.sum((-1) ** index) != euler_characteristic:
                continue
            check_apart(now, np.full(now.shape[1], period) if period else np.ptp(now, axis=0), period)
            return now, index
        known = now
    raise NotCertain("new points still come up, or the Morse sum is wrong")


def _solve(H: FloatArray, g: FloatArray) -> FloatArray:
    """(n, d): H^-1 g, with a nudge where H is singular."""
    scale = 1e-14 * (1e-300 + np.abs(H).max(axis=(1, 2)))
    return np.asarray(np.linalg.solve(H + scale[:, None, None] * np.eye(H.shape[1]), g[:, :, None])[:, :, 0])
