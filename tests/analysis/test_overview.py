"""What `info` says is what is there, whether it was kept or counted."""

from __future__ import annotations

from pathlib import Path

import landscape_dist as ld
from landscape_dist.analysis.overview import STATE, Overview
from landscape_dist.campaign import opening
from landscape_dist.store.database import Database


def test_kept_in_the_last_commit_of_a_finished_run(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    landscape = ld.explore(ld.systems.butterfly(), store=str(store))
    with Database.open(store) as database:
        progress = database.progress()
    kept = Overview.from_state(landscape.header, progress.state, progress.counters, progress.final)
    assert kept is not None
    assert kept.as_state() == landscape.overview.as_state() == ld.open(store).overview.as_state()
    assert opening.open_overview(store).as_state() == kept.as_state()
    assert str(opening.open_overview(store)) == landscape.summary()
    assert landscape.summary().startswith("butterfly: 9 stationary points, 12 connections\n")


def test_an_unfinished_run_is_counted(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    landscape = ld.explore(ld.systems.butterfly(), store=str(store), max_searches=12)
    assert not landscape.finished
    with Database.open(store) as database:
        assert STATE not in database.progress().state
    seen = opening.open_overview(store)
    assert (seen.finished, seen.n_searches) == (False, 12)
    assert str(seen) == landscape.summary()
    ld.explore(ld.systems.butterfly(), store=str(store))
    assert opening.open_overview(store).n_points == 9


def test_points_without_energy(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    field = ld.problems.vector_field(["x1 - x1**3", "-x2"])
    landscape = ld.explore(field, [0.1, 0.1], 1, store=str(store))
    assert opening.open_overview(store).by_index == landscape.overview.by_index
    assert landscape.overview.by_index[0].low is None
    assert "energy" not in landscape.summary()
