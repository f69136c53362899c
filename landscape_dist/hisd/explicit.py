"""Explicit steps of the saddle dynamics: step lengths and momenta that combine freely.

Eq. 2.2, 2.4 and 2.5 of the NN-HiSD paper are a fixed step length with no momentum, heavy ball and Nesterov.  The
step length may instead adapt to the gradient, or be Barzilai and Borwein's.
"""

from __future__ import annotations

from typing import Any, Protocol

from landscape_dist.hisd.dynamics import reflect
from landscape_dist.hisd.polish import Polish
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.state import State

# Change of the gradient over one step, relative to the larger of the two, for each unit of the step tolerance,
CHANGE = 3.0
# and at most: no tolerance makes a step of first order resolve a path that turns by more than this.
LARGEST_CHANGE = 0.3
# A step over which it changes by more than this many times what is accepted is taken back.
REJECT = 2.5
SHRINK, GROW = 0.3, 1.5
LEAP = 0.5
# Gradients beyond this size (not finite ones included) could not even be squared.
HUGE = 1e150
# The directions of an adaptive search are given this many times the time that x moves. A climb that starts along a
# stiff mode would else be over before they have turned.
LEAD = 3.0
# Barzilai–Borwein steps may change the gradient this many times more while it decreases.
FREEDOM = 2.0
# and be this many times longer than the last.
ROOM = 4.0


class StepLength(Protocol):
    """beta_n of eq. 2.2, per search."""

    adaptive: bool

    def begin(self, state: State, xp: Any) -> None: ...

    def length(self, state: State, xp: Any) -> Any: ...

    def judge(self, state: State, step: Any, gradient: Any, sane: Any, xp: Any) -> Any: ...


class Momentum(Protocol):
    """What is added to beta_n R f, and where the gradient is evaluated."""

    def begin(self, state: State, xp: Any) -> None: ...

    def displace(self, state: State, drive: Any, xp: Any) -> Any: ...

    def commit(self, state: State, step: Any, accepted: Any, speeding: Any, xp: Any) -> None: ...


class ExplicitStep:
    """x + beta R f and a momentum, with the Newton polish of searches that are close.

    Args:
        length: how beta is chosen. momentum: what is added. polish: how searches are finished; None to go on as before.
    """

    uses_hessian = False

    def __init__(self, length: StepLength, momentum: Momentum, polish: Polish | None) -> None:
        self.steps = length
        self.momentum = momentum
        self.polish = polish

    def begin(self, state: State, xp: Any) -> None:
        """Set up the arrays that the parts keep in `state.extra`."""
        self.steps.begin(state, xp)
        self.momentum.begin(state, xp)
        if self.polish is not None:
            self.polish.begin(state, xp)

    def propose(self, state: State, xp: Any) -> tuple[Any, Any]:
        """Displacements (n, d), and the pseudo-times (n,) that they stand for."""
        length = self.steps.length(state, xp)
        drive = length[:, None] * reflect(state.V, -state.g)
        step = self.momentum.displace(state, drive, xp)
        # With momentum x moves faster than beta alone says, and so must the directions.
        moved, driven = xp.linalg.vector_norm(step, axis=-1), xp.linalg.vector_norm(drive, axis=-1)
        pace = xp.clip(moved / xp.where(driven > 0, driven, xp.ones_like(driven)), 1.0, 10.0)
        return step, length * pace * (LEAD if self.steps.adaptive else 1.0)

    def judge(self, state: State, step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        """Which trial points to accept (n,) bool, and the lengths (n,) of the next steps."""
        sane = xp.all(xp.abs(gradient) < HUGE, axis=-1)
        accepted = self.steps.judge(state, step, xp.where(sane[:, None], gradient, state.g), sane, xp)
        g = xp.where(accepted[:, None], gradient, state.g)
        force = reflect(state.V, -g)
        speeding = accepted
        if self.steps.adaptive:
            # Momentum shortens the way down a long slope. Where the force grows it only leads astray.
            speeding = accepted & (xp.linalg.vector_norm(g, axis=-1) < xp.linalg.vector_norm(state.g, axis=-1))
            speeding = speeding & (xp.sum(force * step, axis=-1) >= 0)
        self.momentum.commit(state, step, accepted, speeding, xp)
        if not self.steps.adaptive:
            # A fixed step neither shrinks nor stalls; where the energy ends, it can go no further.
            return accepted, xp.where(accepted, state.trust, xp.zeros_like(state.trust))
        return accepted, self.steps.length(state, xp) * xp.linalg.vector_norm(force, axis=-1)

    def finish(self, problem: Any, state: State, settings: SolverSettings) -> Any:
        """Polish the searches that are close; (n,) NumPy bool, which have been, or None."""
        return None if self.polish is None else self.polish.finish(problem, state, settings)


# -- step lengths -------------------------------------------------------------------------------------------------
class FixedLength:
    """beta_n = beta; every trial is accepted."""

    adaptive = False

    def __init__(self, size: float) -> None:
        self.size = size

    def begin(self, state: State, xp: Any) -> None:
        """Nothing to keep."""

    def length(self, state: State, xp: Any) -> Any:
        """(n,) all equal."""
        return self.size * xp.ones_like(state.norm)

    def judge(self, state: State, step: Any, gradient: Any, sane: Any, xp: Any) -> Any:
        """(n,) bool: all that are `sane`."""
        return sane


class AdaptiveLength:
    """beta_n such that the gradient changes by a given part over a step: to first order beta |H| is that part.

    The change is measured, so it answers to the local Lipschitz constant along the path, nonlinearity included, and
    to the stiff modes as soon as a step beyond their limit of stability stirs them.

    Args:
        change: wanted |g(x + step) - g(x)| relative to the larger gradient; beta_0 is change / |H|.
    """

    adaptive = True

    def __init__(self, change: float) -> None:
        self.change = change

    def begin(self, state: State, xp: Any) -> None:
        """First lengths from the size of the Hessian."""
        size = xp.where(state.norm > 0, state.norm, xp.ones_like(state.norm))
        state.extra["length"] = self.change / size

    def length(self, state: State, xp: Any) -> Any:
        """(n,) current lengths; none moves x by more than its own size (at least 1) times `LEAP`."""
        force = xp.linalg.vector_norm(state.g, axis=-1)
        size = xp.linalg.vector_norm(state.x, axis=-1)
        leap = LEAP * xp.where(size > 1, size, xp.ones_like(size))
        return xp.minimum(state.extra["length"], leap / xp.where(force > 0, force, xp.ones_like(force)))

    def judge(self, state: State, step: Any, gradient: Any, sane: Any, xp: Any) -> Any:
        """(n,) bool; the lengths are updated."""
        return self.measured(state, gradient, sane, self.change * xp.ones_like(state.norm), xp)

    def measured(self, state: State, gradient: Any, sane: Any, change: Any, xp: Any) -> Any:
        """The same where the wanted change is given, (n,)."""
        before, after = xp.linalg.vector_norm(state.g, axis=-1), xp.linalg.vector_norm(gradient, axis=-1)
        larger = xp.maximum(before, after)
        seen = xp.linalg.vector_norm(gradient - state.g, axis=-1) / xp.where(larger > 0, larger, xp.ones_like(larger))
        accepted = sane & (seen <= REJECT * change)
        factor = xp.clip(change / xp.where(seen > 1e-12, seen, xp.full_like(seen, 1e-12)), SHRINK, GROW)
        factor = xp.where(accepted, factor, xp.clip(factor, None, 0.5))
        length = self.length(state, xp)
        state.extra["length"] = length * xp.where(sane, factor, xp.full_like(factor, SHRINK))
        return accepted


class BarzilaiBorwein:
    """beta_n = |s^T y| / y^T y (Barzilai and Borwein 1988) with s and y the last changes of x and of the force R f.

    The shorter of their two lengths, because s^T y has no sign on a saddle.

    Args:
        guard: the adaptive length, which limits it and rejects steps that go astray; None for the formula alone after
            a first step of `first`.
        first: length of that first step.
    """

    def __init__(self, guard: AdaptiveLength | None, first: float | None) -> None:
        self.guard = guard
        self.first = first
        self.adaptive = guard is not None

    def begin(self, state: State, xp: Any) -> None:
        """The first length is the guard's or the one given."""
        if self.guard is not None:
            self.guard.begin(state, xp)
            state.extra["bb"] = state.extra["length"]
        else:
            state.extra["bb"] = self.first * xp.ones_like(state.norm)

    def length(self, state: State, xp: Any) -> Any:
        """(n,) current lengths."""
        bb = state.extra["bb"]
        return bb if self.guard is None else xp.minimum(bb, self.guard.length(state, xp))

    def judge(self, state: State, step: Any, gradient: Any, sane: Any, xp: Any) -> Any:
        """(n,) bool; the lengths are updated."""
        used = self.length(state, xp)
        y = reflect(state.V, gradient - state.g)
        sy, yy = xp.abs(xp.sum(step * y, axis=-1)), xp.sum(y * y, axis=-1)
        known = sane & (yy > 0) & (sy > 0)
        bb = xp.where(known, sy / xp.where(known, yy, xp.ones_like(yy)), state.extra["bb"])
        state.extra["bb"] = bb
        if self.guard is None:
            return sane
        size = xp.linalg.vector_norm(gradient, axis=-1)
        settling = (size < xp.linalg.vector_norm(state.g, axis=-1)) & state.has_left(xp)
        change = self.guard.change * xp.where(settling, FREEDOM * xp.ones_like(size), xp.ones_like(size))
        # What the guard allows must stay near what was tried, or it would guard nothing when long steps come.
        state.extra["length"] = xp.minimum(state.extra["length"], ROOM * used)
        return self.guard.measured(state, gradient, sane, change, xp)


# -- momenta ------------------------------------------------------------------------------------------------------
class NoMomentum:
    """Eq. 2.2."""

    def begin(self, state: State, xp: Any) -> None:
        """Nothing to keep."""

    def displace(self, state: State, drive: Any, xp: Any) -> Any:
        """The drive itself."""
        return drive

    def commit(self, state: State, step: Any, accepted: Any, speeding: Any, xp: Any) -> None:
        """Nothing to keep."""


class HeavyBall:
    """Eq. 2.4: gamma (x_n - x_(n-1)) is added.

    Args:
        gamma: in [0, 1).
    """

    def __init__(self, gamma: float) -> None:
        self.gamma = gamma

    def begin(self, state: State, xp: Any) -> None:
        """At rest."""
        state.extra["velocity"] = xp.zeros_like(state.x)

    def displace(self, state: State, drive: Any, xp: Any) -> Any:
        """(n, d) steps of x."""
        return drive + self.gamma * state.extra["velocity"]

    def commit(self, state: State, step: Any, accepted: Any, speeding: Any, xp: Any) -> None:
        """Remember the step made; come to rest where it is not `speeding`."""
        state.extra["velocity"] = xp.where(speeding[:, None], step, xp.zeros_like(step))


class Nesterov:
    """Eq. 2.5: the gradient is evaluated at w_n = x_n + gamma_n (x_n - x_(n-1)), which is `State.x`.

    x_n itself is kept as "anchor"; there the directions are computed.

    Args:
        choice: 1 for gamma_n = n / (n + 3), 2 for gamma_n = (theta_n - 1) / theta_(n+1) with theta_0 = 1 and
            theta_(n+1) = (1 + sqrt(1 + 4 theta_n^2)) / 2.
        restart: n starts anew from 0 every so many steps; None never.
    """

    def __init__(self, choice: int, restart: int | None) -> None:
        self.gamma = _gamma_fraction if choice == 1 else _gamma_theta
        self.restart = restart

    def begin(self, state: State, xp: Any) -> None:
        """w_0 = x_0, n = 0."""
        state.extra["anchor"] = state.x
        state.extra["n"] = xp.zeros_like(state.norm)
        state.extra["theta"] = xp.ones_like(state.norm)

    def displace(self, state: State, drive: Any, xp: Any) -> Any:
        """(n, d) steps from w_n to w_(n+1)."""
        anchor = state.x + drive
        n = state.extra["n"] + 1
        gamma, theta = self.gamma(n, state.extra["theta"], xp)
        if self.restart is not None:
            begins = n >= self.restart
            n, gamma = xp.where(begins, xp.zeros_like(n), n), xp.where(begins, xp.zeros_like(gamma), gamma)
            theta = xp.where(begins, xp.ones_like(theta), theta)
        state.extra |= {"next_anchor": anchor, "next_n": n, "next_theta": theta}
        return drive + gamma[:, None] * (anchor - state.extra["anchor"])

    def commit(self, state: State, step: Any, accepted: Any, speeding: Any, xp: Any) -> None:
        """Take over x_(n+1); begin anew, at w, where it is not `speeding`."""
        extra = state.extra
        anchor, n, theta = extra.pop("next_anchor"), extra.pop("next_n"), extra.pop("next_theta")
        at = xp.where(accepted[:, None], state.x + step, state.x)
        extra["anchor"] = xp.where(speeding[:, None], anchor, at)
        # One before 0: the next coefficient is that of n = 0.
        extra["n"] = xp.where(speeding, n, -xp.ones_like(n))
        extra["theta"] = xp.where(speeding, theta, xp.zeros_like(theta))


def _gamma_fraction(n: Any, theta: Any, xp: Any) -> tuple[Any, Any]:
    """Choice 1: gamma_n, and theta as it was."""
    return n / (n + 3), theta


def _gamma_theta(n: Any, theta: Any, xp: Any) -> tuple[Any, Any]:
    """Choice 2: gamma_n and theta_n from theta_(n-1); a theta of 0 stands for the one before theta_0 = 1."""
    here = (1 + xp.sqrt(1 + 4 * theta * theta)) / 2
    following = (1 + xp.sqrt(1 + 4 * here * here)) / 2
    return (here - 1) / following, here


def explicit_rule(settings: SolverSettings, tolerance: float) -> ExplicitStep:
    """The explicit step that the settings describe.

    Args:
        settings: step, acceleration and step_size are read, and what belongs to them. With a step_size the schemes
            are the papers' own: every step is accepted, nothing is reset or polished.
        tolerance: accepted error of a step relative to the gradient, where the length adapts.
    """
    adaptive = AdaptiveLength(min(CHANGE * tolerance, LARGEST_CHANGE)) if settings.step_size is None else None
    steps: StepLength
    if settings.step == "barzilai_borwein":
        steps = BarzilaiBorwein(adaptive, settings.step_size)
    elif adaptive is not None:
        steps = adaptive
    else:
        assert settings.step_size is not None
        steps = FixedLength(settings.step_size)
    momenta: dict[str, Any] = {
        "none": NoMomentum,
        "heavy_ball": lambda: HeavyBall(settings.momentum),
        "nesterov": lambda: Nesterov(settings.nesterov_choice, settings.nesterov_restart),
    }
    return ExplicitStep(steps, momenta[settings.acceleration](), None if adaptive is None else Polish())
