"""Keeping one search's exception from taking its neighbours along."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from landscape_dist.distribute.packing import failed, halves
from landscape_dist.records import ResultBatch, SearchBatch, SearchStatus, join_results

Solve = Callable[[Any, SearchBatch, Any], ResultBatch]
"""`solve(problem, batch, settings) -> ResultBatch`, as `hisd.solver.solve_batch`; importable by name."""


@dataclass(slots=True)
class Solved:
    """A finished piece of work.

    Attributes:
        batch: the searches, where the loop still has them; None while travelling.
        result: what they came to, one row a search.
        seconds: wall time it took where it ran.
        clean: False if something had to be repeated, so that `seconds` says little about the cost of a search.
    """

    batch: SearchBatch | None
    result: ResultBatch
    seconds: float
    clean: bool = True


def solve_isolated(solve: Solve, problem: Any, batch: SearchBatch, settings: Any) -> Solved:
    """Solve a batch; where that raises, halve it until the searches that raise are alone.

    Those get the status RAISED and the exception's type and text as message; all others get their results.
    """
    started = time.perf_counter()
    parts: list[ResultBatch] = []
    clean = _solve(solve, problem, batch, settings, parts)
    return Solved(None, join_results(parts), time.perf_counter() - started, clean)


def _solve(solve: Solve, problem: Any, batch: SearchBatch, settings: Any, parts: list[ResultBatch]) -> bool:
    try:
        result = solve(problem, batch, settings)
    except (Exception, SystemExit) as error:  # user code may raise anything, also through sys.exit
        if len(batch) == 1:
            text = f"{type(error).__name__}: {error}"
            parts.append(failed(batch, SearchStatus.RAISED, text[:2000]))
            return False
        for half in halves(batch):
            _solve(solve, problem, half, settings, parts)
        return False
    parts.append(result)
    return True
