"""Connections of many searches: sorted and counted the same whatever the size of the numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.pathways.connections import Connections, count_connections
from landscape_dist.records import SearchColumns, SearchKind, SearchStatus


def searches(parent: np.ndarray, child: np.ndarray, ordinal: np.ndarray, status: np.ndarray) -> SearchColumns:
    n = len(parent)
    zeros = np.zeros(n, dtype=np.int32)
    kind = np.full(n, SearchKind.DOWN, dtype=np.int8)
    return SearchColumns(
        np.arange(n), parent, kind, ordinal.astype(np.int32), zeros, status.astype(np.int8), child, zeros, zeros
    )


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 60),
    largest=st.sampled_from([4, 2**30]),
    ordinals=st.sampled_from([3, 2**31 - 2]),
)
@settings(max_examples=80, deadline=None)
def test_order_and_count(seed: int, n: int, largest: int, ordinals: int) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, largest, 5)
    parent, child = rng.choice(ids, n), rng.choice(np.append(ids, -1), n)
    ordinal = rng.integers(-3, ordinals, n)
    status = rng.choice([SearchStatus.CONVERGED, SearchStatus.OTHER_INDEX], n)
    columns = searches(parent, child, ordinal, status)
    expected: dict[tuple[int, int], list[int]] = {}
    for p, c, o, s in zip(parent.tolist(), child.tolist(), ordinal.tolist(), status.tolist(), strict=True):
        if s == SearchStatus.CONVERGED and c >= 0 and c != p:
            expected.setdefault((p, c), []).append(o)
    found = {(c.parent_id, c.child_id): list(c.origins) for c in Connections(columns, 7)}
    assert list(found) == sorted(expected)
    assert found == {ends: sorted(origins) for ends, origins in expected.items()}
    assert count_connections(columns, 7) == len(expected)
