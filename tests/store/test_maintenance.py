"""Repair and compaction: what does not count goes, what counts stays, and there is a store at every moment."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from landscape_dist.errors import StoreError, StoreInUseError
from landscape_dist.store import replacing
from landscape_dist.store.compact import compact
from landscape_dist.store.database import CHUNKS_PER_FILE, Database
from landscape_dist.store.repair import repair
from landscape_dist.testing.databases import (
    example_failures,
    example_points,
    example_searches,
    example_trajectories,
    same_columns,
)

SPAWN = multiprocessing.get_context("spawn")
N_SEARCHES = 3000


def fill(store: Any, **header: Any) -> None:
    with Database.create(store, header, dim=3, n_eigenvalues=2) as database:
        for first in range(0, N_SEARCHES, 500):
            database.append(None, example_searches(500, first), example_failures(500, first))
            database.commit({})
        database.append(example_points(9), trajectories=example_trajectories(20))
        database.commit({"n_gradients": 7}, {"a": [1]}, final=True)


def check(store: Any, n_searches: int = N_SEARCHES) -> None:
    with Database.open(store) as database:
        snapshot = database.read()
        slot, end = database.read_trajectory_index()
        x, _ = database.read_trajectory_points(0, int(end[-1]))
    assert same_columns(snapshot.points, example_points(9))
    assert same_columns(snapshot.searches, example_searches(n_searches))
    assert same_columns(snapshot.failures, example_failures(N_SEARCHES))
    paths = example_trajectories(20)
    np.testing.assert_array_equal(slot, paths.slot)
    np.testing.assert_array_equal(end, paths.end)
    np.testing.assert_array_equal(x, paths.x)


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- repair --------------------------------------------------------------------------------------------------------
def tear(store: Path) -> None:
    """What a writer leaves that is killed in a commit: longer arrays, chunks, a temporary file."""
    table = zarr.open_array(store / "searches/integers", mode="r+")
    table.resize((9000, 9))
    table[N_SEARCHES:] = 5
    text = zarr.open_array(store / "failures/message", mode="r+")
    text.resize((text.shape[0] + 10,))
    (store / "points" / "zarr.json.0123.partial").write_text("{")


def test_repair_removes_a_torn_tail_and_nothing_else(tmp_path: Path) -> None:
    store = tmp_path / "x.zarr"
    fill(store)
    tear(store)
    before = files(tmp_path)
    found = repair(store, dry_run=True)
    assert found.tails == {"searches/integers": 6000, "failures/message": 10}
    assert found.partial_files == 1
    assert files(tmp_path) == before, "a dry run wrote something"
    assert repair(store) == found
    check(store)
    assert zarr.open_array(store / "searches/integers", mode="r").shape == (N_SEARCHES, 9)
    assert len([path for path in (store / "searches/integers/c").rglob("*") if path.is_file()]) == 1
    assert not list(store.rglob("*.partial"))
    assert repair(store).is_empty
    with Database.open(store, "a") as database:
        database.append(None, example_searches(10, N_SEARCHES), None)
        database.commit({})
    check(store, N_SEARCHES + 10)


def test_repair_waits_for_who_writes(tmp_path: Path) -> None:
    fill(tmp_path / "x.zarr")
    with Database.open(tmp_path / "x.zarr", "a"):
        with pytest.raises(StoreInUseError, match="being written by another process"):
            repair(tmp_path / "x.zarr")
        assert repair(tmp_path / "x.zarr", dry_run=True).is_empty


def test_repair_of_other_stores() -> None:
    store = MemoryStore()
    fill(store)
    table = zarr.open_group(store, mode="r+")["searches/integers"]
    assert isinstance(table, zarr.Array)
    table.resize((5000, 9))
    assert repair(store).tails == {"searches/integers": 2000}
    check(store)


# -- compaction ----------------------------------------------------------------------------------------------------
def test_compaction_keeps_what_counts(tmp_path: Path) -> None:
    store = tmp_path / "x.zarr"
    fill(store, name="x")
    tear(store)
    with Database.open(store) as database:
        header, before = database.header, database.progress()
    done = compact(store)
    assert (done.n_points, done.n_searches) == (9, N_SEARCHES)
    assert done.n_bytes[1] < done.n_bytes[0]
    check(store)
    with Database.open(store) as database:
        after = database.progress()
        assert database.header == header
        assert (after.counters, after.state, after.final) == (before.counters, before.state, True)
        assert [one["action"] for one in database.sessions] == ["run", "compact"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.zarr"]


def test_many_chunks_share_files_and_grow(tmp_path: Path) -> None:
    store = tmp_path / "x.zarr"
    rows = 3640 * CHUNKS_PER_FILE  # of searches, in a file
    n = 2 * rows + 10
    with Database.create(store, {}, dim=3, n_eigenvalues=2) as database:
        database.append(None, example_searches(n), None)
        database.commit({})
    compact(store)
    with Database.open(store) as database:
        assert same_columns(database.read().searches, example_searches(n))
    assert len([path for path in (store / "searches/integers/c").rglob("*") if path.is_file()]) == 3
    for first, more in ((n, 7), (n + 7, rows), (n + 7 + rows, 1)):
        with Database.open(store, "a") as database:
            database.append(None, example_searches(more, first), None)
            database.commit({})
    with Database.open(store) as database:
        assert same_columns(database.read().searches, example_searches(n + 8 + rows))


def test_compaction_to_another_store(tmp_path: Path) -> None:
    store, other = MemoryStore(), MemoryStore()
    fill(store)
    with pytest.raises(StoreError, match="give another with --out"):
        compact(store)
    assert compact(store, other).n_bytes == (None, None)
    check(other)
    fill(tmp_path / "x")
    with pytest.raises(StoreError, match="already holds a landscape database"):
        compact(tmp_path / "x", other)
    in_the_way = tmp_path / f"x{replacing.SUFFIX}"
    in_the_way.mkdir()
    (in_the_way / "mine.txt").write_text("x")
    with pytest.raises(StoreError, match="in the way"):
        compact(tmp_path / "x")
    assert (in_the_way / "mine.txt").exists()


def test_a_reader_sees_the_old_store_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is replaced by one of other rows while it is read."""
    store, other = tmp_path / "x.zarr", tmp_path / "y.zarr"
    fill(store)
    with Database.create(other, {}, dim=3, n_eigenvalues=2) as database:
        database.append(example_points(50), example_searches(100), None)
        database.commit({})
    reader = Database.open(store)
    original, swapped = reader._backend._read_columns, []

    def read(array: Any, block: Any, n: int) -> Any:
        if block.path == "searches/integers" and not swapped:
            swapped.append(True)
            replacing._exchange(store, other)
        return original(array, block, n)

    monkeypatch.setattr(reader._backend, "_read_columns", read)
    snapshot = reader.read()
    assert swapped
    assert same_columns(snapshot.points, example_points(50))
    assert same_columns(snapshot.searches, example_searches(100))


@pytest.mark.parametrize("system_call", [True, False])
def test_directories_are_exchanged(tmp_path: Path, system_call: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not system_call:
        monkeypatch.setattr(replacing.ctypes, "CDLL", lambda *a, **k: object())
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    replacing._exchange(tmp_path / "a", tmp_path / "b")
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["a", "a/b", "b", "b/a"]


def test_a_store_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that knows no exchange, and then fails."""
    store = tmp_path / "x.zarr"
    fill(store)
    monkeypatch.setattr(replacing.ctypes, "CDLL", lambda *args, **kwargs: None)
    rename = os.rename

    def failing(a: Path, b: Path) -> None:
        if str(a).endswith(replacing.SUFFIX):
            raise OSError("no")
        rename(a, b)

    monkeypatch.setattr(replacing.os, "rename", failing)
    with pytest.raises(StoreError, match="cannot be replaced"):
        compact(store)
    check(store)
    assert [path.name for path in tmp_path.iterdir()] == ["x.zarr"]


def compact_and_die(store: str, step: str) -> None:
    """Compact, and be killed before ('make', 'exchange') or after ('remove') the new store takes its place."""

    def die(*args: Any, **kwargs: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if step == "make":
        Database.commit = die  # type: ignore[method-assign]
    elif step == "exchange":
        replacing._exchange = die  # type: ignore[assignment]
    else:
        replacing.shutil.rmtree = die  # type: ignore[assignment]
    compact(store)


@pytest.mark.parametrize("step", ["make", "exchange", "remove"])
def test_killed_in_the_midst_of_it(tmp_path: Path, step: str) -> None:
    store = tmp_path / "x.zarr"
    fill(store)
    process = SPAWN.Process(target=compact_and_die, args=(str(store), step))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    check(store)
    found = repair(store)  # on this machine a dead owner's lease is no obstacle
    assert found.directory == tmp_path / f"x.zarr{replacing.SUFFIX}"
    assert [path.name for path in tmp_path.iterdir()] == ["x.zarr"]
    compact(store)
    check(store)


def test_a_store_of_somebody_beside_it_is_left_alone(tmp_path: Path) -> None:
    """With the name that people give to what they make with --out."""
    store, other = tmp_path / "x.zarr", tmp_path / "x.zarr.new"
    fill(store)
    compact(store, other)
    compact(store)
    assert repair(store).is_empty
    check(other)


def test_a_store_behind_a_link_is_replaced_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    fill(tmp_path / "disk" / "x.zarr")
    (tmp_path / "x.zarr").symlink_to(tmp_path / "disk" / "x.zarr")
    compact(tmp_path / "x.zarr")
    assert (tmp_path / "x.zarr").is_symlink()
    check(tmp_path / "x.zarr")
    shutil.rmtree(tmp_path / "disk")
