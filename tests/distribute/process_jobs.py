"""A batch system without a queue: its jobs are process groups of this machine."""

from __future__ import annotations

from typing import Any

from dask_jobqueue.core import Job, JobQueueCluster

# the script is gone when its submission is over
SUBMIT = """sh -c 'cp "$0" "$0.copy"; setsid bash "$0.copy" >/dev/null 2>&1 & echo "job -$!"; sleep 0.2'"""


class ProcessJob(Job):
    """A job whose number is that of its process group, negative, as `kill` takes it."""

    submit_command = SUBMIT
    cancel_command = "kill -9 --"
    job_id_regexp = r"job (?P<job_id>-\d+)"
    config_name = "slurm"  # whose defaults, all empty, hold

    def __init__(self, scheduler: Any = None, name: Any = None, **options: Any) -> None:
        super().__init__(scheduler=scheduler, name=name, **options)
        self.job_header = ""


class ProcessJobCluster(JobQueueCluster):
    job_cls = ProcessJob
    config_name = "slurm"  # whose defaults, all empty, hold
