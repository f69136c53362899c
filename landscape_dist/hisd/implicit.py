"""The linearly implicit step: faithful to the dynamics far away, Newton's method close by."""

from __future__ import annotations

from typing import Any

from landscape_dist.hisd.bends import Bends
from landscape_dist.hisd.curvatures import Curvatures
from landscape_dist.hisd.dynamics import rayleigh, reflect
from landscape_dist.hisd.state import State
from landscape_dist.hisd.step_rule import StepRule
from landscape_dist.numerics.arrays import nonzero
from landscape_dist.numerics.hessians import HessianStack
from landscape_dist.numerics.linalg import row_dot, row_norm

# A full Newton step may be this many trust radii long when every followed mode contracts.
NEWTON_REACH = 1.0
# Above this relative error of the linear model the step is taken back.
REJECT = 0.5
HUGE, TINY = 1e150, 1e-300
ROUNDING = 1e-9
# What Newton's step leaves of the gradient at most where x^m has its root: (1 - 1/(m - 1))^(m - 1) < 1/e.
CONTRACTS = 0.37
SHRINK, GROW = 0.25, 4.0
# A mode is stiff whose part in what the prediction is off by is that much smaller in x than in the gradient.
STIFF = 0.5
# Errors above this many tolerances are worth asking what they come to in x.
WORTH = 2.0


class ImplicitStep(StepRule[Bends]):
    """(s I + M) dx = R f with R = I - 2 V V^T, f = -g, and M the Hessian with its expansion taken care of.

    M is R H along the modes that contract under the dynamics (those of V with negative curvature are reflected).
    Along the modes that expand (the one just left while its curvature is negative; those of V with positive
    curvature) M has no curvature at all, so that the step is as long as the trust radius allows instead of pointing
    back.  s = |g| / trust makes |dx| <= trust where M >= 0; it vanishes with the gradient, so the last steps are
    Newton's.  The trust radius follows from how well the linear model predicted the new gradient.  In stiff valleys the
    step goes aside by what the one before was off by (`Bends`).

    Args:
        tolerance: accepted error of the predicted gradient, relative to the larger of the two gradients.
        symmetric: False for vector fields that are no gradients, for which H is minus the Jacobian.
        flat: whether points live in a flat space, in which displacements may be kept from step to step.
    """

    name = "implicit"
    uses_hessian = True

    def __init__(self, tolerance: float, symmetric: bool = True, flat: bool = True) -> None:
        self.tolerance = tolerance
        self.symmetric = symmetric
        self.flat = flat

    def begin(self, state: State[Any], xp: Any) -> Bends:
        """Nothing is known of bends."""
        return Bends()

    def propose(self, state: State[Bends], xp: Any) -> tuple[Any, Any]:
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
        if self.careful and self.symmetric and M.array is not None:
            step, self._newton = _careful(M.array, rhs, settled, shift, state, xp)
        else:
            step, self._newton = _bounded(M, rhs, settled, shift, state, xp)
        self._aside = state.memory.expected(step, xp)
        return step if self._aside is None else step + self._aside, 1 / (shift + 1e-6 * state.norm)

    def judge(self, state: State[Bends], step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        """Which trial points to accept (n,) bool, and the new trust radii (n,)."""
        assert state.H is not None
        after = row_norm(gradient, xp)
        # Squares of some gradients overflow; they are as good as infinite.
        finite = after < HUGE
        everywhere = bool(finite.all())
        if not everywhere:
            gradient, after = xp.where(finite[:, None], gradient, 0.0), xp.where(finite, after, 0.0)
        straight = step if self._aside is None else step - self._aside
        change = (state.H @ straight[:, :, None])[:, :, 0]
        larger = xp.maximum(after, state.gradient_norm)
        defect = gradient - state.g - change
        off = row_norm(defect, xp)
        if state.noise is not None:  # what noise makes of the prediction says nothing against it
            off = xp.where(off > state.noise, off - state.noise, 0.0 * off)
        error = off / xp.maximum(larger, TINY)
        size = row_norm(step, xp)
        bent = None if self._aside is None else xp.any(self._aside != 0, axis=-1)
        wrong = error > WORTH * self.tolerance
        rows = nonzero(wrong if bent is None else wrong | bent, xp)
        if len(rows):
            # What stiff modes are off by, the next implicit step takes away.
            M, shift = self._system
            left = _solve(M[rows], defect[rows], shift[rows], state.norm[rows])
            off_by = row_norm(left, xp) / xp.maximum(size[rows], TINY)
            told = (error[rows] > self.tolerance) & (off_by < 1) & (off_by < STIFF * error[rows])
            error[rows] = xp.minimum(error[rows], off_by)
            if self.flat and state.noise is None and bool(told.any()):
                left = reflect(state.V[rows], left) if state.V.shape[-1] else left
                aside = -left if self._aside is None else self._aside[rows] - left
                state.memory.note(straight, rows[told], aside[told], xp)
        accepted = error <= REJECT
        if bent is not None:  # what a bend leaves grows with a higher power of the length
            error = xp.where(bent, xp.sqrt(self.tolerance * error), error)
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
        # A step that was short because the search is converging says nothing against a long one; and at a degenerate
        # point Newton's steps are wrong by as much every time, and still the best there are.
        contracts = accepted & self._newton & (after <= CONTRACTS * state.gradient_norm)
        trust = xp.where(contracts, xp.maximum(trust, size), trust)
        return accepted, xp.where(accepted & (factor >= 1), xp.maximum(trust, state.trust), trust)


def _bounded(M: HessianStack, rhs: Any, settled: Any, shift: Any, state: State[Bends], xp: Any) -> tuple[Any, Any]:
    """Solve (s I + M) dx = rhs: Newton's steps for searches that are settled and near, within the trust radius else.

    Args:
        M: n matrices. rhs: (n, d). settled: (n,) bool, or True for all. shift: (n,).

    Returns:
        (n, d) steps, and (n,) which of them are Newton's.
    """
    size = row_norm(rhs, xp)
    near = xp.zeros_like(size, dtype=xp.bool)
    if settled is True or bool(settled.any()):
        # |A^-1 b| >= |b|^2 / |A^T b|: most of Newton's steps that are too long need not be solved for.
        against = row_norm((M.mT @ rhs[:, :, None])[:, :, 0], xp) + 1e-4 * shift * size
        near = size * size <= NEWTON_REACH * state.trust * (1 + ROUNDING) * against
        near = near if settled is True else near & settled
    # The small shift keeps zero modes still; it vanishes with the gradient, so convergence stays quadratic.
    step = _solve(M, rhs, xp.where(near, 1e-4 * shift, shift), state.norm)
    newton = near & (row_norm(step, xp) <= NEWTON_REACH * state.trust) & (row_dot(step, rhs, xp) > 0)
    rows = nonzero(near & ~newton, xp)
    if len(rows):
        step[rows] = _solve(M[rows], rhs[rows], shift[rows], state.norm[rows])
    rows = nonzero(~newton, xp)
    if len(rows):
        step[rows] = _within(_forward(step[rows], M, rhs[rows], shift[rows], rows, xp), state.trust[rows], xp)
    return step, newton


def _careful(M: Any, rhs: Any, settled: Any, shift: Any, state: State[Bends], xp: Any) -> tuple[Any, Any]:
    """The same mode by mode: along modes of negative curvature of M no step leads against the dynamics.

    Newton's steps lead back to a ridge that the dynamics leaves, where they are longer along other modes.

    Args:
        M: (n, d, d).
    """
    w, Q, along, step = _along_modes(M, rhs, shift, xp)
    zero = 1e-14 * xp.max(xp.abs(w), axis=-1)[:, None]
    newton = (Q @ xp.where(w > zero, along / xp.where(w > zero, w, 1.0), 0.0 * w)[:, :, None])[:, :, 0]
    positive = xp.all(w >= -zero, axis=-1)
    near = positive & settled & (row_norm(newton, xp) <= NEWTON_REACH * state.trust)
    return xp.where(near[:, None], newton, _within(step, state.trust, xp)), near


def _forward(step: Any, M: HessianStack, rhs: Any, shift: Any, rows: Any, xp: Any) -> Any:
    """Solutions of (s I + M) dx = rhs, (m, d); without negative curvatures of M where they point against the dynamics.

    A mode of negative curvature that is not taken care of turns the step around where the shift is smaller than that.

    Args:
        step, rhs: (m, d). shift: (m,). rows: (m,) which of the matrices are theirs.
    """
    against = row_dot(step, rhs, xp) <= 0
    if M.array is not None and bool(against.any()):
        wrong = nonzero(against, xp)
        step[wrong] = _along_modes(M.array[rows[wrong]], rhs[wrong], shift[wrong], xp)[3]
    return step


def _along_modes(M: Any, rhs: Any, shift: Any, xp: Any) -> tuple[Any, Any, Any, Any]:
    """Solve (s I + M) dx = rhs, (n, d), with no curvature along the modes where that of M (n, d, d) is negative.

    Returns:
        eigenvalues and eigenvectors of M's symmetric part, the parts of rhs along these, and dx.
    """
    w, Q = xp.linalg.eigh(0.5 * (M + M.mT))
    along = (Q.mT @ rhs[:, :, None])[:, :, 0]
    return w, Q, along, (Q @ (along / (shift[:, None] + xp.where(w > 0, w, TINY)))[:, :, None])[:, :, 0]


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
    problem = curvatures.problem
    return ImplicitStep(tolerance, problem.symmetric, problem.space.flat)
