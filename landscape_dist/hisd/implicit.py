"""The linearly implicit step: faithful to the dynamics far away, Newton's method close by."""

from __future__ import annotations

from typing import Any

from landscape_dist.hisd.curvatures import Curvatures
from landscape_dist.hisd.dynamics import rayleigh, reflect
from landscape_dist.hisd.state import RuleState, State
from landscape_dist.hisd.step_rule import StepRule
from landscape_dist.numerics.arrays import nonzero
from landscape_dist.numerics.hessians import HessianStack
from landscape_dist.numerics.linalg import row_dot, row_norm

# A full Newton step may be this many trust radii long when every followed mode contracts.
NEWTON_REACH = 1.0
# Above this relative error of the linear model the step is taken back.
REJECT = 0.5
HUGE, TINY = 1e150, 1e-300
SHRINK, GROW = 0.25, 4.0


class ImplicitStep(StepRule[RuleState]):
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

    name = "implicit"
    uses_hessian = True

    def __init__(self, tolerance: float, symmetric: bool = True) -> None:
        self.tolerance = tolerance
        self.symmetric = symmetric

    def begin(self, state: State[Any], xp: Any) -> RuleState:
        """Nothing beyond the common state is needed."""
        return RuleState()

    def propose(self, state: State[RuleState], xp: Any) -> tuple[Any, Any]:
        """Displacements (n, d), and the pseudo-times (n,) that they stand for."""
        assert state.H is not None
        shift = state.gradient_norm / state.trust
        rhs, M = -state.g, state.H
        # V^T H as a transpose: H V where H is symmetric, H^T V for vector fields.
        transposed = state.H if self.symmetric else state.H.mT
        settled = True
        if state.V.shape[-1]:
            rhs = reflect(state.V, rhs)
            HV = transposed @ state.V
            climbing = rayleigh(state.V, HV, xp) >= 0
            settled = ~climbing.any(axis=-1)
            M = M.less(state.V * xp.where(climbing, 1.0, 2.0)[:, None, :], HV)
        if state.leave is not None:
            # On the Hessian, not on M: while leaving, V is orthogonal to `leave` and the two corrections commute.
            leave = state.leave[:, :, None]
            M = M.less(leave, transposed @ leave)
            settled = settled & state.has_left(xp)
        self._system = M, shift
        return _bounded(M, rhs, settled, shift, state, xp), 1 / (shift + 1e-6 * state.norm)

    def judge(self, state: State[RuleState], step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        """Which trial points to accept (n,) bool, and the new trust radii (n,)."""
        assert state.H is not None
        after = row_norm(gradient, xp)
        # Squares of some gradients overflow; they are as good as infinite.
        finite = after < HUGE
        everywhere = bool(finite.all())
        if not everywhere:
            gradient, after = xp.where(finite[:, None], gradient, 0.0), xp.where(finite, after, 0.0)
        change = (state.H @ step[:, :, None])[:, :, 0]
        larger = xp.maximum(after, state.gradient_norm)
        defect = gradient - state.g - change
        off = row_norm(defect, xp)
        if state.noise is not None:  # what noise makes of the prediction says nothing against it
            off = xp.where(off > state.noise, off - state.noise, 0.0 * off)
        error = off / xp.maximum(larger, TINY)
        size = row_norm(step, xp)
        rows = nonzero(error > self.tolerance, xp)
        if len(rows):
            # What stiff modes are off by, the next implicit step takes away.
            M, shift = self._system
            left = _solve(M[rows], defect[rows], shift[rows], state.norm[rows])
            error[rows] = xp.minimum(error[rows], row_norm(left, xp) / xp.maximum(size[rows], TINY))
        accepted = error <= REJECT
        if not everywhere:
            accepted = accepted & finite
            error = xp.where(finite, error, xp.inf)
        factor = xp.minimum(xp.maximum(self.tolerance / xp.maximum(error, 1e-12), SHRINK), GROW)
        if bool(accepted.all()):
            trust = size * factor
        else:
            trust = size * xp.where(accepted, factor, xp.minimum(factor, 0.5))
            # Not rejected nor accepted is what is not a number.
            trust = xp.where(xp.isfinite(trust), trust, SHRINK * size)
        # A step that was short because the search is converging says nothing against a long one.
        return accepted, xp.where(accepted & (factor >= 1), xp.maximum(trust, state.trust), trust)


def _bounded(M: HessianStack, rhs: Any, settled: Any, shift: Any, state: State[RuleState], xp: Any) -> Any:
    """Solve (s I + M) dx = rhs: Newton's steps for searches that are settled and near, within the trust radius else.

    Args:
        M: n matrices. rhs: (n, d). settled: (n,) bool, or True for all. shift: (n,).

    Returns:
        (n, d) steps.
    """
    if settled is True:
        settled = xp.ones(len(state), dtype=xp.bool)
    if not bool(settled.any()):
        return _within(_forward(M, rhs, shift, state.norm, xp), state.trust, xp)
    # The small shift keeps zero modes still; it vanishes with the gradient, so convergence stays quadratic.
    rows = None if bool(settled.all()) else nonzero(settled, xp)
    M_ = M if rows is None else M[rows]
    rhs_, shift_, norm_, trust_ = (a if rows is None else a[rows] for a in (rhs, shift, state.norm, state.trust))
    newton = _solve(M_, rhs_, 1e-4 * shift_, norm_)
    good = (row_norm(newton, xp) <= NEWTON_REACH * trust_) & (row_dot(newton, rhs_, xp) > 0)
    if rows is None:
        if bool(good.all()):
            return newton
        step, taken = newton, good
    else:
        step, taken = xp.zeros_like(rhs), xp.zeros_like(settled)
        step[rows], taken[rows] = newton, good
    rows = nonzero(~taken, xp)
    far = _forward(M[rows], rhs[rows], shift[rows], state.norm[rows], xp)
    step[rows] = _within(far, state.trust[rows], xp)
    return step


def _forward(M: HessianStack, rhs: Any, shift: Any, norm: Any, xp: Any) -> Any:
    """Solve (s I + M) dx = rhs: (n, d); without negative curvatures of M where the step points against the dynamics.

    A mode of negative curvature that is not taken care of turns the step around where the shift is smaller than that.
    """
    step = _solve(M, rhs, shift, norm)
    against = row_dot(step, rhs, xp) <= 0
    if M.array is not None and bool(against.any()):
        rows = nonzero(against, xp)
        A = M.array[rows]
        w, Q = xp.linalg.eigh(0.5 * (A + A.mT))
        along = (Q.mT @ rhs[rows][:, :, None])[:, :, 0]
        step[rows] = (Q @ (along / (shift[rows][:, None] + xp.where(w > 0, w, TINY)))[:, :, None])[:, :, 0]
    return step


def _within(step: Any, trust: Any, xp: Any) -> Any:
    """Steps (n, d), scaled down to the trust radii (n,) where they are longer."""
    size = xp.maximum(row_norm(step, xp), TINY)
    return step * xp.minimum(trust / size, 1.0)[:, None]


def first_trust(radius: Any, H: HessianStack, H_parent: HessianStack, tolerance: float, xp: Any) -> Any:
    """First trust radius from how much the Hessian has changed over the perturbation, by extrapolation.

    Args:
        radius: (n,) distance from the parent.
        H, H_parent: n Hessians at the starts and at the parents.

    Returns:
        (n,): the distance at which the change reaches `tolerance` of the Hessian's size, if it grows linearly or
        (symmetric wells) quadratically, whichever is the nearer; at least the radius, at most 1e3 of them.
    """
    change = (H - H_parent).sizes()
    allowed = tolerance * H.sizes()
    # Where the change is that small, the quotient could overflow.
    least = change <= 1e-6 * allowed
    ratio = xp.where(least & (allowed > 0), 1e6, allowed / xp.where(least, 1.0, change))
    return radius * xp.sqrt(xp.clip(ratio, 1.0, 1e6))


def _solve(M: HessianStack, b: Any, shift: Any, norm: Any) -> Any:
    """(M + shift I) dx = b, b (n, d), shift (n,) -> (n, d); exactly singular systems are nudged by rounding size."""
    return M.solve(shift, b[:, :, None], norm)[:, :, 0]


def implicit_rule(curvatures: Curvatures, tolerance: float) -> ImplicitStep:
    """The implicit step for the problem of a strategy."""
    return ImplicitStep(tolerance, curvatures.problem.symmetric)
