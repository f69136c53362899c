"""Values of an expensive energy computed on the workers, a future for each chunk of points."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from distributed import as_completed, get_worker

from landscape_dist.distribute.broadcast import Broadcast, ProblemMissingError, ProblemPlugin, plugin_name
from landscape_dist.problems.evaluation import evaluate
from landscape_dist.records import Counters, FloatArray

if TYPE_CHECKING:
    from distributed import Client

TRIES = 3


def evaluate_here(version: str, kind: str, X: FloatArray) -> tuple[FloatArray, Counters]:
    """The task: `evaluate` with the problem of that version that the worker holds."""
    plugin = get_worker().plugins.get(plugin_name(version))
    if not isinstance(plugin, ProblemPlugin) or plugin.version != version:
        raise ProblemMissingError(f"problem {version} is not on worker {get_worker().address}")
    return evaluate(plugin.problem(), kind, X)


class RemoteEvaluations:
    """Evaluates a problem on a client's workers; a context, during which they hold the problem."""

    def __init__(self, client: Client, problem: Any) -> None:
        self._client = client
        self._broadcast = Broadcast(client, problem)

    def __enter__(self) -> RemoteEvaluations:
        self._broadcast.register()
        return self

    def __exit__(self, *error: object) -> None:
        self._broadcast.release()

    def chunks(self, kind: str, X: FloatArray) -> Iterator[tuple[slice, FloatArray, Counters]]:
        """Values at X (n, d) in about as many chunks as there are threads, as they come: rows, values, counters.

        Raises:
            Exception: what the energy raised on a worker.
        """
        threads = max(1, sum(self._client.nthreads().values()))
        edges = np.linspace(0, len(X), min(threads, len(X)) + 1).astype(int)
        waiting = {self._submit(kind, X[a:b]): (slice(a, b), 1) for a, b in pairwise(edges.tolist())}
        arriving = as_completed(list(waiting), loop=self._client.loop)
        try:
            for future in arriving:
                rows, tries = waiting.pop(future)
                try:
                    values, counters = future.result()
                except ProblemMissingError:  # a worker that was restarted while the problem was on its way
                    if tries == TRIES:
                        raise
                    self._broadcast.register()
                    again = self._submit(kind, X[rows])
                    waiting[again] = (rows, tries + 1)
                    arriving.add(again)
                    continue
                yield rows, values, counters
        finally:
            self._client.cancel(list(waiting))

    def _submit(self, kind: str, X: FloatArray) -> Any:
        return self._client.submit(evaluate_here, self._broadcast.version, kind, X, pure=False)
