"""Exploring with a store: resume, mismatch, interruption, and what users get back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import zarr

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.errors import ClusterError, SettingsError, StoreFormatError, StoreMismatchError, StoreNotFoundError


def lattice(dim: int = 3, coupling: float = 0.2) -> Any:
    return ld.systems.coupled_lattice(dim=dim, coupling=coupling)


def test_the_first_lines_of_a_user(tmp_path: Path) -> None:
    problem = ld.systems.muller_brown()
    landscape = ld.explore(problem, start=[0.15, 0.25], max_index=2, store=tmp_path / "mb.zarr")
    assert landscape.finished
    energies = sorted(p.energy for p in landscape.points)
    np.testing.assert_allclose(energies, [-146.699517, -108.166724, -80.767818, -72.248940, -40.664844], atol=1e-6)
    assert [p.id for p in landscape.points] == list(range(5))
    assert landscape.points[-1].id == 4
    assert [p.id for p in landscape.points[1:3]] == [1, 2]
    assert {p.index for p in landscape.points.of_index(1)} == {1}
    assert isinstance(landscape.graph, nx.MultiDiGraph)
    assert landscape.graph.number_of_nodes() == 5
    assert sum(c.count for c in landscape.connections) == 4
    counters = landscape.counters
    assert counters["n_searches"] == sum(counters["by_status"].values())
    assert set(counters) == {"n_searches", "n_energies", "n_gradients", "n_hessians", "n_hvps", "by_status"}
    opened = ld.open(tmp_path / "mb.zarr")
    assert opened.finished
    np.testing.assert_array_equal(opened.columns.x, landscape.columns.x)
    assert list(opened.connections) == list(landscape.connections)
    assert opened.counters == counters
    assert "3 minima" in opened.summary()
    assert not opened.audit().contradictions


def test_the_store_is_plain_zarr(tmp_path: Path) -> None:
    ld.explore(lattice(), max_index=3, store=tmp_path / "l.zarr")
    group = zarr.open_group(tmp_path / "l.zarr", mode="r")
    assert group.attrs["header"]["problem"]["name"] == "coupled_lattice"
    json.dumps(dict(group.attrs))


def test_an_interrupted_exploration_goes_on(tmp_path: Path) -> None:
    store = tmp_path / "l.zarr"
    whole = ld.explore(lattice(4), max_index=4)
    for budget in (1, 30, 100):
        part = ld.explore(lattice(4), max_index=4, store=store, max_searches=budget)
        assert not part.finished
        assert len(part.searches) == budget
        assert "(unfinished)" in part.summary()
    rest = ld.explore(lattice(4), max_index=4, store=store)
    assert rest.finished
    assert compare(rest.pathways, whole.pathways).is_empty
    assert rest.counters["n_searches"] == whole.counters["n_searches"]
    again = ld.explore(lattice(4), max_index=4, store=store)
    assert again.counters == rest.counters, "a finished landscape costs nothing more"


def test_failures_survive_a_resume(tmp_path: Path) -> None:
    problem = ld.systems.muller_brown()
    first = ld.explore(problem, max_index=2, store=tmp_path / "a.zarr")
    again = ld.explore(problem, max_index=2, store=tmp_path / "a.zarr")
    assert len(first.failures) == len(again.failures) > 0
    np.testing.assert_array_equal(first.failures.slot, again.failures.slot)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": lattice(3, 0.1)}, "problem.definition.parameters.coupling: 0.2, now 0.1"),
        ({"max_index": 2}, "explore.max_index: 3, now 2"),
        ({"start": [0.2, 0.2, 0.2]}, r"start: \[\[0.1, 0.1, 0.1\]\], now \[\[0.2"),
        ({"step_tolerance": 0.2}, "solver.step_tolerance: 0.1, now 0.2"),
        ({"same": 1e-3}, "same.atol"),
    ],
)
def test_another_problem_or_setting_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    ld.explore(lattice(), max_index=3, store=tmp_path / "l.zarr")
    arguments = {"problem": lattice(), "max_index": 3, **change}
    with pytest.raises(StoreMismatchError, match=message):
        ld.explore(store=tmp_path / "l.zarr", **arguments)
    assert len(ld.open(tmp_path / "l.zarr").points) == 27


def test_stores_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match=r"none\.zarr"):
        ld.open(tmp_path / "none.zarr")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(StoreFormatError):
        ld.open(tmp_path / "notes.txt")
    with pytest.raises(StoreFormatError):
        ld.explore(lattice(), max_index=3, store=tmp_path / "notes.txt")
    zarr.create_group(tmp_path / "other.zarr").attrs["what"] = "something else"
    with pytest.raises(StoreFormatError):
        ld.open(tmp_path / "other.zarr")


def test_zarr_store_objects(tmp_path: Path) -> None:
    store = zarr.storage.MemoryStore()
    ld.explore(lattice(), max_index=3, store=store)
    assert len(ld.open(store).points) == 27


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": [0.1, 0.1]}, "start has dimension 2 but coupled_lattice has 3 variables"),
        ({"start": [0.1, np.nan, 0.1]}, "finite"),
        ({"start": "here"}, "give a list of 3 numbers"),
        ({"start": [9.0, 0.0, 0.0]}, "outside of the domain"),
        ({"max_index": 4}, "max_index is 4, above the dimension 3"),
        ({"max_indx": 3}, "no setting named 'max_indx'; did you mean 'max_index'"),
        ({"tolerence": 3}, "no setting named 'tolerence'"),
        ({"serial": True, "workers": 2}, "contradict"),
        ({"workers": 0}, "workers"),
    ],
)
def test_bad_arguments_name_field_value_and_cure(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ld.explore(lattice(), **{"max_index": 3, **arguments})


def test_no_start_anywhere() -> None:
    with pytest.raises(SettingsError, match="suggests none"):
        ld.explore(ld.problems.symbolic("x1**2"), max_index=1)


def test_no_scheduler_at_the_address() -> None:
    with pytest.raises(ClusterError, match=r"127\.0\.0\.1:1"):
        ld.explore(lattice(), max_index=3, on=ld.Scheduler("tcp://127.0.0.1:1", timeout=1.0))


def test_an_energy_that_raises_is_recorded_with_its_reason() -> None:
    def energy(X: np.ndarray) -> np.ndarray:
        return np.sum((X**2 - 1) ** 2, axis=1)

    def gradient(X: np.ndarray) -> np.ndarray:
        if (X[:, 0] > 0.5).any():
            raise ValueError("detector saturated")
        return 4 * X * (X**2 - 1)

    problem = ld.problems.from_callable(
        energy, gradient=gradient, dim=2, batched=True, check=False, domain=ld.problems.Box(-2, 2)
    )
    landscape = ld.explore(problem, start=[0.1, 0.1], max_index=2, upward="none")
    assert landscape.finished
    assert landscape.counters["by_status"]["raised"] > 0
    assert any("detector saturated" in m for m in landscape.failures.message)
    assert landscape.counts_by_index == {0: 2, 1: 3, 2: 1}


def test_status_reports() -> None:
    seen = []
    ld.explore(lattice(), max_index=3, on_status=seen.append)
    assert seen[-1].n_points == 27
    assert seen[-1].by_index == {0: 8, 1: 12, 2: 6, 3: 1}
    assert seen[-1].n_in_flight == 0


def test_several_starts() -> None:
    landscape = ld.explore(ld.systems.butterfly(), start=[[0.1, 0.1], [1.2, -0.6]], max_index=2)
    assert landscape.counts_by_index == {0: 4, 1: 4, 2: 1}
    assert (landscape.searches.kind == 0).sum() >= 2


def test_a_run_that_never_reached_its_cluster_leaves_no_store(tmp_path: Path) -> None:
    store, nowhere = tmp_path / "a.zarr", ld.Scheduler("tcp://127.0.0.1:9", timeout=1.0)
    with pytest.raises(ClusterError):
        ld.explore(ld.systems.butterfly(), store=store, on=nowhere)
    assert not store.exists()
    ld.explore(ld.systems.butterfly(), store=store, max_searches=1)
    with pytest.raises(ClusterError):
        ld.explore(ld.systems.butterfly(), store=store, max_searches=2, on=nowhere)
    assert len(ld.open(store).searches) == 1


def test_what_the_module_of_version_0_1_held_is_still_there() -> None:
    from landscape_dist import campaign

    for name in campaign._MOVED:
        assert getattr(campaign, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = campaign.nothing
