"""A power cut at any moment loses no committed row, and leaves a store that opens and goes on."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from landscape_dist.errors import StoreNotFoundError
from landscape_dist.store import durable, zarr_backend
from landscape_dist.store.database import Database
from landscape_dist.store.replacing import replacing
from landscape_dist.testing.databases import example_points as points
from landscape_dist.testing.databases import example_searches as searches
from tests.store.power_cuts import Record

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc, to know what is synced")

N_COMMITS = 6


def write(record: Record, store: Path) -> None:
    """Commits of a few rows each, noted when they have returned."""
    with Database.create(store, {"name": "cuts"}, dim=3, n_eigenvalues=2) as database:
        record.note(0)
        for k in range(1, N_COMMITS + 1):
            database.append(points=points(5 * k), searches=searches(7))
            database.commit({"n": k}, {"k": k})
            record.note(k)


def five_more(k: int) -> int:
    return 5 * k


def check(left: Path, promised: int | None, *, goes_on: bool = True, rows: Callable[[int], int] = five_more) -> bool:
    """Whether what is left has all that was promised, is whole, and, if that is asked, goes on.

    Args:
        rows: points of the k-th commit.
    """
    try:
        with Database.open(left) as database:
            found = database.read()
    except StoreNotFoundError:
        return promised is None
    k = found.state.get("k", 0)
    n = sum(rows(j) for j in range(1, k + 1))
    if k < (promised or 0) or len(found.points) != n or len(found.searches) != 7 * k:
        return False
    whole = np.concatenate([points(rows(j)).x for j in range(1, k + 1)]) if k else np.empty((0, 3))
    if not np.array_equal(found.points.x, whole):
        return False
    if not goes_on:
        return True
    with Database.open(left, "a") as database:
        database.append(points=points(3))
        database.commit({}, {"k": 99})
    with Database.open(left) as database:
        return len(database.read().points) == n + 3


def survives(tmp_path: Path, n_cuts: int, seed: int) -> list[int]:
    """Cuts after which something was wrong."""
    record = Record(tmp_path / "disk")
    record.root.mkdir()
    with record.recording():
        write(record, record.root / "s.zarr")
    choice = random.Random(seed)
    bad = []
    for cut in range(n_cuts):
        after = cut % (len(record.events) + 1)
        promised = [event.note for event in record.events[:after] if event.kind == "note"]
        left = tmp_path / "left"
        record.left_by_a_cut(after, choice, left)
        try:
            ok = check(left / "s.zarr", max(promised, default=None), goes_on=cut % 5 == 0)
        except Exception:  # whatever it is, a cut must not lead to it
            ok = False
        if not ok:
            bad.append(after)
        shutil.rmtree(left)
    return bad


def test_no_committed_row_is_lost(tmp_path: Path) -> None:
    assert survives(tmp_path, 240, seed=1) == []


def test_without_syncs_the_harness_finds_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(zarr_backend.ZarrBackend.__init__.__kwdefaults__, "durable", False)  # type: ignore[arg-type]
    assert len(survives(tmp_path, 60, seed=1)) >= 5


@pytest.mark.parametrize("name", ["sync_folder", "sync_file"])
def test_each_kind_of_sync_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(durable, name, lambda of: None)
    assert survives(tmp_path, 60, seed=2) != []


def test_a_store_that_is_made_anew(tmp_path: Path) -> None:
    """Until the new one takes its place the old one is untouched, and what is left beside it is in nobody's way."""
    store = tmp_path / "disk" / "s.zarr"
    (tmp_path / "disk").mkdir()
    write(Record(tmp_path / "disk"), store)
    before = tmp_path / "before"
    shutil.copytree(tmp_path / "disk", before)
    record = Record(tmp_path / "disk")
    with record.recording(), replacing(store) as new, Database.open(store) as old:
        old.copy_to(new)
    choice = random.Random(3)
    for after in range(0, len(record.events) + 1, 12):
        left = tmp_path / "left"
        record.left_by_a_cut(after, choice, left, before)
        assert check(left / "s.zarr", N_COMMITS), after
        shutil.rmtree(left)
