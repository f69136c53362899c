"""Many points at once: the same verdicts as one after the other."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.exploration.cells import CELL_WIDTH, CellIndex, KeyTable
from landscape_dist.exploration.identification import Identification
from landscape_dist.exploration.slot_sets import SlotSet
from landscape_dist.exploration.tables import PointTable
from landscape_dist.records import PointColumns
from landscape_dist.spaces.judgement import Custom, Distance, SameJudgement
from landscape_dist.spaces.space import projections

ATOL = 1e-3


def columns(X: np.ndarray, index: np.ndarray) -> PointColumns:
    n = len(X)
    integers, reals = np.zeros(n, dtype=np.int32), np.zeros(n)
    return PointColumns(X, reals, index, integers, reals, np.zeros((n, 1)), np.arange(n), integers)


def identify(judgement: SameJudgement, batches: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, PointTable]:
    """Ids of all points, and the table of the different ones."""
    table = PointTable(2, 1)
    known = Identification(judgement, table)
    ids = []
    for X, index in batches:

        def append(rows: np.ndarray, X: np.ndarray = X, index: np.ndarray = index) -> None:
            table.extend(columns(X[rows], index[rows]))

        ids.append(known.identify(X, np.zeros(len(X)), index, append))
        again = known.find(X, np.zeros(len(X)), index)
        assert (again == ids[-1]).all()
    return np.concatenate(ids), table


@given(seed=st.integers(0, 10**6), n_batches=st.integers(1, 4), custom=st.booleans())
@settings(max_examples=80, deadline=None)
def test_copies_share_an_id_and_others_do_not(seed: int, n_batches: int, custom: bool) -> None:
    rng = np.random.default_rng(seed)
    # Far apart against the tolerance, yet several to a cell, and many near the borders of cells.
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(6)), axis=-1).reshape(-1, 2) * (0.21 * CELL_WIDTH * ATOL)
    which = rng.integers(0, len(grid), 200)
    X = grid[which] + rng.uniform(-0.3, 0.3, (200, 2)) * ATOL
    index = (which % 3).astype(np.int32)
    judgement = Custom(lambda a, b: bool(np.linalg.norm(a - b) <= ATOL)) if custom else Distance(ATOL, 2)
    cuts = np.sort(rng.integers(0, 200, n_batches - 1))
    ids, table = identify(judgement, list(zip(np.split(X, cuts), np.split(index, cuts), strict=True)))
    assert len(table) == len(np.unique(which))
    assert sorted(set(ids.tolist())) == list(range(len(table)))
    for i in range(len(table)):
        assert len(set(which[ids == i].tolist())) == 1


def test_equal_points_across_a_border_are_one() -> None:
    judgement = Distance(ATOL, 2)
    width = CELL_WIDTH * ATOL
    direction = projections(2)[:, 0]
    for sides in ((1, -1), (-1, 1)):
        X = np.stack([(k * width + side * 1e-4) * direction for k in range(3) for side in sides])
        ids, _ = identify(judgement, [(X, np.zeros(6, dtype=np.int32))])
        assert sorted(set(ids.tolist())) == [0, 1, 2]
        assert (ids[::2] == ids[1::2]).all()


def test_points_of_different_index_differ() -> None:
    ids, _ = identify(Distance(ATOL, 2), [(np.zeros((3, 2)), np.array([0, 1, 0], dtype=np.int32))])
    assert ids.tolist() == [0, 1, 0]


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=700), max_size=6))
@settings(max_examples=40, deadline=None)
def test_key_table_is_a_dict(batches: list[list[int]]) -> None:
    table, model = KeyTable(), {}
    for batch in batches:
        # Keys 0 and 1 share a number, and multiples of 2**20 share a place.
        new = sorted({max(k, 1) for k in batch} | {max(k >> 44, 1) << 20 for k in batch} - model.keys())
        new = [k for k in new if k not in model]
        numbers = table.add(np.array(new, dtype=np.uint64))
        model |= dict(zip(new, numbers.tolist(), strict=True))
        asked = [*model, *(k + 1 for k in model if k + 1 < 2**64)]
        assert table.find(np.array(asked, dtype=np.uint64)).tolist() == [model.get(k, -1) for k in asked]
    assert len(table) == len(model)
    assert sorted(model.values()) == list(range(len(model)))


def test_members_of_a_cell_are_all_candidates() -> None:
    index = CellIndex(Custom(lambda a, b: True))
    for n in (1, 5, 3):
        index.add(index.locate(np.zeros((n, 2)), np.zeros(n), np.zeros(n, dtype=np.int32)).own)
    row, point = index.candidates(index.locate(np.zeros((2, 2)), np.zeros(2), np.zeros(2, dtype=np.int32)))
    for i in range(2):
        assert sorted(point[row == i].tolist()) == [*range(9)]


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(-50, 50))), max_size=12))
def test_slot_set_is_a_set(operations: list[tuple[bool, set[int]]]) -> None:
    slots, model = SlotSet(), set()
    for adding, values in operations:
        array = np.array(sorted(values), dtype=np.int64)
        if adding:
            slots.add(array)
            model |= values
        else:
            slots.discard(array)
            model -= values
        assert len(slots) == len(model)
        assert slots.all().tolist() == sorted(model)
        asked = np.arange(-60, 60)
        assert slots.has(asked).tolist() == [s in model for s in asked.tolist()]
