"""What a batch of running searches carries along."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Generic, Self, TypeVar

import numpy as np

from landscape_dist.numerics.hessians import HessianStack
from landscape_dist.records import IntArray


@dataclass(slots=True)
class RuleState:
    """What a step rule (or a part of one) remembers of n searches.

    Subclasses are dataclasses of arrays with n rows, of further `RuleState`s, and of None.
    """

    def take(self, keep: Any) -> Self:
        """The searches in the index array `keep`, of the namespace of the arrays."""
        parts: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, RuleState):
                parts[f.name] = value.take(keep)
            else:
                parts[f.name] = None if value is None else value[keep]
        return type(self)(**parts)


M = TypeVar("M", bound=RuleState)


@dataclass(slots=True)
class State(Generic[M]):
    """n running searches for the same index k; all arrays have n rows, in the problem's array namespace.

    Attributes:
        row: (n,) NumPy, which search of the batch.
        x: (n, d) where the gradient was evaluated last. g: (n, d) gradient there.
        H: the n Hessians there, or None in matrix-free runs.
        V: (n, d, k) directions. leave: (n, d) unit vector along which the search leaves its parent, zero once it has
            left (or where there is none); None where that holds for all.
        trust: (n,) length of the next step, at most.
        norm: (n,) size of the Hessian.
        floor: (n,) lower bound of that size for the tolerance (a fraction of the size at the start), so that a
            degenerate point, where the Hessian vanishes, can be reached.
        n_steps: (n,) NumPy steps made.
        gradient_norm: (n,) size of g. elapsed: (n,) pseudo-time of the last step. moved: (n,) whether it was taken,
            None for all. The loop keeps these.
        noise: (n,) measured size of errors of g at most; None where there are none.
        blocked: (n,) whether the last step led to where the energy is not finite; None for none.
        memory: what the step rule's `begin` returned.
    """

    row: IntArray
    x: Any
    g: Any
    H: HessianStack | None
    V: Any
    leave: Any
    trust: Any
    norm: Any
    floor: Any
    n_steps: IntArray
    gradient_norm: Any = None
    elapsed: Any = None
    moved: Any = None
    blocked: Any = None
    noise: Any = None
    memory: M = field(default_factory=RuleState)  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.row)

    def has_left(self, xp: Any) -> Any:
        """(n,) mask of the searches that are not leaving anything behind (any more); True where that is all."""
        return True if self.leave is None else xp.all(self.leave == 0, axis=-1)

    def take(self, keep: IntArray, xp: Any) -> State[M]:
        """The searches in the NumPy index array `keep`."""
        device_keep = keep if xp is np else xp.asarray(keep)
        parts: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in ("row", "n_steps"):
                parts[f.name] = value[keep]
            elif f.name == "memory":
                parts[f.name] = value.take(device_keep)
            else:
                parts[f.name] = None if value is None else value[device_keep]
        return State(**parts)
