"""From a cluster file to a cluster class and its arguments: what [workers] and [tls] mean for each kind of cluster."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import logging
import os
import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from landscape_dist.distribute.clusters.cluster_file import ClusterFile, Tls
from landscape_dist.distribute.clusters.local import THREADS
from landscape_dist.errors import ConfigError
from landscape_dist.toml_file import nearest

EXTRAS = {
    "dask_jobqueue": "jobqueue",
    "dask_kubernetes": "kubernetes",
    "dask_gateway": "gateway",
    "asyncssh": "ssh",
    "cryptography": "tls",
}
"""The extra of this package that brings each module."""

SCHEDULER = "tcp://SCHEDULER:PORT"
"""Stands for the scheduler's address in a job script that is only shown."""

# Where the keys of [workers] go, as keywords of the class, where no more than a name changes.
_NANNY_KEYS = {"memory": "memory_limit", "local_directory": "local_directory", "environment": "env"}
_LOCAL_KEYS = {"threads": "threads_per_worker", **_NANNY_KEYS}
_SSH_KEYS = {"threads": "nthreads", "processes": "n_workers", **_NANNY_KEYS}
_JOB_KEYS = {
    "threads": "cores",
    "processes": "processes",
    "memory": "memory",
    "walltime": "walltime",
    "local_directory": "local_directory",
}

# Dask's default gives freed memory back at once, see `local_cluster.DASK_CONFIG`; nothing reads the profile.
_JOB_ENVIRONMENT = {
    **THREADS,
    "DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON": '{"MALLOC_TRIM_THRESHOLD_": None}',
    "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "spawn",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}


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
            raise ConfigError(_not_installed(file, root)) from error
        raise ConfigError(f"{file.source}: module {file.module!r} cannot be imported ({error}); install it") from error
    if not callable(found):
        raise ConfigError(f"{file.source}: module {file.module!r} has no class {file.class_name!r}")
    if _name(found) == "SSHCluster" and importlib.util.find_spec("asyncssh") is None:
        raise ConfigError(_not_installed(file, "asyncssh"))
    return found


def is_job_queue(cls: Any) -> bool:
    """Whether it submits jobs, as the classes of dask-jobqueue do."""
    return hasattr(cls, "job_cls")


def is_local(cls: Any) -> bool:
    """Whether it starts worker processes on this machine."""
    return _name(cls) == "LocalCluster" and not is_job_queue(cls)


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


def _not_installed(file: ClusterFile, module: str) -> str:
    return (
        f"{file.source}: the package {module.replace('_', '-')} is not installed; install it with: "
        f"pip install 'landscape-dist[{EXTRAS[module]}]'"
    )


# -- arguments ------------------------------------------------------------------------------------------------
def cluster_arguments(file: ClusterFile, cls: Any) -> dict[str, Any]:
    """Keyword arguments of the class: those in the file, and what [workers] and [tls] add to them.

    Raises:
        ConfigError: a name that the class does not know, or that is given twice.
    """
    _check_names(file, cls)
    if is_job_queue(cls):
        return _job_arguments(file, cls)
    kinds: dict[str, Callable[[ClusterFile], dict[str, Any]]] = {
        "LocalCluster": _local_arguments,
        "SSHCluster": _ssh_arguments,
        "KubeCluster": _kubernetes_arguments,
    }
    make = kinds.get(_name(cls))
    if make is not None:
        return make(file)
    _refuse(file, file.workers.model_fields_set, "what the class itself calls it under [kwargs]")
    _refuse_tls(file)
    return dict(file.kwargs)


def _local_arguments(file: ClusterFile) -> dict[str, Any]:
    _refuse(file, {"processes", "walltime"}, "the number of processes as jobs")
    secure = {} if file.tls is None else {"security": security(file), "protocol": "tls://"}
    return {**secure, **_renamed(file, _LOCAL_KEYS, file.kwargs), **file.kwargs}


def _ssh_arguments(file: ClusterFile) -> dict[str, Any]:
    _refuse(file, {"walltime"}, "an end under [kwargs.worker_options], as lifetime")
    _refuse_tls(file)
    if file.jobs is not None or file.adapt is not None:
        raise ConfigError(
            f"{file.source}: jobs and adapt do not apply to SSHCluster, which starts its workers on kwargs.hosts; "
            "give workers.processes for several of them on each"
        )
    given = dict(file.kwargs.get("worker_options", {}))
    options = {"nthreads": file.workers.threads, **_renamed(file, _SSH_KEYS, given), **given}
    scheduler = {"port": 0, "dashboard_address": "127.0.0.1:0", **file.kwargs.get("scheduler_options", {})}
    return {**file.kwargs, "worker_options": options, "scheduler_options": scheduler}


def _kubernetes_arguments(file: ClusterFile) -> dict[str, Any]:
    _refuse(file, {"processes", "walltime", "local_directory"}, "such things in kwargs.custom_cluster_spec")
    _refuse_tls(file)
    command = file.kwargs.get("worker_command", ["dask", "worker"])
    command = shlex.split(command) if isinstance(command, str) else list(command)
    command += ["--nthreads", str(file.workers.threads)]
    size = file.adapt[0] if file.adapt is not None else file.jobs
    added: dict[str, Any] = {"worker_command": command} | ({} if size is None else {"n_workers": size})
    if file.workers.memory is not None:
        if "resources" in file.kwargs:
            raise ConfigError(_twice(file, "memory", "resources"))
        command += ["--memory-limit", file.workers.memory]
        # binary prefixes are written Gi there, and GiB here
        amount = {"memory": file.workers.memory.removesuffix("B"), "cpu": str(file.workers.threads)}
        added["resources"] = {"requests": amount, "limits": amount}
    environment = {name: str(value) for name, value in _JOB_ENVIRONMENT.items()} | file.workers.environment
    added["env"] = {**environment, **file.kwargs.get("env", {})}
    return {"quiet": True, **file.kwargs, **added}


def _job_arguments(file: ClusterFile, cls: Any) -> dict[str, Any]:
    workers = file.workers
    arguments = _renamed(file, _JOB_KEYS, file.kwargs)
    if "cores" not in file.kwargs:
        arguments["cores"] = workers.threads * workers.processes
    if "processes" not in file.kwargs:
        arguments["processes"] = workers.processes
    if workers.memory is not None:
        from dask.utils import parse_bytes

        arguments["memory"] = f"{parse_bytes(workers.memory) * workers.processes}B"
    elif "memory" not in file.kwargs:
        raise ConfigError(f"{file.source}: workers.memory is missing; give the memory of a worker, such as '2GiB'")
    lifetime = []
    if (seconds := workers.walltime_seconds) is not None:
        # Ended by the batch system, workers would lose the searches they are at; all at once, the run would pause.
        margin = min(300, seconds // 20)
        lifetime = ["--lifetime", f"{seconds - 2 * margin}s", "--lifetime-stagger", f"{margin}s"]
        if "walltime" in _parameters(cls.job_cls):
            hours, minutes = divmod(seconds // 60, 60)
            short = f"{hours:02d}:{minutes:02d}"
            arguments["walltime"] = short if cls.job_cls.config_name == "lsf" else f"{short}:{seconds % 60:02d}"
        else:
            del arguments["walltime"]
    arguments["worker_extra_args"] = ["--no-dashboard", *lifetime, *file.kwargs.get("worker_extra_args", [])]
    arguments["job_script_prologue"] = [
        *_exports(_JOB_ENVIRONMENT),
        *file.kwargs.get("job_script_prologue", []),
        *_exports(workers.environment),
    ]
    arguments["scheduler_options"] = {"dashboard_address": "127.0.0.1:0", **file.kwargs.get("scheduler_options", {})}
    arguments["silence_logs"] = logging.CRITICAL
    arguments["job_name"] = file.kwargs.get("job_name", "landscape-dist")
    if file.tls is not None:
        arguments["security"] = security(file)
        arguments["shared_temp_directory"] = os.getcwd()
    return {**file.kwargs, **arguments}


def _renamed(file: ClusterFile, names: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of [workers] that the file sets, under the class's names."""
    found = {}
    for ours, theirs in names.items():
        if ours in file.workers.model_fields_set:
            if theirs in given:
                raise ConfigError(_twice(file, ours, theirs))
            found[theirs] = getattr(file.workers, ours)
    return found


def _twice(file: ClusterFile, ours: str, theirs: str) -> str:
    return f"{file.source}: workers.{ours} and the class's own {theirs} are given together; keep one of them"


def _refuse(file: ClusterFile, keys: set[str], instead: str) -> None:
    refused = sorted(keys & file.workers.model_fields_set)
    if refused:
        raise ConfigError(
            f"{file.source}: workers.{refused[0]} does not apply to {file.class_name}; leave it out, and give {instead}"
        )


def _refuse_tls(file: ClusterFile) -> None:
    if file.tls is not None:
        raise ConfigError(
            f"{file.source}: [tls] does not apply to {file.class_name}, whose connections are its own matter; leave it "
            "out, and give what it needs under [kwargs]"
        )


def _exports(environment: Mapping[str, Any]) -> list[str]:
    return [f"export {name}={shlex.quote(str(value))}" for name, value in environment.items()]


def _check_names(file: ClusterFile, cls: Any) -> None:
    if is_job_queue(cls):
        known = functools.reduce(set.union, map(_parameters, [*cls.__mro__, *cls.job_cls.__mro__]))
        known -= {"scheduler", "asynchronous", "loop", "n_workers", "job_cls", "job_kwargs", "base_class_kwargs"}
    elif is_local(cls):
        from distributed import Nanny, Worker

        known = _parameters(cls) | _parameters(Nanny) | _parameters(Worker)
    elif any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls).parameters.values()):
        return  # what it does with them is its own matter
    else:
        known = _parameters(cls)
    known -= {"self", "args", "kwargs"}
    for name in file.kwargs:
        if name not in known:
            raise ConfigError(f"{file.source}: {file.class_name} has no argument {name!r}{nearest(name, known)}")


def _parameters(target: Any) -> set[str]:
    return set(inspect.signature(target.__init__ if inspect.isclass(target) else target).parameters)


def _name(cls: Any) -> str:
    return str(getattr(cls, "__name__", ""))


# -- TLS ------------------------------------------------------------------------------------------------------
def security(file: ClusterFile) -> Any:
    """The `distributed.Security` that [tls] asks for; None where there is no such table.

    Raises:
        ConfigError: a certificate is not there, or what makes temporary ones is not installed.
    """
    from distributed import Security

    if file.tls is None:
        return None
    if file.tls.temporary:
        if file.is_running:
            raise ConfigError(
                f"{file.source}: tls.temporary cannot be what a scheduler that runs already uses; give ca_file, cert "
                "and key"
            )
        if importlib.util.find_spec("cryptography") is None:
            raise ConfigError(_not_installed(file, "cryptography"))
        return Security.temporary()
    paths = {name: str(_existing(file, file.tls, name)) for name in ("ca_file", "cert", "key")}
    roles = {
        f"tls_{role}_{part}": paths[part] for role in ("client", "scheduler", "worker") for part in ("cert", "key")
    }
    return Security(require_encryption=True, tls_ca_file=paths["ca_file"], **roles)


def _existing(file: ClusterFile, tls: Tls, name: str) -> Path:
    path = file.folder / Path(getattr(tls, name)).expanduser()
    if not path.is_file():
        raise ConfigError(f"{file.source}: tls.{name}: there is no file {path}")
    return path


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

    of_cluster = _parameters(JobQueueCluster) - {"interface", "protocol", "config_name"}
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
