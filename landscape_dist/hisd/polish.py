"""Newton's method for the last digits of searches that moved by explicit steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.state import RuleState, State
from landscape_dist.hisd.step_rule import Evaluator
from landscape_dist.numerics.arrays import rows_like, to_numpy
from landscape_dist.records import IntArray

# Polishing is tried when |g| has fallen to this part of the largest on the way,
BEGIN = 0.1
# and again, where that failed, when it has fallen to this part of what it then was, or after so many steps.
AGAIN, PATIENCE = 0.25, 200
# (to this part, where it led to a point of another index)
FURTHER = 1e-3
# Newton's steps together go no further than this part of the way that the search has come.
REACH = 0.5


@dataclass(slots=True)
class PolishMemory(RuleState):
    """What decides when n searches are tried.

    Attributes:
        start: (n, d) where they began. largest: (n,) largest |g| so far. last: (n,) that of the step before.
        below: (n,) size of |g| at which it is tried. tried: (n,) at which it was last. since: (n,) steps since then.
    """

    start: Any
    largest: Any
    last: Any
    below: Any
    tried: Any
    since: Any


class Polish:
    """Takes a search to its end where Newton's method agrees with the dynamics about which point that is.

    That is: at the point where it begins the Hessian has as many negative eigenvalues as there are directions, the
    curvature along each of these is negative (so the dynamics contract), the step goes along the dynamics, every step
    contracts the gradient, and the end is near.  Otherwise the search goes on as it was.

    The strategy for curvature makes the steps, with the Hessian's eigenvectors or by MINRES on products; zero modes
    stay where they are in both.

    Args:
        settings: in the coordinates of the searches; the gradient's tolerance is read.
    """

    def __init__(self, settings: SolverSettings) -> None:
        self.settings = settings

    def begin(self, state: State[Any], xp: Any) -> PolishMemory:
        """Remember the start and the largest gradient."""
        g = xp.linalg.vector_norm(state.g, axis=-1)
        # A search that leaves a stationary point begins with a small gradient, which is no bound for where it ends.
        below = xp.full_like(g, xp.inf)
        since = xp.zeros_like(g)
        return PolishMemory(state.x, g, g, below, below + 0.0, since)

    def finish(self, evaluator: Evaluator, memory: PolishMemory, state: State[Any]) -> Any:
        """Polish the searches that are close; their x, g and norm are replaced.

        Returns:
            (n,) NumPy bool, those that have been taken to their end; None if there were none.
        """
        xp, settings = evaluator.problem.xp, self.settings
        size = xp.linalg.vector_norm(state.g, axis=-1)
        memory.largest = xp.maximum(memory.largest, size)
        memory.since = memory.since + 1
        # Where it has grown well beyond what it was at the last trial, the search has gone elsewhere.
        memory.below = xp.where(size > memory.tried / AGAIN, xp.full_like(size, xp.inf), memory.below)
        close = (size <= BEGIN * memory.largest) & ((size <= memory.below) | (memory.since >= PATIENCE))
        close = close & (size <= memory.last) & state.has_left(xp)
        memory.last = size
        which = np.flatnonzero(to_numpy(close))
        if not len(which):
            return None
        rows = rows_like(which, state.x, xp)
        memory.below[rows], memory.tried[rows] = AGAIN * size[rows], size[rows]
        memory.since[rows] = 0.0
        floor = state.floor[rows]

        def tolerance(x: Any, norm: Any, among: IntArray) -> Any:
            size = xp.maximum(norm, floor[among])
            return settings.gradient_atol + settings.gradient_rtol * size * (1 + xp.linalg.vector_norm(x, axis=-1))

        x, g, V = state.x[rows], state.g[rows], state.V[rows]
        reach = REACH * xp.linalg.vector_norm(x - memory.start[rows], axis=-1)
        ends = evaluator.newton(x, g, V, state.norm[rows], reach, tolerance)
        # They are near a point of another index, which they are bound to leave.
        elsewhere = rows_like(which[ends.refused], state.x, xp)
        memory.below[elsewhere] = FURTHER * size[elsewhere]
        ended = np.zeros(len(state), dtype=bool)
        ended[which[ends.done]] = True
        kept, to = rows_like(ends.done, state.x, xp), rows_like(which[ends.done], state.x, xp)
        # Not in place: the arrays may be shared with the trial's.
        state.x = _replaced(state.x, to, ends.x[kept], xp)
        state.g = _replaced(state.g, to, ends.g[kept], xp)
        state.norm = _replaced(state.norm, to, ends.norm[kept], xp)
        return ended


def _replaced(array: Any, rows: Any, values: Any, xp: Any) -> Any:
    array = xp.asarray(array, copy=True)
    array[rows] = values
    return array
