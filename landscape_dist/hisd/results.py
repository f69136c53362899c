"""Results of several batches of searches as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape_dist.records import Counters, FloatArray, ResultBatch


def join_results(results: Sequence[ResultBatch]) -> ResultBatch:
    """One batch of results out of several; eigenvalues are as wide as those of searches that ended somewhere."""
    if len(results) == 1:
        return results[0]
    ended = [r.eigenvalues.shape[1] for r in results if np.any(r.index >= 0)]
    width = max(ended or [r.eigenvalues.shape[1] for r in results])
    eigenvalues = np.full((sum(map(len, results)), width), np.nan)
    counters = Counters()
    messages: dict[int, str] = {}
    trajectories: dict[int, FloatArray] = {}
    times: dict[int, FloatArray] = {}
    filled = 0
    for r in results:
        columns = min(width, r.eigenvalues.shape[1])
        eigenvalues[filled : filled + len(r), :columns] = r.eigenvalues[:, :columns]
        filled += len(r)
        counters.add(r.counters)
        messages.update(r.messages)
        trajectories.update(r.trajectories)
        times.update(r.trajectory_times)
    return ResultBatch(
        slot=np.concatenate([r.slot for r in results]),
        status=np.concatenate([r.status for r in results]),
        x=np.concatenate([r.x for r in results]),
        energy=np.concatenate([r.energy for r in results]),
        index=np.concatenate([r.index for r in results]),
        nullity=np.concatenate([r.nullity for r in results]),
        gradient_norm=np.concatenate([r.gradient_norm for r in results]),
        eigenvalues=eigenvalues,
        n_steps=np.concatenate([r.n_steps for r in results]),
        counters=counters,
        messages=messages,
        cpu_seconds=sum(r.cpu_seconds for r in results),
        trajectories=trajectories,
        trajectory_times=times,
    )
