"""Parts of a batch of searches, and results for those that never came back."""

from __future__ import annotations

import numpy as np

from landscape_dist.records import Counters, ResultBatch, SearchBatch, SearchStatus


def take(batch: SearchBatch, start: int, stop: int) -> SearchBatch:
    """Searches `start:stop` of a batch, with only the parents that they need."""
    return batch.select(np.arange(start, stop))


def halves(batch: SearchBatch) -> tuple[SearchBatch, SearchBatch]:
    """The two halves of a batch of at least two searches."""
    middle = len(batch) // 2
    return take(batch, 0, middle), take(batch, middle, len(batch))


def failed(batch: SearchBatch, status: SearchStatus, message: str) -> ResultBatch:
    """Results for searches that never came back: status and message, at the parents' coordinates, NaN elsewhere."""
    n, d = len(batch), batch.X.shape[1]
    return ResultBatch(
        slot=batch.slot.copy(),
        status=np.full(n, status, dtype=np.int8),
        x=batch.X[batch.row],
        energy=np.full(n, np.nan),
        index=np.full(n, -1, dtype=np.int32),
        nullity=np.zeros(n, dtype=np.int32),
        gradient_norm=np.full(n, np.nan),
        eigenvalues=np.full((n, d), np.nan),
        n_steps=np.zeros(n, dtype=np.int32),
        counters=Counters(),
        messages={int(slot): message for slot in batch.slot},
    )
