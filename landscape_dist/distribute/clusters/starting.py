"""Starting the cluster that a cluster file names, and ending it with the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape_dist.distribute.clusters.cluster_file import ClusterFile
from landscape_dist.distribute.clusters.healing import adapt, keep, mark_unsubmitted
from landscape_dist.distribute.clusters.job_queues import is_job_queue
from landscape_dist.distribute.clusters.kinds import building, cluster_arguments, cluster_class, is_local
from landscape_dist.distribute.clusters.local import DASK_CONFIG, local_client, quiet
from landscape_dist.distribute.clusters.remote import remote_client, remote_client_of_file
from landscape_dist.distribute.clusters.workers_table import security
from landscape_dist.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

_ADAPTIVE = {
    # The runner hands out little more work than there are workers, so what waits is never worth seconds a worker: with
    # Dask's 5 s a cluster would stay at its first worker.
    "distributed.adaptive.target-duration": "500ms",
    # jobs are dear to start: not ended at the first lull
    "distributed.adaptive.wait-count": 15,
}


@contextmanager
def started(file: ClusterFile) -> Iterator[Client]:
    """A context that yields a client of the cluster of a file, and ends what it started.

    Raises:
        ConfigError: the file cannot be used, or needs a package that is not installed.
        ClusterError: the cluster does not start, or no scheduler answers.
    """
    if file.address is not None:
        what = f"scheduler {file.address!r} (from {file.source})"
        with remote_client(file.address, file.timeout, what, security(file)) as client:
            yield client
        return
    if file.scheduler_file is not None:
        path = file.folder / Path(file.scheduler_file).expanduser()
        with remote_client_of_file(path, file.timeout, security(file)) as client:
            yield client
        return
    cls = cluster_class(file)
    arguments = cluster_arguments(file, cls)
    if is_local(cls):
        jobs = file.jobs or 1
        with local_client(jobs, file.timeout, options=arguments, limits=file.adapt, config=_ADAPTIVE) as client:
            yield client
        return
    import dask
    from distributed import Client

    with ExitStack() as stack:
        # entered first, so that what is said while the cluster is closed stays quiet as well
        stack.enter_context(quiet("distributed"))
        stack.enter_context(dask.config.set({**DASK_CONFIG, **_ADAPTIVE}))
        with _starting(file):
            cluster = stack.enter_context(cls(*file.args, **arguments))
            _size(cluster, cls, file)
            client = stack.enter_context(Client(cluster, timeout=file.timeout, set_as_default=False))
        yield client


def _size(cluster: Any, cls: Any, file: ClusterFile) -> None:
    from distributed import SpecCluster

    if file.adapt is not None:
        adapt(cluster, *file.adapt)
    elif is_job_queue(cls):
        jobs = file.jobs or 1

        async def submit() -> None:
            cluster.scale(jobs=jobs)
            try:
                await cluster  # raises what a submission raised
            finally:
                mark_unsubmitted(cluster)

        cluster.sync(submit)
        keep(cluster, jobs)
    elif file.jobs is not None:
        cluster.scale(file.jobs)
        if isinstance(cluster, SpecCluster):
            keep(cluster, file.jobs)


@contextmanager
def _starting(file: ClusterFile) -> Iterator[None]:
    """What can go wrong while a cluster starts, in words."""
    say = f"{file.source}: the cluster could not be started"
    try:
        with building(file):
            yield
    except FileNotFoundError as error:
        raise ClusterError(
            f"{say}: there is no command {error.filename!r} on this machine; run this where jobs can be submitted"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ClusterError(f"{say}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What the submit command wrote, where that is it; else the error."""
    text = str(error)
    _, _, tail = text.partition("stderr:\n")
    return " ".join((tail.strip() or f"{type(error).__name__}: {text}").split())
