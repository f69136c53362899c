"""Samples of upward searches: the ones of lowest hash, whatever is held and however often is asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.exploration.sampling import mixed
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.exploration.slot_sets import SlotSet
from landscape_dist.exploration.slots import Slots
from landscape_dist.exploration.tables import Column, PointTable
from landscape_dist.exploration.upward import UpwardSearches
from landscape_dist.records import PointColumns

DIM = 6


def points(n: int, rng: np.random.Generator) -> PointColumns:
    reals, integers = np.zeros(n), np.zeros(n, dtype=np.int32)
    index = rng.integers(0, 4, n).astype(np.int32)
    return PointColumns(
        rng.standard_normal((n, DIM)), reals, index, integers, reals, np.zeros((n, DIM)), np.arange(n), integers
    )


@given(
    seed=st.integers(0, 10**6),
    limit=st.integers(1, 60),
    held=st.sampled_from([1, 40, 10**6]),
    rounds=st.lists(st.integers(0, 30), min_size=1, max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_samples_are_the_lowest_of_those_left(seed: int, limit: int, held: int, rounds: list[int]) -> None:
    rng = np.random.default_rng(seed)
    table, content, issued = PointTable(DIM, DIM), Column(np.uint64), SlotSet()
    slots = Slots(np.zeros((1, DIM)), ExploreSettings(max_index=DIM), table)
    upward = UpwardSearches(slots, content, issued, limit, held)
    for n_new in rounds:
        new = points(n_new, rng)
        if n_new:
            table.extend(new)
            slots.add(new)
            content.extend(rng.integers(0, 2**63, n_new).astype(np.uint64))
        taken = upward.take(len(table))
        all_slots, owner, place = slots.upward(0, len(table))
        h = mixed(content.view()[owner], place)
        order = np.lexsort((all_slots, h))
        left = all_slots[order][~issued.has(all_slots[order])]
        assert taken.tolist() == left[:limit].tolist()
        issued.add(taken)


@pytest.mark.parametrize("held", [1, 10**6])
def test_all_are_taken_at_once_without_a_limit(held: int) -> None:
    rng = np.random.default_rng(0)
    table, content, issued = PointTable(DIM, DIM), Column(np.uint64), SlotSet()
    slots = Slots(np.zeros((1, DIM)), ExploreSettings(max_index=DIM, upward="all"), table)
    upward = UpwardSearches(slots, content, issued, None, held)
    for n_new in (7, 20):
        new = points(n_new, rng)
        before = slots.n
        table.extend(new)
        slots.add(new)
        content.extend(rng.integers(0, 2**63, n_new).astype(np.uint64))
        taken = upward.take(len(table))
        assert set(taken.tolist()) == set(slots.upward(len(table) - n_new, len(table))[0].tolist())
        assert taken.min() >= before
        issued.add(taken)
