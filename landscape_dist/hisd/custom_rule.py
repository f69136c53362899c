"""The step rule that asks a user's scheme."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from landscape_dist.errors import SettingsError
from landscape_dist.hisd.curvatures import Curvatures
from landscape_dist.hisd.custom import CustomStep, History
from landscape_dist.hisd.explicit import HUGE
from landscape_dist.hisd.polish import Polish, PolishMemory
from landscape_dist.hisd.state import RuleState, State
from landscape_dist.hisd.step_rule import Evaluator, StepRule


@dataclass(slots=True)
class CustomMemory(RuleState):
    """What the scheme is told, and has said.

    Attributes:
        polish: of the polish, None without one.
        past: x (n, d), g (n, d) and V (n, d, k) of the last steps, the newest last. number: of the step, from 1.
        directions: (n, d, k) what the scheme made of the directions, None where it leaves them.
    """

    polish: PolishMemory | None
    past: list[tuple[Any, Any, Any]] = field(default_factory=list)
    number: int = 0
    directions: Any = None

    def take(self, keep: Any) -> CustomMemory:
        polish = None if self.polish is None else self.polish.take(keep)
        past = [(x[keep], g[keep], V[keep]) for x, g, V in self.past]
        return CustomMemory(polish, past, self.number, None if self.directions is None else self.directions[keep])


class CustomRule(StepRule[CustomMemory]):
    """Moves x, and the directions if the scheme gives them, as a `CustomStep` says.

    Args:
        custom: the scheme. step_size: what it is told. polish: how searches are finished; None to go on as before.
    """

    name = "custom"

    def __init__(self, custom: CustomStep, step_size: float, polish: Polish | None) -> None:
        self.custom = custom
        self.step_size = step_size
        self.polish = polish

    def begin(self, state: State[Any], xp: Any) -> CustomMemory:
        """Nothing is past yet."""
        return CustomMemory(None if self.polish is None else self.polish.begin(state, xp))

    def propose(self, state: State[CustomMemory], xp: Any) -> tuple[Any, Any]:
        """Displacements (n, d), and the pseudo-times (n,) that they stand for."""
        memory = state.memory
        memory.number += 1
        memory.past.append((state.x, state.g, state.V))
        if self.custom.length is not None:
            memory.past = memory.past[-self.custom.length :]
        x, g, V = (list(part) for part in zip(*memory.past, strict=True))
        answer = self.custom.function(History(x, g, V, self.step_size, memory.number, state.row.copy()))
        following, memory.directions = answer if isinstance(answer, tuple) else (answer, None)
        if tuple(following.shape) != tuple(state.x.shape):
            raise SettingsError(
                f"the custom step {self.custom.name!r} returned shape {tuple(following.shape)} for points of shape "
                f"{tuple(state.x.shape)}; return the next points"
            )
        time = self.step_size * xp.ones_like(state.norm)
        # Directions that the scheme moved itself stay as they are.
        return following - state.x, time if memory.directions is None else xp.zeros_like(time)

    def judge(self, state: State[CustomMemory], step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        """All are accepted whose gradient is finite; the others can go no further."""
        sane = xp.all(xp.abs(gradient) < HUGE, axis=-1)
        directions = state.memory.directions
        if directions is not None:
            state.V = xp.where(sane[:, None, None], directions, state.V)
        return sane, xp.where(sane, state.trust, xp.zeros_like(state.trust))

    def turned(self, state: State[CustomMemory]) -> bool:
        """Whether the scheme has moved the directions in the last step."""
        return state.memory.directions is not None

    def finish(self, evaluator: Evaluator, state: State[CustomMemory]) -> Any:
        """Polish the searches that are close; (n,) NumPy bool, which have been, or None."""
        memory = state.memory.polish
        return None if self.polish is None or memory is None else self.polish.finish(evaluator, memory, state)


def custom_rule(curvatures: Curvatures, tolerance: float) -> CustomRule:
    """The scheme that the settings give."""
    settings = curvatures.settings
    assert settings.custom_step is not None
    assert settings.step_size is not None
    polish = Polish(settings) if settings.custom_step.polish else None
    return CustomRule(settings.custom_step, settings.step_size, polish)
