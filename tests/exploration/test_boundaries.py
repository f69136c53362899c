"""The boundary of a boundary is empty: where it is not, an arrow is due, and searches are aimed at it."""

from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.exploration.boundaries import arrows_due
from landscape_dist.records import SearchColumns, SearchKind


def without(searches: SearchColumns, rows: np.ndarray) -> SearchColumns:
    return SearchColumns(*(np.delete(getattr(searches, name), rows) for name in searches.__slots__))


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_nothing_is_due_of_a_lattice(dim: int) -> None:
    landscape = ld.explore(ld.systems.get("coupled_lattice", dim=dim))
    upper, lower = arrows_due(landscape.columns, landscape.searches, dim)
    assert not len(upper)
    assert not len(lower)


@pytest.mark.parametrize("seed", range(5))
def test_an_arrow_that_was_taken_away_is_due(seed: int) -> None:
    landscape = ld.explore(ld.systems.get("coupled_lattice", dim=4))
    searches, index = landscape.searches, landscape.columns.index
    high = [c for c in landscape.connections if index[c.parent_id] >= 2]
    gone = high[np.random.default_rng(seed).integers(len(high))]
    rows = np.flatnonzero((searches.parent == gone.parent_id) & (searches.child == gone.child_id))
    upper, lower = arrows_due(landscape.columns, without(searches, rows), 4)
    assert (gone.parent_id, gone.child_id) in set(zip(upper.tolist(), lower.tolist(), strict=True))
    assert len(upper) <= 2


def test_a_degenerate_point_leaves_nothing_due() -> None:
    landscape = ld.explore(ld.problems.symbolic("x1**3 + x1**4 - x2**2 + x2**4", 2), [0.2, 0.1])
    assert not len(arrows_due(landscape.columns, landscape.searches, 2)[0])


def rotated(dim: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    y = ["(" + "+".join(f"({q!r})*x{j + 1}" for j, q in enumerate(row)) + ")" for row in Q.T.tolist()]
    wells = [f"{rng.uniform(1, 3)!r}*({one}**2-1)**2" for one in y]
    return "+".join(wells + [f"({rng.uniform(-0.5, 0.5)!r})*{y[i]}*{y[j]}" for i in range(dim) for j in range(i)])


@pytest.mark.parametrize("seed", [0, 1])
def test_all_arrows_of_rotated_lattices(seed: int, tmp_path: Path) -> None:
    problem = ld.problems.symbolic(rotated(4, seed), 4)
    store = tmp_path / "s.zarr"
    landscape = ld.explore(problem, [0.1, 0.2, 0.3, 0.4], max_index=4)
    assert len(landscape.points) == 81
    assert len(landscape.connections) == 216
    # Stopped and gone on with, it is the same.
    n = 0
    while not ld.explore(problem, [0.1, 0.2, 0.3, 0.4], max_index=4, store=store, max_searches=n + 300).finished:
        n += 300
    again = ld.open(store)
    assert set(again.searches.slot.tolist()) == set(landscape.searches.slot.tolist())
    assert (again.searches.kind == SearchKind.CONFIRM).sum() == (landscape.searches.kind == SearchKind.CONFIRM).sum()
