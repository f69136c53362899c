"""Newton trajectories: from a stationary point along the curve on which the gradient keeps its direction.

The points x with g(x) = s r, for a direction r, form curves; where s changes its sign such a curve passes a stationary
point, and points that follow one another on it have indices of different parity.  A curve goes on where walks that
climb or descend leave the domain, and needs no energy (F. H. Branin, IBM J. Res. Dev. 16 (1972) 504; W. Quapp,
M. Hirsch, O. Imig and D. Heidrich, J. Comput. Chem. 19 (1998) 1087).

The curve is followed in (x, s) by a predictor and one corrector step from the same linear system.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.curvatures import Curvatures
from landscape_dist.hisd.outcome import Outcome
from landscape_dist.hisd.paths import Paths
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.linalg import solve_each
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray, IntArray, SearchStatus

# Steps along a curve, and steps of Newton's method at its end.
MAX_STEPS, MAX_NEWTON = 120, 12
# The first step is this part of the coordinates' lengths, and no step is longer than LONGEST of them.
FIRST, LONGEST, SHORTEST = 0.05, 1.0, 1e-7
# A corrector step of more than this part of the step, or a turn of more than that (a cosine), takes the step back.
REJECT, TURN = 0.3, 0.8
SHRINK, GROW, ACCURATE = 0.4, 2.0, 0.05
# In an unbounded domain, a curve so many lengths away from its start has left.
REACH = 1e3
# A start from where Newton's step, relative to 1 + |x|, is no longer than this is a stationary point.
FROM_POINT = 1e-6
# Newton's step, relative to 1 + |x|, at a point; and where one more changes nothing.
NEWTON_RTOL, DEEP_RTOL = 1e-7, 1e-13


@dataclass(slots=True)
class _Curves:
    """n curves that are being followed; arrays as in `follow`.

    Attributes:
        row: (n,) which search. z: (n, d + 1) where each is, x and s in units of `r`. tangent: (n, d + 1) unit vectors.
        r: (n, d) the directions, long enough for s to change like x. h: (n,) length of the next step.
        exact: (n,) bool, whether z is on the curve as well as shorter steps need it.
        astray: (n,) bool, whether the next step goes nowhere but back to the curve.
    """

    row: IntArray
    z: FloatArray
    tangent: FloatArray
    r: FloatArray
    h: FloatArray
    exact: NDArray[np.bool_]
    astray: NDArray[np.bool_]

    def take(self, keep: IntArray) -> _Curves:
        return _Curves(*(getattr(self, f.name)[keep] for f in fields(self)))


def follow(curvatures: Curvatures, X: FloatArray, direction: FloatArray) -> Outcome:
    """From stationary points to the next ones, and from anywhere else down to one.

    Args:
        X: (n, d) where to begin. direction: (n, d) of the gradients on the curves from stationary points, its sign says
            which way along; through any other point there is one curve.

    Returns:
        Where they ended: CONVERGED at a stationary point of any index, LEFT_DOMAIN, NOT_FINITE, MAX_STEPS, or STALLED
        where a curve could not be followed.
    """
    problem, settings = curvatures.problem, curvatures.settings
    n = len(X)
    g, H = _evaluate(problem, X)
    outcome = Outcome(
        np.full(n, SearchStatus.STALLED, dtype=np.int8),
        X.copy(),
        np.linalg.norm(g, axis=1),
        H.copy(),
        np.zeros(n, dtype=np.int64),
        np.linalg.norm(H, axis=(1, 2)),
        Paths(X, settings.trajectory_points) if settings.keep_trajectories else None,
    )
    whole = _whole(g, H)
    outcome.status[~whole] = SearchStatus.NOT_FINITE
    finite = np.flatnonzero(whole & np.where(whole[:, None, None], H, 0.0).any(axis=(1, 2)))
    g, inverse = g[finite], np.linalg.pinv(H[finite])
    newton = np.linalg.norm((inverse @ g[:, :, None])[:, :, 0], axis=1)
    away = newton > FROM_POINT * (1 + np.linalg.norm(X[finite], axis=1))
    # From elsewhere than a point there is one curve, down which the gradient gets smaller.
    r = np.where(away[:, None], -g, direction[finite])
    r = r / np.linalg.norm(r, axis=1, keepdims=True)
    along = (inverse @ r[:, :, None])[:, :, 0]
    speed = np.linalg.norm(along, axis=1, keepdims=True)
    begin = np.where(away, -np.linalg.norm(g, axis=1) * speed[:, 0], 0.0)
    curves = _Curves(
        finite,
        np.concatenate([X[finite], begin[:, None]], axis=1),
        np.concatenate([along / speed, np.ones_like(speed)], axis=1) / np.sqrt(2.0),
        r / speed,
        FIRST * np.maximum(1.0, problem.space.lengths(X[finite]).max(axis=1)),
        np.ones(len(finite), dtype=bool),
        np.zeros(len(finite), dtype=bool),
    )
    origin = X, np.maximum(1.0, problem.space.lengths(X).max(axis=1))
    for _ in range(settings.max_steps or MAX_STEPS):
        if not len(curves.row):
            break
        curves = _step(problem, settings.excursion, curves, outcome, *origin)
    outcome.status[curves.row] = SearchStatus.MAX_STEPS
    outcome.x[curves.row] = curves.z[:, :-1]
    ended = np.flatnonzero(outcome.status == SearchStatus.CONVERGED)
    inside: NDArray[np.bool_] = to_numpy(problem.domain.contains(problem.xp.asarray(outcome.x[ended]), problem.xp))
    outcome.status[ended[~inside]] = SearchStatus.LEFT_DOMAIN
    return outcome


def _step(
    problem: Problem, excursion: float, curves: _Curves, outcome: Outcome, X: FloatArray, lengths: FloatArray
) -> _Curves:
    """One step of all curves; those that end are noted, and the others returned.

    Args:
        X: (n, d) where all searches began. lengths: (n,) of the coordinates there.
    """
    n, d = curves.r.shape
    trial = curves.z + np.where(curves.astray, 0.0, curves.h)[:, None] * curves.tangent
    g, H = _evaluate(problem, trial[:, :d])
    outcome.n_steps[curves.row] += 1
    finite = _whole(g, H)
    system = np.zeros((n, d + 1, d + 1))
    system[:, :d, :d], system[:, :d, d], system[:, d] = H, -curves.r, curves.tangent
    system[~finite] = np.eye(d + 1)
    right = np.zeros((n, d + 1, 2))
    right[:, :d, 0] = np.where(finite[:, None], trial[:, d:] * curves.r - g, 0.0)
    right[:, d, 1] = 1.0
    solved = solve_each(system, right)
    correction, tangent = solved[:, :, 0], solved[:, :, 1]
    with np.errstate(invalid="ignore", over="ignore"):  # where a system is singular
        tangent = tangent / np.linalg.norm(tangent, axis=1, keepdims=True)
        off = np.linalg.norm(correction, axis=1) / curves.h
    finite = finite & np.asarray(np.isfinite(tangent).all(axis=1)) & np.isfinite(off)
    taken = finite & (curves.astray | ((off <= REJECT) & (np.sum(tangent * curves.tangent, axis=1) >= TURN)))
    z = np.where(taken[:, None], trial + correction, curves.z)
    # From a point the way began at s = 0, which is no crossing.
    crossed = taken & (z[:, d] * curves.z[:, d] < 0)
    rows = np.flatnonzero(crossed)
    if len(rows):
        before, after = curves.z[rows], z[rows]
        part = before[:, d:] / (before[:, d:] - after[:, d:])
        reach = 2 * curves.h[rows] + SHORTEST * lengths[curves.row[rows]]
        _end(problem, curves.row[rows], (before + part * (after - before))[:, :d], reach, outcome)
    curves.z, curves.tangent = z, np.where(taken[:, None], tangent, curves.tangent)
    size = lengths[curves.row]
    far = np.maximum(size, np.linalg.norm(z[:, :d] - X[curves.row], axis=1))
    # Far out s grows faster than x; it is x that must not leap.
    longest = LONGEST * far / np.maximum(np.linalg.norm(curves.tangent[:, :d], axis=1), 1e-300)
    grown = np.maximum(np.minimum(np.where(off <= ACCURATE, GROW * curves.h, curves.h), longest), curves.h)
    curves.h = np.where(curves.astray, curves.h, np.where(taken, grown, SHRINK * curves.h))
    # A corrector step leaves a part of itself, which may be more than a much shorter step.
    curves.astray, curves.exact = ~taken & ~curves.exact & ~curves.astray, ~taken | curves.astray
    if outcome.paths is not None:
        kept = np.flatnonzero(taken & ~crossed)
        outcome.paths.record(curves.row[kept], z[kept, :d], np.zeros(len(kept)))
    x = problem.xp.asarray(z[:, :d])
    left: NDArray[np.bool_] = ~to_numpy(problem.domain.contains(x, problem.xp, excursion))
    left |= np.linalg.norm(z[:, :d] - X[curves.row], axis=1) > REACH * size
    short = curves.h <= SHORTEST * size
    outcome.status[curves.row[left & ~crossed]] = SearchStatus.LEFT_DOMAIN
    over = (left | short) & ~crossed
    outcome.x[curves.row[over]] = z[over, :d]
    return curves.take(np.flatnonzero(~(crossed | left | short)))


def _end(problem: Problem, row: IntArray, x: FloatArray, reach: FloatArray, outcome: Outcome) -> None:
    """Newton's method from where curves cross s = 0, x (m, d), as long as its steps stay within `reach` (m,)."""
    going = np.arange(len(row))
    last = np.full(len(row), np.inf)
    for _ in range(MAX_NEWTON):
        g, H = _evaluate(problem, x[going])
        outcome.n_steps[row[going]] += 1
        finite = _whole(g, H)
        going, g, H = going[finite], g[finite], H[finite]
        if not len(going):
            return
        step = solve_each(H, -g[:, :, None])[:, :, 0]
        size, scale = np.linalg.norm(step, axis=1), 1 + np.linalg.norm(x[going], axis=1)
        near = (size <= NEWTON_RTOL * scale) & np.isfinite(size)
        done = near & ((size <= DEEP_RTOL * scale) | (size >= 0.5 * last[going]))
        to = row[going[done]]
        outcome.status[to], outcome.x[to] = SearchStatus.CONVERGED, x[going[done]]
        if outcome.paths is not None:
            outcome.paths.record(to, x[going[done]], np.zeros(len(to)))
        assert outcome.H is not None
        outcome.H[to], outcome.gradient_norm[to] = H[done], np.linalg.norm(g[done], axis=1)
        on = ~done & np.isfinite(size) & (size <= reach[going])
        last[going] = size
        going = going[on]
        if not len(going):
            return
        x[going] += step[on]


def _evaluate(problem: Problem, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    g, H = problem.gradient_hessian(problem.xp.asarray(x))
    return np.array(to_numpy(g), dtype=np.float64), np.array(to_numpy(H), dtype=np.float64)


def _whole(g: FloatArray, H: FloatArray) -> NDArray[np.bool_]:
    """(n,) whether gradients (n, d) and Hessians (n, d, d) are finite."""
    return np.asarray(np.isfinite(g).all(axis=1)) & np.asarray(np.isfinite(H).all(axis=(1, 2)))
