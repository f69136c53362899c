"""The one loop that all searches share: propose, evaluate, judge, follow, finish."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from landscape_dist.eigensolvers.base import Curvature, Eigensolver
from landscape_dist.hisd.paths import Paths
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.state import State
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.linalg import row_dot, row_norm
from landscape_dist.numerics.sparse import SparseHessians
from landscape_dist.problems.domain import Domain, Unbounded
from landscape_dist.records import FloatArray, IntArray, SearchStatus

# A trust radius below this fraction of max(1, |x|) cannot change x in a way that matters.
SMALLEST_STEP = 1e-14
# The size of the Hessian in the tolerance never falls below this fraction of its size at the start.
NORM_FLOOR = 1e-3
# In matrix-free runs an estimate of the Hessian's size falls by no more than this factor in one step.
SLOWLY = 0.98
POWER_STEPS = 6


class StepRule(Protocol):
    """How x moves; one object serves a whole batch and keeps its per-search arrays in `State.extra`.

    A rule that uses Hessians has `evaluate(problem, x)`: gradients, Hessians and their sizes.  A rule may also have
    `finish(problem, state, settings)`, which takes searches that are close to their ends and returns which (NumPy
    bool (n,), or None).
    """

    uses_hessian: bool

    def begin(self, state: State, xp: Any) -> None: ...

    def propose(self, state: State, xp: Any) -> tuple[Any, Any]: ...

    def judge(self, state: State, step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]: ...


@dataclass(slots=True)
class Outcome:
    """Where n searches ended, NumPy.

    Attributes:
        status: (n,) CONVERGED, LEFT_DOMAIN, NOT_FINITE, MAX_STEPS, STALLED or DEADLINE.
        x: (n, d). gradient_norm: (n,). H: (n, d, d) where status is CONVERGED, or None in matrix-free runs.
        n_steps: (n,) trial steps, those taken back included. norm_at_start: (n,) size of the Hessian there.
        paths: of the searches, where asked for.
    """

    status: np.ndarray
    x: FloatArray
    gradient_norm: FloatArray
    H: FloatArray | None
    n_steps: IntArray
    norm_at_start: FloatArray
    paths: Paths | None = None


def run(
    problem: Any,
    state: State,
    rule: StepRule,
    eigensolver: Eigensolver,
    settings: SolverSettings,
    *,
    max_steps: int,
) -> Outcome:
    """Move a batch of searches until each has ended.

    Args:
        state: starts, with gradients (and Hessians, where the rule uses them) evaluated and finite.
    """
    xp = problem.xp
    n, d = state.x.shape
    out = Outcome(
        np.full(n, SearchStatus.MAX_STEPS, dtype=np.int8),
        to_numpy(state.x).copy(),
        to_numpy(row_norm(state.g, xp)).copy(),
        None if state.H is None or isinstance(state.H, SparseHessians) else np.zeros((n, d, d)),
        np.zeros(n, dtype=np.int64),
        to_numpy(state.norm).copy(),
    )
    origin = to_numpy(state.x).copy()
    limits = _Limits(origin, settings, problem.domain)
    state.gradient_norm = row_norm(state.g, xp)
    if not bool(xp.any(state.leave != 0)):
        state.leave = None
    ends_at = None if settings.deadline is None else time.monotonic() + settings.deadline
    if settings.keep_trajectories:
        out.paths = Paths(origin, settings.trajectory_points)
    rule.begin(state, xp)
    finish, evaluate = getattr(rule, "finish", None), getattr(rule, "evaluate", None)
    for _ in range(max_steps):
        status = _finished(problem, state, settings, limits)
        if ends_at is not None and time.monotonic() > ends_at:
            running = np.full(len(state), -1, dtype=np.int8) if status is None else status
            status = np.where(running < 0, SearchStatus.DEADLINE, running)
        if status is not None:
            state = _retire(out, state, status, xp)
            if len(state) == 0:
                return out
        # Where a step costs a Hessian, directions follow it only in searches that go on.
        if rule.uses_hessian and state.elapsed is not None:
            _turn(problem, state, eigensolver, xp)
        step, state.elapsed = rule.propose(state, xp)
        trial = state.x + step
        if evaluate is not None:
            gradient, H, norm = evaluate(problem, trial)
        else:
            gradient, H, norm = problem.gradient(trial), None, state.norm
        accepted, state.trust = rule.judge(state, step, gradient, xp)
        accepted = accepted & xp.isfinite(norm)
        state.n_steps += 1
        if H is None:
            norm = _secant_norm(state, step, gradient, accepted, xp)
        everywhere = bool(accepted.all())
        if everywhere:
            state.x, state.g, state.norm, state.H = trial, gradient, norm, H
        else:
            state.x = xp.where(accepted[:, None], trial, state.x)
            state.g = xp.where(accepted[:, None], gradient, state.g)
            state.norm = xp.where(accepted, norm, state.norm)
            if H is not None:
                sparse = isinstance(H, SparseHessians)
                state.H = H.where(accepted, state.H) if sparse else xp.where(accepted[:, None, None], H, state.H)
        state.moved = None if everywhere else accepted
        # A scheme of a user's own may have moved the directions itself.
        if not rule.uses_hessian and (not getattr(rule, "turned", False) or state.leave is not None):
            _turn(problem, state, eigensolver, xp)
        ended = None if finish is None else finish(problem, state, settings)
        state.gradient_norm = row_norm(state.g, xp)
        if out.paths is not None:
            elapsed = to_numpy(xp.where(accepted, state.elapsed, 0.0 * state.elapsed))
            moved = np.flatnonzero(to_numpy(accepted) if ended is None else to_numpy(accepted) | ended)
            out.paths.record(state.row[moved], to_numpy(state.x)[moved], elapsed[moved])
    status = _finished(problem, state, settings, limits)
    if status is None:
        status = np.full(len(state), -1, dtype=np.int8)
    _retire(out, state, np.where(status < 0, SearchStatus.MAX_STEPS, status), xp)
    return out


def _turn(problem: Any, state: State, eigensolver: Eigensolver, xp: Any) -> None:
    """Let the directions follow the last step, and let go of the mode left behind where its curvature has turned."""
    k = state.V.shape[-1]
    if not k and state.leave is None:
        return
    if state.H is not None:
        solve = state.H.solve if isinstance(state.H, SparseHessians) else None
        hessian = None if solve else state.H
        curvature = Curvature(hessian, lambda V: state.H @ V, state.norm, xp, solve)
    else:
        curvature = _matrix_free(problem, state, eigensolver.needs_hessian and k > 0, xp)
    if state.leave is not None:
        along = curvature.product(state.leave[:, :, None])[:, :, 0]
        still = row_dot(state.leave, along, xp) < 0
        if not bool(still.all()):
            leaving = bool((still & ~state.has_left(xp)).any())
            state.leave = xp.where(still[:, None], state.leave, 0.0) if leaving else None
    if not k:
        return
    V = eigensolver.follow(curvature, state.V, state.leave, state.elapsed)
    state.norm = curvature.norm
    state.V = V if state.moved is None else xp.where(state.moved[:, None, None], V, state.V)


def _matrix_free(problem: Any, state: State, needs_hessian: bool, xp: Any) -> Curvature:
    """Curvature where the rule of steps uses no Hessians; its `norm` grows with the products seen.

    Nesterov's scheme computes the directions not where it evaluates the gradient, hence "anchor".
    """
    at = state.extra.get("anchor", state.x)
    if needs_hessian:
        return Curvature.dense(_finite(problem.hessian(at), xp), xp)

    def product(V: Any) -> Any:
        HV = _finite(problem.hvp(at, V), xp)
        stretch = xp.max(xp.linalg.vector_norm(HV, axis=1), axis=-1)
        curvature.norm = xp.maximum(curvature.norm, stretch)
        return HV

    curvature = Curvature(None, product, state.norm, xp)
    return curvature


def _finite(array: Any, xp: Any) -> Any:
    """Zeros for what is not finite: eigensolvers then stand still; the gradient will tell."""
    return xp.where(xp.isfinite(array), array, xp.zeros_like(array))


def power_norm(problem: Any, x: Any, g: Any) -> Any:
    """Estimates (n,) of the size of the Hessians at x (n, d), from below, by a few power iterations from g (n, d)."""
    xp = problem.xp
    v = _finite(g, xp)
    # Not exactly along g, which may be an eigenvector of a small eigenvalue.
    v = v + 0.1 * xp.max(xp.abs(v), axis=-1, keepdims=True) * xp.cos(xp.arange(1, v.shape[-1] + 1, dtype=v.dtype))
    for _ in range(POWER_STEPS):
        length = xp.linalg.vector_norm(v, axis=-1, keepdims=True)
        v = problem.hvp(x, (v / xp.where(length > 0, length, xp.ones_like(length)))[:, :, None])[:, :, 0]
    return xp.linalg.vector_norm(v, axis=-1)


def _secant_norm(state: State, step: Any, gradient: Any, accepted: Any, xp: Any) -> Any:
    """Curvature seen along the step, as an estimate of the Hessian's size that forgets slowly."""
    length = xp.linalg.vector_norm(step, axis=-1)
    change = xp.where(accepted[:, None], gradient - state.g, xp.zeros_like(state.g))
    seen = xp.linalg.vector_norm(change, axis=-1) / xp.where(length > 0, length, xp.ones_like(length))
    return xp.maximum(seen, SLOWLY * state.norm)


class _Limits:
    """How far from their starts searches may go in an unbounded domain, and whether any can be beyond that.

    Args:
        origin: (n, d) where they start.
    """

    def __init__(self, origin: FloatArray, settings: SolverSettings, domain: Domain) -> None:
        self.origin = origin
        size = row_norm(origin)
        self.reach = settings.escape_radius * np.maximum(1.0, size)
        self.nearest = float((self.reach - size).min()) if isinstance(domain, Unbounded) else np.inf

    def strayed(self, state: State, x_size: Any) -> np.ndarray | bool:
        """(n,) bool, or False for none: only |x| (n,) is looked at as long as that is enough."""
        if self.nearest == np.inf or float(x_size.max()) <= self.nearest:
            return False
        return np.asarray(row_norm(to_numpy(state.x) - self.origin[state.row]) > self.reach[state.row])


def _finished(problem: Any, state: State, settings: SolverSettings, limits: _Limits) -> np.ndarray | None:
    """(n,) status of searches that have ended, -1 for those still running; None if all are."""
    xp = problem.xp
    x_size = row_norm(state.x, xp)
    scale = 1 + x_size
    tolerance = settings.gradient_atol + settings.gradient_rtol * xp.maximum(state.norm, state.floor) * scale
    converged = state.gradient_norm <= tolerance
    stalled = converged & False if state.moved is None else state.trust <= SMALLEST_STEP * scale
    outside = ~problem.domain.contains(state.x, xp, settings.excursion)
    strayed = limits.strayed(state, x_size)
    if strayed is False and not bool((converged | stalled | outside).any()):
        return None
    status = np.full(len(state), -1, dtype=np.int8)
    status[to_numpy(stalled)] = SearchStatus.STALLED
    status[to_numpy(converged)] = SearchStatus.CONVERGED
    status[to_numpy(outside) | strayed] = SearchStatus.LEFT_DOMAIN
    ended = np.flatnonzero(status == SearchStatus.CONVERGED)
    if len(ended):
        at_home = to_numpy(problem.domain.contains(state.x, xp))[ended]
        status[ended[~at_home]] = SearchStatus.LEFT_DOMAIN
    return status if (status >= 0).any() else None


def _retire(out: Outcome, state: State, status: np.ndarray, xp: Any) -> State:
    """Write the ended searches to the outcome and return the others."""
    done = np.flatnonzero(status >= 0)
    row = state.row[done]
    device = done if xp is np else xp.asarray(done)
    out.status[row] = status[done]
    out.x[row] = to_numpy(state.x[device])
    out.gradient_norm[row] = to_numpy(state.gradient_norm[device])
    out.n_steps[row] = state.n_steps[done]
    if out.H is not None:
        out.H[row] = to_numpy(state.H[device])
    return state.take(np.flatnonzero(status < 0), xp)
