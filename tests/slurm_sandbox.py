"""A SLURM of one node on this machine, for the time of a test: own key, ports and folder; no systemd, no cgroups."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
NODE = "localnode"
CPUS = 4

CONFIGURATION = """
ClusterName=sandbox
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
MailProg=/bin/true
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
InactiveLimit=0
MinJobAge=300
KillWait=2
Waittime=0
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} CoresPerSocket={cpus} RealMemory=16384 State=UNKNOWN
PartitionName=debug Nodes={node} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def why_not() -> str | None:
    """Why there can be no SLURM here; None if there can."""
    missing = [command for command in COMMANDS if shutil.which(command) is None]
    if missing:
        return f"{missing[0]} is not installed (apt-get install slurm-wlm munge)"
    return None if os.geteuid() == 0 else "a SLURM without systemd needs root"


@dataclass(frozen=True)
class Slurm:
    """A running SLURM with the partition "debug".

    Attributes:
        environment: with it, SLURM's commands find this one.
        folder: its state and logs.
    """

    environment: dict[str, str]
    folder: Path

    def command(self, *arguments: str) -> str:
        """What a command of SLURM prints."""
        done = subprocess.run(arguments, env=self.environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def jobs(self) -> dict[str, str]:
        """Jobs that wait, run or end: their states by their numbers."""
        return dict(line.split() for line in self.command("squeue", "-h", "-o", "%i %T").splitlines())

    def wait_until_empty(self, seconds: float) -> None:
        """Wait until no job is left."""
        deadline = time.monotonic() + seconds
        while jobs := self.jobs():
            assert time.monotonic() < deadline, f"jobs left behind: {jobs}"
            time.sleep(0.2)


@contextmanager
def slurm() -> Iterator[Slurm]:
    """Start one; ended with all its jobs at the end."""
    # a folder that others may enter, with a short path, as munged wants for its socket
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        with _started(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(folder: Path) -> Iterator[Slurm]:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    controller_port, node_port = _free_ports(2)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, host=socket.gethostname().partition(".")[0], node=NODE, cpus=CPUS,
            controller_port=controller_port, node_port=node_port,
        )
    )  # fmt: skip
    (folder / "cgroup.conf").write_text("CgroupAutomount=no\nConstrainCores=no\nConstrainRAMSpace=no\n")
    # Jobs get the environment of what submits them; a job that runs this very test must not hand its own down.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
    found = Slurm({**inherited, "SLURM_CONF": str(configuration)}, folder)
    munge = [f"--{name}={folder}/munge.{end}" for name, end in (("socket", "socket"), ("pid-file", "pid"))]
    munge += [f"--key-file={key}", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"]
    with ExitStack() as stack:
        stack.enter_context(_daemon(["munged", "--foreground", *munge], found))
        _wait_for(lambda: (folder / "munge.socket").exists(), "munged", folder / "munge.log")
        stack.enter_context(_daemon(["slurmctld", "-D", "-f", str(configuration)], found))
        stack.enter_context(_daemon(["slurmd", "-D", "-f", str(configuration), "-N", NODE], found))
        _wait_for(lambda: _state(found) == "idle", "the node", folder / "slurmctld.log")
        stack.callback(_cancel_all, found)
        yield found


@contextmanager
def _daemon(command: list[str], cluster: Slurm) -> Iterator[None]:
    process = subprocess.Popen(
        command, env=cluster.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait(10)


def _state(cluster: Slurm) -> str:
    done = subprocess.run(
        ["sinfo", "-h", "-o", "%t"], env=cluster.environment, capture_output=True, text=True, timeout=30
    )
    return done.stdout.strip()


def _cancel_all(cluster: Slurm) -> None:
    for job in cluster.jobs():
        subprocess.run(["scancel", "--signal=KILL", "--full", job], env=cluster.environment, timeout=30, check=False)
        subprocess.run(["scancel", job], env=cluster.environment, timeout=30, check=False)
    deadline = time.monotonic() + 15
    while cluster.jobs() and time.monotonic() < deadline:
        time.sleep(0.2)


def _wait_for(ready: Callable[[], bool], what: str, log: Path, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start: {log.read_text()[-2000:] if log.exists() else 'no log'}")
        time.sleep(0.1)


def _free_ports(n: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(n)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
