"""A real SLURM: every way of submitting, lost jobs, a killed coordinator.  Skipped where SLURM is not installed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import landscape_dist as ld
from landscape_dist.distribute.clusters import healing
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.clusters.healing import heal
from landscape_dist.errors import StoreNotFoundError
from tests.slurm_sandbox import Slurm, slurm, why_not

pytestmark = [
    pytest.mark.skipif(find_spec("dask_jobqueue") is None, reason="dask-jobqueue is not installed"),
    pytest.mark.slurm,
    pytest.mark.skipif(why_not() is not None, reason=f"no SLURM here: {why_not()}"),
]

HERE = Path(__file__).parent
SCRIPTS = HERE.parent / "cluster"

CLUSTER = """
module = "dask_jobqueue"
class = "SLURMCluster"
jobs = 2

[kwargs]
queue = "debug"
interface = "lo"
log_directory = "logs"

[workers]
memory = "1GiB"
walltime = "00:10:00"
"""

CONFIG = f"""
[problem]
module = "{HERE / "killed_run.py"}:slow_lattice"
parameters = {{ dim = 6, seconds = SECONDS }}

[explore]
max_index = 6
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Slurm]:
    with slurm() as found:
        found.environment["OMP_NUM_THREADS"] = "1"
        found.environment["PYTHONPATH"] = str(HERE.parent)
        found.environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        yield found


@pytest.fixture
def folder(tmp_path: Path, site: Slurm) -> Iterator[Path]:
    (tmp_path / "cluster.toml").write_text(CLUSTER)
    yield tmp_path
    site.wait_until_empty(30)


def arguments(folder: Path, seconds: float) -> list[str]:
    (folder / "config.toml").write_text(CONFIG.replace("SECONDS", str(seconds)))
    return ["config.toml", "--store", "lattice.zarr", "--no-plot"]


def run(site: Slurm, folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "landscape_dist", *options],
        cwd=folder, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, out + err
    return out + err


def submit(site: Slurm, folder: Path, *options: str) -> str:
    """Submit a script; the number of its job."""
    command = ["sbatch", "--parsable", "--partition=debug", "--output=coordinator.log", *options]
    done = subprocess.run(command, cwd=folder, env=site.environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def finish_job(site: Slurm, folder: Path, job: str, code: int = 0) -> str:
    """Wait for the end of a job; what it printed."""
    wait_for(lambda: job not in site.jobs(), 120)
    printed = (folder / "coordinator.log").read_text()
    assert f"ExitCode={code}:0" in site.command("scontrol", "show", "job", job), printed
    return printed


def check(folder: Path) -> None:
    """The coupled lattice of dimension 6, whole."""
    landscape = ld.open(folder / "lattice.zarr")
    assert landscape.finished
    assert (len(landscape.points), len(landscape.connections)) == (3**6, 2 * 6 * 3**5)


def searches(folder: Path) -> int:
    try:
        return len(ld.open(folder / "lattice.zarr").searches)
    except StoreNotFoundError:
        return 0


def wait_for(ready: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_coordinator_in_a_job(site: Slurm, folder: Path) -> None:
    options = arguments(folder, 1e-4)
    job = submit(site, folder, str(SCRIPTS / "slurm.sbatch"), *options, "--cluster", "cluster.toml")
    printed = finish_job(site, folder, job)
    assert "729 stationary points, 2916 connections" in printed
    check(folder)


def test_coordinator_on_a_login_node(site: Slurm, folder: Path) -> None:
    out = finish(run(site, folder, "run", *arguments(folder, 1e-4), "--cluster", "cluster.toml", "--jobs", "1"))
    assert "729 stationary points, 2916 connections" in out
    check(folder)


def test_login_node_script(site: Slurm, folder: Path) -> None:
    command = ["bash", str(SCRIPTS / "login_node.sh"), *arguments(folder, 0), "--cluster", "cluster.toml"]
    done = subprocess.run(command, cwd=folder, env=site.environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("process "), done.stdout + done.stderr
    log = folder / done.stdout.split()[3].rstrip(";")
    wait_for(lambda: "729 stationary points" in log.read_text())
    check(folder)


def test_everything_in_one_allocation(site: Slurm, folder: Path) -> None:
    options = arguments(folder, 1e-4)
    job = submit(site, folder, "--ntasks=3", str(SCRIPTS / "slurm_allocation.sbatch"), *options)
    printed = finish_job(site, folder, job)
    assert "729 stationary points, 2916 connections" in printed
    check(folder)
    assert not list(folder.glob("*.scheduler.json"))


@pytest.mark.parametrize("script", ["slurm.sbatch", "slurm_allocation.sbatch"])
def test_end_of_the_walltime(site: Slurm, folder: Path, script: str) -> None:
    """The signal that the scripts ask for two minutes before it."""
    path = SCRIPTS / script
    [asked] = re.findall(r"^#SBATCH --signal=B:(\w+)@120$", path.read_text(), re.MULTILINE)
    where = ["--cluster", "cluster.toml"] if script == "slurm.sbatch" else []
    job = submit(site, folder, "--ntasks=1" if where else "--ntasks=3", str(path), *arguments(folder, 6e-4), *where)
    wait_for(lambda: searches(folder) > 100 or job not in site.jobs())
    site.command("scancel", "--batch", f"--signal={asked}", job)
    assert "run the same command again to go on" in finish_job(site, folder, job, 130)
    assert 100 < searches(folder) < 3000


def test_as_many_jobs_as_there_is_work_for(site: Slurm, folder: Path) -> None:
    most = 0
    process = run(site, folder, "run", *arguments(folder, 4e-4), "--cluster", "cluster.toml", "--adapt", "0:2")
    while process.poll() is None:
        most = max(most, len(site.jobs()))
        time.sleep(0.3)
    finish(process)
    assert most == 2
    check(folder)


def test_worker_job_cancelled_in_mid_run(site: Slurm, folder: Path) -> None:
    process = run(site, folder, "run", *arguments(folder, 4e-4), "--cluster", "cluster.toml")
    wait_for(lambda: searches(folder) > 100 or process.poll() is not None)
    job = next(iter(site.jobs()))
    site.command("scancel", job)
    wait_for(lambda: job not in site.jobs())
    assert process.poll() is None, "the run was over before its job was cancelled"
    finish(process)
    check(folder)


def test_coordinator_killed_and_resumed(site: Slurm, folder: Path) -> None:
    options = ["run", *arguments(folder, 4e-4), "--cluster", "cluster.toml"]
    process = run(site, folder, *options)
    wait_for(lambda: searches(folder) > 100 or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 100 < searches(folder) < 3000
    site.wait_until_empty(60)  # the workers' jobs end by themselves
    arguments(folder, 0)
    finish(run(site, folder, *options))
    check(folder)


def test_ctrl_c_ends_the_jobs_too(site: Slurm, folder: Path) -> None:
    # a shell that starts tests in the background lets them ignore Ctrl-C; a terminal does not
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listen}; from landscape_dist.cli import main; main()"
    options = ["run", *arguments(folder, 4e-4), "--cluster", "cluster.toml"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *options],
        cwd=folder, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(lambda: searches(folder) > 100 or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    out = finish(process, 130)
    assert "run the same command again to go on" in out
    site.wait_until_empty(10)
    assert 100 < searches(folder) < 3000


def test_lost_job_is_submitted_again(site: Slurm, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(healing, "LOST_SECONDS", 1.0)
    for name in ("SLURM_CONF", "PYTHONPATH", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, site.environment[name])
    (folder / "cluster.toml").write_text(f'{CLUSTER}processes = 2\nenvironment = {{ COLOUR = "dark blue" }}\n')
    with connect(cluster="cluster.toml", jobs=1) as client:
        client.wait_for_workers(2, timeout=60)
        names = ["OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_", "COLOUR"]
        seen = client.run(lambda: [os.environ.get(name) for name in names])
        assert list(seen.values()) == [["1", None, "dark blue"]] * 2
        heal(client, 2)
        [first] = site.jobs()
        site.command("scancel", first)

        def healed() -> bool:
            workers = client.nthreads()
            heal(client, len(workers))
            return len(workers) == 2 and set(site.jobs()) - {first} != set()

        wait_for(healed)


@pytest.mark.parametrize(("size", "code"), [(["--jobs", "2"], 2), (["--adapt", "0:2"], 3)], ids=["jobs", "adapt"])
def test_queue_that_takes_no_jobs(site: Slurm, folder: Path, size: list[str], code: int) -> None:
    (folder / "wrong.toml").write_text(CLUSTER.replace('"debug"', '"nosuch"'))
    out = finish(run(site, folder, "run", "butterfly", "--no-store", "--cluster", "wrong.toml", *size), code)
    assert ("invalid partition specified: nosuch" if code == 2 else "`landscape-dist cluster check`") in out
    assert "Traceback" not in out


def test_check_of_a_cluster(site: Slurm, folder: Path) -> None:
    with (folder / "cluster.toml").open("a") as file:
        file.write("[tls]\ntemporary = true\n")
    out = finish(run(site, folder, "cluster", "check", "cluster.toml"))
    for text in ("#SBATCH -p debug", "worker: tls://127.0.0.1:", "search: one of the Müller-Brown energy"):
        assert text in out


def test_check_says_what_the_queue_refuses(site: Slurm, folder: Path) -> None:
    (folder / "wrong.toml").write_text(CLUSTER.replace('"debug"', '"nosuch"'))
    out = finish(run(site, folder, "cluster", "check", "wrong.toml"), 2)
    assert "start: failed: wrong.toml: the cluster could not be started" in out
    assert "invalid partition specified: nosuch" in out
    assert "Traceback" not in out


def test_check_says_why_a_worker_does_not_come(site: Slurm, folder: Path) -> None:
    wrong = CLUSTER.replace(
        'interface = "lo"', 'interface = "lo"\njob_script_prologue = ["echo no such module; exit 1"]'
    )
    (folder / "wrong.toml").write_text(wrong)
    out = finish(run(site, folder, "cluster", "check", "wrong.toml", "--timeout", "4"), 2)
    assert "worker: failed: no worker came within 4 s" in out
    assert "its output ends with\nno such module" in out
