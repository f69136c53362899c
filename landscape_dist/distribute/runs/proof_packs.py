"""Packs of boxes of a proof on the workers of a client, a future for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from landscape_dist.exploration.proofs.branch_and_prune import Advanced, advance
from landscape_dist.exploration.proofs.completeness import Packs
from landscape_dist.problems.equations import Equations
from landscape_dist.records import FloatArray

if TYPE_CHECKING:
    from distributed import Client

# Fewer packs are looked at here: to send them takes as long.
FEWEST = 3
# A pack takes a few hundredths of a second. One that has not come after so many is looked at here.
PATIENCE = 60.0


def packs_on(client: Client, equations: Equations, *, patience: float = PATIENCE) -> Packs:
    """Packs looked at by a client's workers; what comes of them, and its order, is as in one process.

    Where workers are missing, or are lost and do not come back, this process looks at them.
    """
    there: list[Any] = []

    def submitted(packs: list[FloatArray], smallest: FloatArray) -> list[Any]:
        if len(packs) < FEWEST or not client.nthreads():
            return []
        if not there:
            there.append(client.scatter(replace(equations, formulas=()), broadcast=True, hash=False))
        return [client.submit(advance, there[0], pack, smallest, pure=False) for pack in packs]

    def run(packs: list[FloatArray], smallest: FloatArray) -> Iterable[Advanced]:
        futures = submitted(packs, smallest)
        try:
            for k, pack in enumerate(packs):
                result = _arrived(futures[k], patience) if futures else None
                if result is None and futures:  # the others would keep us waiting as long, each
                    client.cancel(futures)
                    futures = []
                yield advance(equations, pack, smallest) if result is None else result
        finally:
            client.cancel(futures)

    return run


def _arrived(future: Any, patience: float) -> Advanced | None:
    """What a worker has made of a pack; None where none has."""
    from asyncio import CancelledError
    from concurrent.futures import CancelledError as Cancelled

    from distributed.scheduler import KilledWorker

    try:
        result: Advanced = future.result(timeout=patience)
    except (TimeoutError, CancelledError, Cancelled, KilledWorker, OSError):
        return None
    return result
