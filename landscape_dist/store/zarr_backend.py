"""The database's arrays in a Zarr v3 group, and the one pointer that says how much of them counts.

Measured with zarr 3.1.6: LocalStore replaces each key atomically (temporary file, rename, no fsync), so every key is
whole after SIGKILL, and one write of the root group's attributes commits everything written before it.  A crash of
the operating system can still lose keys that it had not written back.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import Store
from zarr.codecs import ZstdCodec
from zarr.core.sync import sync
from zarr.errors import ContainsArrayError, GroupNotFoundError
from zarr.storage import LocalStore

from landscape_dist.errors import LandscapeError, StoreError, StoreFormatError, StoreInUseError, StoreNotFoundError
from landscape_dist.store.lease import DirectoryLock, Lease
from landscape_dist.store.schema import (
    BLOCKS,
    BLOCKS_OF_VERSION,
    COLUMN_TYPES,
    FORMAT,
    LEASE_SECONDS,
    LENGTHS,
    NOT_WRITTEN,
    PLAIN_VERSION,
    SCHEMA_VERSION,
    TRAJECTORY_BLOCKS,
    Block,
    Contents,
    check_attributes,
    check_writable,
)

CHUNKS_READ = 64
"""Chunks of a table read together."""

StoreLike = str | os.PathLike[str] | Store


class ZarrBackend:
    """Arrays of one database.  Made by `create` or `open`; `commit` and `read` do the work."""

    def __init__(self, target: StoreLike, *, writable: bool) -> None:
        self.root = _local_root(target)
        # A plain path makes Zarr use LocalStore, whose writes are atomic; fsspec's local files are not.
        self._store: Any = target if self.root is None or isinstance(target, Store) else str(self.root)
        self.where = str(target) if isinstance(target, Store) else os.fspath(target)
        self._writable = writable
        self._lock: DirectoryLock | None = None
        self._lease: Lease | None = None
        self._group: zarr.Group | None = None
        self._arrays: dict[str, zarr.Array[Any]] = {}

    # -- making and opening -----------------------------------------------------------------------------------
    @classmethod
    def create(
        cls,
        target: StoreLike,
        header: dict[str, Any],
        sizes: Mapping[str, int],
        *,
        steal: bool = False,
        lease_seconds: float = LEASE_SECONDS,
    ) -> ZarrBackend:
        """Make an empty database and keep it open for writing.

        It counts as existing only once its first commit is written, the last step; what a killed creation leaves
        is taken over.  Raises `StoreError` where something else is there already.
        """
        self = cls(target, writable=True)
        if self.root is not None:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"{self.where} cannot be made: {error}; give the path of a new directory where you can write"
                ) from error
        with self._taken():
            self._lock = DirectoryLock(self.root)
            if self._lock.busy:
                raise StoreInUseError(f"{self.where} is being written by another process; wait for it or end it")
            self._refuse_existing()
            marker: dict[str, Any] = {"format": FORMAT, "schema_version": PLAIN_VERSION}
            group = zarr.open_group(self._store, mode="a", zarr_format=3, attributes=marker, use_consolidated=False)
            self._lease = Lease.take(group.store_path, self.where, steal=steal, seconds=lease_seconds, lock=self._lock)
            self._refuse_existing()  # once more: without a lock somebody may have been faster
            for block in BLOCKS:
                self._arrays[block.path] = _create_array(group, block, sizes)
            pointer: dict[str, Any] = dict.fromkeys(LENGTHS, 0)
            pointer |= {"number": 0, "counters": {}, "state": {}, "final": False, "time": _now()}
            group.update_attributes({"header": header, "sizes": dict(sizes), "writer": _writer(), "commit": pointer})
            self._group = group
            self._lease.start()
        return self

    @classmethod
    def open(
        cls, target: StoreLike, mode: str, *, steal: bool = False, lease_seconds: float = LEASE_SECONDS
    ) -> ZarrBackend:
        """Open for reading ('r') or also for writing ('a'); errors as `Database.open`."""
        self = cls(target, writable=mode == "a")
        group = self._open_group("r")
        if mode == "r":
            return self
        check_writable(_attributes(group), self.where)
        with self._taken():
            self._lock = DirectoryLock(self.root)
            self._lease = Lease.take(
                self._open_group("r+").store_path, self.where, steal=steal, seconds=lease_seconds, lock=self._lock
            )
            if self.root is not None:
                self._sweep()
            # Once more: another writer may have committed before the lock was free.
            self._group = self._open_group("r+")
            committed = _attributes(self._group)["commit"]
            blocks = (*BLOCKS, *(block for block in TRAJECTORY_BLOCKS if committed.get(block.length)))
            self._arrays = {block.path: self._array(self._group, block.path) for block in blocks}
            self._group.update_attributes({"writer": _writer()})
            self._lease.start()
        return self

    @contextmanager
    def _taken(self) -> Iterator[None]:
        """For becoming the one that writes: leaves nothing behind where that fails, and says why it does."""
        try:
            yield
        except LandscapeError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise StoreError(
                f"{self.where} cannot be written: {type(error).__name__}: {error}; make it writable or free space, or "
                "give another store"
            ) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others write.  Harmless when repeated."""
        self._group = None
        self._arrays = {}
        for right in (self._lease, self._lock):
            if right is not None:
                right.release()

    # -- writing ----------------------------------------------------------------------------------------------
    def commit(self, rows: Mapping[str, NDArray[Any]], pointer: dict[str, Any]) -> None:
        """Write `rows` behind the committed ones, then the pointer with the new lengths, in one step.

        Rows of an earlier attempt that never became a commit are overwritten; arrays never shrink.
        """
        if self._group is None or self._lease is None:
            raise StoreError(f"{self.where} is closed; open it again with mode 'a'")
        self._lease.check()
        attributes = _attributes(self._group)
        committed = attributes["commit"]
        for block in (*BLOCKS, *TRAJECTORY_BLOCKS):
            new = rows.get(block.path)
            if new is None or len(new) == 0:
                continue
            start, stop = committed.get(block.length, 0), pointer[block.length]
            if stop - start != len(new):
                raise StoreError(f"{block.path}: {len(new)} rows for a commit of {stop - start}; please report this")
            if block.path not in self._arrays:  # nothing of it counts yet, whatever a killed writer left there
                self._arrays[block.path] = _create_array(self._group, block, attributes["sizes"])
            array = self._arrays[block.path]
            if array.shape[0] < stop:
                array.resize((stop, *array.shape[1:]))
            if new.size:
                array[start:stop] = new
        # update_attributes writes one key once; setting attributes one at a time would show torn commits.
        news: dict[str, Any] = {"commit": pointer | {"time": _now()}}
        if any(pointer.get(block.length) for block in TRAJECTORY_BLOCKS):
            news["schema_version"] = SCHEMA_VERSION
        self._lease.check()
        self._group.update_attributes(news)

    # -- reading ----------------------------------------------------------------------------------------------
    def attributes(self) -> dict[str, Any]:
        """Root attributes as they are now, from the store and not from memory."""
        return _attributes(self._open_group("r"))

    def read(self) -> Contents:
        """Everything committed.  Consistent while a writer goes on.

        The pointer is read first and the arrays are opened afterwards, so they are at least as long as it says.
        """
        group = self._open_group("r")
        attributes = _attributes(group)
        lengths = attributes["commit"]
        arrays: dict[str, NDArray[Any]] = {}
        for block in BLOCKS_OF_VERSION[attributes["schema_version"]]:
            array, n = self._array(group, block.path), int(lengths[block.length])
            if array.shape[0] < n:
                raise StoreFormatError(
                    f"{self.where} is damaged: {block.path} has {array.shape[0]} rows where {n} were committed; "
                    "restore it from a copy"
                )
            if block.columns:
                arrays |= self._read_columns(array, block, n)
                continue
            empty = n == 0 or 0 in array.shape
            shape = (n, *array.shape[1:])
            arrays[block.path] = np.empty(shape, dtype=array.dtype) if empty else np.asarray(array[:n])
        return Contents(attributes, arrays)

    def _read_columns(self, array: zarr.Array[Any], block: Block, n: int) -> dict[str, NDArray[Any]]:
        """The first n rows as columns, a part at a time: whole, they would take twice the memory of the columns."""
        columns = {name: np.empty(n, dtype=COLUMN_TYPES.get(name, block.dtype)) for name in block.columns}
        step = CHUNKS_READ * array.chunks[0]
        for start in range(0, n, step):
            part = slice(start, min(start + step, n))
            rows = np.asarray(array[part])
            if block.dtype == "int64" and (rows == NOT_WRITTEN).any():
                raise self._missing(block.path)
            for i, column in enumerate(columns.values()):
                column[part] = rows[:, i]
        return {f"{block.path}/{name}": column for name, column in columns.items()}

    def _missing(self, path: str) -> StoreFormatError:
        return StoreFormatError(
            f"{self.where} is damaged: committed rows of {path} are missing (a chunk was deleted or not copied); "
            "restore it from a copy"
        )

    def read_rows(self, path: str, start: int, stop: int) -> NDArray[Any]:
        """Committed rows of one array; `StoreFormatError` where they are missing."""
        array = self._array(self._open_group("r"), path)
        rows = np.asarray(array[start:stop]) if stop > start and 0 not in array.shape else np.empty((0,))
        if len(rows) < stop - start or (array.dtype.kind == "i" and (rows == NOT_WRITTEN).any()):
            raise self._missing(path)
        return rows

    # -- inside -----------------------------------------------------------------------------------------------
    def _open_group(self, mode: Any, again: bool = True) -> zarr.Group:
        if self.root is not None:
            if not self.root.exists():
                raise StoreNotFoundError(f"there is no store at {self.where}; check the path, or create it by a run")
            if not self.root.is_dir():
                raise StoreFormatError(f"{self.where} is a file, not a landscape database (a directory)")
        try:
            group = zarr.open_group(self._store, mode=mode, zarr_format=3, use_consolidated=False)
        except (GroupNotFoundError, ContainsArrayError) as error:
            if self._is_empty():
                raise StoreNotFoundError(
                    f"there is no store at {self.where}: it is empty; check the path, or create it by a run"
                ) from error
            if again:  # the group may have come into being between the two looks
                return self._open_group(mode, again=False)
            raise StoreFormatError(
                f"{self.where} is not a landscape database: it holds no Zarr v3 group; check the path"
            ) from error
        except (ValueError, TypeError, KeyError) as error:
            raise StoreFormatError(f"{self.where} is not a landscape database: {error}; check the path") from error
        except FileNotFoundError as error:
            raise StoreNotFoundError(f"there is no store at {self.where}: {error}; check the address") from error
        except ImportError as error:
            raise StoreError(f"{self.where} needs a package that is not installed: {error}; install it") from error
        except OSError as error:
            raise StoreError(f"{self.where} cannot be opened: {error}; check access and address") from error
        attributes = _attributes(group)
        check_attributes(attributes, self.where)
        if "commit" not in attributes:
            raise StoreNotFoundError(
                f"the store at {self.where} was never finished: its creation was interrupted and nothing is in it; "
                "repeat the run that was to create it"
            )
        return group

    def _array(self, group: zarr.Group, path: str) -> zarr.Array[Any]:
        try:
            array = group[path]
        except KeyError as error:
            raise StoreFormatError(f"{self.where} is damaged: {path} is missing; restore it from a copy") from error
        if not isinstance(array, zarr.Array):
            raise StoreFormatError(f"{self.where} is damaged: {path} is not an array; restore it from a copy")
        return array

    def _refuse_existing(self) -> None:
        """`StoreError` unless there is nothing, or what an interrupted creation left."""
        if self._is_empty():
            return
        try:
            self._open_group("r")
        except StoreNotFoundError:
            return
        except StoreFormatError as error:
            raise StoreError(
                f"{self.where} exists and is something else ({error}); give a path that does not exist yet"
            ) from error
        raise StoreError(
            f"{self.where} already holds a landscape database; open it to go on with it, or give a path that does not "
            "exist yet"
        )

    def _is_empty(self) -> bool:
        if self.root is not None:
            return all(path.name.endswith(".partial") for path in self.root.iterdir())
        return sync(self._is_empty_async())

    async def _is_empty_async(self) -> bool:
        store = self._store
        if not isinstance(store, Store):
            from zarr.storage import FsspecStore

            store = FsspecStore.from_url(store)
        async for _ in store.list_prefix(""):
            return False
        return True

    def _sweep(self) -> None:
        """Remove temporary files that a killed writer left; only the holder of the lease may."""
        assert self.root is not None
        for path in self.root.rglob("*.partial"):
            path.unlink(missing_ok=True)


def _local_root(target: StoreLike) -> Path | None:
    """Directory of a database on this machine's file systems, None for other stores and URLs."""
    if isinstance(target, Store):
        return target.root if isinstance(target, LocalStore) else None
    text = os.fspath(target)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Path(text)
    return Path(url2pathname(rest)) if scheme in ("file", "local") else None


def _create_array(group: zarr.Group, block: Block, sizes: Mapping[str, int]) -> zarr.Array[Any]:
    """An empty array for a block, in place of whatever is there."""
    row = block.row_shape(sizes)
    return group.create_array(
        block.path,
        shape=(0, *row),
        chunks=(block.chunk_rows(sizes), *(max(1, n) for n in row)),
        dtype=block.dtype,
        fill_value=block.fill_value,
        # Level 1 costs 0.1 ms a chunk and shrinks searches tenfold.
        compressors=ZstdCodec(level=1),
        attributes={"columns": list(block.columns), "length": block.length, "description": block.description},
        overwrite=True,
    )


def _attributes(group: zarr.Group) -> dict[str, Any]:
    return dict(group.attrs)


def _writer() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
