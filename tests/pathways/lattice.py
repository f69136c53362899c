"""The coupled lattice's landscape from combinatorics alone: points {-1,0,1}^d, arrows that replace one 0 by +-1."""

from __future__ import annotations

import itertools

import numpy as np

from landscape_dist.records import PointColumns, SearchColumns, SearchKind, SearchStatus


def point_columns(x, index, energy=None, nullity=None, found_by=None, round=None):
    """Columns with everything not given made up plainly."""
    x = np.asarray(x, dtype=float)
    p = len(x)
    return PointColumns(
        x=x,
        energy=np.arange(p, dtype=float) if energy is None else np.asarray(energy, dtype=float),
        index=np.asarray(index, dtype=np.int32),
        nullity=np.zeros(p, np.int32) if nullity is None else np.asarray(nullity, dtype=np.int32),
        gradient_norm=np.zeros(p),
        eigenvalues=np.zeros((p, x.shape[1])),
        found_by=np.full(p, -1) if found_by is None else np.asarray(found_by),
        round=np.zeros(p, np.int32) if round is None else np.asarray(round, dtype=np.int32),
    )


def search_columns(rows):
    """Columns from (parent, child, ordinal) or (parent, child, ordinal, kind, status, round, target) rows."""
    rows = [(*row, *(SearchKind.DOWN, SearchStatus.CONVERGED, 0, 0)[len(row) - 3 :]) for row in rows]
    table = np.array(rows, dtype=np.int64).reshape(-1, 7)
    parent, child, ordinal, kind, status, round_, target = table.T
    return SearchColumns(
        slot=np.arange(len(table)),
        parent=parent.copy(),
        kind=kind.astype(np.int8),
        ordinal=ordinal.astype(np.int32),
        target=target.astype(np.int32),
        status=status.astype(np.int8),
        child=child.copy(),
        n_steps=np.ones(len(table), np.int32),
        round=round_.astype(np.int32),
    )


def lattice(dim):
    """(points, searches) of the complete landscape: one search along each sign of each unstable direction."""
    x = np.array(list(itertools.product((-1, 0, 1), repeat=dim)), dtype=float)
    ids = {tuple(row): i for i, row in enumerate(x.tolist())}
    index = (x == 0).sum(axis=1)
    energy = ((x**2 - 1) ** 2 * (1 + 0.3 * np.arange(dim))).sum(axis=1) + 0.2 * (x[:, 1:] * x[:, :-1]).sum(axis=1)
    rows = []
    for parent, row in enumerate(x.tolist()):
        ordinal = 0
        for i in np.flatnonzero(x[parent] == 0).tolist():
            for sign in (-1.0, 1.0):
                rows.append((parent, ids[(*row[:i], sign, *row[i + 1 :])], ordinal))
                ordinal += 1
    return point_columns(x, index, energy), search_columns(rows)
