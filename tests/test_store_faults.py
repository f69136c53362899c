"""Runs whose store cannot be written, or belongs to another run."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.cli import app
from landscape_dist.errors import StoreError, StoreInUseError

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
DIM = 4


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "landscape-test", str(folder)],
                          capture_output=True)  # fmt: skip
    if done.returncode:
        pytest.skip("a tmpfs cannot be mounted here (needs root)")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Let nothing more fit on the disk."""
    try:
        with open(ballast, "wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def lattice() -> ld.problems.Problem:
    return ld.systems.coupled_lattice(dim=DIM)


def undisturbed() -> ld.Landscape:
    return ld.explore(lattice(), max_index=DIM)


def test_a_full_disk_ends_the_run_and_a_resume_completes_it(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with mounted(folder, "2m"):
        store, ballast = folder / "x.zarr", folder / "ballast"
        ld.explore(lattice(), max_index=DIM, store=store, max_searches=50)
        committed = len(ld.open(store).searches)
        fill(ballast)
        with pytest.raises(StoreError, match=r"(?s)No space left.*ree space"):
            ld.explore(lattice(), max_index=DIM, store=store)
        with pytest.raises(StoreError, match=r"No space left.*ree space"):
            ld.explore(lattice(), max_index=DIM, store=folder / "new.zarr")
        assert len(ld.open(store).searches) == committed > 0
        ballast.unlink()
        ld.explore(lattice(), max_index=DIM, store=store)
        ld.explore(lattice(), max_index=DIM, store=folder / "new.zarr")
        for path in (store, folder / "new.zarr"):
            assert compare(ld.open(path).pathways, undisturbed().pathways).is_empty


def test_a_store_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with mounted(folder, "2m"):
        store = folder / "x.zarr"
        ld.explore(lattice(), max_index=DIM, store=store, max_searches=50)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        for path in (store, folder / "new.zarr"):
            problem = lattice()
            with pytest.raises(StoreError, match="Read-only file system"):
                ld.explore(problem, max_index=DIM, store=path)
            assert problem.counters.n_gradients == 0
        assert len(ld.open(store).searches) == 50


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_of_somebody_else_is_refused_before_any_work(tmp_path: Path) -> None:
    store = tmp_path / "x.zarr"
    ld.explore(lattice(), max_index=DIM, store=store, max_searches=50)
    store.chmod(0o500)
    problem = lattice()
    with pytest.raises(StoreError, match="cannot be written: PermissionError"):
        ld.explore(problem, max_index=DIM, store=store)
    assert problem.counters.n_gradients == 0


def run(store: Path, seconds: float, steal: bool = False) -> subprocess.Popen[str]:
    """A serial run with a lease of 1 s."""
    command = [sys.executable, str(HERE / "killed_run.py"), str(store), "0", str(seconds), str(DIM), "1"]
    return subprocess.Popen(
        [*command, "steal"] if steal else command,
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_searches(store: Path, more_than: int = 0) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            n = len(ld.open(store).searches)
        except StoreError:
            n = 0
        if n > more_than:
            return n
        time.sleep(0.05)
    raise AssertionError("the run does not get on")


def test_of_two_runs_on_one_store_the_second_is_refused(tmp_path: Path) -> None:
    """And where the first is killed on another machine, `steal` goes on when its lease is over."""
    store = tmp_path / "x.zarr"
    first = run(store, 2e-3)
    try:
        wait_for_searches(store)
        second = run(store, 0)
        _, error = second.communicate(timeout=60)
        assert second.returncode != 0
        assert f"is being written by another process (process {first.pid} on " in error.splitlines()[-1]
        with pytest.raises(StoreInUseError, match="is alive"):
            ld.explore(slow(), max_index=DIM, store=store, steal=True)
        done = wait_for_searches(store, len(ld.open(store).searches))  # the first takes no notice
    finally:
        first.kill()
        first.communicate()
    entry = store / "lease" / "zarr.json"
    left = json.loads(entry.read_text())
    left["attributes"] |= {"machine": "another", "host": "node7"}
    entry.write_text(json.dumps(left))
    with pytest.raises(StoreInUseError, match=f"process {first.pid} on node7"):
        ld.explore(slow(), max_index=DIM, store=store)
    assert len(ld.open(store).searches) >= done
    third = run(store, 0, steal=True)
    _, error = third.communicate(timeout=60)
    assert third.returncode == 0, error
    found = ld.open(store)
    assert found.finished
    assert compare(found.pathways, undisturbed_slow().pathways).is_empty


def test_the_command_says_who_has_the_store_and_can_take_it_over(tmp_path: Path) -> None:
    store = tmp_path / "x.zarr"
    command = ["run", "muller_brown", "--serial", "--no-plot", "--quiet", "--store", str(store)]
    assert CliRunner().invoke(app, [*command, "--set", "max_searches=3"]).exit_code == 0
    holder = {"host": "node7", "pid": 4711, "since": "2026-01-01T00:00:00+00:00", "machine": "another", "process": "1",
              "token": "t", "seconds": 0.3, "beat": 5}  # fmt: skip
    (store / "lease").mkdir()
    entry = {"zarr_format": 3, "node_type": "group", "attributes": holder}
    (store / "lease" / "zarr.json").write_text(json.dumps(entry))
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert "process 4711 on node7 since 2026-01-01" in refused.stderr
    assert "--steal" in refused.stderr
    assert CliRunner().invoke(app, [*command, "--steal"]).exit_code == 0
    assert ld.open(store).finished


@pytest.mark.long
def test_a_run_that_lost_its_store_ends_before_it_writes(tmp_path: Path) -> None:
    store = tmp_path / "x.zarr"
    frozen = run(store, 4e-3)
    try:
        wait_for_searches(store)
        os.kill(frozen.pid, signal.SIGSTOP)
        other = run(store, 0, steal=True)
        _, error = other.communicate(timeout=60)
        assert other.returncode == 0, error
        number = json.loads((store / "zarr.json").read_text())["attributes"]["commit"]["number"]
        os.kill(frozen.pid, signal.SIGCONT)
        _, error = frozen.communicate(timeout=60)
        assert frozen.returncode != 0
        assert "StoreInUseError" in error.splitlines()[-1]
        assert "no longer this process's to write to" in error.splitlines()[-1]
    finally:
        frozen.kill()
        frozen.communicate()
    assert json.loads((store / "zarr.json").read_text())["attributes"]["commit"]["number"] == number
    assert compare(ld.open(store).pathways, undisturbed_slow().pathways).is_empty


def slow() -> ld.problems.Problem:
    sys.path.insert(0, str(HERE))
    try:
        from killed_run import slow_lattice
    finally:
        sys.path.remove(str(HERE))
    return slow_lattice(DIM, 0.0)


def undisturbed_slow() -> ld.Landscape:
    return ld.explore(slow(), max_index=DIM)
