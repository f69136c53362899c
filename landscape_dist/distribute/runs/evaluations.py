"""Values of an expensive energy computed on the workers, a future for each chunk of points."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from distributed import KilledWorker, as_completed, get_worker

from landscape_dist.distribute.worker.broadcast import Broadcast, ProblemMissingError, ProblemPlugin, plugin_name
from landscape_dist.problems.evaluation import evaluate, not_evaluated, pieces
from landscape_dist.records import Counters, FloatArray

if TYPE_CHECKING:
    from distributed import Client

    from landscape_dist.problems.base import Problem

TRIES = 3


def evaluate_here(version: str, kind: str, X: FloatArray) -> tuple[FloatArray, Counters, list[str]]:
    """The task: `evaluate` with the problem of that version that the worker holds."""
    plugin = get_worker().plugins.get(plugin_name(version))
    if not isinstance(plugin, ProblemPlugin) or plugin.version != version:
        raise ProblemMissingError(f"problem {version} is not on worker {get_worker().address}")
    return evaluate(plugin.problem(), kind, X)


class RemoteEvaluations:
    """Evaluates a problem on a client's workers; a context, during which they hold the problem."""

    def __init__(self, client: Client, problem: Problem) -> None:
        self._client = client
        self._problem = problem
        self._broadcast = Broadcast(client, problem)

    def __enter__(self) -> RemoteEvaluations:
        self._broadcast.register()
        return self

    def __exit__(self, *error: object) -> None:
        self._broadcast.release()

    def chunks(self, kind: str, X: FloatArray) -> Iterator[tuple[slice, FloatArray, Counters, list[str]]]:
        """Values at X (n, d), as they come: rows, and of these what `evaluate` returns.

        A chunk is a point where the problem takes one at a time; else there are about as many as threads.  A point
        whose evaluation ends its worker's process again and again is nan, like one that raises.
        """
        chunks = pieces(self._problem, len(X))
        if len(chunks) == 1:
            threads = max(1, sum(self._client.nthreads().values()))
            edges = np.linspace(0, len(X), min(threads, len(X)) + 1).astype(int)
            chunks = [slice(a, b) for a, b in pairwise(edges.tolist())]
        suspects: list[slice] = []
        for rows, answer in self._completed(kind, X, chunks):
            if isinstance(answer, KilledWorker):
                suspects += [slice(i, i + 1) for i in range(rows.start, rows.stop)]
            else:
                yield rows, *answer
        for suspect in suspects:  # one after the other: the fault may have been a neighbour's
            for rows, answer in self._completed(kind, X, [suspect]):
                if isinstance(answer, KilledWorker):
                    why = "the worker process ended in it, each time that it was tried"
                    yield rows, not_evaluated(kind, 1, X.shape[1]), Counters(), [why]
                else:
                    yield rows, *answer

    def _completed(self, kind: str, X: FloatArray, chunks: list[slice]) -> Iterator[tuple[slice, Any]]:
        """Chunks as they come, each with what the task returned, or the `KilledWorker` that it ended in."""
        waiting = {self._submit(kind, X[rows]): (rows, 1) for rows in chunks}
        arriving = as_completed(list(waiting), loop=self._client.loop)
        try:
            for future in arriving:
                rows, tries = waiting.pop(future)
                try:
                    answer = future.result()
                except KilledWorker as error:
                    answer = error
                except ProblemMissingError:  # a worker that was restarted while the problem was on its way
                    if tries == TRIES:
                        raise
                    self._broadcast.register()
                    again = self._submit(kind, X[rows])
                    waiting[again] = (rows, tries + 1)
                    arriving.add(again)
                    continue
                yield rows, answer
        finally:
            self._client.cancel(list(waiting))

    def _submit(self, kind: str, X: FloatArray) -> Any:
        return self._client.submit(evaluate_here, self._broadcast.version, kind, X, pure=False)
