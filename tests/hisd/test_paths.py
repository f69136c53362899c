"""Paths of searches: what thinning keeps, and that recording changes nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import landscape_dist as ld
from landscape_dist.errors import SettingsError
from landscape_dist.hisd.paths import CROWDED, Paths, thin
from landscape_dist.hisd.settings import SolverSettings


def deviation(path: np.ndarray, kept: np.ndarray) -> float:
    """Largest distance of a point of the path from the polygon through the points kept, chord by chord."""
    worst = 0.0
    for a, b in pairwise(kept):
        chord = path[b] - path[a]
        along = np.clip((path[a : b + 1] - path[a]) @ chord / max(chord @ chord, 1e-300), 0, 1)
        off = path[a : b + 1] - path[a] - along[:, None] * chord
        worst = max(worst, float(np.linalg.norm(off, axis=1).max()))
    return worst


def length(path: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


@st.composite
def walks(draw: Any) -> np.ndarray:
    t, d = draw(st.integers(1, 300)), draw(st.integers(1, 4))
    steps = draw(arrays(np.float64, (t, d), elements=st.floats(-1, 1, allow_subnormal=False)))
    return np.cumsum(steps, axis=0)


@settings(max_examples=150, deadline=None)
@given(walks(), st.integers(1, 60))
def test_thinning_keeps_the_ends_and_stays_near(path: np.ndarray, n: int) -> None:
    kept = thin(path, n)
    assert kept[0] == 0
    assert kept[-1] == len(path) - 1
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= max(n, 3)
    if len(path) > 1:
        assert kept[-2] == len(path) - 2 or len(path) == 1
    if n >= 6:
        bound = length(path) / (n // 2 - 1)
        assert deviation(path, kept) <= bound * (1 + 1e-9) + 1e-12
    if len(path) <= n:
        assert len(kept) == len(path)


def test_a_smooth_path_is_kept_to_a_hair() -> None:
    t = np.linspace(0, 4 * np.pi, 20_000)
    spiral = np.stack((t * np.cos(t), t * np.sin(t)), axis=1)
    kept = thin(spiral, 100)
    assert len(kept) == 100
    assert deviation(spiral, kept) < 1e-3 * length(spiral)


def test_corners_are_kept() -> None:
    legs = np.concatenate([np.linspace((0, 0), (1, 0), 50), np.linspace((1, 0), (1, 1), 50)[1:]])
    corner = 49
    assert corner in thin(legs, 8)
    assert len(thin(np.linspace((0, 0), (1, 1), 1000), 500)) < 260  # a straight line needs few


def test_long_paths_do_not_fill_the_memory() -> None:
    t = np.linspace(0, 6, 5000)
    points = np.stack((np.cos(t), np.sin(t)), axis=1)
    paths = Paths(points[:1], 20)
    most = 0
    for x in points[1:]:
        paths.record(np.array([0]), x[None], np.array([0.5]))
        most = max(most, len(paths._x[0]))
    assert most <= CROWDED * 20
    x, time = paths.taken(0)
    assert len(x) == len(time) == 20
    np.testing.assert_array_equal(x[[0, -1]], points[[0, -1]])
    assert time[0] == 0
    assert time[-1] == pytest.approx(0.5 * 4999)
    assert (np.diff(time) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-12)


def test_all_points_are_kept_where_asked_for() -> None:
    problem = ld.systems.butterfly()
    whole = ld.explore(problem, step="explicit", keep_trajectories=True, trajectory_points=None)
    some = ld.explore(problem, step="explicit", keep_trajectories=True, trajectory_points=10)
    assert max(map(len, whole.trajectories.values())) > 20
    assert max(map(len, some.trajectories.values())) == 10
    for slot, path in some.trajectories.items():
        full = whole.trajectory(slot).x
        assert all((full == x).all(axis=1).any() for x in path.x)


def test_recording_changes_no_result() -> None:
    problem = ld.systems.coupled_lattice(dim=3)
    plain, kept = ld.explore(problem), ld.explore(problem, keep_trajectories=True)
    np.testing.assert_array_equal(plain.columns.x, kept.columns.x)
    np.testing.assert_array_equal(plain.searches.slot, kept.searches.slot)
    assert plain.counters == kept.counters
    assert len(plain.trajectories) == 0


@pytest.mark.parametrize("value", [0, -3, 2.5, True, "many"])
def test_bad_number_of_points(value: Any) -> None:
    with pytest.raises(SettingsError, match="trajectory_points"):
        SolverSettings(trajectory_points=value)
