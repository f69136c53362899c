"""Numerical solutions of x' = -g(x), as polynomials piece by piece: what tubes are laid around.

Collocation at the five points of Radau's right quadrature (Hairer and Wanner, Solving Ordinary Differential Equations
II, section IV.5), of order nine and L-stable: steps are as long as the solution is smooth, however stiff the valley
that it is in.  Nothing here is proved; what comes out is a curve, and how far it is from a solution is bounded
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.exploration.proofs.krawczyk import derivative
from landscape_dist.problems.equations import Equations
from landscape_dist.problems.programs.on_floats import evaluate
from landscape_dist.records import BoolArray, FloatArray, IntArray

STAGES = 5
ITERATIONS = 8
# The first step, in units of 1 / largest curvature; steps are so many times longer at most than those before.
FIRST, LONGER = 0.1, 3.0
SAFETY = 0.8
# Defects of this part of |H| |x| are rounding errors.
ROUNDING = 4e-15
# Entries of the matrices of one batch.
BATCH = 2**22


def _radau() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points t (s,) in [-1, 1], the integrals (s, s) from -1 to them of their Lagrange polynomials, and the
    coefficients (s + 1, s) of those that vanish at -1, too."""
    P = np.polynomial.legendre
    t = np.sort(P.legroots([0.0] * (STAGES - 1) + [-1.0, 1.0]).real)
    t[-1] = 1.0
    inverse = np.linalg.inv(np.vander(t, increasing=True))
    through = np.linalg.inv(np.vander(np.r_[-1.0, t], increasing=True))[:, 1:]
    m = np.arange(1, STAGES + 1)
    return t, ((t[:, None] ** m - (-1.0) ** m) / m) @ inverse, through


POINTS, INTEGRALS, THROUGH = _radau()
# Where the defect is looked at: between the points, where it vanishes.
BETWEEN = (np.r_[-1.0, POINTS[:-1]] + POINTS) / 2


@dataclass
class Path:
    """A curve in p pieces.

    Attributes:
        start: (d,). a: (p, s + 1, d) coefficients of each piece, sum_j a_j t^j for t from -1 to 1. h: (p,) the time
            that each takes.
        end: the number that `stop` gave where it ends; None where it does not come to an end.
    """

    start: FloatArray
    a: FloatArray
    h: FloatArray
    end: int | None


def values(a: FloatArray, t: FloatArray) -> FloatArray:
    """(n, m, d) coefficients, (k,) -> (n, k, d)."""
    return np.einsum("km,nmd->nkd", np.vander(t, a.shape[1], increasing=True), a)


def slopes(a: FloatArray) -> FloatArray:
    """(n, m, d) coefficients -> (n, m - 1, d) of the derivative by t."""
    return a[:, 1:] * np.arange(1, a.shape[1])[:, None]


def paths(
    equations: Equations, starts: FloatArray, stop: Callable[[FloatArray], IntArray], tolerance: float, most: int
) -> list[Path]:
    """Solutions from starts (n, d) on, until `stop` of their points (k, d) is not -1, in at most so many steps.

    Args:
        tolerance: of the defects, in parts of |g|.
    """
    d = starts.shape[1]
    size = max(1, BATCH // (STAGES * d) ** 2)
    return [
        path
        for k in range(0, len(starts), size)
        for path in _some(equations, starts[k : k + size], stop, tolerance, most)
    ]


def _some(
    equations: Equations, starts: FloatArray, stop: Callable[[FloatArray], IntArray], tolerance: float, most: int
) -> list[Path]:
    n, d = starts.shape
    y = starts.copy()
    H = _derivatives(equations, y)[1]
    h = FIRST / np.maximum(np.abs(H).sum(axis=2).max(axis=1), 1e-290)
    guess = np.zeros((n, STAGES, d))
    pieces: list[list[tuple[FloatArray, float]]] = [[] for _ in range(n)]
    end = np.full(n, -1)
    going = np.arange(n)
    for _ in range(most):
        D, solved = _stages(equations, y[going], h[going], guess[going])
        a = np.einsum("mk,nkd->nmd", THROUGH, D)
        a[:, 0] += y[going]
        error, f = _defects(equations, a, h[going])
        part = np.where(solved & np.isfinite(error), error / (tolerance * f), 1e6)
        good = part <= 1
        longer = np.clip(SAFETY * np.maximum(part, 1e-12) ** (-1 / STAGES), 0.1, LONGER)
        for row in np.flatnonzero(good).tolist():
            pieces[int(going[row])].append((a[row], float(h[going[row]])))
        done = going[good]
        y[done] += D[good, -1]
        end[done] = stop(y[done])
        h[going] *= longer
        # the next stages: on the same polynomial where it goes on, from where it began where not
        t = np.where(good[:, None], 1 + (POINTS + 1) * longer[:, None], -1 + (POINTS + 1) * longer[:, None])
        powers = t[:, :, None] ** np.arange(1, STAGES + 1) - (np.where(good, 1.0, -1.0)[:, None, None]) ** np.arange(
            1, STAGES + 1
        )
        ahead = np.einsum("nkm,nmd->nkd", powers, a[:, 1:])
        known = solved & np.isfinite(ahead).all(axis=(1, 2))
        guess[going] = np.where(known[:, None, None], ahead, 0.0)
        going = going[(end[going] < 0) & np.isfinite(y[going]).all(axis=1) & (h[going] > 1e-290)]
        if not len(going):
            break
    return [
        Path(
            starts[k],
            np.array([a for a, _ in pieces[k]]).reshape(-1, STAGES + 1, d),
            np.array([time for _, time in pieces[k]]),
            int(end[k]) if end[k] >= 0 else None,
        )
        for k in range(n)
    ]


def _derivatives(equations: Equations, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """g (n, d) and its derivatives (n, d, d)."""
    found = evaluate(equations.both, np.ascontiguousarray(x.T))
    return found[: equations.dim].T, derivative(equations, found)


def _stages(equations: Equations, y: FloatArray, h: FloatArray, D: FloatArray) -> tuple[FloatArray, BoolArray]:
    """D (n, s, d) with D = -h / 2 INTEGRALS g(y + D), by Newton's method, and whether that converged."""
    n, s, d = D.shape
    solved = np.zeros(n, dtype=bool)
    before = np.full(n, np.inf)
    going = np.arange(n)
    D = D.copy()
    for _ in range(ITERATIONS):
        g, H = _derivatives(equations, (y[going, None] + D[going]).reshape(-1, d))
        half = h[going, None, None] / 2
        K = -half * g.reshape(-1, s, d)
        rest = D[going] - np.einsum("ij,njd->nid", INTEGRALS, K)
        J = np.einsum("ij,njde->nidje", INTEGRALS, half[..., None] * H.reshape(-1, s, d, d)).reshape(-1, s * d, s * d)
        J += np.eye(s * d)
        step = _solved(J, rest.reshape(-1, s * d)).reshape(-1, s, d)
        moved = np.linalg.norm(step, axis=(1, 2))
        D[going] -= step
        reach = np.linalg.norm(D[going], axis=(1, 2))
        noise = np.abs(H.reshape(-1, s, d, d)).sum(axis=(1, 3)).max(axis=1) * h[going] + 1
        size = 1e-15 * np.linalg.norm(y[going], axis=1)
        # quadratic convergence: the step after this one is rounding, or this one is
        small = (moved <= 1e-9 * reach + size) | ((moved <= noise * size) & (moved > 0.3 * before[going]))
        solved[going[small]] = True
        worse = ~(moved <= 2 * before[going])
        before[going] = moved
        going = going[~small & ~worse]
        if not len(going):
            break
    return D, solved


def _solved(J: FloatArray, b: FloatArray) -> FloatArray:
    ok: BoolArray = np.asarray(np.isfinite(J).all(axis=(1, 2)) & np.isfinite(b).all(axis=1))
    J = np.where(ok[:, None, None], J, np.eye(J.shape[1]))
    try:
        x = np.linalg.solve(J, b[..., None])[..., 0]
    except np.linalg.LinAlgError:  # one of them is singular
        x = np.full_like(b, np.nan)
    x[~ok] = np.nan
    return np.asarray(x)


def _defects(equations: Equations, a: FloatArray, h: FloatArray) -> tuple[FloatArray, Any]:
    """|y' + g(y)| (n,) between the points, without what rounding makes of it, and the least |g| of the ends."""
    n, _, d = a.shape
    Y = np.concatenate([values(a, BETWEEN), values(a, np.array([-1.0, 1.0]))], axis=1)
    found, H = _derivatives(equations, Y.reshape(-1, d))
    g = found.reshape(n, -1, d)
    speed = values(slopes(a), BETWEEN) * (2 / h)[:, None, None]
    error = np.linalg.norm(speed + g[:, :STAGES], axis=2).max(axis=1)
    size = np.linalg.norm(np.einsum("nij,nj->ni", np.abs(H), np.abs(Y.reshape(-1, d))), axis=1)
    noise = ROUNDING * size.reshape(n, -1).max(axis=1)
    return np.maximum(error - noise, 0.0), np.linalg.norm(g[:, STAGES:], axis=2).min(axis=1) + 1e-290
