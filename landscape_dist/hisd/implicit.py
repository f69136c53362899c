"""The linearly implicit step: faithful to the dynamics far away, Newton's method close by."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.eigensolvers.base import frobenius
from landscape_dist.hisd.dynamics import rayleigh, reflect
from landscape_dist.hisd.state import State, to_numpy

# A full Newton step may be this many trust radii long when every followed mode contracts.
NEWTON_REACH = 1.0
# Above this relative error of the linear model the step is taken back.
REJECT = 2.0
SHRINK, GROW = 0.25, 4.0


class ImplicitStep:
    """(s I + M) dx = R f with R = I - 2 V V^T, f = -g, and M the Hessian with its expansion taken care of.

    M is R H along the modes that contract under the dynamics (those of V with negative curvature are reflected).
    Along the modes that expand (the one just left while its curvature is negative; those of V with positive
    curvature) M has no curvature at all, so that the step is as long as the trust radius allows instead of pointing
    back.  s = |g| / trust makes |dx| <= trust where M >= 0; it vanishes with the gradient, so the last steps are
    Newton's.  The trust radius follows from how well the linear model predicted the new gradient.

    Args:
        tolerance: accepted error of the predicted gradient, relative to the larger of the two gradients.
    """

    uses_hessian = True

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance

    def begin(self, state: State, xp: Any) -> None:
        """Nothing beyond the common state is needed."""

    def propose(self, state: State, xp: Any) -> tuple[Any, Any]:
        """Displacements (n, d), and the pseudo-times (n,) that they stand for."""
        d = state.x.shape[1]
        k = state.V.shape[-1]
        gradient_size = xp.linalg.vector_norm(state.g, axis=-1)
        shift = gradient_size / state.trust
        rhs = reflect(state.V, -state.g)
        M = state.H
        expanding = xp.zeros(M.shape[0], dtype=xp.bool)
        if k:
            HV = M @ state.V
            climbing = rayleigh(state.V, HV, xp) >= 0
            expanding = xp.any(climbing, axis=-1)
            M = M - (state.V * xp.where(climbing, 1.0, 2.0)[:, None, :]) @ HV.mT
        leaving = xp.any(state.leave != 0, axis=-1)
        if bool(xp.any(leaving)):
            # On the Hessian, not on M: while leaving, V is orthogonal to `leave` and the two corrections commute.
            Hu = (state.H @ state.leave[:, :, None])[:, :, 0]
            M = M - state.leave[:, :, None] * Hu[:, None, :]
            expanding = expanding | leaving
        eye = xp.eye(d, dtype=M.dtype)
        step = _solve(M + shift[:, None, None] * eye, rhs, state.norm, eye, xp)
        size = xp.linalg.vector_norm(step, axis=-1)
        step = step * xp.clip(state.trust / xp.where(size > 0, size, xp.ones_like(size)), None, 1.0)[:, None]
        settled = np.flatnonzero(~to_numpy(expanding))
        if len(settled):
            rows = settled if xp is np else xp.asarray(settled)
            step[rows] = self._newton(M[rows], rhs[rows], step[rows], state.trust[rows], state.norm[rows], shift[rows], eye, xp)
        return step, 1 / (shift + 1e-6 * state.norm)

    @staticmethod
    def _newton(M: Any, rhs: Any, step: Any, trust: Any, norm: Any, shift: Any, eye: Any, xp: Any) -> Any:
        """Newton's step where it is within reach and goes along the dynamics, else the one given."""
        # The small shift keeps zero modes still; it vanishes with the gradient, so convergence stays quadratic.
        small = 1e-4 * shift
        newton = _solve(M + small[:, None, None] * eye, rhs, norm, eye, xp)
        good = (xp.linalg.vector_norm(newton, axis=-1) <= NEWTON_REACH * trust) & (xp.sum(newton * rhs, axis=-1) > 0)
        return xp.where(good[:, None], newton, step)

    def judge(self, state: State, step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        """Which trial points to accept (n,) bool, and the new trust radii (n,)."""
        predicted = state.g + (state.H @ step[:, :, None])[:, :, 0]
        larger = xp.maximum(xp.linalg.vector_norm(gradient, axis=-1), xp.linalg.vector_norm(state.g, axis=-1))
        error = xp.linalg.vector_norm(gradient - predicted, axis=-1) / xp.where(larger > 0, larger, xp.ones_like(larger))
        size = xp.linalg.vector_norm(step, axis=-1)
        finite = xp.isfinite(error)
        accepted = finite & (error <= REJECT)
        factor = xp.clip(self.tolerance / xp.where(finite & (error > 1e-12), error, xp.full_like(error, 1e-12)), SHRINK, GROW)
        factor = xp.where(finite, factor, xp.full_like(factor, SHRINK))
        trust = size * xp.where(accepted, factor, xp.clip(factor, None, 0.5))
        # A step that was short because the search is converging says nothing against a long one.
        trust = xp.where(accepted & (factor >= 1), xp.maximum(trust, state.trust), trust)
        return accepted, trust


def first_trust(radius: Any, H: Any, H_parent: Any, tolerance: float, xp: Any) -> Any:
    """First trust radius from how much the Hessian has changed over the perturbation, by extrapolation.

    Args:
        radius: (n,) distance from the parent.
        H, H_parent: (n, d, d) Hessians at the start and at the parent.

    Returns:
        (n,): the distance at which the change reaches `tolerance` of the Hessian's size, if it grows linearly or
        (symmetric wells) quadratically, whichever is the nearer; at least the radius, at most 1e3 of them.
    """
    change = frobenius(H - H_parent, xp)
    ratio = tolerance * frobenius(H, xp) / xp.where(change > 0, change, xp.full_like(change, 1e-300))
    ratio = xp.clip(ratio, 1.0, 1e6)
    return radius * xp.sqrt(ratio)


def _solve(A: Any, b: Any, norm: Any, eye: Any, xp: Any) -> Any:
    """(n, d, d), (n, d) -> (n, d); exactly singular systems are shifted by a rounding-sized multiple of the norm."""
    try:
        return xp.linalg.solve(A, b[:, :, None])[:, :, 0]
    except (np.linalg.LinAlgError, RuntimeError):
        nudge = 1e-13 * norm + xp.where(norm > 0, 0.0, 1.0)
        return xp.linalg.solve(A + nudge[:, None, None] * eye, b[:, :, None])[:, :, 0]
