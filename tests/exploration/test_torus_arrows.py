"""Points and arrows of twelve random energies on the 2-torus against Newton's method and integrated branches.

In two variables the arrows of gradient flow are the branches of the saddles: two down to minima, two up to maxima.
Both are compared branch by branch.  Arrows from maxima to saddles are compared as pairs: however many branches of a
saddle come from the same maximum, and however many searches find it, the arrow is one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

import landscape_dist as ld
from landscape_dist.problems import Problem
from landscape_dist.records import SearchKind, SearchStatus
from tests.exploration.torus_energies import (
    PERIOD,
    SEEDS,
    compute_reference,
    distances,
    stored_reference,
    torus_energy,
)


def problem(seed: int) -> Problem:
    energy = torus_energy(seed)
    torus = ld.problems.symbolic(energy.expression, energy.dim, check=False)
    torus.periods = PERIOD
    torus.euler_characteristic = 0
    return torus


@dataclass(frozen=True)
class Found:
    """What `explore` found, in rows of the reference.

    Attributes:
        rows: (p,) row of each point. pairs: arrows (parent, child). down, up: ends of the searches (saddle, minimum)
        and (saddle, maximum) with their numbers.
    """

    rows: NDArray[np.int64]
    pairs: set[tuple[int, int]]
    down: Counter[tuple[int, int]]
    up: Counter[tuple[int, int]]


@cache
def found(seed: int) -> Found:
    start = np.random.default_rng([seed, 0]).uniform(0.0, PERIOD, 2)
    landscape = ld.explore(problem(seed), start, max_index=2)
    reference = stored_reference(seed)
    away = np.array([distances(reference.x, x) for x in landscape.columns.x])
    assert away.min(axis=1).max() < 1e-6, "a point that is none"
    rows = away.argmin(axis=1)
    s = landscape.searches
    index = reference.index[rows]

    def ends(kind: SearchKind) -> Counter[tuple[int, int]]:
        mine = np.flatnonzero((s.kind == kind) & (s.status == SearchStatus.CONVERGED) & (s.parent >= 0))
        mine = mine[index[s.parent[mine]] == 1]
        return Counter(zip(rows[s.parent[mine]].tolist(), rows[s.child[mine]].tolist(), strict=True))

    pairs = {(int(rows[a.parent_id]), int(rows[a.child_id])) for a in landscape.connections}
    return Found(rows, pairs, ends(SearchKind.DOWN), ends(SearchKind.UP))


@pytest.mark.parametrize("seed", SEEDS)
def test_all_points_are_found_once(seed: int) -> None:
    reference = stored_reference(seed)
    assert sorted(found(seed).rows.tolist()) == list(range(len(reference.x)))


@pytest.mark.parametrize("seed", SEEDS)
def test_both_branches_of_each_saddle_end_at_the_right_minima(seed: int) -> None:
    assert found(seed).down == Counter((b.saddle, b.end) for b in stored_reference(seed).down)


@pytest.mark.parametrize("seed", SEEDS)
def test_upward_searches_follow_both_ascending_branches(seed: int) -> None:
    assert found(seed).up == Counter((b.saddle, b.end) for b in stored_reference(seed).up)


@pytest.mark.parametrize("seed", SEEDS)
def test_all_arrows_are_found(seed: int) -> None:
    to_minima, from_maxima = stored_reference(seed).arrows()
    assert to_minima | from_maxima <= found(seed).pairs


# -- the reference itself -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [1, 11])
def test_the_stored_reference_is_what_integration_gives(seed: int) -> None:
    computed, stored = compute_reference(torus_energy(seed), per_axis=40), stored_reference(seed)
    np.testing.assert_allclose(computed.x, stored.x, atol=1e-9)
    np.testing.assert_array_equal(computed.index, stored.index)
    assert set(computed.down) == set(stored.down)  # eigenvectors have no sign, so either branch may come first
    assert set(computed.up) == set(stored.up)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_is_a_torus(seed: int) -> None:
    reference, energy = stored_reference(seed), torus_energy(seed)
    minima, saddles, maxima = np.bincount(reference.index, minlength=3).tolist()
    assert minima - saddles + maxima == 0
    assert len(reference.x) <= 32
    assert np.abs(energy.gradient(reference.x)).max() < 1e-8
    for branches in (reference.down, reference.up):
        assert Counter(b.saddle for b in branches) == Counter(2 * np.flatnonzero(reference.index == 1).tolist())


def test_the_expression_is_the_energy() -> None:
    X = np.random.default_rng(0).uniform(-7.0, 7.0, (5, 2))
    for seed in SEEDS:
        energy, symbolic = torus_energy(seed), problem(seed)
        np.testing.assert_allclose(symbolic.gradient(X), energy.gradient(X), atol=1e-12)
        np.testing.assert_allclose(symbolic.hessian(X), energy.hessian(X), atol=1e-12)
