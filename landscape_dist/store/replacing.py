"""Making a database anew, as a whole, in place of one that is there."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landscape_dist.errors import StoreError, StoreFormatError, StoreNotFoundError
from landscape_dist.store.durable import sync_folder
from landscape_dist.store.schema import LEASE_SECONDS
from landscape_dist.store.zarr_backend import ZarrBackend
from landscape_dist.store.zarr_reader import StoreLike, ZarrReader

SUFFIX = ".being-made-anew"
"""Ends the name of the directory beside a store in which its successor is made; what a killed attempt leaves there is
removed unasked, so nobody must come to give this name to a store of their own."""

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


@contextmanager
def replacing(store: StoreLike, *, steal: bool = False, lease_seconds: float = LEASE_SECONDS) -> Iterator[Path]:
    """A path at which to make a database that takes the place of `store` when the block ends without an error.

    Nobody else can write to the store meanwhile, and who reads it sees the old one or the new one.  What a killed
    attempt left beside it is removed.

    Raises:
        StoreError: the store is no directory on a file system, or cannot be renamed.
        StoreInUseError: another process writes to it.
    """
    held = ZarrBackend.open(store, "a", steal=steal, lease_seconds=lease_seconds, hold=True)
    try:
        if held.root is None:
            raise StoreError(
                f"{held.where} is no directory, so it cannot be replaced in one step; give another with --out"
            )
        root = held.root.resolve()
        new = root.with_name(root.name + SUFFIX)
        if new.exists():
            if leftover(root) is None:
                raise StoreError(f"{new} is in the way, and is no database; move it away")
            shutil.rmtree(new)
        try:
            yield new
            held.leave()
            _exchange(root, new)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    finally:
        held.close()


def leftover(root: Path) -> Path | None:
    """What a killed attempt left beside the store at `root`: a database, finished or not."""
    path = root.resolve().with_name(root.resolve().name + SUFFIX)
    if not path.is_dir():
        return None
    try:
        ZarrReader(path).attributes()
    except StoreNotFoundError:
        pass  # begun and not finished
    except StoreFormatError:
        return None
    return path


def _exchange(a: Path, b: Path) -> None:
    """Swap two directories: in one step where the system can, so that there is one at `a` at every moment."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if rename is not None and rename(_HERE, os.fsencode(a), _HERE, os.fsencode(b), _EXCHANGE) == 0:
        sync_folder(a.parent)
        return
    aside = b.with_name(b.name + ".old")
    try:
        os.rename(a, aside)
        try:
            os.rename(b, a)
        except OSError:
            os.rename(aside, a)
            raise
        os.rename(aside, b)
        sync_folder(a.parent)
    except OSError as error:
        raise StoreError(
            f"{a} cannot be replaced ({type(error).__name__}: {error}); give another store with --out"
        ) from error
