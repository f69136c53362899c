"""Keeping a cluster that was started here at its size: workers and jobs that are lost are replaced."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from landscape_dist.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

LOST_SECONDS = 20.0
"""How long a job that had workers may be without any: a nanny restarts its worker in less."""


@dataclass(slots=True)
class _Kept:
    """What is wanted of a cluster.

    Attributes:
        wanted: jobs (of a job queue) or worker processes; None where the cluster adapts by itself.
        seen: when each job last had a worker, by its name.
        worked: whether any job had one.
        refused: whether the queue takes no job at all.
    """

    wanted: int | None
    seen: dict[Any, float] = field(default_factory=dict)
    worked: bool = False
    refused: bool = False


_KEPT: weakref.WeakKeyDictionary[Any, _Kept] = weakref.WeakKeyDictionary()


def keep(cluster: Any, wanted: int) -> None:
    """Take note that a cluster is to have that many workers (jobs, of a job queue)."""
    _KEPT[cluster] = _Kept(wanted)


def adapt(cluster: Any, minimum: int, maximum: int) -> None:
    """Let a cluster grow and shrink with the work, between two numbers of workers (jobs, of a job queue)."""
    _KEPT[cluster] = _Kept(None)
    if hasattr(cluster, "job_cls"):
        cluster.adapt(minimum_jobs=minimum, maximum_jobs=maximum)
    else:
        cluster.adapt(minimum=minimum, maximum=maximum)


def heal(client: Client, n_workers: int) -> None:
    """Bring a cluster that was started here back to its size; others are left to their owners.

    Args:
        client: the client that `connect` yielded.
        n_workers: worker processes that the scheduler knows now.

    Raises:
        ClusterError: no job could be submitted.
    """
    cluster: Any = client.cluster
    kept = None if cluster is None else _KEPT.get(cluster)
    if kept is None or not hasattr(cluster, "worker_spec"):
        return
    if kept.refused:
        raise ClusterError(
            "no job could be submitted, so there are no workers; `landscape-dist cluster check` with the cluster file "
            "says why"
        )
    if hasattr(cluster, "job_cls"):
        cluster.loop.add_callback(_replace_jobs, cluster, kept)
    elif kept.wanted is not None and n_workers < kept.wanted:
        cluster.loop.add_callback(_replace_nannies, cluster, kept.wanted)


def _replace_nannies(cluster: Any, wanted: int) -> None:
    # a nanny whose process died restarts it; one that is gone itself stays in the books and would be counted
    for name, nanny in list(cluster.workers.items()):
        if nanny.status.name in ("closed", "failed"):
            del cluster.workers[name]
            cluster.worker_spec.pop(name, None)
    cluster.scale(wanted)


async def _replace_jobs(cluster: Any, kept: _Kept) -> None:
    """Forget the jobs whose workers are gone for good, so that they are submitted again.

    Dask does so by the names of workers, which are not those of the jobs where a job has several processes, and only
    after `lost-worker-timeout`.  A job without workers that never had one is taken for waiting in the queue.
    """
    from distributed.core import Status

    mark_unsubmitted(cluster)
    now = time.monotonic()
    workers = [str(worker["name"]) for worker in cluster.scheduler_info["workers"].values()]
    kept.worked = kept.worked or bool(workers)
    failed = {name for name, job in cluster.workers.items() if job.status.name == "failed"}
    kept.refused = bool(failed) and len(failed) == len(cluster.workers) and not kept.worked
    for name, job in list(cluster.workers.items()):
        if _has_worker(str(name), workers) or (name in failed and name not in kept.seen):
            kept.seen[name] = now  # one that could not be submitted is tried again like one that was lost
        elif now - kept.seen.get(name, now) > LOST_SECONDS:
            del kept.seen[name], cluster.workers[name]
            cluster.worker_spec.pop(name, None)
            await job.close()
            job.status = Status.closed  # dask-jobqueue leaves it at running, and then the cluster cannot be closed
    if kept.wanted is not None:
        # of JobQueueCluster.scale, which would count worker processes
        cluster.scale(jobs=kept.wanted)


def mark_unsubmitted(cluster: Any) -> None:
    """Mark the jobs that could not be submitted as failed: left as they are, the cluster cannot be closed."""
    from distributed.core import Status

    for job in cluster.workers.values():
        if job.status is Status.created:
            job.status = Status.failed


def _has_worker(job: str, workers: Iterable[str]) -> bool:
    return any(worker == job or worker.startswith(f"{job}-") for worker in workers)
