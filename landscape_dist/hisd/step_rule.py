"""What a step rule is: how x moves, and what it may ask of the problem."""

from __future__ import annotations

import abc
import importlib
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol

from landscape_dist.hisd.newton import NewtonEnds
from landscape_dist.hisd.state import M, State
from landscape_dist.numerics.hessians import HessianStack
from landscape_dist.numerics.plain_json import plain_parameters
from landscape_dist.problems.base import Problem
from landscape_dist.records import IntArray


class Evaluator(Protocol):
    """What a step rule may ask; the strategy of `hisd.curvatures` that the batch runs with.

    Attributes:
        problem: what the searches move on.
    """

    problem: Problem

    def evaluate(self, x: Any) -> tuple[Any, HessianStack, Any]:
        """(n, d) points -> gradients (n, d), Hessians, and the sizes of these (n,)."""

    def newton(
        self, x: Any, g: Any, V: Any, norm: Any, reach: Any, tolerance: Callable[[Any, Any, IntArray], Any]
    ) -> NewtonEnds:
        """Newton's method from m searches that are close to their ends, as `hisd.polish` describes.

        Args:
            x, g: (m, d). V: (m, d, k). norm: (m,). reach: (m,) how far it may go.
            tolerance: from points, sizes of Hessians and the indices of the searches, the gradients that will do.
        """


class StepRule(abc.ABC, Generic[M]):
    """How x moves.  An instance may stand in the settings instead of a name.

    Each batch of searches works on a copy of its own; what a rule remembers of each search goes into a `RuleState`,
    from which searches that have ended are taken out.  Where a run is distributed an instance must be picklable.

    Attributes:
        name: in the header of a store.
        careful: whether the searches are made again because of where they ended; what is cheap and nearly always
            right is not good enough then.
        uses_hessian: whether `evaluate` gives Hessians, for `State.H`; without, the directions follow by products.
    """

    name: ClassVar[str]
    uses_hessian: ClassVar[bool] = False
    careful: bool = False

    @abc.abstractmethod
    def begin(self, state: State[Any], xp: Any) -> M:
        """What there is to remember of the searches at their starts; `RuleState()` where that is nothing."""

    @abc.abstractmethod
    def propose(self, state: State[M], xp: Any) -> tuple[Any, Any]:
        """Displacements (n, d), and the pseudo-times (n,) that they stand for."""

    @abc.abstractmethod
    def judge(self, state: State[M], step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        """Which trial points to accept (n,) bool, from the gradients there, and the lengths (n,) of the next steps.

        Searches whose next steps are as good as zero have stalled.
        """

    def evaluate(self, evaluator: Evaluator, x: Any) -> tuple[Any, HessianStack | None, Any]:
        """Gradients (n, d), Hessians and the sizes of these (n,) at x (n, d); None and None where none are used."""
        return evaluator.evaluate(x) if self.uses_hessian else (evaluator.problem.gradient(x), None, None)

    def anchor(self, state: State[M]) -> Any:
        """(n, d) points at which the directions are computed."""
        return state.x

    def turned(self, state: State[M]) -> bool:
        """Whether the rule has moved the directions itself in the last step."""
        return False

    def finish(self, evaluator: Evaluator, state: State[M]) -> Any:
        """Take searches that are close to their ends there; (n,) NumPy bool, which have been, or None for none."""
        return None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form for the header of a store: the name and the parameters."""
        return {"name": self.name} | plain_parameters(self)


Maker = Callable[..., StepRule[Any]]
"""(curvatures, step tolerance) -> step rule, for the settings `curvatures.settings`."""

STEP_RULES: dict[str, Maker | str] = {
    "auto": "landscape_dist.hisd.automatic:automatic_rule",
    "implicit": "landscape_dist.hisd.implicit:implicit_rule",
    "explicit": "landscape_dist.hisd.explicit:explicit_rule",
    "barzilai_borwein": "landscape_dist.hisd.explicit:explicit_rule",
    "custom": "landscape_dist.hisd.custom_rule:custom_rule",
}
"""By name, as in the settings; a text is 'module:function', imported where the rule is used."""


def step_rule_maker(name: str) -> Maker:
    """What makes the rules of this name."""
    maker = STEP_RULES[name]
    if not isinstance(maker, str):
        return maker
    module, _, function = maker.partition(":")
    made: Maker = getattr(importlib.import_module(module), function)
    return made
