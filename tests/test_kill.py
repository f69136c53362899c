"""kill -9 at random moments, of the whole run and of single workers: what is committed stays, a resume completes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.errors import StoreNotFoundError

HERE = Path(__file__).parent
SLOW = 3e-4  # seconds an evaluation
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}


def start(store: Path, workers: int, seconds: float, dim: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "killed_run.py"), str(store), str(workers), str(seconds), str(dim)],
        env=ENVIRONMENT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_session(process: subprocess.Popen[str]) -> None:
    """SIGKILL for the run and every process that it started."""
    family = [process.pid, *(p.pid for p in psutil.Process(process.pid).children(recursive=True))]
    for pid in family:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.communicate()


class Reader(threading.Thread):
    """Opens the store again and again, as `info` does; every view must be whole, and none may go back."""

    def __init__(self, store: Path) -> None:
        super().__init__(daemon=True)
        self.store = store
        self.reads = 0
        self.problems: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        most = 0
        while not self.stop.is_set():
            try:
                landscape = ld.open(self.store)
                n = len(landscape.searches)
                if n < most:
                    self.problems.append(f"{n} searches after {most}")
                most = max(most, n)
                child, found = landscape.searches.child, len(landscape.points)
                if n and child.max(initial=-1) >= found:
                    self.problems.append("an arrow to a point that is not there")
                if found and len(landscape.columns.x) != found:
                    self.problems.append("columns of unequal length")
                self.reads += 1
            except StoreNotFoundError:
                continue
            except Exception as error:
                self.problems.append(f"{type(error).__name__}: {error}")
            time.sleep(0.01)


def complete(store: Path, workers: int, dim: int) -> None:
    done = start(store, workers, 0.0, dim)
    out, err = done.communicate(timeout=300)
    assert done.returncode == 0, err
    undisturbed = ld.explore(ld.systems.coupled_lattice(dim=dim, coupling=0.2), max_index=dim)
    final = ld.open(store)
    assert final.finished, out
    difference = compare(final.pathways, undisturbed.pathways)
    assert difference.is_empty, str(difference)
    assert final.counters["n_searches"] == undisturbed.counters["n_searches"]


def campaign(tmp_path: Path, kills: int, workers: int, dim: int, span: float, seed: int) -> None:
    """`kills` kills of one run at random moments, each followed by a resume; then the run is completed."""
    rng = random.Random(seed)
    store = tmp_path / "killed.zarr"
    reader = Reader(store)
    reader.start()
    progress = []
    for _ in range(kills):
        process = start(store, workers, SLOW, dim)
        time.sleep(rng.uniform(1.0 if workers == 0 else 3.0, span))
        kill_session(process)
        progress.append(searches_in(store))
    assert progress == sorted(progress), "something committed was lost"
    assert progress[-1] > 0, "every kill came before the first commit"
    complete(store, workers, dim)
    reader.stop.set()
    reader.join()
    assert reader.reads > 3 * kills
    assert not reader.problems, reader.problems[:3]


def test_whole_run_killed_and_resumed(tmp_path: Path) -> None:
    campaign(tmp_path, kills=4, workers=0, dim=5, span=3.0, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [0, 2])
def test_whole_run_killed_at_twenty_moments(tmp_path: Path, workers: int) -> None:
    campaign(tmp_path, kills=20, workers=workers, dim=6, span=3.0 if workers == 0 else 6.0, seed=20 + workers)


def worker_campaign(tmp_path: Path, kills: int, dim: int) -> None:
    """Workers are killed while the run goes on; it finishes by itself."""
    rng = random.Random(5)
    store = tmp_path / "workers.zarr"
    process = start(store, 2, SLOW, dim)
    killed = 0
    deadline = time.monotonic() + 240
    while killed < kills and process.poll() is None and time.monotonic() < deadline:
        time.sleep(rng.uniform(0.3, 1.2))
        workers = [p for p in psutil.Process(process.pid).children(recursive=True) if busy_python(p)]
        if not workers or searches_in(store) == 0:
            continue
        os.kill(rng.choice(workers).pid, signal.SIGKILL)
        killed += 1
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert killed == kills, f"the run was over after {killed} kills"
    final = ld.open(store)
    undisturbed = ld.explore(ld.systems.coupled_lattice(dim=dim, coupling=0.2), max_index=dim)
    assert final.finished, out
    assert compare(final.pathways, undisturbed.pathways).is_empty
    assert final.counters["n_searches"] == undisturbed.counters["n_searches"]


def searches_in(store: Path) -> int:
    try:
        return len(ld.open(store).searches)
    except StoreNotFoundError:
        return 0


def busy_python(process: psutil.Process) -> bool:
    """Whether this is a worker process (started by spawn), not a resource tracker."""
    try:
        command = " ".join(process.cmdline())
        return "spawn_main" in command and process.memory_info().rss > 40e6
    except psutil.Error:
        return False


def test_workers_killed_while_running(tmp_path: Path) -> None:
    worker_campaign(tmp_path, kills=2, dim=6)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_workers_killed_at_ten_moments(tmp_path: Path) -> None:
    worker_campaign(tmp_path, kills=10, dim=7)


def test_control_c_ends_cleanly_and_can_be_resumed(tmp_path: Path) -> None:
    store = tmp_path / "c.zarr"
    process = start(store, 0, SLOW, 5)
    begun = time.monotonic()
    while not (store / "zarr.json").exists() and time.monotonic() - begun < 60:
        time.sleep(0.05)
    time.sleep(1.0)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.split()[2] == "False"
    assert "Traceback" not in err
    assert len(ld.open(store).searches) > 0
    complete(store, 0, 5)
