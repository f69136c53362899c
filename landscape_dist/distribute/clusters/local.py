"""Worker processes on this machine."""

from __future__ import annotations

import importlib.machinery
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from landscape_dist.distribute.clusters.healing import adapt, keep
from landscape_dist.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

THREADS = {
    "OMP_NUM_THREADS": 1,
    "MKL_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
    "NUMEXPR_NUM_THREADS": 1,
    "VECLIB_MAXIMUM_THREADS": 1,
}

DASK_CONFIG: dict[str, Any] = {
    # one future runs on a worker, the others wait at the scheduler: a long search does not hold up short ones
    "distributed.scheduler.worker-saturation": 1.0,
    # the runner halves what was given up and tries again, so finding the culprit early is worth more than patience
    "distributed.scheduler.allowed-failures": 3,
    # with the default of 15 s a worker that dies twice in that time is gone for good
    "distributed.deploy.lost-worker-timeout": "1h",
    # how long a result is looked for on a worker that died a moment ago, before it is computed again
    "distributed.comm.timeouts.connect": "10s",
    "distributed.worker.multiprocessing-method": "spawn",
    # not Dask's MALLOC_TRIM_THRESHOLD_: it gives freed memory back at once, and batches of searches then spend a third
    # of their time on page faults
    "distributed.nanny.pre-spawn-environ": THREADS,
    # costs without use here: no replicas to reduce, no profile that anyone reads
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.worker.profile.enabled": False,
    "distributed.diagnostics.nvml": False,
}


@contextmanager
def local_client(
    workers: int | None,
    timeout: float,
    *,
    memory_limit: str | int | float | None = "auto",
    dashboard: bool = True,
    config: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    limits: tuple[int, int] | None = None,
) -> Iterator[Client]:
    """A context that yields a client of a cluster of worker processes here, and ends them.

    Args:
        workers, timeout, memory_limit, dashboard, config: as for `clusters.connect`.
        options: keyword arguments of `distributed.LocalCluster` that override those chosen here.
        limits: smallest and largest number of workers of a cluster that grows and shrinks with the work.

    Raises:
        ClusterError: the processes do not start.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ClusterError(
            "a worker process that is being started would start a cluster of its own; put the call under "
            "`if __name__ == '__main__':`"
        )
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    n_workers = CPU_COUNT if workers is None else workers
    with ExitStack() as stack:
        # entered first, so that what workers say while they are closed stays quiet as well
        stack.enter_context(quiet("distributed"))
        stack.enter_context(dask.config.set({**DASK_CONFIG, **(config or {})}))
        stack.enter_context(_environment_restored())
        stack.enter_context(_main_left_alone())
        scratch = stack.enter_context(_scratch_directory())
        arguments: dict[str, Any] = {
            "n_workers": n_workers if limits is None else limits[0],
            "threads_per_worker": 1,
            "processes": True,
            "host": "127.0.0.1",
            "dashboard_address": "127.0.0.1:0",
            "scheduler_kwargs": None if dashboard else {"dashboard": False},
            "silence_logs": logging.CRITICAL,
            "memory_limit": memory_limit,
            "local_directory": scratch,
            "preload": ["landscape_dist.distribute.worker.preload"],
        }
        try:
            cluster: LocalCluster = stack.enter_context(LocalCluster(**arguments | dict(options or {})))
            stack.callback(_end_workers, cluster)
            if limits is None:
                keep(cluster, n_workers)
            else:
                adapt(cluster, *limits)
            client = stack.enter_context(Client(cluster, timeout=timeout, set_as_default=False))
        except (OSError, RuntimeError) as error:
            raise ClusterError(
                f"{n_workers} worker processes could not be started on this machine ({type(error).__name__}: {error}); "
                "run with serial=True, or give the address of a scheduler"
            ) from error
        yield client


def _end_workers(cluster: LocalCluster) -> None:
    """Kill the worker processes: what they may still compute is not wanted, and they hold nothing else.

    Asked to close, a busy one takes seconds, and one that is just restarting complains about it.
    """

    async def end() -> None:
        for nanny in cluster.workers.values():
            nanny.close_gracefully()  # do not restart it
            with suppress(ProcessLookupError):
                if nanny.pid:
                    os.kill(nanny.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    cluster.sync(end)


@contextmanager
def _scratch_directory() -> Iterator[str]:
    path = tempfile.mkdtemp(prefix="landscape-dist-")
    try:
        yield path
    finally:
        for _ in range(20):
            # a process that was killed while it started may still have been writing its lock files
            shutil.rmtree(path, ignore_errors=True)
            if not os.path.exists(path):
                break
            time.sleep(0.1)


@contextmanager
def _environment_restored() -> Iterator[None]:
    """Dask puts what it wants in the workers' environment into this process's too; take it out again at the end."""
    names = ["PYTHONHASHSEED", "__DASK_PARENT_PID", *THREADS]
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _main_left_alone() -> Iterator[None]:
    """Keep worker processes from running the user's script again when they start.

    `multiprocessing` imports the parent's main script in every process that it spawns, which turns a script without
    an `if __name__ == "__main__"` guard into a chain of clusters.  Nothing here needs it: what is defined in the
    script travels by value.  Packages' `__main__` modules are exempt by their name, so give it such a name.
    """
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    main.__spec__ = importlib.machinery.ModuleSpec("landscape_dist.__main__", None)
    try:
        yield
    finally:
        main.__spec__ = spec


@contextmanager
def quiet(*names: str) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
