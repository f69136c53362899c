"""Whether a search that hardly feels a gradient any more has come to a point, or only to where the energy is flat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.settings import SolverSettings, nullity_rtol_of
from landscape_dist.hisd.state import RuleState, State
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.equilibration import equilibrating
from landscape_dist.numerics.linalg import row_norm, solve_each
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray, IntArray

# Newton's step along each mode, relative to 1 + |x|, at a point.
NEWTON_RTOL = 1e-7
# and where one more of them changes nothing.
DEEP_RTOL = 1e-12
# A search that begins as near as this to a point has come to it: a step by the directions of its beginning, which of a
# vector field are no eigenvectors, would lead away.
THERE_RTOL = 1e-9
# Gradients below this part of what moving x by a rounding error makes of them are none.
ROUNDING = 100 * np.finfo(np.float64).eps
# At a root of multiplicity m each of Newton's steps leaves the part 1 - 1/m of the error; where more is left, time and
# again, there is no root: x^10 is a point, exp(-x) is none.
CONTRACTION, PATIENCE = 0.9, 8
# Steps more that do not get shorter, of a search by sparse Hessians whose gradient is small.
MORE_STEPS = 6
# Hessians grow no faster than with this power of the distance from where an energy's points are.
STEEPEST = 6
# With measured noise: standard deviations up to which a gradient, or a curvature, is noise,
NOISY_GRADIENT, NOISY_CURVATURE = 3.0, 3.0
# and of a search that has stalled, because its trust radius is this part of 1 + |x|: the noise was underestimated.
STALLED_GRADIENT, SMALLEST_NOISY_STEP = 30.0, 1e-9
# And how long Newton's step, relative to 1 + |x|, may be for which there is no more than noise.
UNSURE = 0.02


class Ends:
    """Looks at searches whose gradient is small beside the stiffest curvature, which says nothing of the softest.

    A point is where Newton's step is small along every mode.  Until it is, the search goes on; where the steps do not
    even get smaller, the energy is flat there.

    Args:
        origin: (n, d) where the searches of the batch start.
    """

    def __init__(self, problem: Problem, settings: SolverSettings, origin: FloatArray) -> None:
        n = len(origin)
        self._origin = origin
        self._problem = problem
        self._settings = settings
        self._step = np.full(n, np.inf)
        self._stagnant = np.zeros(n, dtype=np.int64)
        self._more = np.zeros(n, dtype=bool)

    def judge(self, state: State[RuleState], small: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which of the searches have come to points, and which to where the energy is flat: (n,) bool each.

        Args:
            small: (n,) whose gradient is small.
        """
        rows = np.flatnonzero(small)
        flat = np.zeros(len(small), dtype=bool)
        if not len(rows) or state.H is None:
            return small, flat
        if state.H.array is None:
            return self._judge_sparse(state, rows, small), flat
        x, g, H = (to_numpy(a)[rows] for a in (state.x, state.g, state.H.array))
        size = 1 + np.linalg.norm(x, axis=1)
        curvature_noise = self._problem.hessian_noise(state.x[rows])
        if curvature_noise is not None:
            noise = self._problem.gradient_noise(state.x[rows])
            return self._judge_noisy(state, rows, small, to_numpy(noise), to_numpy(curvature_noise))
        # Most have no zero modes, and need no closer look; which ones must not depend on what else is in the batch.
        step = row_norm(solve_each(H, g[:, :, None])[:, :, 0])
        plain = step <= NEWTON_RTOL * size
        # One step more where it tells: children start from the rounded point, whichever search found it first.
        at_start = (x == self._origin[state.row[rows]]).all(axis=1)
        deep = np.where(at_start, THERE_RTOL, DEEP_RTOL)
        more = plain & (step > deep * size) & ~self._more[state.row[rows]]
        self._more[state.row[rows[more]]] = True
        points = np.zeros(len(small), dtype=bool)
        points[rows[plain & ~more]] = True
        if plain.all():
            return points, flat
        rows, x, g, H, size = (a[~plain] for a in (rows, x, g, H, size))
        # What the Hessian was at a start far away says nothing of it here.
        away = np.linalg.norm(x - self._origin[state.row[rows]], axis=1) / size
        floor = to_numpy(state.floor)[rows] * np.minimum(1.0, 1.0 / np.maximum(away, 1e-300)) ** STEEPEST
        norm = np.maximum(to_numpy(state.norm)[rows], floor)
        zero = nullity_rtol_of(self._settings, self._problem.has_hessian), self._settings.nullity_atol
        step, unfelt = newton_size(H, g, ROUNDING * norm * size, zero, self._problem.symmetric)
        which = state.row[rows]
        # Nothing is felt any more of a gradient that has faded without a root, either.
        faded = unfelt & (self._stagnant[which] > 0)
        there = (step <= NEWTON_RTOL * size) & ~faded
        if self._settings.gradient_atol > 0:
            there |= to_numpy(state.gradient_norm)[rows] <= self._settings.gradient_atol
        if self._problem.gradient_noise(state.x[:1]) is not None:
            there[:] = True  # no more can be had of a gradient that is known no better
        shrinks = step <= CONTRACTION * self._step[which]
        self._stagnant[which] = np.where(shrinks, 0, self._stagnant[which] + 1)
        self._step[which] = step
        flat[rows] = faded | (~there & (self._stagnant[which] >= PATIENCE))
        points[rows] = there
        return points, flat

    def _judge_sparse(self, state: State[RuleState], rows: IntArray, small: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which have come to points, (n,), by sparse Hessians.

        A soft mode may be off by much more than a stiff one: until Newton's step is short there are steps more, which
        are Newton's, as long as they get shorter; along zero modes they do not.
        """
        assert state.H is not None
        x, g = (to_numpy(a)[rows] for a in (state.x, state.g))
        step = row_norm(state.H[rows].solve(np.zeros(len(rows)), g[:, :, None])[:, :, 0])
        which = state.row[rows]
        short = step <= NEWTON_RTOL * (1 + np.linalg.norm(x, axis=1))
        there = (short & self._more[which]) | (self._stagnant[which] >= MORE_STEPS)
        self._more[which] = True
        self._stagnant[which] = np.where(step <= CONTRACTION * self._step[which], 0, self._stagnant[which] + 1)
        self._step[which] = step
        points = np.zeros_like(small)
        points[rows] = there
        return points

    def _judge_noisy(
        self,
        state: State[RuleState],
        rows: IntArray,
        small: NDArray[np.bool_],
        noise: FloatArray,
        curvature_noise: FloatArray,
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The same for gradients and Hessians with measured noise (m,), of the searches `rows` (m,).

        A point is where the gradient is noise and some curvature is not, and where what the noise makes of Newton's
        step is short.
        """
        assert state.H is not None
        x, g, H = (to_numpy(a)[rows] for a in (state.x, state.g, state.H.array))
        size = 1 + np.linalg.norm(x, axis=1)
        step, unfelt = noisy_newton_size(H, g, NOISY_CURVATURE * curvature_noise)
        # The noise is an estimate: a step that is as short as at exact points is short enough.
        there = ~unfelt & (step <= UNSURE * size)
        stalled = to_numpy(state.trust)[rows] <= SMALLEST_NOISY_STEP * size
        border = np.where(stalled, STALLED_GRADIENT, NOISY_GRADIENT) * noise
        there &= (row_norm(g) <= border) | (step <= NEWTON_RTOL * size)
        which = state.row[rows]
        self._stagnant[which] = np.where(there, 0, self._stagnant[which] + 1)
        flat, points = np.zeros_like(small), np.zeros_like(small)
        points[rows] = there
        flat[rows] = ~there & unfelt & (self._stagnant[which] >= PATIENCE)
        return points, flat


def noisy_newton_size(H: FloatArray, g: FloatArray, zero: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Length of Newton's step, (m,), along the modes whose curvatures are above `zero` (m,); and where none is.

    Args:
        H: (m, d, d). g: (m, d).
    """
    U, w, _ = np.linalg.svd(H)
    c = (U.mT @ g[:, :, None])[:, :, 0]
    curved = w > zero[:, None]
    step = np.where(curved, c / np.where(curved, w, 1.0), 0.0)
    return np.asarray(np.linalg.norm(step, axis=1)), np.asarray(~curved.any(axis=1))


def newton_size(
    H: FloatArray, g: FloatArray, rounding: FloatArray, zero: tuple[float, float], symmetric: bool
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Length of Newton's step, (m,), without zero modes and those along which g is rounding; and where g is along all.

    Args:
        H: (m, d, d) Hessians, or minus Jacobians of vector fields. g: (m, d). rounding: (m,) what is rounding in g.
        zero: curvatures that count as zero, relative to the largest and absolute.
    """
    with np.errstate(all="ignore"):
        if symmetric:
            # In units of its own: a soft mode is no zero mode because another is stiff.
            scale = equilibrating(H)
            w, Q = np.linalg.eigh(scale[:, :, None] * H * scale[:, None, :])
            c = (Q.mT @ (scale * g)[:, :, None])[:, :, 0]
            felt = np.abs(c) > (np.abs(Q.mT) @ scale[:, :, None])[:, :, 0] * rounding[:, None]
        else:
            scale = np.ones_like(g)
            U, w, Vt = np.linalg.svd(H)
            Q = Vt.mT
            c = (U.mT @ g[:, :, None])[:, :, 0]
            felt = np.abs(c) > rounding[:, None]
        size = np.abs(w)
        curved = size > np.maximum(zero[0] * size.max(axis=1, keepdims=True), zero[1])
        modes = np.where(felt & curved, c / np.where(curved, w, 1.0), 0.0)
        step = scale * (Q @ modes[:, :, None])[:, :, 0]
    return np.asarray(np.linalg.norm(step, axis=1)), np.asarray(~felt.any(axis=1))
