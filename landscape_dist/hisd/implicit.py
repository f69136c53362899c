"""The linearly implicit step: faithful to the dynamics far away, Newton's method close by."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.eigensolvers.base import frobenius
from landscape_dist.hisd.dynamics import rayleigh, reflect
from landscape_dist.hisd.state import State, nonzero
from landscape_dist.linalg import row_norm

# A full Newton step may be this many trust radii long when every followed mode contracts.
NEWTON_REACH = 1.0
# Above this relative error of the linear model the step is taken back.
REJECT = 0.5
HUGE = 1e150
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
        symmetric: False for vector fields that are no gradients, for which H is minus the Jacobian.
    """

    uses_hessian = True

    def __init__(self, tolerance: float, symmetric: bool = True) -> None:
        self.tolerance = tolerance
        self.symmetric = symmetric

    def begin(self, state: State, xp: Any) -> None:
        """Nothing beyond the common state is needed."""

    def propose(self, state: State, xp: Any) -> tuple[Any, Any]:
        """Displacements (n, d), and the pseudo-times (n,) that they stand for."""
        n, d = state.x.shape
        gradient_size = row_norm(state.g, xp)
        shift = gradient_size / state.trust
        rhs = reflect(state.V, -state.g)
        M = state.H
        settled = xp.ones(n, dtype=xp.bool)
        if state.V.shape[-1]:
            # V^T H as a transpose: H V where H is symmetric, H^T V for vector fields.
            HV = (M if self.symmetric else M.mT) @ state.V
            climbing = rayleigh(state.V, HV, xp) >= 0
            settled = ~xp.any(climbing, axis=-1)
            M = M - (state.V * xp.where(climbing, 1.0, 2.0)[:, None, :]) @ HV.mT
        leaving = xp.any(state.leave != 0, axis=-1)
        if bool(xp.any(leaving)):
            # On the Hessian, not on M: while leaving, V is orthogonal to `leave` and the two corrections commute.
            Hu = ((state.H if self.symmetric else state.H.mT) @ state.leave[:, :, None])[:, :, 0]
            M = M - state.leave[:, :, None] * Hu[:, None, :]
            settled = settled & ~leaving
        eye = xp.eye(d, dtype=M.dtype)
        step = xp.zeros_like(state.x)
        taken = xp.zeros(n, dtype=xp.bool)
        rows = nonzero(settled, xp)
        if len(rows):
            # The small shift keeps zero modes still; it vanishes with the gradient, so convergence stays quadratic.
            newton = _solve(M[rows], rhs[rows], 1e-4 * shift[rows], state.norm[rows], eye, xp)
            near = row_norm(newton, xp) <= NEWTON_REACH * state.trust[rows]
            good = near & (xp.sum(newton * rhs[rows], axis=-1) > 0)
            step[rows] = xp.where(good[:, None], newton, 0.0)
            taken[rows] = good
        rows = nonzero(~taken, xp)
        if len(rows):
            far = _solve(M[rows], rhs[rows], shift[rows], state.norm[rows], eye, xp)
            size = row_norm(far, xp)
            step[rows] = far * xp.clip(state.trust[rows] / xp.where(size > 0, size, 1.0), None, 1.0)[:, None]
        return step, 1 / (shift + 1e-6 * state.norm)

    def judge(self, state: State, step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        """Which trial points to accept (n,) bool, and the new trust radii (n,)."""
        # Squares of such a gradient overflow; it is as good as infinite.
        huge = ~(xp.max(xp.abs(gradient), axis=-1) < HUGE)
        gradient = xp.where(huge[:, None], 0.0, gradient)
        change = (state.H @ step[:, :, None])[:, :, 0]
        larger = xp.maximum(row_norm(gradient, xp), row_norm(state.g, xp))
        error = row_norm(gradient - state.g - change, xp) / xp.where(larger > 0, larger, 1.0)
        size = row_norm(step, xp)
        finite = xp.isfinite(error) & ~huge
        accepted = finite & (error <= REJECT)
        factor = xp.clip(self.tolerance / xp.where(finite & (error > 1e-12), error, 1e-12), SHRINK, GROW)
        factor = xp.where(finite, factor, SHRINK)
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
    ratio = tolerance * frobenius(H, xp) / xp.where(change > 0, change, 1e-300)
    ratio = xp.clip(ratio, 1.0, 1e6)
    return radius * xp.sqrt(ratio)


def _solve(M: Any, b: Any, shift: Any, norm: Any, eye: Any, xp: Any) -> Any:
    """(M + shift I) dx = b, (n, d, d), (n, d), (n,) -> (n, d); exactly singular systems are nudged by rounding size."""
    try:
        return xp.linalg.solve(M + shift[:, None, None] * eye, b[:, :, None])[:, :, 0]
    except (np.linalg.LinAlgError, RuntimeError):
        shift = shift + 1e-13 * norm + xp.where(norm > 0, 0.0, 1.0)
        return xp.linalg.solve(M + shift[:, None, None] * eye, b[:, :, None])[:, :, 0]
