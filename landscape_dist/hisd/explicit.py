"""Explicit steps of the saddle dynamics: step lengths and momenta that combine freely.

Eq. 2.2, 2.4 and 2.5 of the NN-HiSD paper are a fixed step length with no momentum, heavy ball and Nesterov.  The
step length may instead adapt to the gradient, or be Barzilai and Borwein's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from landscape_dist.hisd.curvatures import Curvatures
from landscape_dist.hisd.dynamics import reflect
from landscape_dist.hisd.momenta import HeavyBall, Momentum, Nesterov, NoMomentum
from landscape_dist.hisd.polish import Polish, PolishMemory
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.state import RuleState, State
from landscape_dist.hisd.step_lengths import AdaptiveLength, BarzilaiBorwein, FixedLength, StepLength
from landscape_dist.hisd.step_rule import Evaluator, StepRule

# Change of the gradient over one step, relative to the larger of the two, for each unit of the step tolerance,
CHANGE = 3.0
# and at most: no tolerance makes a step of first order resolve a path that turns by more than this.
LARGEST_CHANGE = 0.3
# Gradients beyond this size (not finite ones included) could not even be squared.
HUGE = 1e150
# The directions of an adaptive search are given this many times the time that x moves. A climb that starts along a
# stiff mode would else be over before they have turned.
LEAD = 3.0

MOMENTA: dict[str, Callable[[SolverSettings], Momentum[Any]]] = {
    "none": lambda settings: NoMomentum(),
    "heavy_ball": lambda settings: HeavyBall(settings.momentum),
    "nesterov": lambda settings: Nesterov(settings.nesterov_choice, settings.nesterov_restart),
}
"""By name, as `acceleration` of the settings."""


@dataclass(slots=True)
class ExplicitMemory(RuleState):
    """What the parts of an explicit step remember."""

    length: RuleState
    momentum: RuleState
    polish: PolishMemory | None


class ExplicitStep(StepRule[ExplicitMemory]):
    """x + beta R f and a momentum, with the Newton polish of searches that are close.

    Args:
        length: how beta is chosen. momentum: what is added. polish: how searches are finished; None to go on as before.
    """

    name = "explicit"

    def __init__(self, length: StepLength[Any], momentum: Momentum[Any], polish: Polish | None) -> None:
        self.steps = length
        self.momentum = momentum
        self.polish = polish

    def begin(self, state: State[Any], xp: Any) -> ExplicitMemory:
        """What the parts remember."""
        polish = None if self.polish is None else self.polish.begin(state, xp)
        return ExplicitMemory(self.steps.begin(state, xp), self.momentum.begin(state, xp), polish)

    def anchor(self, state: State[ExplicitMemory]) -> Any:
        return self.momentum.anchor(state.memory.momentum, state)

    def propose(self, state: State[ExplicitMemory], xp: Any) -> tuple[Any, Any]:
        """Displacements (n, d), and the pseudo-times (n,) that they stand for."""
        length = self.steps.length(state.memory.length, state, xp)
        drive = length[:, None] * reflect(state.V, -state.g)
        step = self.momentum.displace(state.memory.momentum, state, drive, xp)
        # With momentum x moves faster than beta alone says, and so must the directions.
        moved, driven = xp.linalg.vector_norm(step, axis=-1), xp.linalg.vector_norm(drive, axis=-1)
        pace = xp.clip(moved / xp.where(driven > 0, driven, xp.ones_like(driven)), 1.0, 10.0)
        return step, length * pace * (LEAD if self.steps.adaptive else 1.0)

    def judge(self, state: State[ExplicitMemory], step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        """Which trial points to accept (n,) bool, and the lengths (n,) of the next steps."""
        sane = xp.all(xp.abs(gradient) < HUGE, axis=-1)
        memory = state.memory
        known = xp.where(sane[:, None], gradient, state.g)
        accepted = self.steps.judge(memory.length, state, step, known, sane, xp)
        g = xp.where(accepted[:, None], gradient, state.g)
        force = reflect(state.V, -g)
        speeding = accepted
        if self.steps.adaptive:
            # Momentum shortens the way down a long slope. Where the force grows it only leads astray.
            speeding = accepted & (xp.linalg.vector_norm(g, axis=-1) < xp.linalg.vector_norm(state.g, axis=-1))
            speeding = speeding & (xp.sum(force * step, axis=-1) >= 0)
        self.momentum.commit(memory.momentum, state, step, accepted, speeding, xp)
        if not self.steps.adaptive:
            # A fixed step neither shrinks nor stalls; where the energy ends, it can go no further.
            return accepted, xp.where(accepted, state.trust, xp.zeros_like(state.trust))
        return accepted, self.steps.length(memory.length, state, xp) * xp.linalg.vector_norm(force, axis=-1)

    def finish(self, evaluator: Evaluator, state: State[ExplicitMemory]) -> Any:
        """Polish the searches that are close; (n,) NumPy bool, which have been, or None."""
        memory = state.memory.polish
        return None if self.polish is None or memory is None else self.polish.finish(evaluator, memory, state)


def explicit_rule(curvatures: Curvatures, tolerance: float) -> ExplicitStep:
    """The explicit step that the settings of a strategy describe.

    Args:
        curvatures: of its settings step, acceleration and step_size are read, and what belongs to them. With a
            step_size the schemes are the papers' own: every step is accepted, nothing is reset or polished.
        tolerance: accepted error of a step relative to the gradient, where the length adapts.
    """
    settings = curvatures.settings
    adaptive = AdaptiveLength(min(CHANGE * tolerance, LARGEST_CHANGE)) if settings.step_size is None else None
    steps: StepLength[Any]
    if settings.step == "barzilai_borwein":
        steps = BarzilaiBorwein(adaptive, settings.step_size)
    elif adaptive is not None:
        steps = adaptive
    else:
        assert settings.step_size is not None
        steps = FixedLength(settings.step_size)
    polish = None if adaptive is None else Polish(settings)
    return ExplicitStep(steps, MOMENTA[settings.acceleration](settings), polish)
