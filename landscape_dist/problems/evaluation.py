"""One kind of value of a problem at many points, with what it cost, and what was raised where."""

from __future__ import annotations

import numpy as np

from landscape_dist.problems.base import Problem
from landscape_dist.problems.callables import CallableProblem
from landscape_dist.records import Counters, FloatArray

KINDS = {"energy": 0, "gradient": 1, "hessian": 2}
"""Kinds of values, and how many axes of d entries one has."""
TRIES = 2
"""As in a search: an exception may be the fault of a moment."""


def evaluate(problem: Problem, kind: str, X: FloatArray) -> tuple[FloatArray, Counters, list[str]]:
    """`problem.energy`, `gradient` or `hessian` at X (n, d).

    Where that raises, the batch is halved until the points that raise are alone.

    Returns:
        The values as a NumPy array, nan where it raised; the evaluations made for it; and for each point what was
        raised, as 'Type: text', '' where nothing was.
    """
    before = problem.counters.copy()
    values, raised = _isolated(problem, kind, X, TRIES)
    return values, problem.counters.minus(before), raised


def pieces(problem: Problem, n: int) -> list[slice]:
    """How n points are handed to `evaluate` so that little is lost when it ends early: each by itself where a function
    of one point is called for each anyway, else all together."""
    if isinstance(problem, CallableProblem) and not problem.user_energy.batched:
        return [slice(i, i + 1) for i in range(n)]
    return [slice(0, n)] if n else []


def not_evaluated(kind: str, n: int, dim: int) -> FloatArray:
    """Values (n, ...) of nan."""
    return np.full((n, *[dim] * KINDS[kind]), np.nan)


def _isolated(problem: Problem, kind: str, X: FloatArray, tries: int) -> tuple[FloatArray, list[str]]:
    try:
        values = getattr(problem, kind)(problem.xp.asarray(X))
        values = values if isinstance(values, np.ndarray) else values.cpu().numpy()
        return np.asarray(values, dtype=np.float64), [""] * len(X)
    except (Exception, SystemExit) as error:  # user code may raise anything, also through sys.exit
        if len(X) == 1 and tries > 1:
            return _isolated(problem, kind, X, tries - 1)
        if len(X) == 1:
            return not_evaluated(kind, 1, X.shape[1]), [f"{type(error).__name__}: {error}"[:2000]]
    half = (len(X) + 1) // 2
    parts = [_isolated(problem, kind, part, tries) for part in (X[:half], X[half:])]
    return np.concatenate([values for values, _ in parts]), parts[0][1] + parts[1][1]
