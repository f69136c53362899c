"""Restarts: they find what no walk leads to, depend on nothing but what is known, and are made once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import landscape_dist as ld
from landscape_dist.errors import SettingsError
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.exploration.slots import confirm_slot, confirmed, is_restart, restart_slot, restarted
from landscape_dist.problems.domain import Box
from landscape_dist.records import SearchKind
from landscape_dist.upkeep.revision import extend, merge

# A bowl with a well and, apart from it, two bumps: each one's maximum and the saddle behind it form an island.
ISLAND = (
    "0.15*x1**2 + 0.2*x2**2 + 0.25*x3**2 - 2*exp(-4*(x1-0.5)**2 - 3*x2**2 - 2*x3**2)"
    " + 3*exp(-5*(x1+1.5)**2 - 4*(x2-1)**2 - 6*(x3-0.7)**2) + 2*exp(-3*(x1-1.5)**2 - 4*(x2+1)**2 - 5*(x3-0.3)**2)"
)


def island(**more: Any) -> ld.problems.Problem:
    return ld.problems.symbolic(ISLAND, 3, **more)


def as_set(landscape: ld.Landscape) -> set[tuple[Any, ...]]:
    return {(p.index, *np.round(p.x, 5).tolist()) for p in landscape.points}


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**16 - 1), st.sampled_from([SearchKind.RESTART, SearchKind.CURVE]))
def test_slots_tell_number_kind_and_target(number: int, target: int, kind: SearchKind) -> None:
    slot = restart_slot(np.array([number]), np.array([kind]), np.array([target]))
    assert is_restart(slot).all()
    assert [int(a[0]) for a in restarted(slot)] == [number, kind, target]


@given(st.integers(0, 2**31 - 2**18), st.integers(0, 2**31 - 1), st.integers(0, 16))
def test_slots_of_restarts_are_no_others(upper: int, lower: int, image: int) -> None:
    ids = 2**28
    pair = np.array([upper]), np.array([lower])
    if image:
        pair = pair[0] % ids, pair[1] % ids
    slot = confirm_slot(*pair, image)
    assert not is_restart(slot).any()
    assert [int(a[0]) for a in confirmed(slot)] == [int(pair[0][0]), int(pair[1][0]), image]


def test_an_island_is_found() -> None:
    alone = ld.explore(island(), [0.3, 0.2, 0.1], max_index=3, restarts="none")
    found = ld.explore(island(), [0.3, 0.2, 0.1], max_index=3, prove="none")
    assert len(alone.points) < len(found.points)
    assert found.counts_by_index == {0: 1, 2: 2, 3: 2}
    assert sum((-1) ** p.index for p in found.points) == 1
    assert as_set(alone) <= as_set(found)


def test_they_say_where_they_come_from() -> None:
    searches = ld.explore(ld.systems.get("butterfly"), prove="none").searches
    again = searches.kind >= SearchKind.RESTART
    assert again.any()
    assert (searches.parent[again] == -1).all()
    assert (searches.slot[again] < 0).all()
    assert len(np.unique(searches.slot)) == len(searches)


@pytest.mark.parametrize("name", ["muller_brown", "butterfly", "coupled_lattice"])
def test_few_are_made_where_they_find_nothing(name: str) -> None:
    problem = ld.systems.get(name)
    with_them, without = ld.explore(problem, prove="none"), ld.explore(problem, restarts="none")
    assert as_set(with_them) == as_set(without)
    assert with_them.counters["n_gradients"] <= 1.3 * without.counters["n_gradients"]


def test_a_number_of_them() -> None:
    searches = ld.explore(ld.systems.get("butterfly"), restarts=40, prove="none").searches
    assert np.count_nonzero(searches.kind >= SearchKind.RESTART) == 40


@pytest.mark.parametrize("settings", [{"upward": "none"}, {"max_index": 0}, {"restarts": "none"}, {"step": "explicit"}])
def test_none_where_none_are_asked_for(settings: dict[str, Any]) -> None:
    landscape = ld.explore(ld.systems.get("muller_brown"), **settings)
    assert not (landscape.searches.kind >= SearchKind.RESTART).any()


@pytest.mark.parametrize("value", ["some", 0, -3, 2.5, True])
def test_what_they_cannot_be(value: Any) -> None:
    with pytest.raises(SettingsError, match="restarts is"):
        ExploreSettings(max_index=1, restarts=value)


@pytest.mark.parametrize("prove", ["auto", "none"])
def test_stopped_and_gone_on_with(tmp_path: Path, prove: str) -> None:
    asked: dict[str, Any] = {"start": [0.3, 0.2, 0.1], "max_index": 3, "prove": prove}
    whole = ld.explore(island(), **asked)
    store, n = tmp_path / "s.zarr", 20
    while not ld.explore(island(), **asked, store=store, max_searches=n).finished:
        n += max(20, n // 3)  # each of them reads all that there is
    landscape = ld.open(store)
    assert as_set(landscape) == as_set(whole)
    assert set(landscape.searches.slot.tolist()) == set(whole.searches.slot.tolist())
    assert landscape.audit().verdict == whole.audit().verdict == ("proved" if prove == "auto" else "supported")


@pytest.mark.parametrize("prove", ["auto", "none"])
def test_merging_makes_none_twice(tmp_path: Path, prove: str) -> None:
    a, b, both = (tmp_path / name for name in ("a.zarr", "b.zarr", "c.zarr"))
    one = ld.explore(island(), [0.3, 0.2, 0.1], max_index=3, store=a, prove=prove)
    ld.explore(island(), [0.3, 0.2, 0.1], max_index=3, store=b, prove=prove)
    merge([a, b], both)
    merged = ld.open(both)
    assert merged.finished
    assert as_set(merged) == as_set(one)
    made, again = (np.count_nonzero(some.searches.kind >= SearchKind.RESTART) for some in (merged, one))
    # Those from points that are proved are told as they were made; nobody else would make them.
    assert made == (2 * again if prove == "auto" else again)
    assert merged.audit().verdict == one.audit().verdict


def test_what_they_found_is_kept_by_a_landscape_with_other_starts(tmp_path: Path) -> None:
    store = tmp_path / "s.zarr"
    one = ld.explore(island(), [0.3, 0.2, 0.1], max_index=3, store=store)
    extend(store, starts=[[-1.0, 0.5, 0.2]])
    assert as_set(one) <= as_set(ld.open(store))


def test_stores_of_versions_without_them_go_on_without(tmp_path: Path) -> None:
    from landscape_dist.campaign.header import differences

    landscape = ld.explore(ld.systems.get("muller_brown"), store=tmp_path / "s.zarr", restarts="none")
    old = {**landscape.header, "explore": dict(landscape.header["explore"])}
    for name in ("restarts", "null_directions"):
        del old["explore"][name]
    new = {**old, "explore": {**old["explore"], "restarts": "none", "null_directions": "none"}}
    assert differences(old, new) == []
    assert ExploreSettings.of_store(old["explore"]).restarts == "none"


def test_they_begin_within_the_domain() -> None:
    from landscape_dist.exploration.restarts import restarts
    from landscape_dist.exploration.sampling import content_hash
    from landscape_dist.exploration.slots import Slots
    from landscape_dist.exploration.tables import PointTable

    landscape = ld.explore(ld.systems.get("muller_brown"))
    points, settings = landscape.columns, ExploreSettings(max_index=2)
    slots = Slots(np.zeros((1, 2)), settings, PointTable(2, 2))
    box = Box((-1.0, 0.0), (0.7, 1.5))
    numbers, order = np.arange(200), np.random.default_rng(0).permutation(len(points))
    content = content_hash(points.x)
    X, kind, target = restarts(slots, numbers, points, content, box)
    random = kind == SearchKind.RESTART
    assert (box.contains(X[random], margin=0.05)).all()
    assert set(target.tolist()) == {0, 1, 2}
    # Who found a point first changes nothing.
    mixed = type(points)(*(getattr(points, name)[order] for name in points.__slots__))
    Y, *rest = restarts(slots, numbers, mixed, content[order], box)
    assert np.array_equal(X, Y)
    assert all(np.array_equal(a, b) for a, b in zip((kind, target), rest, strict=True))


def test_a_start_that_comes_to_nothing_is_no_end() -> None:
    """Around it there are points all the same."""
    problem = ld.problems.symbolic("x1**2/20 + x2**2/20 + 3*sin(x1)*sin(x2)")
    blind = ld.explore(problem, (0.2, 0.1), max_index=2, max_steps=2, restarts="none")
    assert len(blind.points) == 0
    found = ld.explore(ld.problems.symbolic("exp(-x1**2 - x2**2) + (x1**2 + x2**2)/100"), (9.0, 40.0), max_index=2)
    assert len(found.points) > 0
