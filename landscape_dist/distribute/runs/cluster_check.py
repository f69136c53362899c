"""Trying a cluster: each step on the way to a result, up to the first that fails."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape_dist.distribute.clusters.cluster_file import ClusterFile, load_cluster_file
from landscape_dist.distribute.clusters.environment import VersionCheck
from landscape_dist.distribute.clusters.job_queues import is_job_queue
from landscape_dist.distribute.clusters.kinds import cluster_class, has_fixed_size, job_script
from landscape_dist.distribute.clusters.starting import started
from landscape_dist.errors import LandscapeError

if TYPE_CHECKING:
    from distributed import Client

MOST_LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a check.

    Attributes:
        name: what was tried.
        text: what came of it.
        error: what failed and what helps; None where nothing did.
    """

    name: str
    text: str = ""
    error: str | None = None


def check_cluster(path: str | os.PathLike[str], timeout: float) -> Iterator[Step]:
    """Start one worker of a cluster file's cluster and run one search on it.

    Args:
        path: the cluster file.
        timeout: seconds to wait for the worker.

    Yields:
        Step: each as it is done; the last one that comes has an error if anything failed.
    """
    name = "file"
    try:
        file = load_cluster_file(path)
        yield Step(name, "in order")
        name = "job script"
        script = job_script(file)
        yield Step(name, "none, the cluster submits no jobs" if script is None else f"\n{script.rstrip()}")
        name = "start"
        with started(file if file.is_running or has_fixed_size(file) else file.sized(1, None)) as client:
            yield Step(name, f"scheduler at {_address(client)}")
            name = "worker"
            problem = _wait_for_worker(client, file, timeout)
            if problem is not None:
                yield Step(name, error=problem)
                return
            workers = list(client.nthreads())
            yield Step(name, workers[0])
            name = "versions"
            VersionCheck(client).check(workers)
            yield Step(name, "those of this process")
            name = "search"
            yield Step(name, _search(client))
    except (LandscapeError, OSError) as error:
        yield Step(name, error=str(error) or type(error).__name__)


def _wait_for_worker(client: Client, file: ClusterFile, timeout: float) -> str | None:
    """None when a worker is there; else what to look at."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if client.nthreads():
            return None
        time.sleep(0.2)
    address = _address(client)
    cluster: Any = client.cluster
    say = [f"no worker came within {timeout:g} s"]
    if file.is_running:
        say.append(f"start some for the scheduler at {address}: dask worker {address}")
        return "; ".join(say)
    if is_job_queue(cluster_class(file)):
        jobs = [str(job.job_id) for job in cluster.workers.values()]
        say.append(
            f"look at job {', '.join(jobs)} in the queue. If it waits, give --timeout more seconds, or ask for less; "
            "if it has ended, its output says why: most often the environment is not active there (add it to "
            f"kwargs.job_script_prologue), or the node does not reach the scheduler at {address} (set kwargs.interface)"
        )
        say += _job_output(file, jobs)
    else:
        say.append(f"look at the logs of the workers: they must reach the scheduler at {address}")
    return "; ".join(say)


def _job_output(file: ClusterFile, jobs: list[str]) -> list[str]:
    """The end of what the jobs wrote, where the file says where that is."""
    folder = file.kwargs.get("log_directory")
    if folder is None:
        return ["with kwargs.log_directory set, this check shows it"]
    found = [path for path in sorted(Path(folder).glob("*")) if any(job in path.name for job in jobs)]
    lines = [line for path in found for line in path.read_text(errors="replace").splitlines()]
    return ["its output ends with\n" + "\n".join(lines[-MOST_LOG_LINES:])] if lines else [f"{folder} has no output yet"]


def _address(client: Client) -> str:
    return str(getattr(client.scheduler, "address", "an unknown address"))


def _search(client: Client) -> str:
    """Run one exploration of one search on the cluster."""
    import numpy as np

    from landscape_dist.distribute.runs.runner import DaskRunner
    from landscape_dist.exploration.coordinator import Coordinator
    from landscape_dist.exploration.settings import ExploreSettings
    from landscape_dist.hisd.settings import SolverSettings
    from landscape_dist.hisd.solver import eigenvalue_columns
    from landscape_dist.problems import systems
    from landscape_dist.spaces.judgement import make_judgement

    problem = systems.get("muller_brown")
    solver = SolverSettings()
    columns = eigenvalue_columns(problem, solver)
    settings = ExploreSettings(max_index=0, max_searches=1)
    coordinator = Coordinator(np.atleast_2d(problem.suggested_start), settings, make_judgement(1e-4, 2), columns)
    report = DaskRunner(client, problem, solver).run(coordinator, on_decisions=lambda result, decisions: None)
    if not len(coordinator.points):
        return f"ended without a point ({report.n_searches} searches)"
    energy = float(coordinator.points.view().energy[0])
    return f"one of the Müller-Brown energy found a minimum at energy {energy:.6f}, in {report.seconds:.1f} s"
