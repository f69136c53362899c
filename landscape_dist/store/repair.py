"""Removing what killed writers leave in a database: nothing of it counts, and what counts is not touched."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from landscape_dist.store.replacing import leftover
from landscape_dist.store.schema import LEASE_SECONDS
from landscape_dist.store.zarr_backend import ZarrBackend
from landscape_dist.store.zarr_reader import StoreLike, ZarrReader


@dataclass(frozen=True, slots=True)
class Repair:
    """What was removed, or would be.

    Attributes:
        tails: rows behind the committed ones, by array. partial_files: how many temporary files.
        directory: what an unfinished compaction, merge or revision left beside the store; None if there is nothing.
    """

    tails: dict[str, int]
    partial_files: int
    directory: Path | None

    @property
    def is_empty(self) -> bool:
        return not self.tails and not self.partial_files and self.directory is None


def repair(
    store: StoreLike, *, dry_run: bool = False, steal: bool = False, lease_seconds: float = LEASE_SECONDS
) -> Repair:
    """Remove rows that no commit counts, temporary files, and half-made successors.

    Args:
        store: path, URL or Zarr store object.
        dry_run: only say what there is.
        steal, lease_seconds: as for `Database.open`.

    Raises:
        StoreInUseError: another process writes to the store; what it has not committed yet would look the same.
        StoreFormatError: committed rows are damaged in a way that no removal cures.
    """
    if dry_run:
        return _found(ZarrReader(store))
    held = ZarrBackend.open(store, "a", steal=steal, lease_seconds=lease_seconds, hold=True)
    try:
        found = _found(held)
        held.drop_tails()
        if found.directory is not None:
            shutil.rmtree(found.directory)
    finally:
        held.close()
    return found


def _found(reader: ZarrReader) -> Repair:
    tails = {path: array.shape[0] - n for path, array, n in reader.tails()}
    return Repair(tails, len(reader.partial_files()), None if reader.root is None else leftover(reader.root))
