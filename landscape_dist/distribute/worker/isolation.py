"""Keeping one search's exception from taking its neighbours along."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from landscape_dist.distribute.worker.pieces import failed, halves, take
from landscape_dist.hisd.results import join_results
from landscape_dist.records import ResultBatch, SearchBatch, SearchStatus

if TYPE_CHECKING:
    from landscape_dist.distribute.worker.watchdog import Watch
    from landscape_dist.hisd.settings import SolverSettings
    from landscape_dist.problems.base import Problem

RAISE_TRIES = 2
"""An exception may be the fault of a moment: a file that another process holds, a licence server, a full disk."""

Solve = Callable[["Problem", SearchBatch, "SolverSettings"], ResultBatch]
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


def solve_isolated(solve: Solve, problem: Problem, batch: SearchBatch, settings: SolverSettings) -> Solved:
    """Solve a batch; where that raises, halve it until the searches that raise are alone.

    Those that raise `RAISE_TRIES` times by themselves get the status RAISED and the exception's type and text as
    message; all others get their results.
    """
    started = time.perf_counter()
    parts: list[ResultBatch] = []
    clean = _solve(solve, problem, batch, settings, parts)
    return Solved(None, join_results(parts), time.perf_counter() - started, clean)


def solve_one_by_one(
    solve: Solve, problem: Problem, batch: SearchBatch, settings: SolverSettings, watch: Watch
) -> Solved:
    """The same, each search by itself; `watch.slot` says which one is running."""
    started = time.perf_counter()
    parts: list[ResultBatch] = []
    for i in range(len(batch)):
        watch.slot = int(batch.slot[i])
        _solve(solve, problem, take(batch, i, i + 1), settings, parts)
    return Solved(None, join_results(parts), time.perf_counter() - started, clean=False)


def _solve(
    solve: Solve,
    problem: Problem,
    batch: SearchBatch,
    settings: SolverSettings,
    parts: list[ResultBatch],
    tries: int = RAISE_TRIES,
) -> bool:
    try:
        result = solve(problem, batch, settings)
    except (Exception, SystemExit) as error:  # user code may raise anything, also through sys.exit
        if len(batch) == 1 and tries > 1:
            _solve(solve, problem, batch, settings, parts, tries - 1)
            return False
        if len(batch) == 1:
            text = f"{type(error).__name__}: {error}"
            parts.append(failed(batch, SearchStatus.RAISED, text[:2000]))
            return False
        for half in halves(batch):
            _solve(solve, problem, half, settings, parts)
        return False
    parts.append(result)
    return True
