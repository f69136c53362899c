"""Landscapes as sets: order, noise and numbering must not matter, and every difference must show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from landscape_dist.analysis.matching import compare, match_points
from landscape_dist.errors import SettingsError
from landscape_dist.pathways.pathway_map import PathwayMap
from tests.pathways.lattice import lattice, point_columns, search_columns


def shuffled(points, searches, rng, noise=1e-6):
    """The same landscape found in another order, with other noise."""
    new_to_old = rng.permutation(len(points))
    old_to_new = np.argsort(new_to_old)
    points = type(points)(**{name: getattr(points, name)[new_to_old] for name in points.__slots__})
    points.x = points.x + noise * rng.uniform(-1, 1, points.x.shape)
    order = rng.permutation(len(searches))
    searches = type(searches)(**{name: getattr(searches, name)[order] for name in searches.__slots__})
    searches.parent, searches.child = old_to_new[searches.parent], old_to_new[searches.child]
    return points, searches


@pytest.mark.parametrize("seed", range(5))
def test_order_and_noise_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    difference = compare(PathwayMap(*lattice(3)), PathwayMap(*shuffled(*lattice(3), rng)))
    assert difference.is_empty
    assert len(difference.pairs) == 27
    assert 0 < difference.largest_distance < 2e-6
    assert str(difference).startswith("the same 27 points and the same arrows")


def test_differences_show():
    points, searches = lattice(2)
    a = PathwayMap(points, searches)
    other_points, other_searches = shuffled(*lattice(2), np.random.default_rng(0))
    at = np.flatnonzero(other_points.index == 2)[0]
    other_points.x[at] += 1.0
    fewer = type(searches)(**{name: getattr(searches, name)[:-1] for name in searches.__slots__})
    moved = compare(a, PathwayMap(other_points, other_searches))
    assert (moved.only_in_a, moved.only_in_b) == ((4,), (at,))
    assert {parent for parent, _ in moved.arrows_only_in_a} == {4}
    assert {parent for parent, _ in moved.arrows_only_in_b} == {at}
    assert len(moved.arrows_only_in_a) == len(moved.arrows_only_in_b) == 4
    assert "8 common points; 1 points and 4 arrows only in a" in str(moved)
    last = (int(searches.parent[-1]), int(searches.child[-1]))
    assert compare(a, PathwayMap(points, fewer)).arrows_only_in_a == (last,)
    assert compare(PathwayMap(points, fewer), a).arrows_only_in_b == (last,)
    assert not compare(a, PathwayMap(points, fewer)).is_empty


def test_index_must_agree():
    x = np.zeros((1, 2))
    assert len(match_points(x, [0], x, [1])[0]) == 0
    assert len(match_points(x, [1], x, [1])[0]) == 1
    empty = PathwayMap(point_columns(np.zeros((0, 2)), []), search_columns([]))
    one = PathwayMap(point_columns(x, [0]), search_columns([]))
    assert compare(empty, one).only_in_b == (0,)
    assert compare(empty, empty).is_empty


@settings(deadline=None)
@given(st.data())
def test_most_pairs_then_shortest(data):
    """On crowded lines, against one assignment over everything."""
    side = st.lists(st.integers(0, 12), min_size=1, max_size=7)
    a, b = (np.array(data.draw(side), dtype=float)[:, None] for _ in range(2))
    ia, ib = (np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(x), max_size=len(x)))) for x in (a, b))
    tolerance = data.draw(st.sampled_from([0.5, 1.5, 3.5]))
    rows_a, rows_b = match_points(a, ia, b, ib, tolerance)
    assert len(set(rows_a.tolist())) == len(rows_a) == len(set(rows_b.tolist()))
    assert (ia[rows_a] == ib[rows_b]).all()
    found = np.abs(a[rows_a] - b[rows_b]).ravel()
    assert (found <= tolerance).all()
    distance = np.abs(a - b.T)
    cost = np.where((distance <= tolerance) & (ia[:, None] == ib), distance, 1000.0)
    best = cost[linear_sum_assignment(cost)]
    assert len(found) == (best < 1000).sum()
    assert found.sum() == pytest.approx(best[best < 1000].sum())


def test_misuse_names_the_cure():
    with pytest.raises(SettingsError, match="tolerance is 0; give a positive distance"):
        match_points(np.zeros((1, 1)), [0], np.zeros((1, 1)), [0], 0)
    with pytest.raises(SettingsError, match=r"shape \(1, 1\) and \(1, 2\)"):
        match_points(np.zeros((1, 1)), [0], np.zeros((1, 2)), [0])


def test_points_are_matched_on_the_torus():
    x = np.array([[0.01, 0.5], [0.5, 0.99]])
    turned = x + np.array([[-3.0 - 0.02, 0.0], [2.0, 0.0]])
    period = np.array([1.0, np.inf])
    rows_a, rows_b = match_points(x, np.zeros(2), turned[::-1], np.zeros(2), 0.05, period)
    assert (rows_a.tolist(), rows_b.tolist()) == ([0, 1], [1, 0])
    assert not len(match_points(x, np.zeros(2), turned, np.zeros(2), 0.05)[0])
    assert not len(match_points(x, np.zeros(2), x + np.array([0.0, 1.0]), np.zeros(2), 0.05, period)[0])
