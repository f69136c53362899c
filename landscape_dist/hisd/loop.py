"""The one loop that all searches share: propose, evaluate, judge, follow, finish."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.eigensolvers.base import Eigensolver, project_out
from landscape_dist.hisd.climbs import Climbs
from landscape_dist.hisd.curvatures import Curvatures
from landscape_dist.hisd.ends import SMALLEST_NOISY_STEP, Ends
from landscape_dist.hisd.outcome import Outcome
from landscape_dist.hisd.passes import Passes
from landscape_dist.hisd.paths import Paths
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.state import State
from landscape_dist.hisd.step_rule import StepRule
from landscape_dist.hisd.undecided import Undecided
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.linalg import orthonormalize, row_dot, row_norm
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Domain, Unbounded
from landscape_dist.records import FloatArray, SearchStatus
from landscape_dist.spaces.space import Space

# A trust radius below this fraction of max(1, |x|) cannot change x in a way that matters.
SMALLEST_STEP = 1e-14
# The size of the Hessian in the tolerance never falls below this fraction of its size at the start.
NORM_FLOOR = 1e-3
# Searches get ahead that come this far in so many steps, relative to 1 + |x|.
AHEAD, STRETCH = 1e-2, 100
# So many steps into where the energy is not finite are why a search gets no further.
BLOCKED = 8
# In matrix-free runs an estimate of the Hessian's size falls by no more than this factor in one step.
SLOWLY = 0.98


def run(
    curvatures: Curvatures,
    state: State[Any],
    rule: StepRule[Any],
    eigensolver: Eigensolver,
    *,
    max_steps: int,
    climbing: bool = False,
    descending: float | None = None,
    longest: int | None = None,
) -> Outcome:
    """Move a batch of searches until each has ended.

    Args:
        curvatures: of the problem, in whose coordinates the searches are.
        state: starts, with gradients (and Hessians, where the rule uses them) evaluated and finite.
        climbing: whether the searches look for what is above, and are given up where that cannot be.
        longest: steps after which even searches that get ahead are given up; None is `max_steps`.
        descending: tolerance of steps where they follow a branch down to a minimum, and it is noted which pass close by
            a saddle; None for all others.
    """
    xp = curvatures.problem.xp
    account = _Account(curvatures.problem, curvatures.settings, state, climbing, descending)
    state.gradient_norm = row_norm(state.g, xp)
    if not bool(xp.any(state.leave != 0)):
        state.leave = None
    state.memory = rule.begin(state, xp)
    for step in range(longest or max_steps):
        state = account.settled(state)
        if step >= max_steps and (step - max_steps) % STRETCH == 0:
            state = account.ahead(state)
        if len(state) == 0:
            return account.outcome
        account.record(state, *_advance(curvatures, state, rule, eigensolver))
    account.close(state)
    return account.outcome


# -- advance ------------------------------------------------------------------------------------------------------
def _advance(
    curvatures: Curvatures, state: State[Any], rule: StepRule[Any], eigensolver: Eigensolver
) -> tuple[Any, Any]:
    """One step of all searches: x, and the directions with it.

    Returns:
        Which steps were taken (n,) bool, and which searches the rule has taken to their ends, as its `finish` says.
    """
    xp = curvatures.problem.xp
    # Where a step costs a Hessian, directions follow it only in searches that go on.
    if rule.uses_hessian and state.elapsed is not None:
        _turn(curvatures, state, rule, eigensolver)
    space = curvatures.problem.space
    step, state.elapsed = rule.propose(state, xp)
    if not space.flat:
        step = space.projection(state.x, step)
    trial = space.retract(state.x, step)
    gradient, H, norm = rule.evaluate(curvatures, trial)
    before = space.transport(trial, state.x, gradient)  # where it can be compared
    accepted, state.trust = rule.judge(state, step, before, xp)
    state.n_steps += 1
    if H is None:
        accepted = accepted & xp.isfinite(state.norm)
        norm = _secant_norm(state, step, before, accepted, xp)
    else:
        accepted = accepted & xp.isfinite(norm)
    everywhere = bool(accepted.all())
    state.blocked = None if everywhere else ~xp.isfinite(row_norm(before, xp) if H is None else norm)
    if not space.flat:
        _carry(state, space, trial if everywhere else xp.where(accepted[:, None], trial, state.x), xp)
    if everywhere:
        state.x, state.g, state.norm, state.H = trial, gradient, norm, H
    else:
        state.x = xp.where(accepted[:, None], trial, state.x)
        state.g = xp.where(accepted[:, None], gradient, state.g)
        state.norm = xp.where(accepted, norm, state.norm)
        if H is not None and state.H is not None:
            state.H = H.where(accepted, state.H)
    state.moved = None if everywhere else accepted
    if not rule.uses_hessian and (not rule.turned(state) or state.leave is not None):
        _turn(curvatures, state, rule, eigensolver)
    ended = rule.finish(curvatures, state)
    state.gradient_norm = row_norm(state.g, xp)
    return accepted, ended


def _carry(state: State[Any], space: Space, to: Any, xp: Any) -> None:
    """Take the directions along to the points `to` (n, d), orthonormal and tangent there."""
    if state.leave is not None:
        leave = space.transport(state.x, to, state.leave)
        length = row_norm(leave, xp)
        state.leave = leave / xp.where(length > 0, length, xp.ones_like(length))[:, None]
    if state.V.shape[-1]:
        state.V = orthonormalize(project_out(space.transport(state.x, to, state.V), state.leave), xp)


def _turn(curvatures: Curvatures, state: State[Any], rule: StepRule[Any], eigensolver: Eigensolver) -> None:
    """Let the directions follow the last step, and let go of the mode left behind where its curvature has turned."""
    xp = curvatures.problem.xp
    k = state.V.shape[-1]
    if not k and state.leave is None:
        return
    needs_hessian = eigensolver.needs_hessian and k > 0
    curvature = curvatures.curvature(rule.anchor(state), state.H, state.norm, needs_hessian)
    if state.leave is not None:
        along = curvature.product(state.leave[:, :, None])[:, :, 0]
        still = row_dot(state.leave, along, xp) < 0
        if not curvatures.problem.symmetric and curvature.hessian is not None:
            still = still & _unsettled(curvature.hessian, k, xp)
        if not bool(still.all()):
            leaving = bool((still & ~state.has_left(xp)).any())
            state.leave = xp.where(still[:, None], state.leave, 0.0) if leaving else None
    if not k:
        return
    V = eigensolver.follow(curvature, state.V, state.leave, state.elapsed)
    state.norm = curvature.norm
    state.V = V if state.moved is None else xp.where(state.moved[:, None, None], V, state.V)


def _unsettled(H: Any, k: int, xp: Any) -> Any:
    """(n,) whether more than k eigenvalues of H (n, d, d) are on the unstable side.

    Of a matrix that is not normal, v^T H v says little: at a stable spiral it may be negative for ever.
    """
    return xp.asarray((np.linalg.eigvals(to_numpy(H)).real < 0).sum(axis=-1) > k)


def _secant_norm(state: State[Any], step: Any, gradient: Any, accepted: Any, xp: Any) -> Any:
    """Curvature seen along the step, as an estimate of the Hessian's size that forgets slowly."""
    length = xp.linalg.vector_norm(step, axis=-1)
    change = xp.where(accepted[:, None], gradient - state.g, xp.zeros_like(state.g))
    seen = xp.linalg.vector_norm(change, axis=-1) / xp.where(length > 0, length, xp.ones_like(length))
    return xp.maximum(seen, SLOWLY * state.norm)


# -- account ------------------------------------------------------------------------------------------------------
class _Account:
    """Which searches have ended, how and where, and the paths of all.

    Args:
        state: of all searches at their starts. climbing: whether they look for what is above. descending: tolerance of
            steps where they follow a branch down.
    """

    def __init__(
        self, problem: Problem, settings: SolverSettings, state: State[Any], climbing: bool, descending: float | None
    ) -> None:
        self.problem = problem
        self.settings = settings
        n, d = state.x.shape
        origin = to_numpy(state.x).copy()
        self.limits = _Limits(origin, settings, problem.domain)
        self.ends = Ends(problem, settings, origin)
        watched = climbing and state.H is not None and state.V.shape[-1] > 0
        watched = watched and problem.symmetric and problem.space.flat
        self.climbs = Climbs(origin) if watched else None
        self.passes = None if descending is None else Passes(origin, descending, problem.symmetric)
        watched = not climbing and state.H is not None and state.V.shape[-1] > 0 and problem.symmetric
        self.undecided = Undecided(n, state.V.shape[-1]) if watched else None
        self.stretch = np.full((n, d), np.nan)
        self.n_blocked = np.zeros(n, dtype=np.int64)
        self.ends_at = None if settings.deadline is None else time.monotonic() + settings.deadline
        self.outcome = Outcome(
            np.full(n, SearchStatus.MAX_STEPS, dtype=np.int8),
            to_numpy(state.x).copy(),
            to_numpy(row_norm(state.g, problem.xp)).copy(),
            None if state.H is None or state.H.array is None else np.zeros((n, d, d)),
            np.zeros(n, dtype=np.int64),
            to_numpy(state.norm).copy(),
            Paths(origin, settings.trajectory_points) if settings.keep_trajectories else None,
            None if self.passes is None else self.passes.close,
            None if self.undecided is None else self.undecided.found,
        )

    def settled(self, state: State[Any]) -> State[Any]:
        """The searches that go on; what the others came to is noted."""
        if self.passes is not None:
            self.passes.note(state)
        if self.undecided is not None:
            self.undecided.note(state, self.problem.xp)
        status = _finished(self.problem, state, self.settings, self.limits, self.ends)
        if self.ends_at is not None and time.monotonic() > self.ends_at:
            running = np.full(len(state), -1, dtype=np.int8) if status is None else status
            status = np.where(running < 0, SearchStatus.DEADLINE, running)
        if self.climbs is not None:
            endless = self.climbs.endless(state)
            if endless.any():
                running = np.full(len(state), -1, dtype=np.int8) if status is None else status
                status = np.where((running < 0) & endless, SearchStatus.ENDLESS, running)
        return state if status is None else _retire(self.outcome, state, self.named(state, status), self.problem.xp)

    def named(self, state: State[Any], status: NDArray[np.int8]) -> NDArray[np.int8]:
        """The status of searches that got no further because their steps led to where the energy is not finite."""
        stuck = np.isin(status, (SearchStatus.STALLED, SearchStatus.MAX_STEPS))
        return np.where(stuck & (self.n_blocked[state.row] >= BLOCKED), SearchStatus.NOT_FINITE, status)

    def ahead(self, state: State[Any]) -> State[Any]:
        """Of searches that have spent their steps, those that got ahead since this was asked last; the others end."""
        x = to_numpy(state.x)
        before = self.stretch[state.row]
        far = np.linalg.norm(x - before, axis=1) > AHEAD * (1 + np.linalg.norm(x, axis=1))
        going = far | np.isnan(before).any(axis=1)
        self.stretch[state.row] = x
        status = np.where(going, np.int8(-1), np.int8(SearchStatus.MAX_STEPS))
        return _retire(self.outcome, state, self.named(state, status), self.problem.xp)

    def record(self, state: State[Any], accepted: Any, ended: Any) -> None:
        """Note the step just made; the arguments are what `_advance` returns."""
        if state.blocked is not None:
            self.n_blocked[state.row] += to_numpy(state.blocked)
        if self.outcome.paths is None:
            return
        xp = self.problem.xp
        elapsed = to_numpy(xp.where(accepted, state.elapsed, 0.0 * state.elapsed))
        moved = np.flatnonzero(to_numpy(accepted) if ended is None else to_numpy(accepted) | ended)
        self.outcome.paths.record(state.row[moved], to_numpy(state.x)[moved], elapsed[moved])

    def close(self, state: State[Any]) -> None:
        """Note what the searches came to that have spent their steps."""
        status = _finished(self.problem, state, self.settings, self.limits, self.ends)
        if status is None:
            status = np.full(len(state), -1, dtype=np.int8)
        status = np.where(status < 0, SearchStatus.MAX_STEPS, status)
        _retire(self.outcome, state, self.named(state, status), self.problem.xp)


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

    def strayed(self, state: State[Any], x_size: Any) -> NDArray[np.bool_] | bool:
        """(n,) bool, or False for none: only |x| (n,) is looked at as long as that is enough."""
        if self.nearest == np.inf or float(x_size.max()) <= self.nearest:
            return False
        return np.asarray(row_norm(to_numpy(state.x) - self.origin[state.row]) > self.reach[state.row])


def _finished(
    problem: Problem, state: State[Any], settings: SolverSettings, limits: _Limits, ends: Ends
) -> NDArray[np.int8] | None:
    """(n,) status of searches that have ended, -1 for those still running; None if all are."""
    xp = problem.xp
    x_size = row_norm(state.x, xp)
    scale = 1 + x_size
    tolerance = settings.gradient_atol + settings.gradient_rtol * xp.maximum(state.norm, state.floor) * scale
    converged = state.gradient_norm <= tolerance
    if state.noise is None:
        stalled = converged & False if state.moved is None else state.trust <= SMALLEST_STEP * scale
    else:
        # Noise alone shrinks the trust radius; then the noise was underestimated, or what is there is no point.
        stalled = state.trust <= SMALLEST_NOISY_STEP * scale
        converged = converged | stalled
    outside = ~problem.domain.contains(state.x, xp, settings.excursion)
    strayed = limits.strayed(state, x_size)
    if strayed is False and not bool((converged | stalled | outside).any()):
        return None
    points, flat = ends.judge(state, to_numpy(converged))
    status = np.full(len(state), -1, dtype=np.int8)
    status[to_numpy(stalled)] = SearchStatus.STALLED
    status[flat] = SearchStatus.FLAT
    status[points] = SearchStatus.CONVERGED
    status[to_numpy(outside) | strayed] = SearchStatus.LEFT_DOMAIN
    ended = np.flatnonzero(status == SearchStatus.CONVERGED)
    if len(ended):
        at_home = to_numpy(problem.domain.contains(state.x, xp))[ended]
        status[ended[~at_home]] = SearchStatus.LEFT_DOMAIN
    return status if (status >= 0).any() else None


def _retire(out: Outcome, state: State[Any], status: NDArray[np.int8], xp: Any) -> State[Any]:
    """Write the ended searches to the outcome and return the others."""
    done = np.flatnonzero(status >= 0)
    row = state.row[done]
    device = done if xp is np else xp.asarray(done)
    out.status[row] = status[done]
    out.x[row] = to_numpy(state.x[device])
    out.gradient_norm[row] = to_numpy(state.gradient_norm[device])
    out.n_steps[row] = state.n_steps[done]
    if out.H is not None:
        assert state.H is not None
        out.H[row] = to_numpy(state.H.array[device])
    return state.take(np.flatnonzero(status < 0), xp)
