"""Packs of boxes of a proof on the workers of a client, a future for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from landscape_dist.exploration.proofs.branch_and_prune import Advanced, advance
from landscape_dist.exploration.proofs.completeness import Packs
from landscape_dist.problems.equations import Equations
from landscape_dist.records import FloatArray

if TYPE_CHECKING:
    from distributed import Client


def packs_on(client: Client, equations: Equations) -> Packs:
    """Packs looked at by a client's workers; what comes of them, and its order, is as in one process."""
    (there,) = client.scatter([replace(equations, formulas=())], broadcast=True, hash=False)

    def run(packs: list[FloatArray], smallest: FloatArray) -> Iterable[Advanced]:
        futures = [client.submit(advance, there, pack, smallest, pure=False) for pack in packs]
        try:
            for future in futures:
                yield future.result()
        finally:
            client.cancel(futures)

    return run
