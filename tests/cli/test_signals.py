"""SIGTERM, SIGHUP and Ctrl-C at any moment: the process ends soon, cleanly, and the run can go on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import landscape_dist as ld
from landscape_dist.errors import StoreNotFoundError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
RUN = [
    "-m",
    "landscape_dist",
    "run",
    "coupled_lattice",
    "--param",
    "dim=9",
    "--no-plot",
    "--set",
    "max_searches=9999999",
]


def process(arguments: list[str], cwd: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(cwd / "tmp")}
    (cwd / "tmp").mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=cwd, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=heard,
    )  # fmt: skip


def heard() -> None:
    """Under nohup a hangup is ignored, also by children."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def code_of(number: int) -> int:
    return 130 if number == signal.SIGINT else 128 + number


def ended(tmp_path: Path, number: int, where: list[str], delay: float | None) -> str:
    """Stderr of a run that a signal has ended after `delay` seconds, or when it has found something."""
    arguments = [*RUN, *where, "--store", "a.zarr", "--log", "run.log"]
    run = process(arguments, tmp_path)
    try:
        if delay is None:
            wait_for_searches(tmp_path / "a.zarr")
        else:
            time.sleep(delay)
        children = family(run.pid)
        run.send_signal(number)
        start = time.monotonic()
        _, said = run.communicate(timeout=60)
        seconds = time.monotonic() - start
    finally:
        run.kill()
    killed_by_default = run.returncode == -number  # before Python had come to the first line of ours
    assert run.returncode == code_of(number) or (killed_by_default and delay is not None and delay < 1.5), said
    assert "Traceback" not in said
    assert seconds < 20  # 5 on an idle machine
    psutil.wait_procs(children, timeout=20)
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    return said


def wait_for_searches(store: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            if len(ld.open(store).searches):
                return
        except StoreNotFoundError:
            pass
    raise AssertionError("nothing was found in a minute")


@pytest.mark.parametrize("where", [["--serial"], ["--workers", "2"]], ids=["serial", "workers"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda n: n.name)
def test_in_the_middle_of_a_run(tmp_path: Path, number: int, where: list[str]) -> None:
    said = ended(tmp_path, number, where, None)
    assert "what was found is in a.zarr; run the same command again to go on" in said
    log = [json.loads(line) for line in (tmp_path / "run.log").read_text().splitlines()]
    assert log[-1]["event"] == "run_ended"
    assert not log[-1]["finished"]
    landscape = ld.open(tmp_path / "a.zarr")
    assert len(landscape.searches) == log[-1]["n_searches"]
    left = {path.name for path in (tmp_path / "tmp").rglob("*")}
    assert left <= {"dask-scratch-space", "global.lock", "purge.lock"}  # of Dask, for all its runs


@pytest.mark.parametrize("delay", [0.1, 0.4, 1.0, 1.8, 2.6])
def test_while_it_begins(tmp_path: Path, delay: float) -> None:
    ended(tmp_path, random.Random(delay).choice(SIGNALS), ["--workers", "2"], delay)


@pytest.mark.long
@pytest.mark.parametrize("where", [["--serial"], ["--workers", "2"]], ids=["serial", "workers"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda n: n.name)
def test_at_random_moments(tmp_path: Path, number: int, where: list[str]) -> None:
    choice = random.Random(f"{number} {where}")
    for k in range(15):
        folder = tmp_path / str(k)
        folder.mkdir()
        ended(folder, number, where, choice.uniform(0.05, 6.0))


SCRIPT = """
import landscape_dist as ld
if __name__ == "__main__":
    try:
        ld.explore(ld.systems.coupled_lattice(9), store="a.zarr", max_searches=9999999)
    finally:
        print("put away")
    print("not reached")
"""


@pytest.mark.parametrize("number", SIGNALS[:2], ids=lambda n: n.name)
def test_in_a_script(tmp_path: Path, number: int) -> None:
    """Without the command: the run is put away, what the script has to put away is, too, and it ends."""
    (tmp_path / "script.py").write_text(SCRIPT)
    run = process(["script.py"], tmp_path)
    wait_for_searches(tmp_path / "a.zarr")
    run.send_signal(number)
    out, said = run.communicate(timeout=60)
    assert (run.returncode, out.strip(), "Traceback" in said) == (128 + number, "put away", False)
    assert len(ld.open(tmp_path / "a.zarr").searches)


def test_a_program_that_has_its_own_way_keeps_it() -> None:
    from landscape_dist.distribute.runs.interrupts import Interrupts

    came = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGTERM)
            assert came == [signal.SIGTERM]
            assert not interrupts.requested
    finally:
        signal.signal(signal.SIGTERM, before)
