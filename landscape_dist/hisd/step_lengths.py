"""Lengths of explicit steps: fixed, adapted to the gradient, or Barzilai and Borwein's."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, Generic

from landscape_dist.hisd.dynamics import reflect
from landscape_dist.hisd.state import M, RuleState, State

# A step over which the gradient changes by more than this many times what is accepted is taken back.
REJECT = 2.5
SHRINK, GROW = 0.3, 1.5
LEAP = 0.5
# Barzilai–Borwein steps may change the gradient this many times more while it decreases.
FREEDOM = 2.0
# and be this many times longer than the last.
ROOM = 4.0


class StepLength(abc.ABC, Generic[M]):
    """beta_n of eq. 2.2, per search.

    Attributes:
        adaptive: whether steps may be taken back.
    """

    adaptive: bool

    @abc.abstractmethod
    def begin(self, state: State[Any], xp: Any) -> M:
        """What there is to remember of the searches at their starts."""

    @abc.abstractmethod
    def length(self, memory: M, state: State[Any], xp: Any) -> Any:
        """(n,) current lengths."""

    @abc.abstractmethod
    def judge(self, memory: M, state: State[Any], step: Any, gradient: Any, sane: Any, xp: Any) -> Any:
        """(n,) bool, which trial points to accept, from the gradients (n, d) there; the lengths are updated.

        Args:
            sane: (n,) where the gradient is finite.
        """


class FixedLength(StepLength[RuleState]):
    """beta_n = beta; every trial is accepted."""

    adaptive = False

    def __init__(self, size: float) -> None:
        self.size = size

    def begin(self, state: State[Any], xp: Any) -> RuleState:
        """Nothing to keep."""
        return RuleState()

    def length(self, memory: RuleState, state: State[Any], xp: Any) -> Any:
        """(n,) all equal."""
        return self.size * xp.ones_like(state.norm)

    def judge(self, memory: RuleState, state: State[Any], step: Any, gradient: Any, sane: Any, xp: Any) -> Any:
        """(n,) bool: all that are `sane`."""
        return sane


@dataclass(slots=True)
class LengthMemory(RuleState):
    """length: (n,) of the next steps."""

    length: Any


class AdaptiveLength(StepLength[LengthMemory]):
    """beta_n such that the gradient changes by a given part over a step: to first order beta |H| is that part.

    The change is measured, so it answers to the local Lipschitz constant along the path, nonlinearity included, and
    to the stiff modes as soon as a step beyond their limit of stability stirs them.

    Args:
        change: wanted |g(x + step) - g(x)| relative to the larger gradient; beta_0 is change / |H|.
    """

    adaptive = True

    def __init__(self, change: float) -> None:
        self.change = change

    def begin(self, state: State[Any], xp: Any) -> LengthMemory:
        """First lengths from the size of the Hessian."""
        size = xp.where(state.norm > 0, state.norm, xp.ones_like(state.norm))
        return LengthMemory(self.change / size)

    def length(self, memory: LengthMemory, state: State[Any], xp: Any) -> Any:
        """(n,) current lengths; none moves x by more than its own size (at least 1) times `LEAP`."""
        force = xp.linalg.vector_norm(state.g, axis=-1)
        size = xp.linalg.vector_norm(state.x, axis=-1)
        leap = LEAP * xp.where(size > 1, size, xp.ones_like(size))
        return xp.minimum(memory.length, leap / xp.where(force > 0, force, xp.ones_like(force)))

    def judge(self, memory: LengthMemory, state: State[Any], step: Any, gradient: Any, sane: Any, xp: Any) -> Any:
        """(n,) bool; the lengths are updated."""
        return self.measured(memory, state, gradient, sane, self.change * xp.ones_like(state.norm), xp)

    def measured(self, memory: LengthMemory, state: State[Any], gradient: Any, sane: Any, change: Any, xp: Any) -> Any:
        """The same where the wanted change is given, (n,)."""
        before, after = xp.linalg.vector_norm(state.g, axis=-1), xp.linalg.vector_norm(gradient, axis=-1)
        larger = xp.maximum(before, after)
        seen = xp.linalg.vector_norm(gradient - state.g, axis=-1) / xp.where(larger > 0, larger, xp.ones_like(larger))
        accepted = sane & (seen <= REJECT * change)
        factor = xp.clip(change / xp.where(seen > 1e-12, seen, xp.full_like(seen, 1e-12)), SHRINK, GROW)
        factor = xp.where(accepted, factor, xp.clip(factor, None, 0.5))
        length = self.length(memory, state, xp)
        memory.length = length * xp.where(sane, factor, xp.full_like(factor, SHRINK))
        return accepted


@dataclass(slots=True)
class BarzilaiBorweinMemory(RuleState):
    """bb: (n,) lengths by the formula. guard: those of the guard, None without one."""

    bb: Any
    guard: LengthMemory | None


class BarzilaiBorwein(StepLength[BarzilaiBorweinMemory]):
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

    def begin(self, state: State[Any], xp: Any) -> BarzilaiBorweinMemory:
        """The first length is the guard's or the one given."""
        if self.guard is None:
            return BarzilaiBorweinMemory(self.first * xp.ones_like(state.norm), None)
        guarded = self.guard.begin(state, xp)
        return BarzilaiBorweinMemory(guarded.length, guarded)

    def length(self, memory: BarzilaiBorweinMemory, state: State[Any], xp: Any) -> Any:
        """(n,) current lengths."""
        if self.guard is None or memory.guard is None:
            return memory.bb
        return xp.minimum(memory.bb, self.guard.length(memory.guard, state, xp))

    def judge(
        self, memory: BarzilaiBorweinMemory, state: State[Any], step: Any, gradient: Any, sane: Any, xp: Any
    ) -> Any:
        """(n,) bool; the lengths are updated."""
        used = self.length(memory, state, xp)
        y = reflect(state.V, gradient - state.g)
        sy, yy = xp.abs(xp.sum(step * y, axis=-1)), xp.sum(y * y, axis=-1)
        known = sane & (yy > 0) & (sy > 0)
        memory.bb = xp.where(known, sy / xp.where(known, yy, xp.ones_like(yy)), memory.bb)
        if self.guard is None or memory.guard is None:
            return sane
        size = xp.linalg.vector_norm(gradient, axis=-1)
        settling = (size < xp.linalg.vector_norm(state.g, axis=-1)) & state.has_left(xp)
        change = self.guard.change * xp.where(settling, FREEDOM * xp.ones_like(size), xp.ones_like(size))
        # What the guard allows must stay near what was tried, or it would guard nothing when long steps come.
        memory.guard.length = xp.minimum(memory.guard.length, ROOM * used)
        return self.guard.measured(memory.guard, state, gradient, sane, change, xp)
