"""Pieces of work: cutting, merging, sizing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from distribute_fakes import FakeCoordinator, FakeProblem, FakeSettings, fake_solve
from hypothesis import given
from hypothesis import strategies as st

from landscape_dist.distribute.runs.packing import PIECES_PER_SECOND, Feed, PackSizer
from landscape_dist.distribute.worker.pieces import failed, halves, take
from landscape_dist.errors import SettingsError
from landscape_dist.hisd.results import join_results
from landscape_dist.records import SearchStatus


def a_batch(dim=4):
    """All searches from the points of index dim - 1."""
    coordinator = FakeCoordinator(dim)
    for _ in range(2):
        batch = coordinator.ask(10**6)
        coordinator.tell(fake_solve(FakeProblem(dim), batch, FakeSettings()))
    return coordinator.ask(10**6)


BATCH = a_batch()
ALL_ENDS = fake_solve(FakeProblem(4), BATCH, FakeSettings()).x


@given(cuts=st.lists(st.integers(0, len(BATCH)), max_size=6))
def test_pieces_together_are_the_batch(cuts):
    edges = sorted({0, len(BATCH), *cuts})
    pieces = [take(BATCH, a, b) for a, b in itertools.pairwise(edges)]
    assert all(len(piece.X) == len(np.unique(piece.row)) for piece in pieces)
    together = join_results([fake_solve(FakeProblem(4), piece, FakeSettings()) for piece in pieces])
    np.testing.assert_array_equal(together.slot, BATCH.slot)
    np.testing.assert_array_equal(together.x, ALL_ENDS)
    assert together.counters.n_gradients == len(BATCH)
    for piece in pieces:
        wanted = {int(s): int(p) for s, p in zip(BATCH.slot, BATCH.parents[BATCH.row], strict=True)}
        assert all(wanted[int(s)] == int(p) for s, p in zip(piece.slot, piece.parents[piece.row], strict=True))


def test_halves_of_an_odd_batch():
    first, second = halves(take(BATCH, 0, 5))
    assert (len(first), len(second)) == (2, 3)


def test_failed_searches_stand_at_their_parents():
    result = failed(BATCH, SearchStatus.RAISED, "why")
    np.testing.assert_array_equal(result.x, BATCH.X[BATCH.row])
    assert set(result.status) == {SearchStatus.RAISED}
    assert set(result.index) == {-1}
    assert np.isnan(result.energy).all()
    assert result.messages == dict.fromkeys(BATCH.slot.tolist(), "why")


def test_merge_keeps_the_width_of_searches_that_ended():
    good = fake_solve(FakeProblem(4), take(BATCH, 0, 3), FakeSettings())
    good.eigenvalues = good.eigenvalues[:, :2]
    bad = failed(take(BATCH, 3, 5), SearchStatus.RAISED, "why")
    for order in ([good, bad], [bad, good]):
        assert join_results(order).eigenvalues.shape == (5, 2)


def test_size_follows_the_measured_cost():
    sizer = PackSizer(0.5, probe=4, growth=1000)
    assert sizer.size(BATCH, 10**6, 2) == 4
    sizer.record(take(BATCH, 0, 4), 4 * 0.1)
    assert sizer.size(BATCH, 10**6, 2) == 5
    for _ in range(20):
        sizer.record(take(BATCH, 0, 4), 4 * 0.04)
    assert len(BATCH) == 48
    assert sizer.size(BATCH, 10**6, 2) == 12


def test_many_workers_get_larger_pieces_instead_of_more():
    sizer = PackSizer(0.5, probe=4, growth=1000)
    sizer.record(take(BATCH, 0, 4), 4 * 0.1)
    assert sizer.size(BATCH, 10**6, 75) == 5
    assert sizer.size(BATCH, 10**6, 3 * PIECES_PER_SECOND) == math.ceil(48 / math.ceil(48 / 30))


def test_size_grows_step_by_step():
    sizer = PackSizer(0.5, probe=1, growth=3)
    sizer.record(take(BATCH, 0, 1), 1e-6)
    assert sizer.size(BATCH, 10**6, None) == 3
    sizer.record(take(BATCH, 0, 3), 3e-6)
    assert sizer.size(BATCH, 10**6, None) == math.ceil(len(BATCH) / math.ceil(len(BATCH) / 9))


@given(n_waiting=st.integers(len(BATCH), 10**4), n_slots=st.integers(1, 64), cost=st.floats(0.03, 10))
def test_no_worker_idles_for_the_sake_of_large_pieces(n_waiting, n_slots, cost):
    sizer = PackSizer(0.5, growth=10**6)
    sizer.record(take(BATCH, 0, 1), cost)
    size = sizer.size(BATCH, n_waiting, n_slots)
    assert 1 <= size <= max(1, math.ceil(n_waiting / (2 * n_slots)))
    assert size * cost <= max(cost, 0.5)


def test_tiny_work_is_not_divided():
    sizer = PackSizer(0.5, growth=10**6)
    sizer.record(BATCH, len(BATCH) * 1e-5)
    assert sizer.size(BATCH, len(BATCH), 100) == len(BATCH)


def test_on_a_busy_machine_work_that_is_short_is_not_divided():
    """A piece of 10 ms of CPU time takes 100 where ten processes share a processor."""

    def size(cpu_seconds):
        sizer = PackSizer(0.5, growth=10**6)
        for _ in range(5):
            sizer.record(take(BATCH, 0, 10), 0.1, cpu_seconds)
        return sizer.size(BATCH, len(BATCH), 2)

    assert size(None) == 12
    assert size(0.02) == 24
    assert size(0.0102) == size(0.006) == 48
    assert size(0.001) == 12  # sleeps, or has another program compute
    assert size(0.4) == 12  # of several threads


def test_large_coordinates_limit_the_piece():
    sizer = PackSizer(0.5, growth=10**6, max_bytes=1000)
    sizer.record(take(BATCH, 0, 1), 1e-6)
    size = sizer.size(BATCH, 10**6, None)
    assert size * (BATCH.X.nbytes / len(BATCH)) <= 1000
    assert size < len(BATCH)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"fixed": 0}, "batch_size is 0; give"), ({"target_seconds": -1.0}, "target_seconds is -1.0; give")],
)
def test_bad_sizes_are_refused(arguments, text):
    with pytest.raises(SettingsError, match=text):
        PackSizer(**arguments)


def test_feed_holds_what_it_did_not_hand_on():
    coordinator = FakeCoordinator(4)
    feed = Feed(coordinator, PackSizer(fixed=3))
    seen = []
    while (piece := feed.next(1)) is not None:
        assert len(piece) <= 3
        seen.extend(piece.slot.tolist())
        coordinator.tell(fake_solve(FakeProblem(4), piece, FakeSettings()))
    assert feed.held == []
    assert sorted(seen) == list(range(len(seen)))

    coordinator = FakeCoordinator(4)
    sizer = PackSizer(probe=3)
    feed = Feed(coordinator, sizer)
    coordinator.tell(fake_solve(FakeProblem(4), feed.next(None), FakeSettings()))
    first = feed.next(None)
    assert len(first) < 8
    coordinator.forget(np.concatenate([first.slot, *[held.slot for held in feed.held]]))
    assert coordinator.n_in_flight == 0
    assert coordinator.n_pending == 8
