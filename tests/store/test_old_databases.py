"""Databases of former versions, committed as they were written: they open, and runs go on with them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.campaign.opening import open_overview, open_sessions
from landscape_dist.store.compact import compact
from landscape_dist.store.database import Database
from landscape_dist.upkeep.revision import extend
from landscape_dist.upkeep.verification import verify_store

FOLDER = Path(__file__).with_name("databases")
NAMES = sorted(path.stem for path in FOLDER.glob("*.zip"))
N_SEARCHES = 37


@pytest.fixture(scope="module")
def fresh() -> Any:
    return explore()


def explore(store: Path | None = None, paths: bool = False) -> Any:
    settings = {"keep_trajectories": True, "trajectory_points": 8} if paths else {}
    return ld.explore(ld.systems.butterfly(), [0.1, 0.1], 2, store=store, **settings)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old(name: str, tmp_path: Path) -> Path:
    shutil.unpack_archive(FOLDER / f"{name}.zip", tmp_path / "old.zarr")
    return tmp_path / "old.zarr"


def contents(path: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_every_version_is_there() -> None:
    assert {name[:8] for name in NAMES} == {"schema_1", "schema_2"}
    assert len(NAMES) == 6


def test_an_old_database_is_read_as_it_is(name: str, old: Path, fresh: Any) -> None:
    before = contents(old)
    landscape = ld.open(old)
    assert len(landscape.searches) == (N_SEARCHES if name.endswith("_finished") else 15)
    if "first" not in name:  # that version called a landscape finished when its budget was spent
        assert landscape.finished == name.endswith("_finished")
    assert compare(landscape.pathways, fresh.pathways).is_empty
    assert open_overview(old).n_points == 9
    assert len(landscape.trajectories) == (len(landscape.searches) if "paths" in name else 0)
    assert all(np.isfinite(path.x).all() for path in landscape.trajectories.values())
    report = verify_store(old)
    assert report.sound, report
    assert report.n_gradients == 9
    assert not report.skipped
    assert contents(old) == before, "reading wrote something"


def test_a_run_goes_on_with_an_old_database(name: str, old: Path, fresh: Any) -> None:
    landscape = explore(old, "paths" in name)
    assert landscape.finished
    assert len(landscape.searches) == N_SEARCHES
    assert compare(landscape.pathways, fresh.pathways).is_empty
    sessions = open_sessions(old)
    assert sessions[-1]["n_searches"] == N_SEARCHES
    assert sessions[-1]["versions"]["landscape-dist"]
    assert verify_store(old).sound


def test_an_old_database_is_written_anew(old: Path, fresh: Any) -> None:
    with Database.open(old) as database:
        before, index = database.read(), database.read_trajectory_index()
    compact(old)
    with Database.open(old) as database:
        after, again = database.read(), database.read_trajectory_index()
    np.testing.assert_array_equal(before.searches.slot, after.searches.slot)
    np.testing.assert_array_equal(index, again)
    assert before.header == after.header
    assert before.counters == after.counters
    extend(old, starts=[-0.2, 0.4])
    assert compare(ld.open(old).pathways, fresh.pathways).is_empty
