"""Kinds of clusters: from a cluster file to a class and its arguments, by a table that says what [workers] means."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import shlex
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from landscape_dist.distribute.clusters.cluster_file import ClusterFile
from landscape_dist.distribute.clusters.job_queues import (
    is_job_queue,
    job_arguments,
    job_keywords,
    parameters,
)
from landscape_dist.distribute.clusters.workers_table import (
    EXTRAS,
    NANNY_KEYS,
    WORKER_ENVIRONMENT,
    given_twice,
    not_installed,
    refuse,
    refuse_tls,
    renamed,
    security,
)
from landscape_dist.errors import ConfigError
from landscape_dist.toml_file import nearest

_LOCAL_KEYS = {"threads": "threads_per_worker", **NANNY_KEYS}
_SSH_KEYS = {"threads": "nthreads", "processes": "n_workers", **NANNY_KEYS}

SCHEDULER = "tcp://SCHEDULER:PORT"
"""Stands for the scheduler's address in a job script that is only shown."""


# -- arguments of each kind -----------------------------------------------------------------------------------
def _local_arguments(file: ClusterFile, cls: Any) -> dict[str, Any]:
    refuse(file, {"processes", "walltime"}, "the number of processes as jobs")
    secure = {} if file.tls is None else {"security": security(file), "protocol": "tls://"}
    return {**secure, **renamed(file, _LOCAL_KEYS, file.kwargs), **file.kwargs}


def _ssh_arguments(file: ClusterFile, cls: Any) -> dict[str, Any]:
    refuse(file, {"walltime"}, "an end under [kwargs.worker_options], as lifetime")
    refuse_tls(file)
    if file.jobs is not None or file.adapt is not None:
        raise ConfigError(
            f"{file.source}: jobs and adapt do not apply to SSHCluster, which starts its workers on kwargs.hosts; "
            "give workers.processes for several of them on each"
        )
    given = dict(file.kwargs.get("worker_options", {}))
    options = {"nthreads": file.workers.threads, **renamed(file, _SSH_KEYS, given), **given}
    scheduler = {"port": 0, "dashboard_address": "127.0.0.1:0", **file.kwargs.get("scheduler_options", {})}
    return {**file.kwargs, "worker_options": options, "scheduler_options": scheduler}


def _kubernetes_arguments(file: ClusterFile, cls: Any) -> dict[str, Any]:
    refuse(file, {"processes", "walltime", "local_directory"}, "such things in kwargs.custom_cluster_spec")
    refuse_tls(file)
    command = file.kwargs.get("worker_command", ["dask", "worker"])
    command = shlex.split(command) if isinstance(command, str) else list(command)
    command += ["--nthreads", str(file.workers.threads)]
    size = file.adapt[0] if file.adapt is not None else file.jobs
    added: dict[str, Any] = {"worker_command": command} | ({} if size is None else {"n_workers": size})
    if file.workers.memory is not None:
        if "resources" in file.kwargs:
            raise ConfigError(given_twice(file, "memory", "resources"))
        command += ["--memory-limit", file.workers.memory]
        # binary prefixes are written Gi there, and GiB here
        amount = {"memory": file.workers.memory.removesuffix("B"), "cpu": str(file.workers.threads)}
        added["resources"] = {"requests": amount, "limits": amount}
    environment = {name: str(value) for name, value in WORKER_ENVIRONMENT.items()} | file.workers.environment
    added["env"] = {**environment, **file.kwargs.get("env", {})}
    return {"quiet": True, **file.kwargs, **added}


def _own_arguments(file: ClusterFile, cls: Any) -> dict[str, Any]:
    """Of a class that is not in the table."""
    refuse(file, file.workers.model_fields_set, "what the class itself calls it under [kwargs]")
    refuse_tls(file)
    return dict(file.kwargs)


def _local_keywords(cls: Any) -> set[str]:
    from distributed import Nanny, Worker

    return parameters(cls) | parameters(Nanny) | parameters(Worker)


def _own_keywords(cls: Any) -> set[str] | None:
    """Of the signature; None where what it does with others is its own matter."""
    if any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls).parameters.values()):
        return None
    return parameters(cls)


# -- the table ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Kind:
    """What a cluster file means for one kind of cluster class.

    Attributes:
        arguments: from the file and the class to the keywords of the class: [kwargs], and what [workers] and [tls] add.
        keywords: of the class, the names that [kwargs] may have; None where any may come.
        needs: package without which the class does not work, though it can be imported.
        sized: whether jobs and adapt mean something.
    """

    arguments: Callable[[ClusterFile, Any], dict[str, Any]]
    keywords: Callable[[Any], set[str] | None] = _own_keywords
    needs: str | None = None
    sized: bool = True


KINDS = {
    "LocalCluster": Kind(_local_arguments, _local_keywords),
    "SSHCluster": Kind(_ssh_arguments, needs="asyncssh", sized=False),
    "KubeCluster": Kind(_kubernetes_arguments),
}
"""By the name of the class."""

JOB_QUEUE = Kind(job_arguments, job_keywords)
"""All classes of dask-jobqueue."""

OTHER = Kind(_own_arguments)


def kind_of(cls: Any) -> Kind:
    """The kind of a cluster class."""
    return JOB_QUEUE if is_job_queue(cls) else KINDS.get(_name(cls), OTHER)


def is_local(cls: Any) -> bool:
    """Whether it starts worker processes on this machine."""
    return kind_of(cls) is KINDS["LocalCluster"]


def has_fixed_size(file: ClusterFile) -> bool:
    """Whether its class starts as many workers as its own arguments say."""
    return not KINDS.get(file.class_name or "", OTHER).sized


# -- classes --------------------------------------------------------------------------------------------------
def cluster_class(file: ClusterFile) -> Any:
    """The class (or function) that a cluster file names.

    Raises:
        ConfigError: its package is not installed, or has no such name.
    """
    assert file.module is not None
    assert file.class_name is not None
    try:
        with _only_imported():
            found = getattr(importlib.import_module(file.module), file.class_name, None)
    except ImportError as error:
        root = file.module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] == root and root in EXTRAS:
            raise ConfigError(not_installed(file, root)) from error
        raise ConfigError(f"{file.source}: module {file.module!r} cannot be imported ({error}); install it") from error
    if not callable(found):
        raise ConfigError(f"{file.source}: module {file.module!r} has no class {file.class_name!r}")
    needs = kind_of(found).needs
    if needs is not None and importlib.util.find_spec(needs) is None:
        raise ConfigError(not_installed(file, needs))
    return found


@contextmanager
def _only_imported() -> Iterator[None]:
    """Keep what importing a package does besides from happening.

    dask_jobqueue, dask_kubernetes and dask_gateway write a template of their settings to ~/.config/dask.  Nobody asked
    for that, and home directories of compute nodes may be read-only or full.  Settings that are there were read when
    dask was imported, and count.  dask_jobqueue also makes Ctrl-C end the process, wherever it is.
    """
    import dask.config

    original = dask.config.ensure_file
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    dask.config.ensure_file = lambda *args, **kwargs: None
    try:
        yield
    finally:
        dask.config.ensure_file = original
        if in_main_thread and handler is not None:
            signal.signal(signal.SIGINT, handler)


def cluster_arguments(file: ClusterFile, cls: Any) -> dict[str, Any]:
    """Keyword arguments of the class: those in the file, and what [workers] and [tls] add to them.

    Raises:
        ConfigError: a name that the class does not know, or that is given twice.
    """
    kind = kind_of(cls)
    known = kind.keywords(cls)
    if known is not None:
        known = known - {"self", "args", "kwargs"}
        for name in file.kwargs:
            if name not in known:
                raise ConfigError(f"{file.source}: {file.class_name} has no argument {name!r}{nearest(name, known)}")
    return kind.arguments(file, cls)


def _name(cls: Any) -> str:
    return str(getattr(cls, "__name__", ""))


# -- job scripts ----------------------------------------------------------------------------------------------
def job_script(file: ClusterFile) -> str | None:
    """The script that would be submitted for each job; None for clusters that submit none.  Nothing is started.

    Raises:
        ConfigError: the file cannot be used.
    """
    if file.is_running:
        return None
    cls = cluster_class(file)
    arguments = cluster_arguments(file, cls)
    if not is_job_queue(cls):
        return None
    from dask_jobqueue.core import JobQueueCluster

    of_cluster = parameters(JobQueueCluster) - {"interface", "protocol", "config_name"}
    with building(file):
        job = cls.job_cls(SCHEDULER, name="WORKER", **{k: v for k, v in arguments.items() if k not in of_cluster})
        return str(job.job_script())


@contextmanager
def building(file: ClusterFile) -> Iterator[None]:
    """What a cluster class does not accept is an error of the file."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"{file.source}: {file.class_name}: {type(error).__name__}: {error}") from error
