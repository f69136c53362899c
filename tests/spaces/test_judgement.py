"""Finding the same point again: exact, whatever the cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.errors import SettingsError
from landscape_dist.exploration.cells import CellIndex
from landscape_dist.spaces.judgement import Custom, Distance, PerCoordinate, SameJudgement, make_judgement

JUDGEMENTS = {
    "distance": lambda: Distance(1e-3, 3),
    "per_coordinate": lambda: PerCoordinate([1e-3, 2e-3, 5e-4]),
    "custom": lambda: Custom(lambda a, b: bool(np.abs(np.abs(a) - np.abs(b)).max() < 1e-3), energy_atol=1e-2),
}


def energy(X: np.ndarray) -> np.ndarray:
    return np.sum(X**2, axis=1)


@pytest.mark.parametrize("name", JUDGEMENTS)
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([1e-3, 1e-2, 0.1, 1.0]))
@settings(max_examples=60, deadline=None)
def test_lookup_finds_what_a_scan_finds(name: str, seed: int, spread: float) -> None:
    judgement: SameJudgement = JUDGEMENTS[name]()
    rng = np.random.default_rng(seed)
    known = rng.uniform(-spread, spread, (40, 3))
    index = rng.integers(0, 2, 40).astype(np.int32)
    lookup = CellIndex(judgement)
    lookup.add(lookup.locate(known, energy(known), index).own)
    asked = np.concatenate([known + rng.uniform(-6e-4, 6e-4, known.shape), rng.uniform(-spread, spread, (10, 3))])
    asked_index = np.concatenate([index, rng.integers(0, 2, 10).astype(np.int32)])
    row, point = lookup.candidates(lookup.locate(asked, energy(asked), asked_index))
    for i, (x, k) in enumerate(zip(asked, asked_index, strict=True)):
        scan = {j for j in range(40) if index[j] == k and judgement.same(x[None], known[j][None])[0]}
        found = {j for j in point[row == i].tolist() if judgement.same(x[None], known[j][None])[0]}
        assert found == scan


def test_cells_are_not_a_scan() -> None:
    judgement = Distance(1e-4, 4)
    lookup = CellIndex(judgement)
    X = np.random.default_rng(0).uniform(-1, 1, (2000, 4))
    where = lookup.locate(X, energy(X), np.zeros(2000, dtype=np.int32))
    lookup.add(where.own)
    assert len(lookup.candidates(where)[0]) < 20 * 2000


def test_make_judgement() -> None:
    assert isinstance(make_judgement(1e-3, 2), Distance)
    assert isinstance(make_judgement([1e-3, 1e-2], 2), PerCoordinate)
    assert isinstance(make_judgement(lambda a, b: True, 2), Custom)
    same = Distance(1e-3, 2)
    assert make_judgement(same, 2) is same
    with pytest.raises(SettingsError, match="3 tolerances for 2 variables"):
        make_judgement([1.0, 1.0, 1.0], 2)
    with pytest.raises(SettingsError, match="positive"):
        make_judgement(-1.0, 2)


def test_symmetric_points_are_one_with_a_custom_rule() -> None:
    import landscape_dist as ld

    landscape = ld.explore(
        ld.systems.butterfly(),
        max_index=2,
        same=lambda a, b: bool(abs(abs(a[0]) - abs(b[0])) + abs(a[1] - b[1]) < 1e-4),
    )
    assert landscape.counts_by_index == {0: 2, 1: 3, 2: 1}
