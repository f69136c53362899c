"""Landscapes made anew from stores are the ones that a run with the new starts and settings would have found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zarr.storage import MemoryStore

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.campaign.opening import open_sessions
from landscape_dist.errors import SettingsError, StoreError, StoreInUseError, StoreMismatchError
from landscape_dist.records import SearchKind, SearchStatus
from landscape_dist.spaces.signed_permutations import SignedPermutations
from landscape_dist.store.database import Database
from landscape_dist.upkeep.revision import extend, go_on, merge, retry
from landscape_dist.upkeep.verification import verify_store


def lattice(dim: int = 3) -> Any:
    return ld.systems.coupled_lattice(dim=dim, coupling=0.2)


# Several rounds of upward samples, some with arrows to confirm.
PROBLEMS: dict[str, tuple[Callable[[], Any], int, int]] = {
    "lattice": (lattice, 1, 3),
    "butterfly": (ld.systems.butterfly, 1, 2),
    "arctan_3d": (lambda: ld.systems.arctan_3d(alpha=3.0), 2, 3),
}
SETTINGS = {"patience": 16}


def starts_of(problem: Any) -> np.ndarray:
    first = np.atleast_1d(problem.suggested_start)
    return np.stack([first, 0.5 * first + 0.13 * np.random.default_rng(5).standard_normal(problem.dim)])


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("budget", [None, 12, 40])
def test_a_merged_landscape_is_the_single_run(name: str, budget: int | None, tmp_path: Path) -> None:
    factory, index, _ = PROBLEMS[name]
    starts = starts_of(factory())
    whole = ld.explore(factory(), starts, index, **SETTINGS)
    stores = [tmp_path / "a", tmp_path / "b"]
    parts = [
        ld.explore(factory(), start, index, store=store, max_searches=budget, **SETTINGS)
        for start, store in zip(starts, stores, strict=True)
    ]
    done = merge(stores, tmp_path / "c")
    assert verify_store(tmp_path / "c").sound
    merged = ld.open(tmp_path / "c")
    for part in parts:  # nothing that was found is lost
        assert not compare(part.pathways, merged.pathways).only_in_a
        assert not compare(part.pathways, merged.pathways).arrows_only_in_a
    complete = budget is None
    if complete:
        assert compare(merged.pathways, whole.pathways).is_empty
    n = len(merged.searches)
    merge(stores[::-1], tmp_path / "d")
    assert compare(merged.pathways, ld.open(tmp_path / "d").pathways).is_empty
    if name == "arctan_3d":  # told searches of later rounds, too, and is resumed again and again
        for budget in (n + 3, n + 15):
            ld.explore(factory(), starts, index, store=tmp_path / "c", max_searches=budget, **SETTINGS)
    rest = ld.explore(factory(), starts, index, store=tmp_path / "c", **SETTINGS)
    assert rest.finished
    assert compare(rest.pathways, whole.pathways).is_empty
    if complete:  # more searches in all may ask for more restarts, and for nothing else
        added = ~np.isin(rest.searches.slot, merged.searches.slot)
        assert (rest.searches.kind[added] >= SearchKind.RESTART).all()
    assert done.n_searches == n <= sum(len(part.searches) for part in parts)
    assert merged.counters["n_gradients"] == sum(part.counters["n_gradients"] for part in parts)
    sessions = open_sessions(tmp_path / "c")
    assert [one["action"] for one in sessions[:4]] == ["run", "run", "merge", "run"]
    assert sessions[1]["store"] == str(stores[1])


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("budget", [None, 9])
def test_an_extended_landscape_is_a_fresh_run(name: str, budget: int | None, tmp_path: Path) -> None:
    factory, index, higher = PROBLEMS[name]
    starts, store = starts_of(factory()), tmp_path / "x"
    before = ld.explore(factory(), starts[0], index, store=store, max_searches=budget, **SETTINGS)
    extend(store, starts=starts[1], max_index=higher)
    assert not compare(before.pathways, ld.open(store).pathways).arrows_only_in_a
    n_known = len(ld.open(store).searches)
    landscape = ld.explore(factory(), starts, higher, store=store, **SETTINGS)
    assert landscape.finished
    assert compare(landscape.pathways, ld.explore(factory(), starts, higher, **SETTINGS).pathways).is_empty
    assert n_known == len(before.searches), "what was known was not made again"
    assert verify_store(store).sound


def test_failures_are_made_again_with_other_settings(tmp_path: Path) -> None:
    store = tmp_path / "x"
    failed = ld.explore(lattice(), [0.1] * 3, 3, store=store, max_steps=8)
    n_failed = failed.counters["by_status"]["max_steps"]
    assert 0 < n_failed < len(failed.searches)
    with pytest.raises(SettingsError, match="did you mean 'max_steps'"):
        retry(store, ["max_step"])
    done = retry(store, ["max_steps", "hung"], settings={"max_steps": None})
    assert done.n_dropped == n_failed
    assert done.header["solver"]["max_steps"] is None
    with pytest.raises(StoreMismatchError, match="max_steps: None, now 8"):
        ld.explore(lattice(), [0.1] * 3, 3, store=store, max_steps=8)
    landscape = ld.explore(lattice(), [0.1] * 3, 3, store=store)
    assert compare(landscape.pathways, ld.explore(lattice(), [0.1] * 3, 3).pathways).is_empty
    assert "max_steps" not in landscape.counters["by_status"]
    sessions = open_sessions(store)
    assert [one["action"] for one in sessions] == ["run", "retry", "run"]
    assert sessions[1]["before"]["solver"]["max_steps"] == 8
    assert sessions[1]["statuses"] == ["max_steps", "hung"]


def test_failures_that_are_kept_keep_their_reasons(tmp_path: Path) -> None:
    store = tmp_path / "x"

    def energy(x: np.ndarray) -> float:
        if x[0] > 1.2:
            raise RuntimeError(f"no energy beyond {1.2}")
        return float((x[0] ** 2 - 1) ** 2 + (x[1] ** 2 - 1) ** 2)

    problem = ld.problems.from_callable(energy, dim=2, domain=ld.problems.Box(-3, 3), check=False)
    before = ld.explore(problem, [0.1, 0.1], 2, store=store)
    assert any(before.failures.message)
    retry(store, ["hung"], same=1e-4)
    after = ld.open(store)
    by_slot = dict(zip(before.failures.slot.tolist(), before.failures.message, strict=True))
    assert by_slot == dict(zip(after.failures.slot.tolist(), after.failures.message, strict=True))
    assert sorted(by_slot) == sorted(after.searches.slot[after.searches.child < 0].tolist())


def test_paths_go_with_their_searches(tmp_path: Path) -> None:
    store = tmp_path / "x"
    before = ld.explore(lattice(2), [0.1, 0.9], 1, store=store, keep_trajectories=True, trajectory_points=8)

    def ends(landscape: Any) -> list[Any]:
        return sorted(np.round(path.x, 9).tolist() for path in landscape.trajectories.values())

    kept = ends(before)
    extend(store, max_index=2)
    after = ld.open(store)
    assert len(kept) > 3
    assert ends(after) == kept
    for slot, path in after.trajectories.items():
        row = int(np.flatnonzero(after.searches.slot == slot)[0])
        child = after.searches.child[row]
        if after.searches.status[row] == SearchStatus.CONVERGED:
            np.testing.assert_allclose(path.x[-1], after.columns.x[child], atol=1e-6)


def test_a_merge_up_to_symmetry_loses_nothing(tmp_path: Path) -> None:
    """Points of the second store are mirror images of the first one's: their frames are others."""
    same = SignedPermutations(1e-4, sign_flips=[[0], [1]])
    problem = ld.problems.symbolic("(x1**2 - 1)**2 + 2*(x2**2 - 1)**2", domain=ld.problems.Box(-3, 3))
    stores = [tmp_path / "a", tmp_path / "b"]
    starts = [[0.3, 0.8], [-0.3, -0.8]]
    for start, store in zip(starts, stores, strict=True):
        ld.explore(problem, start, 1, store=store, same=same)
    merge(stores, tmp_path / "c")
    landscape = ld.explore(problem, starts, 1, store=tmp_path / "c", same=same)
    whole = ld.explore(problem, starts, 1, same=same)
    assert compare(landscape.pathways, whole.pathways, judgement=same).is_empty
    assert landscape.counts_by_index == whole.counts_by_index


def test_stores_of_different_landscapes_are_not_merged(tmp_path: Path) -> None:
    ld.explore(lattice(), [0.1] * 3, 1, store=tmp_path / "a")
    for name, problem, start, index in (
        ("coupling", ld.systems.coupled_lattice(dim=3, coupling=0.1), [0.1] * 3, 1),
        ("max_index", lattice(), [0.1] * 3, 2),
        ("dim", lattice(2), [0.1] * 2, 1),
    ):
        ld.explore(problem, start, index, store=tmp_path / name)
        with pytest.raises(StoreMismatchError, match=f"cannot be merged: .*{name}"):
            merge([tmp_path / "a", tmp_path / name], tmp_path / "c")
    with pytest.raises(SettingsError, match="give two or more"):
        merge([tmp_path / "a"], tmp_path / "c")
    with pytest.raises(StoreError, match="already holds a landscape"):
        merge([tmp_path / "a", tmp_path / "a"], tmp_path / "dim")
    assert not (tmp_path / "c").exists()


def test_tolerances_that_go_by_the_starts_go_by_all_of_them(tmp_path: Path) -> None:
    domain = ld.problems.Box(-9, 9)
    factory = lambda: ld.systems.coupled_lattice(dim=2, domain=domain)  # noqa: E731
    ld.explore(factory(), [0.1, 0.1], 2, store=tmp_path / "a")
    ld.explore(factory(), [5.0, 0.1], 2, store=tmp_path / "b")
    done = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert done.header["same"] == {"kind": "distance", "atol": 5e-4}
    assert ld.explore(factory(), [[0.1, 0.1], [5.0, 0.1]], 2, store=tmp_path / "c").finished


def test_what_cannot_be_changed_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "x"
    ld.explore(lattice(), [0.1] * 3, 2, store=store)
    with pytest.raises(SettingsError, match="max_index is 1; give a whole number from 2"):
        extend(store, max_index=1)
    with pytest.raises(SettingsError, match="same_atol cannot be changed"):
        extend(store, settings={"same_atol": 1.0})
    with pytest.raises(SettingsError, match="no setting named 'max_stepz'"):
        retry(store, ["hung"], settings={"max_stepz": 1})
    with pytest.raises(SettingsError, match="give lists of 3"):
        extend(store, starts=[1.0, 2.0])
    with pytest.raises(SettingsError, match=r"start \[50.0, 0.0, 0.0\] lies outside of the domain"):
        extend(store, starts=[[0.2, 0.2, 0.2], [50.0, 0.0, 0.0]])
    with Database.open(store, "a"), pytest.raises(StoreInUseError):
        extend(store, max_index=3)
    assert ld.open(store).header["explore"]["max_index"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_stores_that_are_no_directories_need_another(tmp_path: Path) -> None:
    store, other = MemoryStore(), MemoryStore()
    ld.explore(lattice(2), [0.1] * 2, 1, store=store)
    with pytest.raises(StoreError, match="--out"):
        extend(store, max_index=2)
    extend(store, max_index=2, out=other)
    landscape = go_on(other, workers=None)
    assert landscape.counts_by_index == {0: 4, 1: 4, 2: 1}
    assert landscape.finished


def test_going_on_ignores_the_budgets_of_earlier_sessions(tmp_path: Path) -> None:
    ld.explore(lattice(2), [0.1] * 2, 2, store=tmp_path / "x", max_searches=5)
    assert not go_on(tmp_path / "x", max_searches=7).finished
    landscape = go_on(tmp_path / "x")
    assert landscape.finished
    assert landscape.counts_by_index == {0: 4, 1: 4, 2: 1}
