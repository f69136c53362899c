"""Cluster files: what they may say, what becomes of it, and what is said where something is wrong."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import landscape_dist as ld
from landscape_dist.distribute.clusters.cluster_file import load_cluster_file
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.clusters.kinds import cluster_arguments, cluster_class, job_script
from landscape_dist.errors import ClusterError, ConfigError, SettingsError

REPOSITORY = Path(__file__).parents[2]
needs_jobqueue = pytest.mark.skipif(
    importlib.util.find_spec("dask_jobqueue") is None, reason="dask-jobqueue is not installed"
)
SHIPPED = sorted((REPOSITORY / "cluster").glob("*.toml"))

LOCAL = 'module = "distributed"\nclass = "LocalCluster"\n'
SLURM = 'module = "dask_jobqueue"\nclass = "SLURMCluster"\n[workers]\nmemory = "2GiB"\n'

# What job scripts must say, as the site's manual calls it: queue, cores, memory, walltime.
HEADERS = {
    "slurm": ["#SBATCH -p regular", "#SBATCH -A myproject", "--cpus-per-task=4", "--mem=8G", "#SBATCH -t 24:00:00"],
    "pbs": ["#PBS -q regular", "#PBS -A myproject", "-l select=1:ncpus=4:mem=8192MB", "-l walltime=24:00:00"],
    "lsf": ["#BSUB -q normal", '#BSUB -P "myproject"', "#BSUB -n 4", "#BSUB -M 8590", "#BSUB -W 24:00\n"],
    "sge": ["#$ -q all.q", "#$ -P myproject", "#$ -l h_vmem=2G", "#$ -l h_rt=24:00:00", "#$ -pe smp 4"],
    "oar": ["#OAR -q default", "#OAR --project myproject", "#OAR -l /nodes=1/core=4,walltime=24:00:00"],
    "htcondor": ["DaskWorkerCores = 4", "DaskWorkerMemory = 8589934592", "accounting_group = mygroup"],
}


def written(folder: Path, text: str) -> Path:
    path = folder / "cluster.toml"
    path.write_text(text)
    return path


def test_one_for_each_kind_of_site() -> None:
    kinds = {*HEADERS, "local", "scheduler", "scheduler_file", "ssh", "kubernetes", "gateway"}
    assert {path.stem for path in SHIPPED} == kinds


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files(path: Path) -> None:
    file = load_cluster_file(path)
    if file.is_running:
        return
    assert file.module is not None
    if importlib.util.find_spec(file.module.partition(".")[0]) is None:
        with pytest.raises(ConfigError, match=rf"install it with: pip install 'landscape-dist\[{path.stem}\]'"):
            cluster_class(file)
        return
    cls = cluster_class(file)
    arguments = cluster_arguments(file, cls)
    assert file.kwargs.keys() <= arguments.keys()
    script = job_script(file)
    assert (script is not None) == (path.stem in HEADERS)
    for text in HEADERS.get(path.stem, []):
        assert text in (script or "")
    if script is not None:
        for text in (
            "export OMP_NUM_THREADS=1", "--nworkers 4", "--nthreads 1", "--memory-limit 2.00GiB", "--no-dashboard",
            "--lifetime 85800s --lifetime-stagger 300s",
        ):  # fmt: skip
            assert text in script


@pytest.mark.parametrize("path", sorted((REPOSITORY / "cluster").glob("*.s*")), ids=lambda path: path.name)
def test_shipped_scripts_parse(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_a_requeued_allocation_waits_for_its_own_scheduler(tmp_path: Path) -> None:
    """Killed with its node, the job before left a scheduler file of this name, and a store that seems to be in use."""
    commands = {
        "dask": 'if [ "$1" = scheduler ]; then sleep 0.5; echo new >"$3"; fi; exec sleep 60',
        "srun": "exec sleep 60",
        "landscape-dist": 'echo "$@"; cat "$3"',
    }
    for name, text in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    stale = tmp_path / "landscape-7.scheduler.json"
    stale.write_text("old\n")
    done = subprocess.run(
        ["bash", str(REPOSITORY / "cluster" / "slurm_allocation.sbatch"), "config.toml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=30,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"run --scheduler-file {stale} --steal config.toml\nnew\n"
    assert not stale.exists()


# -- what is wrong --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs = 2", "it names no cluster; give module and class"),
        ('module = "distributed"', "module and class belong together"),
        ('address = "a:1"\nscheduler_file = "b"', "address and scheduler_file are given together"),
        ('address = "a:1"\njobs = 2', "jobs is given together with address, whose workers are its own"),
        (LOCAL + "jobs = 0", "jobs is 0; it should be greater than or equal to 1"),
        (LOCAL + "jobs = 2.5", "jobs is 2.5; it should be a valid integer"),
        (LOCAL + 'adapt = "5:2"', "adapt is '5:2'; give 'MIN:MAX', such as '0:20'"),
        (LOCAL + 'adapt = "0:0"', "adapt is '0:0'; give 'MIN:MAX'"),
        (LOCAL + 'adapt = "0:2"\njobs = 1', "jobs = 1 and adapt = 0:2 are given together"),
        (LOCAL + "version = 2", "version is 2; it should be less than or equal to 1"),
        (LOCAL + "job = 2", "unknown key 'job'; did you mean 'jobs'?"),
        (LOCAL + 'memory = "2GiB"', "unknown key 'memory'; it belongs into [workers]"),
        (LOCAL + "[workers]\nthread = 2", "unknown key 'workers.thread'; did you mean 'threads'?"),
        (LOCAL + '[workers]\nmemory = "much"', "workers.memory is 'much'; give a number with a unit, such as '2GiB'"),
        (LOCAL + '[workers]\nwalltime = "24h"', "workers.walltime is '24h'; give 'HH:MM:SS'"),
        (LOCAL + '[workers]\nenvironment = { "A B" = 1 }', "'A B' is no name of an environment variable"),
        (LOCAL + '[workers]\nenvironment = { A = "1\\n2" }', "give one line of text or a number"),
        (LOCAL + "[tls]", "tls needs ca_file, cert and key, three PEM files, or temporary = true"),
        (LOCAL + '[tls]\ntemporary = true\nkey = "k"', "tls.temporary and tls.key are given together"),
    ],
)
def test_what_a_file_cannot_say(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_cluster_file(written(tmp_path, text))


@needs_jobqueue
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('module = "no_such"\nclass = "A"', "module 'no_such' cannot be imported"),
        ('module = "distributed"\nclass = "NoCluster"', "module 'distributed' has no class 'NoCluster'"),
        (LOCAL + "[kwargs]\nn_workerz = 1", "LocalCluster has no argument 'n_workerz'; did you mean 'n_workers'?"),
        (LOCAL + '[workers]\nwalltime = "1:00:00"', "workers.walltime does not apply to LocalCluster"),
        (
            LOCAL + '[workers]\nmemory = "1GiB"\n[kwargs]\nmemory_limit = 1',
            "workers.memory and the class's own memory_l",
        ),
        (SLURM + '[kwargs]\nmemory = "1GB"', "workers.memory and the class's own memory are given together"),
        (SLURM + '[kwargs]\nqeue = "a"', "SLURMCluster has no argument 'qeue'; did you mean 'queue'?"),
        (SLURM.replace("memory", "threads").replace('"2GiB"', "1"), "workers.memory is missing"),
        (SLURM + '[tls]\nca_file = "a"\ncert = "b"\nkey = "c"', "tls.ca_file: there is no file"),
        ('module = "distributed"\nclass = "SSHCluster"\njobs = 2', "jobs and adapt do not apply to SSHCluster"),
        ('module = "subprocess"\nclass = "Popen"\n[workers]\nthreads = 2', "workers.threads does not apply to Popen"),
    ],
)
def test_what_a_class_does_not_know(tmp_path: Path, text: str, message: str) -> None:
    file = load_cluster_file(written(tmp_path, text))
    with pytest.raises(ConfigError, match=re.escape(message)):
        cluster_arguments(file, cluster_class(file))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"jobs": 2}, "jobs is given without a cluster file"),
        ({"adapt": "0:2", "workers": 2}, "adapt is given without a cluster file"),
        ({"cluster": "x.toml", "workers": 2}, "workers=2 is given together with cluster"),
        ({"cluster": "x.toml", "scheduler": "a:1"}, "scheduler and cluster are given together"),
        ({"cluster": "x.toml"}, "x.toml: cannot be read"),
        ({"preload": ["no.py"]}, "preload: there is no file no.py"),
        ({"preload": ["no"]}, "'no' is no Python file that can be imported"),
    ],
)
def test_contradictions(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message), connect(**arguments):  # type: ignore[arg-type]
        pass


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dask_jobqueue", "dask_kubernetes", "dask_gateway"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "dask_kubernetes.operator", raising=False)
    for name, extra in (("slurm", "jobqueue"), ("kubernetes", "kubernetes"), ("gateway", "gateway")):
        file = load_cluster_file(REPOSITORY / "cluster" / f"{name}.toml")
        with pytest.raises(
            ConfigError, match=rf"not installed; install it with: pip install 'landscape-dist\[{extra}\]'"
        ):
            cluster_class(file)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"asyncssh is not installed; .*landscape-dist\[ssh\]"):
        cluster_class(load_cluster_file(REPOSITORY / "cluster" / "ssh.toml"))
    file = load_cluster_file(written(tmp_path, LOCAL + "[tls]\ntemporary = true"))
    with pytest.raises(ConfigError, match=r"cryptography is not installed; .*landscape-dist\[tls\]"):
        cluster_arguments(file, cluster_class(file))


@needs_jobqueue
def test_importing_leaves_ctrl_c_alone() -> None:
    code = (
        "import signal\n"
        "from landscape_dist.distribute.clusters.kinds import cluster_class\n"
        "from landscape_dist.distribute.clusters.cluster_file import load_cluster_file\n"
        f"cluster_class(load_cluster_file({str(REPOSITORY / 'cluster' / 'slurm.toml')!r}))\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)


@needs_jobqueue
def test_nothing_is_written_to_the_home_directory(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DASK_", "XDG_"))}
    environment |= {"HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "landscape_dist", "cluster", "script", str(REPOSITORY / "cluster" / "slurm.toml")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "#SBATCH" in done.stdout
    assert not list(home.rglob("*"))


# -- what becomes of it ---------------------------------------------------------------------------------------------
@needs_jobqueue
def test_job_arguments(tmp_path: Path) -> None:
    text = SLURM + (
        'processes = 3\nthreads = 2\nwalltime = "1-06:00:00"\nenvironment = { COLOUR = "dark blue" }\n'
        '[kwargs]\njob_script_prologue = ["module load python"]\nworker_extra_args = ["--resources", "GPU=1"]'
    )
    script = job_script(load_cluster_file(written(tmp_path, text))) or ""
    for line in ("#SBATCH --cpus-per-task=6", "#SBATCH --mem=6G", "#SBATCH -t 30:00:00"):
        assert line in script.splitlines()
    lines = script.splitlines()
    # the site's commands may override our defaults, and what the file says is last
    order = [
        lines.index(line) for line in ("export OMP_NUM_THREADS=1", "module load python", "export COLOUR='dark blue'")
    ]
    assert order == sorted(order)
    command = shlex.split(lines[-1])
    options = dict(itertools.pairwise(command))
    assert (options["--nthreads"], options["--nworkers"], options["--memory-limit"]) == ("2", "3", "2.00GiB")
    assert (options["--lifetime"], options["--lifetime-stagger"], options["--resources"]) == (
        "107400s",
        "300s",
        "GPU=1",
    )


def test_sizes_of_the_command_line_replace_those_of_the_file(tmp_path: Path) -> None:
    file = load_cluster_file(written(tmp_path, LOCAL + "jobs = 3"))
    assert file.sized(None, None) is file
    assert file.sized(5, None).jobs == 5
    assert (file.sized(None, "0:2").jobs, file.sized(None, "0:2").adapt) == (None, (0, 2))
    with pytest.raises(ConfigError, match="adapt is 'two'; give 'MIN:MAX'"):
        file.sized(None, "two")
    with pytest.raises(ConfigError, match="given together"):
        file.sized(1, "0:2")


def test_kubernetes_arguments(tmp_path: Path) -> None:
    class KubeCluster:
        def __init__(self, *, image: str = "", **kwargs: object) -> None: ...

    text = (
        'module = "dask_kubernetes.operator"\nclass = "KubeCluster"\njobs = 7\n[workers]\n'
        'memory = "3GiB"\nthreads = 2\n'
        'environment = { A = "1" }\n[kwargs]\nimage = "me"'
    )
    found = cluster_arguments(load_cluster_file(written(tmp_path, text)), KubeCluster)
    assert (found["n_workers"], found["image"]) == (7, "me")
    assert found["resources"]["limits"] == {"memory": "3Gi", "cpu": "2"}
    assert found["worker_command"] == ["dask", "worker", "--nthreads", "2", "--memory-limit", "3GiB"]
    assert (found["env"]["A"], found["env"]["OMP_NUM_THREADS"]) == ("1", "1")


@pytest.mark.parametrize("size", [{"jobs": 1}, {"adapt": "0:2"}], ids=["jobs", "adapt"])
def test_run_on_a_local_cluster_file(tmp_path: Path, size: dict[str, object]) -> None:
    pytest.importorskip("cryptography")
    text = LOCAL + '[workers]\nmemory = "1GiB"\nenvironment = { COLOUR = "blue" }\n[tls]\ntemporary = true'
    path = written(tmp_path, text)
    landscape = ld.explore(ld.systems.butterfly(), cluster=path, **size)  # type: ignore[arg-type]
    assert (len(landscape.points), len(landscape.connections)) == (9, 12)


def test_tls(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    from distributed import Security

    def file(**tls: str) -> Path:
        lines = [f'{name} = "{value}"' for name, value in tls.items()]
        return written(
            tmp_path, "\n".join([f'address = "{address}"\ntimeout = 1.0', *(["[tls]", *lines] if tls else [])])
        )

    with connect(cluster=written(tmp_path, LOCAL + "jobs = 1\n[tls]\ntemporary = true")) as client:
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        certificates: Security = client.security
        (tmp_path / "ca.pem").write_text(certificates.tls_ca_file)
        (tmp_path / "cert.pem").write_text(certificates.tls_client_cert)
        (tmp_path / "key.pem").write_text(certificates.tls_client_key)
        with connect(cluster=file(ca_file="ca.pem", cert="cert.pem", key="key.pem")) as other:
            assert other.nthreads() == client.nthreads()
        with pytest.raises(ClusterError, match="answered within 1 s"), connect(cluster=file()):
            pass
