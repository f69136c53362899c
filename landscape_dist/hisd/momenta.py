"""Momenta of explicit steps: none, heavy ball, Nesterov's."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, Generic

from landscape_dist.hisd.state import M, RuleState, State


class Momentum(abc.ABC, Generic[M]):
    """What is added to beta_n R f, and where the gradient is evaluated."""

    @abc.abstractmethod
    def begin(self, state: State[Any], xp: Any) -> M:
        """What there is to remember of the searches at their starts."""

    @abc.abstractmethod
    def displace(self, memory: M, state: State[Any], drive: Any, xp: Any) -> Any:
        """(n, d) steps of x from the drive beta_n R f (n, d)."""

    @abc.abstractmethod
    def commit(self, memory: M, state: State[Any], step: Any, accepted: Any, speeding: Any, xp: Any) -> None:
        """Take note of a step: (n,) bool, which were `accepted`, and of these which keep their momentum, `speeding`."""

    def anchor(self, memory: M, state: State[Any]) -> Any:
        """(n, d) points at which the directions are computed."""
        return state.x


class NoMomentum(Momentum[RuleState]):
    """Eq. 2.2."""

    def begin(self, state: State[Any], xp: Any) -> RuleState:
        """Nothing to keep."""
        return RuleState()

    def displace(self, memory: RuleState, state: State[Any], drive: Any, xp: Any) -> Any:
        """The drive itself."""
        return drive

    def commit(self, memory: RuleState, state: State[Any], step: Any, accepted: Any, speeding: Any, xp: Any) -> None:
        """Nothing to keep."""


@dataclass(slots=True)
class BallMemory(RuleState):
    """velocity: (n, d) the last step."""

    velocity: Any


class HeavyBall(Momentum[BallMemory]):
    """Eq. 2.4: gamma (x_n - x_(n-1)) is added.

    Args:
        gamma: in [0, 1).
    """

    def __init__(self, gamma: float) -> None:
        self.gamma = gamma

    def begin(self, state: State[Any], xp: Any) -> BallMemory:
        """At rest."""
        return BallMemory(xp.zeros_like(state.x))

    def displace(self, memory: BallMemory, state: State[Any], drive: Any, xp: Any) -> Any:
        """(n, d) steps of x."""
        return drive + self.gamma * memory.velocity

    def commit(self, memory: BallMemory, state: State[Any], step: Any, accepted: Any, speeding: Any, xp: Any) -> None:
        """Remember the step made; come to rest where it is not `speeding`."""
        memory.velocity = xp.where(speeding[:, None], step, xp.zeros_like(step))


@dataclass(slots=True)
class NesterovMemory(RuleState):
    """anchor: (n, d) x_n. n, theta: (n,) numbers of the sequences. proposed: the same after the step on trial."""

    anchor: Any
    n: Any
    theta: Any
    proposed: NesterovMemory | None = None


class Nesterov(Momentum[NesterovMemory]):
    """Eq. 2.5: the gradient is evaluated at w_n = x_n + gamma_n (x_n - x_(n-1)), which is `State.x`.

    x_n itself is the anchor; there the directions are computed.

    Args:
        choice: 1 for gamma_n = n / (n + 3), 2 for gamma_n = (theta_n - 1) / theta_(n+1) with theta_0 = 1 and
            theta_(n+1) = (1 + sqrt(1 + 4 theta_n^2)) / 2.
        restart: n starts anew from 0 every so many steps; None never.
    """

    def __init__(self, choice: int, restart: int | None) -> None:
        self.gamma = _gamma_fraction if choice == 1 else _gamma_theta
        self.restart = restart

    def begin(self, state: State[Any], xp: Any) -> NesterovMemory:
        """w_0 = x_0, n = 0."""
        return NesterovMemory(state.x, xp.zeros_like(state.norm), xp.ones_like(state.norm))

    def anchor(self, memory: NesterovMemory, state: State[Any]) -> Any:
        return memory.anchor

    def displace(self, memory: NesterovMemory, state: State[Any], drive: Any, xp: Any) -> Any:
        """(n, d) steps from w_n to w_(n+1)."""
        anchor = state.x + drive
        n = memory.n + 1
        gamma, theta = self.gamma(n, memory.theta, xp)
        if self.restart is not None:
            begins = n >= self.restart
            n, gamma = xp.where(begins, xp.zeros_like(n), n), xp.where(begins, xp.zeros_like(gamma), gamma)
            theta = xp.where(begins, xp.ones_like(theta), theta)
        memory.proposed = NesterovMemory(anchor, n, theta)
        return drive + gamma[:, None] * (anchor - memory.anchor)

    def commit(
        self, memory: NesterovMemory, state: State[Any], step: Any, accepted: Any, speeding: Any, xp: Any
    ) -> None:
        """Take over x_(n+1); begin anew, at w, where it is not `speeding`."""
        new, memory.proposed = memory.proposed, None
        assert new is not None
        at = xp.where(accepted[:, None], state.x + step, state.x)
        memory.anchor = xp.where(speeding[:, None], new.anchor, at)
        # One before 0: the next coefficient is that of n = 0.
        memory.n = xp.where(speeding, new.n, -xp.ones_like(new.n))
        memory.theta = xp.where(speeding, new.theta, xp.zeros_like(new.theta))


def _gamma_fraction(n: Any, theta: Any, xp: Any) -> tuple[Any, Any]:
    """Choice 1: gamma_n, and theta as it was."""
    return n / (n + 3), theta


def _gamma_theta(n: Any, theta: Any, xp: Any) -> tuple[Any, Any]:
    """Choice 2: gamma_n and theta_n from theta_(n-1); a theta of 0 stands for the one before theta_0 = 1."""
    here = (1 + xp.sqrt(1 + 4 * theta * theta)) / 2
    following = (1 + xp.sqrt(1 + 4 * here * here)) / 2
    return (here - 1) / following, here
