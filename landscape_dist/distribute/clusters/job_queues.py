"""Job queues: the classes of dask-jobqueue, and what [workers] means to them."""

from __future__ import annotations

import functools
import inspect
import logging
import os
from typing import Any

from landscape_dist.distribute.clusters.cluster_file import ClusterFile
from landscape_dist.distribute.clusters.workers_table import WORKER_ENVIRONMENT, exports, renamed, security
from landscape_dist.errors import ConfigError

_JOB_KEYS = {
    "threads": "cores",
    "processes": "processes",
    "memory": "memory",
    "walltime": "walltime",
    "local_directory": "local_directory",
}


def is_job_queue(cls: Any) -> bool:
    """Whether it submits jobs, as the classes of dask-jobqueue do."""
    return hasattr(cls, "job_cls")


def job_arguments(file: ClusterFile, cls: Any) -> dict[str, Any]:
    """Keywords of a class of dask-jobqueue."""
    workers = file.workers
    arguments = renamed(file, _JOB_KEYS, file.kwargs)
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
        if "walltime" in parameters(cls.job_cls):
            hours, minutes = divmod(seconds // 60, 60)
            short = f"{hours:02d}:{minutes:02d}"
            arguments["walltime"] = short if cls.job_cls.config_name == "lsf" else f"{short}:{seconds % 60:02d}"
        else:
            del arguments["walltime"]
    arguments["worker_extra_args"] = ["--no-dashboard", *lifetime, *file.kwargs.get("worker_extra_args", [])]
    arguments["job_script_prologue"] = [
        *exports(WORKER_ENVIRONMENT),
        *file.kwargs.get("job_script_prologue", []),
        *exports(workers.environment),
    ]
    arguments["scheduler_options"] = {"dashboard_address": "127.0.0.1:0", **file.kwargs.get("scheduler_options", {})}
    arguments["silence_logs"] = logging.CRITICAL
    arguments["job_name"] = file.kwargs.get("job_name", "landscape-dist")
    if file.tls is not None:
        arguments["security"] = security(file)
        arguments["shared_temp_directory"] = os.getcwd()
    return {**file.kwargs, **arguments}


def job_keywords(cls: Any) -> set[str]:
    """The names that [kwargs] may have, those of the class and of its jobs."""
    known = functools.reduce(set.union, map(parameters, [*cls.__mro__, *cls.job_cls.__mro__]))
    return known - {"scheduler", "asynchronous", "loop", "n_workers", "job_cls", "job_kwargs", "base_class_kwargs"}


def parameters(target: Any) -> set[str]:
    """Names of the keywords of a class or function."""
    return set(inspect.signature(target.__init__ if inspect.isclass(target) else target).parameters)
