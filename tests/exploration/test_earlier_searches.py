"""What is known is told in the order of a fresh run, nothing of it is lost, and a resume agrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.earlier_searches import MadeBefore, tell_known
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.records import SearchKind
from landscape_dist.spaces.judgement import Distance

START = np.array([[0.7, 0.7, 0.7]])


def made(max_index: int, budget: int | None, **settings: Any) -> MadeBefore:
    landscape = ld.explore(ld.systems.arctan_3d(alpha=3.0), START, max_index, max_searches=budget, **settings)
    policy = ExploreSettings(max_index=max_index, **settings)
    return MadeBefore(landscape.columns, landscape.searches, landscape.failures, START, policy)


def new(max_index: int, **settings: Any) -> Coordinator:
    return Coordinator(START, ExploreSettings(max_index=max_index, **settings), Distance(1e-4, 3), 3)


def waiting(coordinator: Coordinator) -> list[int]:
    slots = []
    while (batch := coordinator.ask(50)) is not None:
        slots += batch.slot.tolist()
    return sorted(slots)


@pytest.mark.parametrize("budget", [1, 7, 20, 35, 60, None])
@pytest.mark.parametrize(("before", "after"), [(2, 2), (2, 3), (1, 3)])
def test_a_resume_agrees_with_what_was_told(budget: int | None, before: int, after: int) -> None:
    source = made(before, budget, patience=8)
    coordinator = new(after, patience=8)
    told = list(tell_known(coordinator, [source]))
    coordinator.validate()
    assert sum(len(decisions.searches) for _, decisions in told) == len(coordinator.searches)
    assert len(coordinator.searches) == len(source.searches), "a search was lost"
    assert len(coordinator.points) == len(source.points)
    resumed = new(after, patience=8)
    resumed.replay(coordinator.points.view(), coordinator.searches.view())
    resumed.validate()
    assert resumed.round == coordinator.round
    assert waiting(resumed) == waiting(coordinator)


def test_another_sample_of_upward_searches_loses_nothing() -> None:
    """The new policy takes samples of another size, so nobody asks for many of the upward searches that are known."""
    source = made(2, None, patience=40)
    coordinator = new(2, patience=5)
    list(tell_known(coordinator, [source]))
    assert len(coordinator.searches) == len(source.searches)
    unasked = np.count_nonzero(coordinator.searches.view().kind == SearchKind.UP)
    assert unasked == np.count_nonzero(source.searches.kind == SearchKind.UP) > 5


def test_other_recipes_keep_what_they_share() -> None:
    """With random repeats between them, downward searches have other ordinals."""
    source = made(2, None)
    coordinator = new(2, n_random=2)
    list(tell_known(coordinator, [source]))
    searches = coordinator.searches.view()
    assert len(searches) == len(source.searches)
    down = searches.kind == SearchKind.DOWN
    assert searches.ordinal[down].max() > source.searches.ordinal[source.searches.kind == SearchKind.DOWN].max()
    ends = {(int(p), int(c)) for p, c in zip(searches.parent[down], searches.child[down], strict=True)}
    assert len(ends) == len(
        {
            (int(p), int(c))
            for p, c, k in zip(source.searches.parent, source.searches.child, source.searches.kind, strict=True)
            if k == SearchKind.DOWN
        }
    )
    assert waiting(coordinator), "the random repeats are left to be made"


def test_the_first_that_found_something_counts() -> None:
    failed = made(2, None)
    found = made(2, None)
    lost = np.flatnonzero(failed.searches.child >= 0)[-6:]
    failed.searches.child = failed.searches.child.copy()
    failed.searches.child[lost] = -1
    used = np.isin(np.arange(len(failed.points)), failed.searches.child)
    coordinator = new(2)
    list(tell_known(coordinator, [failed, found]))
    assert used.sum() <= len(coordinator.points) == len(found.points)
    assert np.count_nonzero(coordinator.searches.view().child >= 0) == np.count_nonzero(found.searches.child >= 0)
