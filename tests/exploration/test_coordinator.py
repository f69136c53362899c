"""Any order of arrival, any number of tellings, pickles and resumes: the same set of points and arrows."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.errors import SettingsError
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.solver import solve_batch
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.records import FailureColumns, PointColumns, ResultBatch, SearchColumns, SearchKind, SearchStatus
from landscape_dist.spaces.judgement import Distance

SOLVER = SolverSettings()


def butterfly() -> Coordinator:
    return Coordinator(np.array([0.1, 0.1]), ExploreSettings(max_index=2), Distance(1e-4, 2), 2)


def lattice() -> Coordinator:
    return Coordinator(np.full(3, 0.1), ExploreSettings(max_index=3), Distance(1e-4, 3), 3)


CASES = {"butterfly": (butterfly, ld.systems.butterfly()), "lattice": (lattice, ld.systems.coupled_lattice(dim=3))}


def run(coordinator: Coordinator, problem: object, size: int = 10_000) -> PathwayMap:
    while not coordinator.finished:
        batch = coordinator.ask(size)
        assert batch is not None
        assert len(batch) <= size
        coordinator.tell(solve_batch(problem, batch, SOLVER))
    coordinator.validate()
    return PathwayMap(coordinator.points.view(), coordinator.searches.view())


REFERENCE = {name: run(make(), problem) for name, (make, problem) in CASES.items()}


def assert_same(coordinator: Coordinator, name: str) -> None:
    coordinator.validate()
    found = PathwayMap(coordinator.points.view(), coordinator.searches.view())
    difference = compare(found, REFERENCE[name])
    assert difference.is_empty, str(difference)
    assert len(coordinator.searches) == int(REFERENCE_SEARCHES[name])


REFERENCE_SEARCHES: dict[str, int] = {}
for _name, (_make, _problem) in CASES.items():
    _c = _make()
    run(_c, _problem)
    REFERENCE_SEARCHES[_name] = len(_c.searches)


@pytest.mark.parametrize("name", CASES)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_any_order_twice_told_pickled_and_forgotten(name: str, seed: int) -> None:
    make, problem = CASES[name]
    rng = random.Random(seed)
    coordinator = make()
    flying: list[ResultBatch] = []
    told: list[ResultBatch] = []
    while not coordinator.finished or flying:
        action = rng.random()
        if action < 0.5:
            batch = coordinator.ask(rng.randint(1, 12))
            if batch is not None:
                lost = rng.random() < 0.2
                if lost:
                    coordinator.forget(batch.slot)
                if not lost or rng.random() < 0.5:  # what was given up may arrive after all
                    order = np.array(rng.sample(range(len(batch)), len(batch)))
                    flying.append(solve_batch(problem, batch.select(order), SOLVER))
        elif action < 0.9 and flying:
            result = flying.pop(rng.randrange(len(flying)))
            told.append(result)
            coordinator.tell(result)
        elif action < 0.95 and told:
            before = (len(coordinator.points), len(coordinator.searches))
            again = coordinator.tell(rng.choice(told))
            assert len(again.searches) == len(again.points) == len(again.failures) == 0
            assert (len(coordinator.points), len(coordinator.searches)) == before
        elif action >= 0.97:
            coordinator = pickle.loads(pickle.dumps(coordinator))
    assert_same(coordinator, name)


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_resumes_from_any_prefix_of_the_journal(name: str, data: st.DataObject) -> None:
    """The journal is cut after a random commit; a new coordinator goes on from there, several times."""
    make, problem = CASES[name]
    points: list[PointColumns] = []
    searches: list[SearchColumns] = []
    for _ in range(data.draw(st.integers(1, 4), label="sessions")):
        coordinator = make()
        if searches:
            coordinator.replay(joined(points), joined(searches))
            coordinator.validate()
        for _ in range(data.draw(st.integers(0, 12), label="batches")):
            batch = None if coordinator.finished else coordinator.ask(data.draw(st.integers(1, 20)))
            if batch is None:
                break
            decisions = coordinator.tell(solve_batch(problem, batch, SOLVER))
            if data.draw(st.booleans(), label="lost before its commit"):
                break
            points.append(decisions.points)
            searches.append(decisions.searches)
    coordinator = make()
    if searches:
        coordinator.replay(joined(points), joined(searches))
    run(coordinator, problem, 7)
    assert_same(coordinator, name)


def joined(parts: list) -> object:
    kind = type(parts[0])
    return kind(**{f: np.concatenate([getattr(p, f) for p in parts]) for f in kind.__dataclass_fields__})


def test_a_finished_landscape_replays_as_finished() -> None:
    first = lattice()
    run(first, CASES["lattice"][1])
    again = lattice()
    again.replay(first.points.view(), first.searches.view())
    assert again.finished
    assert again.round == first.round


def test_failures_are_told_apart_from_points() -> None:
    coordinator = butterfly()
    batch = coordinator.ask(10)
    n = len(batch)
    nothing = np.full(n, -1, dtype=np.int32)
    decisions = coordinator.tell(
        ResultBatch(
            batch.slot,
            np.full(n, SearchStatus.RAISED, dtype=np.int8),
            np.zeros((n, 2)),
            np.full(n, np.nan),
            nothing,
            nothing,
            np.full(n, np.nan),
            np.full((n, 2), np.nan),
            np.zeros(n, dtype=np.int32),
            messages={int(batch.slot[0]): "ValueError: no"},
        )
    )
    assert isinstance(decisions.failures, FailureColumns)
    assert decisions.failures.message[0] == "ValueError: no"
    assert len(decisions.points) == 0
    following = coordinator.ask(10)
    assert following.target_index == batch.target_index - 1, "the start goes on to the next lower index"


def test_arrows_that_undecided_searches_do_not_show_are_confirmed() -> None:
    """They have found their points, and count as hits, and what upward searches suggest is aimed at all the same."""
    one, problem = lattice(), ld.systems.coupled_lattice(dim=3)
    while not one.finished:
        batch = one.ask(1000)
        assert batch is not None
        result = solve_batch(problem, batch, SOLVER)
        if batch.kind == SearchKind.DOWN and batch.target_index == 1:
            result.status[result.status == SearchStatus.CONVERGED] = SearchStatus.UNDECIDED
        one.tell(result)
    one.validate()
    searches, index = one.searches.view(), one.points.view().index
    assert len(index) == 27
    undecided = searches.status == SearchStatus.UNDECIDED
    assert undecided.any()
    found = PathwayMap(one.points.view(), searches).connections
    to_ones = [c for c in found if index[c.child_id] == 1]
    assert to_ones
    assert all(origin < 0 for c in to_ones for origin in c.origins)  # aimed searches alone
    suggested = (searches.kind == SearchKind.UP) & (searches.target == 2) & (searches.child >= 0)
    pairs = {(int(p), int(c)) for p, c in zip(searches.child[suggested], searches.parent[suggested], strict=True)}
    assert pairs <= {(c.parent_id, c.child_id) for c in to_ones}


def test_a_start_that_ends_above_all_indices_goes_on(tmp_path: Path) -> None:
    def run(**more: int) -> ld.Landscape:
        # From here the search for index 1 ends at the index-2 saddle, from which no searches start.
        store = tmp_path / "s.zarr"
        return ld.explore(ld.systems.butterfly(), start=[0.625, 1.0], max_index=1, store=store, **more)

    assert [p.index for p in run(max_searches=1).points] == [2]
    assert sorted(p.index for p in run().points) == [0] * 4 + [1] * 4 + [2]


def test_a_start_that_finds_nothing_at_any_index_ends_the_run() -> None:
    landscape = ld.explore(ld.problems.symbolic("x1 + x2"), start=[0.0, 0.0], max_index=1)
    assert landscape.finished
    assert len(landscape.points) == 0
    # Two from the start and, since these say nothing of what is around it, one sample of restarts.
    assert set(landscape.counters["by_status"]) == {"left_domain"}
    few = ld.explore(ld.problems.symbolic("x1 + x2"), start=[0.0, 0.0], max_index=1, restarts="none")
    assert few.counters["by_status"] == {"left_domain": 2}


def test_upward_sampling_stops_after_a_fruitless_round() -> None:
    landscape = ld.explore(ld.systems.coupled_lattice(dim=5), max_index=5, patience=20, restarts="none")
    up = landscape.searches.kind == 2
    assert up.sum() == 20
    assert landscape.searches.round.max() == 1
    assert len(landscape.points) == 3**5


def test_upward_all_makes_every_search() -> None:
    landscape = ld.explore(ld.systems.coupled_lattice(dim=3), max_index=3, upward="all")
    assert (landscape.searches.kind == 2).sum() == 4 * 3 * 9
    assert len(landscape.points) == 27


@pytest.mark.parametrize(("budget", "name"), [({"max_searches": 25}, "searches"), ({"max_points": 6}, "points")])
def test_budgets(budget: dict[str, int], name: str) -> None:
    landscape = ld.explore(ld.systems.coupled_lattice(dim=3), max_index=3, **budget)
    assert len(getattr(landscape, name)) >= next(iter(budget.values()))
    if name == "searches":
        assert len(landscape.searches) == 25
    assert len(landscape.points) < 27


def test_index_gap_and_combinations() -> None:
    """From the top of a separable energy all 26 other points can be reached directly (3^k - 1)."""
    problem = ld.systems.weighted_cubic(dim=3)
    wide = ld.explore(problem, max_index=3, max_index_gap=3, upward="none")
    assert len(wide.points) == 27
    gaps = {wide.points[c.parent_id].index - wide.points[c.child_id].index for c in wide.connections}
    assert {1, 2} <= gaps
    narrow = ld.explore(problem, max_index=3, combinations="min", upward="none")
    assert len(narrow.searches) < 20


def test_min_index_is_respected() -> None:
    landscape = ld.explore(ld.systems.weighted_cubic(dim=3), max_index=3, min_index=1)
    assert set(landscape.counts_by_index) == {1, 2, 3}
    assert len(landscape.points) == 19


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"max_index": 4}, "above the dimension"),
        ({"max_index": 1, "min_index": 2}, "min_index is 2"),
        ({"max_index": -1}, "max_index is -1"),
        ({"max_index": 1, "upward": "some"}, "upward is 'some'"),
        ({"max_index": 1, "patience": 0}, "patience is 0"),
        ({"max_index": 1, "combinations": "few"}, "combinations is 'few'"),
    ],
)
def test_settings_that_cannot_work(settings_: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Coordinator(np.zeros(3), ExploreSettings(**settings_), Distance(1e-4, 3), 3)
