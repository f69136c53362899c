"""Finding a Dask cluster: the one given, the one at an address, or one of our own on this machine."""

from __future__ import annotations

import asyncio
import importlib.machinery
import json
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape_dist.errors import ClusterError, SettingsError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_THREADS = {
    "OMP_NUM_THREADS": 1,
    "MKL_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
    "NUMEXPR_NUM_THREADS": 1,
    "VECLIB_MAXIMUM_THREADS": 1,
}

_LOCAL_CONFIG: dict[str, Any] = {
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
    "distributed.nanny.pre-spawn-environ": _THREADS,
    # costs without use here: no replicas to reduce, no profile that anyone reads
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.worker.profile.enabled": False,
    "distributed.diagnostics.nvml": False,
}

# clusters that `connect` started, with their numbers of workers
_STARTED_HERE: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


@contextmanager
def connect(
    client: Client | None = None,
    *,
    scheduler: str | None = None,
    scheduler_file: str | os.PathLike[str] | None = None,
    workers: int | None = None,
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
        timeout: seconds to wait for the scheduler.
        memory_limit: of each local worker, as Dask takes it; "auto" divides the machine's memory.
        dashboard: show Dask's dashboard on the loopback interface, if bokeh is installed (local cluster only).
        config: Dask configuration values that override those chosen here (local cluster only).

    Raises:
        SettingsError: contradictory arguments.
        ClusterError: nobody answers at the address, or the local cluster does not start.
    """
    _check_arguments(client, scheduler, scheduler_file, workers)
    if client is not None:
        if client.asynchronous:
            raise SettingsError("client is asynchronous; give a Client made with asynchronous=False")
        if client.status != "running":
            raise ClusterError(f"client is {client.status}, not running; give a connected one")
        yield client
    elif scheduler is not None:
        with _remote_client(scheduler, timeout, f"scheduler {scheduler!r}") as remote:
            yield remote
    elif scheduler_file is not None:
        address = _read_scheduler_file(Path(scheduler_file), timeout)
        with _remote_client(address, timeout, f"scheduler {address!r} (from the file {scheduler_file})") as remote:
            yield remote
    else:
        with _local_client(workers, timeout, memory_limit, dashboard, config or {}) as local:
            yield local


def heal(client: Client, n_workers: int) -> None:
    """Bring a cluster that `connect` started back to its number of workers; others are left to their owners.

    Args:
        client: the client that `connect` yielded.
        n_workers: worker processes that the scheduler knows now.
    """
    cluster: Any = client.cluster
    wanted = None if cluster is None else _STARTED_HERE.get(cluster)
    if wanted is None or n_workers >= wanted:
        return

    def replace_dead() -> None:
        # a nanny whose process died restarts it; one that is gone itself stays in the books and would be counted
        for name, nanny in list(cluster.workers.items()):
            if nanny.status.name in ("closed", "failed"):
                del cluster.workers[name]
                cluster.worker_spec.pop(name, None)
        cluster.scale(wanted)

    cluster.loop.add_callback(replace_dead)


def _check_arguments(client: object, scheduler: str | None, scheduler_file: object, workers: int | None) -> None:
    named = {"client": client, "scheduler": scheduler, "scheduler_file": scheduler_file}
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


def _read_scheduler_file(path: Path, timeout: float) -> str:
    deadline = time.monotonic() + timeout
    while True:
        # a scheduler that is just starting writes the file in a moment
        try:
            return str(json.loads(path.read_text())["address"])
        except FileNotFoundError:
            problem = "does not exist"
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = f"is not one ({type(error).__name__}: {error})"
        if time.monotonic() > deadline:
            raise ClusterError(
                f"the scheduler file {path} {problem}; start a scheduler with `dask scheduler --scheduler-file {path}`"
            )
        time.sleep(0.1)


@contextmanager
def _remote_client(address: str, timeout: float, what: str) -> Iterator[Client]:
    from distributed import Client

    try:
        # what Dask logs about attempts to connect is said again in the error
        with _quiet("distributed"):
            # Asked first, because a Client that fails in its constructor is left to the garbage collector, and Dask can
            # deadlock when that closes it at some later moment.
            kind = _identify(address, timeout)
            if kind == "Scheduler":
                client = Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ClusterError(
            f"no {what} answered within {timeout:g} s ({reason}). Check that the address is host:port as the scheduler "
            "printed it, that it runs (`dask scheduler`), and that this machine reaches it; or leave it out to use "
            "worker processes on this machine"
        ) from error
    if kind != "Scheduler":
        raise ClusterError(f"no {what}: what answers there is a {kind}; give the address that the scheduler printed")
    try:
        yield client
    finally:
        with _quiet("distributed.client"), suppress(TimeoutError):
            client.close(timeout=2)


def _identify(address: str, timeout: float) -> str:
    """What kind of Dask server answers at the address.  OSError or ValueError if none does."""
    from distributed import Security, rpc
    from distributed.comm import normalize_address

    async def ask() -> str:
        options = Security().get_connection_args("client")
        async with rpc(normalize_address(address), timeout=timeout, connection_args=options) as server:
            return str((await server.identity())["type"])

    def run() -> str:
        return asyncio.run(asyncio.wait_for(ask(), timeout + 0.5))

    # in a thread of its own: the caller's may have a running event loop, as in a notebook
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


@contextmanager
def _local_client(
    workers: int | None, timeout: float, memory_limit: Any, dashboard: bool, overrides: Mapping[str, Any]
) -> Iterator[Client]:
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
        stack.enter_context(_quiet("distributed"))
        stack.enter_context(dask.config.set({**_LOCAL_CONFIG, **overrides}))
        stack.enter_context(_environment_restored())
        stack.enter_context(_main_left_alone())
        scratch = stack.enter_context(_scratch_directory())
        try:
            cluster: LocalCluster = stack.enter_context(
                LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs=None if dashboard else {"dashboard": False},
                    silence_logs=logging.CRITICAL,
                    memory_limit=memory_limit,
                    local_directory=scratch,
                    preload=["landscape_dist.distribute.preload"],
                )
            )
            _STARTED_HERE[cluster] = n_workers
            stack.callback(_end_workers, cluster)
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
    names = ["PYTHONHASHSEED", "__DASK_PARENT_PID", *_THREADS]
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
def _quiet(*names: str) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
