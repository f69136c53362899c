"""Arrows that are due: the boundary of a boundary is empty.

From a saddle P of index m to a point Q of index m - 2 the flow lines come in families, each of which ends in two broken
lines P -> R -> Q; so the number of R between P and Q is even (J. Milnor, Lectures on the h-Cobordism Theorem, 1965,
section 7).  Where it is odd an arrow is missing, and an R all of whose lower points Q are odd is where it leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from landscape_dist.exploration.arrows import connecting
from landscape_dist.records import IntArray, PointColumns, SearchColumns

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MOST_POINTS = 100_000
"""Beyond, products of matrices of arrows would take more memory than all the rest."""


def arrows_due(points: PointColumns, searches: SearchColumns, max_index: int) -> tuple[IntArray, IntArray]:
    """Pairs of points, upper and lower, between which an arrow would make odd numbers even.

    Args:
        points: p points; where some are degenerate, or there are more than `MOST_POINTS`, nothing is due.
        searches: those told so far.
        max_index: highest index from which searches lead down.
    """
    none = np.zeros(0, dtype=np.int64)
    if points.nullity.any() or len(points) > MOST_POINTS:
        return none, none
    n, index = len(points), points.index
    lines = _lines(points, searches)
    odd = lines @ lines
    odd.data %= 2
    odd.eliminate_zeros()
    degree = np.asarray(lines.sum(axis=1)).ravel()
    # How many lower points of each R are odd for each P: all of them is what is looked for.
    shared = (odd @ lines.T).tocoo()
    p, r = shared.coords
    fits = (index[p] <= max_index) & (index[p] == index[r] + 1) & (index[r] >= 1)
    fits &= (shared.data == degree[r]) & (degree[r] > 0)
    p, r = p[fits], r[fits]
    there = lines.tocoo().coords
    new = ~np.isin(p.astype(np.int64) * n + r, there[0].astype(np.int64) * n + there[1])
    return p[new].astype(np.int64), r[new].astype(np.int64)


def _lines(points: PointColumns, searches: SearchColumns) -> csr_array:
    """(p, p) numbers of flow lines, modulo 2, from each point to those of the next lower index."""
    from scipy.sparse import csr_array

    n, index = len(points), points.index
    rows = connecting(searches)
    parent, child = searches.parent[rows], searches.child[rows]
    next_lower = index[parent] == index[child] + 1
    parent, child = parent[next_lower], child[next_lower]
    lines = csr_array((np.ones(len(parent), dtype=np.int64), (parent, child)), shape=(n, n))
    lines.sum_duplicates()
    # From an index-1 point there are two branches, and both may end at one minimum.
    ones = np.repeat(index, np.diff(lines.indptr)) == 1
    lines.data = np.where(ones, lines.data % 2, 1)
    lines.eliminate_zeros()
    return lines
