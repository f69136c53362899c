"""Finding a Dask cluster: the one given, the one at an address, or one that is started for the run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape_dist.distribute.clusters.environment import check_preload
from landscape_dist.distribute.clusters.environment import preload as bring
from landscape_dist.distribute.clusters.local import local_client
from landscape_dist.distribute.clusters.remote import remote_client, remote_client_of_file
from landscape_dist.errors import ClusterError, SettingsError

if TYPE_CHECKING:
    from distributed import Client

    from landscape_dist.distribute.clusters.cluster_file import ClusterFile


@contextmanager
def connect(
    client: Client | None = None,
    *,
    scheduler: str | None = None,
    scheduler_file: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    cluster: ClusterFile | str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    adapt: str | tuple[int, int] | None = None,
    preload: Sequence[str | os.PathLike[str]] | None = None,
    timeout: float = 10.0,
    memory_limit: str | int | float | None = "auto",
    dashboard: bool = True,
    config: Mapping[str, Any] | None = None,
) -> Iterator[Client]:
    """A context that yields a Dask client and closes whatever it opened.

    Args:
        client: used as it is, and left open.
        scheduler: address of a running scheduler, such as "tcp://node7:8786".
        scheduler_file: the file that `dask scheduler --scheduler-file` wrote.
        workers: worker processes of a cluster on this machine, one thread each; default one a CPU.
        cluster: a cluster file (see `cluster_file`), or its path.
        jobs: jobs (of a job queue) or worker processes of that cluster, instead of what the file says.
        adapt: "MIN:MAX" of them: as many as there is work for.
        preload: Python files that workers import, with the modules of yours that the problem imports.
        timeout: seconds to wait for the scheduler.
        memory_limit: of each local worker, as Dask takes it; "auto" divides the machine's memory.
        dashboard: show Dask's dashboard on the loopback interface, if bokeh is installed (local cluster only).
        config: Dask configuration values that override those chosen here (local cluster only).

    Raises:
        SettingsError: contradictory arguments.
        ConfigError: the cluster file, or a file to preload, cannot be used.
        ClusterError: nobody answers at the address, or the cluster does not start.
    """
    _check_arguments(client, scheduler, scheduler_file, cluster, workers)
    if cluster is None and (jobs is not None or adapt is not None):
        name = "jobs" if jobs is not None else "adapt"
        raise SettingsError(f"{name} is given without a cluster file, whose size it says; give cluster= as well")
    for file in preload or []:
        check_preload(file)
    if cluster is None:
        context = _connected(client, scheduler, scheduler_file, workers, timeout, memory_limit, dashboard, config)
    else:
        # these need pydantic, which a run on this machine does not
        from landscape_dist.distribute.clusters.cluster_file import ClusterFile, load_cluster_file
        from landscape_dist.distribute.clusters.starting import started

        found = cluster if isinstance(cluster, ClusterFile) else load_cluster_file(cluster)
        context = started(found.sized(jobs, adapt))
    with context as connected:
        bring(connected, preload or [])
        try:
            yield connected
        finally:
            if client is None:  # nobody can use them again
                from landscape_dist.distribute.worker.broadcast import withdraw_idle

                withdraw_idle(connected)


@contextmanager
def _connected(
    client: Client | None,
    scheduler: str | None,
    scheduler_file: str | os.PathLike[str] | None,
    workers: int | None,
    timeout: float,
    memory_limit: str | int | float | None,
    dashboard: bool,
    config: Mapping[str, Any] | None,
) -> Iterator[Client]:
    if client is not None:
        if client.asynchronous:
            raise SettingsError("client is asynchronous; give a Client made with asynchronous=False")
        if client.status != "running":
            raise ClusterError(f"client is {client.status}, not running; give a connected one")
        yield client
    elif scheduler is not None:
        with remote_client(scheduler, timeout, f"scheduler {scheduler!r}") as remote:
            yield remote
    elif scheduler_file is not None:
        with remote_client_of_file(Path(scheduler_file), timeout) as remote:
            yield remote
    else:
        local = local_client(workers, timeout, memory_limit=memory_limit, dashboard=dashboard, config=config)
        with local as client:
            yield client


def _check_arguments(
    client: object, scheduler: str | None, scheduler_file: object, cluster: object, workers: int | None
) -> None:
    named = {"client": client, "scheduler": scheduler, "scheduler_file": scheduler_file, "cluster": cluster}
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(given)} are given together; choose one of them")
    if workers is None:
        return
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise SettingsError(f"workers is {workers!r}; give a whole number of at least 1, or leave it out")
    if given:
        raise SettingsError(
            f"workers={workers} is given together with {given[0]}, whose workers are its own; leave workers out, or "
            f"leave {given[0]} out to start {workers} on this machine"
        )
