"""Jobs that are lost are submitted again; queues that take none are reported."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from landscape_dist.distribute.clusters import healing
from landscape_dist.distribute.clusters.cluster_file import load_cluster_file
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.clusters.healing import heal
from landscape_dist.distribute.clusters.kinds import cluster_class
from landscape_dist.errors import ClusterError

pytestmark = pytest.mark.skipif(find_spec("dask_jobqueue") is None, reason="dask-jobqueue is not installed")

FILE = """
module = "process_jobs"
class = "ProcessJobCluster"

[kwargs]
scheduler_options = { host = "127.0.0.1" }

[workers]
memory = "1GiB"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(healing, "LOST_SECONDS", 0.5)
    (tmp_path / "cluster.toml").write_text(FILE)
    return tmp_path / "cluster.toml"


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("size", [{"jobs": 1}, {"adapt": "1:1"}], ids=["jobs", "adapt"])
def test_lost_job_is_submitted_again(file: Path, size: dict[str, object]) -> None:
    with connect(cluster=file, **size) as client:  # type: ignore[arg-type]
        client.wait_for_workers(1, timeout=60)
        heal(client, 1)
        [first] = client.cluster.workers.values()
        [worker] = client.nthreads()
        os.killpg(-int(first.job_id), signal.SIGKILL)

        def healed() -> bool:
            workers = client.nthreads()
            heal(client, len(workers))
            return len(workers) == 1 and worker not in workers

        wait_for(healed)
        assert len(client.cluster.workers) == 1
        assert first not in client.cluster.workers.values()


def test_jobs_that_cannot_be_submitted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = cluster_class(load_cluster_file(file)).job_cls
    monkeypatch.setattr(job, "submit_command", "sh -c 'echo the queue; echo is closed >&2; exit 1'")
    with (
        pytest.raises(ClusterError, match=r"cluster.toml: the cluster could not be started: is closed$"),
        connect(cluster=file),
    ):
        pass
    with connect(cluster=file, adapt="1:2") as client:  # submitted when there is work, so the run has to say it

        def refused() -> bool:
            try:
                heal(client, 0)
            except ClusterError as error:
                return "no job could be submitted" in str(error)
            return False

        wait_for(refused)
