"""Searches that confirm arrows between points with several images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.exploration.slots import confirm_slot, confirmed
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.solver import solve_batch
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.records import SearchColumns, SearchKind
from landscape_dist.spaces.flat import Torus
from landscape_dist.spaces.symmetry import PeriodicCoordinates

PERIODS = np.full(2, 2 * np.pi)
TORUS = PeriodicCoordinates(PERIODS, 1e-4)
# The default radius goes by the size of the coordinates, and so by the image that is stored.
SOLVER = SolverSettings(perturbation_radius=3e-3)
ENERGY = "1.1*cos(x1 + 2*x2 + 1) + 0.8*cos(2*x1 - x2) + 0.6*cos(x1 + 4) + 1.2*cos(x2 + 2) + 0.7*cos(2*x2 - 2*x1 + 3)"


def problem() -> ld.problems.Problem:
    energy = ld.problems.symbolic(ENERGY, 2, check=False)
    energy.periods = PERIODS
    return energy


def coordinator(start: list[float], torus: bool = True) -> Coordinator:
    space = Torus(PERIODS) if torus else None
    return Coordinator(np.array([start]), ExploreSettings(max_index=2), TORUS, 2, space)


def run(one: Coordinator, size: int = 1000, rng: np.random.Generator | None = None) -> PathwayMap:
    energy = problem()
    while not one.finished:
        batch = one.ask(size)
        assert batch is not None
        order = np.arange(len(batch)) if rng is None else rng.permutation(len(batch))
        one.tell(solve_batch(energy, batch.select(order), SOLVER))
    one.validate()
    return PathwayMap(one.points.view(), one.searches.view())


def test_slots_name_two_points_and_an_image() -> None:
    upper, lower = np.array([0, 5, 2**29 - 1]), np.array([3, 0, 2**29 - 1])
    slots = [confirm_slot(upper, lower, image) for image in range(17)]
    assert (np.array(slots) < 0).all()
    assert len(np.unique(slots)) == 51
    for image, some in enumerate(slots):
        for found, given in zip(confirmed(some), (upper, lower, np.full(3, image)), strict=True):
            assert found.tolist() == given.tolist()
    assert confirm_slot(np.array([2]), np.array([7])).tolist() == [-1 - (2 * 2**31 + 7)]  # as in version 0.1


def test_any_order_and_any_image_of_the_start_give_the_same_arrows() -> None:
    reference = run(coordinator([0.3, 0.4]))
    for seed in range(3):
        rng = np.random.default_rng(seed)
        start = [0.3 + 2 * np.pi * rng.integers(-2, 3), 0.4 + 2 * np.pi * rng.integers(-2, 3)]
        found = run(coordinator(start), int(rng.integers(1, 9)), rng)
        assert compare(found, reference, judgement=TORUS).is_empty


def test_more_arrows_than_towards_the_images_that_are_stored() -> None:
    made = [coordinator([0.3, 0.4], torus=True), coordinator([0.3, 0.4], torus=False)]
    for one in made:
        run(one)
    # In a space of more dimensions the upward searches to index 2 would not be arrows themselves.
    torus, stored = (PathwayMap(one.points.view(), one.searches.view(), dim=3) for one in made)
    difference = compare(stored, torus, judgement=TORUS)
    assert not difference.only_in_a
    assert not difference.only_in_b
    assert not difference.arrows_only_in_a
    assert difference.arrows_only_in_b


def test_a_resumed_run_aims_at_what_the_first_would_have() -> None:
    first = coordinator([0.3, 0.4])
    reference = run(first)
    searches = first.searches.view()
    aimed = np.flatnonzero(searches.kind == SearchKind.CONFIRM)
    assert len(aimed)
    for last in (aimed[0], aimed[0] + 1, aimed[-1]):
        again = coordinator([0.3, 0.4])
        told = SearchColumns(*(getattr(searches, name)[:last] for name in searches.__slots__))
        points = first.points.view()
        points = type(points)(*(getattr(points, n)[: int(told.child.max()) + 1] for n in points.__slots__))
        again.replay(points, told)
        assert compare(run(again), reference, judgement=TORUS).is_empty
        assert set(again.searches.view().slot.tolist()) == set(searches.slot.tolist())


def test_a_store_that_aimed_at_stored_images_gains_the_arrows() -> None:
    before = coordinator([0.3, 0.4], torus=False)
    run(before)
    again = coordinator([0.3, 0.4])
    again.replay(before.points.view(), before.searches.view())
    assert compare(run(again), run(coordinator([0.3, 0.4])), judgement=TORUS).is_empty


@pytest.mark.parametrize("part", [5, 40])
def test_a_store_is_gone_on_with(part: int, tmp_path: Path) -> None:
    whole = ld.explore(problem(), [0.3, 0.4], 2)
    ld.explore(problem(), [0.3, 0.4], 2, store=tmp_path / "a.zarr", max_searches=part)
    resumed = ld.explore(problem(), [0.3, 0.4], 2, store=tmp_path / "a.zarr")
    assert resumed.finished
    assert compare(resumed.pathways, whole.pathways, judgement=TORUS).is_empty
