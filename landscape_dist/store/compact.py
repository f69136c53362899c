"""Writing a database anew: whole chunks, several to a file, without what no commit counts, in the newest version."""

from __future__ import annotations

from dataclasses import dataclass

from landscape_dist.store.database import Database
from landscape_dist.store.replacing import replacing
from landscape_dist.store.schema import LEASE_SECONDS
from landscape_dist.store.zarr_reader import StoreLike, ZarrReader


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
        snapshot = old.copy_to(out)
    return len(snapshot.points), len(snapshot.searches)


def _size(store: StoreLike) -> tuple[int | None, int | None]:
    root = ZarrReader(store).root
    if root is None:
        return None, None
    sizes = [path.lstat().st_size for path in root.rglob("*") if not path.is_dir()]
    return len(sizes), sum(sizes)
