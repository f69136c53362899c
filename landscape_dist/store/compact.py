"""Writing a database anew: whole chunks, several to a file, without what no commit counts, in the newest version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_dist.records import FailureColumns, PointColumns, SearchColumns, TrajectoryColumns
from landscape_dist.store.database import Database
from landscape_dist.store.schema import BLOCKS, LEASE_SECONDS, LENGTHS

if TYPE_CHECKING:
    from landscape_dist.store.zarr_reader import StoreLike

CHUNKS_PER_FILE = 16
"""Chunks in a file of an array that has as many; a later commit rewrites the last file, some 4 MB."""

ROWS_TOGETHER = 200_000
PATH_POINTS_TOGETHER = 1 << 20


@dataclass(frozen=True, slots=True)
class Compaction:
    """Rows kept, and files and bytes before and after; these are None for a store that is no directory."""

    n_points: int
    n_searches: int
    n_files: tuple[int | None, int | None]
    n_bytes: tuple[int | None, int | None]


def compact(
    store: StoreLike, out: StoreLike | None = None, *, steal: bool = False, lease_seconds: float = LEASE_SECONDS
) -> Compaction:
    """Write a database anew, in its place or, with `out`, to another.

    Raises:
        StoreError: as `replacing`; something is at `out` already.
    """
    from landscape_dist.store.replacing import replacing

    before = _size(store)
    if out is not None:
        n = _copy(store, out)
        after = _size(out)
    else:
        with replacing(store, steal=steal, lease_seconds=lease_seconds) as new:
            n = _copy(store, new)
            after = _size(new)
    return Compaction(*n, (before[0], after[0]), (before[1], after[1]))


def _copy(store: StoreLike, out: StoreLike) -> tuple[int, int]:
    with Database.open(store) as old:
        snapshot, sizes = old.read(), {"dim": old.dim, "n_eigenvalues": old.n_eigenvalues}
        lengths = {name: int(getattr(snapshot.progress, name, 0)) for name in LENGTHS}
        shards = {
            block.path: CHUNKS_PER_FILE
            for block in BLOCKS
            if lengths[block.length] >= CHUNKS_PER_FILE * block.chunk_rows(sizes)
        }
        with Database.create(
            out,
            snapshot.header,
            dim=old.dim,
            n_eigenvalues=old.n_eigenvalues,
            session={"action": "compact"},
            earlier=old.sessions,
            shards=shards,
        ) as new:
            for table in (snapshot.points, snapshot.searches, snapshot.failures):
                for first in range(0, len(table), ROWS_TOGETHER):
                    _append(new, _part(table, first, first + ROWS_TOGETHER))
                    new.commit({})
            _copy_paths(old, new)
            new.commit(snapshot.counters, snapshot.state, snapshot.progress.final)
    return len(snapshot.points), len(snapshot.searches)


def _append(database: Database, rows: Any) -> None:
    kinds = {PointColumns: "points", SearchColumns: "searches", FailureColumns: "failures"}
    database.append(**{kinds[type(rows)]: rows})


def _part(table: Any, first: int, last: int) -> Any:
    return type(table)(*(getattr(table, name)[first:last] for name in table.__slots__))


def _copy_paths(old: Database, new: Database) -> None:
    slot, end = old.read_trajectory_index()
    first = 0
    while first < len(slot):
        begin = int(end[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(end, begin + PATH_POINTS_TOGETHER, side="right")))
        x, time = old.read_trajectory_points(begin, int(end[last - 1]))
        new.append(trajectories=TrajectoryColumns(slot[first:last], end[first:last] - begin, x, time))
        new.commit({})
        first = last


def _size(store: StoreLike) -> tuple[int | None, int | None]:
    from landscape_dist.store.zarr_reader import ZarrReader

    root = ZarrReader(store).root
    if root is None:
        return None, None
    sizes = [path.lstat().st_size for path in root.rglob("*") if not path.is_dir()]
    return len(sizes), sum(sizes)
