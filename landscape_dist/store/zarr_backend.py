"""The database's arrays in a Zarr v3 group, and the one pointer that says how much of them counts.

Measured with zarr 3.1.6: LocalStore replaces each key atomically (temporary file, rename, no fsync), so every key is
whole after SIGKILL, and one write of the root group's attributes commits everything written before it.  A crash of
the operating system can still lose keys that it had not written back.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
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

from landscape_dist.errors import StoreError, StoreFormatError, StoreNotFoundError
from landscape_dist.store.schema import (
    BLOCKS,
    BLOCKS_OF_VERSION,
    FORMAT,
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

StoreLike = str | os.PathLike[str] | Store


class ZarrBackend:
    """Arrays of one database.  Made by `create` or `open`; `commit` and `read` do the work."""

    def __init__(self, target: StoreLike, *, writable: bool) -> None:
        self.root = _local_root(target)
        # A plain path makes Zarr use LocalStore, whose writes are atomic; fsspec's local files are not.
        self._store: Any = target if self.root is None or isinstance(target, Store) else str(self.root)
        self.where = str(target) if isinstance(target, Store) else os.fspath(target)
        self._writable = writable
        self._lock: int | None = None
        self._group: zarr.Group | None = None
        self._arrays: dict[str, zarr.Array[Any]] = {}

    # -- making and opening -----------------------------------------------------------------------------------
    @classmethod
    def create(cls, target: StoreLike, header: dict[str, Any], sizes: Mapping[str, int]) -> ZarrBackend:
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
        self._take_lock()
        try:
            self._refuse_existing()
            marker: dict[str, Any] = {"format": FORMAT, "schema_version": PLAIN_VERSION}
            group = zarr.open_group(self._store, mode="a", zarr_format=3, attributes=marker, use_consolidated=False)
            for block in BLOCKS:
                self._arrays[block.path] = _create_array(group, block, sizes)
            pointer: dict[str, Any] = dict.fromkeys(LENGTHS, 0)
            pointer |= {"number": 0, "counters": {}, "state": {}, "final": False, "time": _now()}
            group.update_attributes({"header": header, "sizes": dict(sizes), "writer": _writer(), "commit": pointer})
            self._group = group
        except BaseException:
            self.close()
            raise
        return self

    @classmethod
    def open(cls, target: StoreLike, mode: str) -> ZarrBackend:
        """Open for reading ('r') or also for writing ('a'); errors as `Database.open`."""
        self = cls(target, writable=mode == "a")
        group = self._open_group("r")
        if mode == "r":
            return self
        check_writable(_attributes(group), self.where)
        self._take_lock(_attributes(group).get("writer"))
        try:
            if self._lock is not None:
                self._sweep()
            # Once more: another writer may have committed before the lock was free.
            self._group = self._open_group("r+")
            committed = _attributes(self._group)["commit"]
            blocks = (*BLOCKS, *(block for block in TRAJECTORY_BLOCKS if committed.get(block.length)))
            self._arrays = {block.path: self._array(self._group, block.path) for block in blocks}
            self._group.update_attributes({"writer": _writer()})
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Release the lock.  Harmless when repeated."""
        self._group = None
        self._arrays = {}
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # -- writing ----------------------------------------------------------------------------------------------
    def commit(self, rows: Mapping[str, NDArray[Any]], pointer: dict[str, Any]) -> None:
        """Write `rows` behind the committed ones, then the pointer with the new lengths, in one step.

        Rows of an earlier attempt that never became a commit are overwritten; arrays never shrink.
        """
        if self._group is None:
            raise StoreError(f"{self.where} is closed; open it again with mode 'a'")
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
            empty = n == 0 or 0 in array.shape
            shape = (n, *array.shape[1:])
            arrays[block.path] = np.empty(shape, dtype=array.dtype) if empty else np.asarray(array[:n])
        return Contents(attributes, arrays)

    def read_rows(self, path: str, start: int, stop: int) -> NDArray[Any]:
        """Committed rows of one array; `StoreFormatError` where they are missing."""
        array = self._array(self._open_group("r"), path)
        rows = np.asarray(array[start:stop]) if stop > start and 0 not in array.shape else np.empty((0,))
        if len(rows) < stop - start or (array.dtype.kind == "i" and (rows == NOT_WRITTEN).any()):
            raise StoreFormatError(
                f"{self.where} is damaged: committed rows of {path} are missing (a chunk was deleted or not copied); "
                "restore it from a copy"
            )
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

    def _take_lock(self, writer: Any = None) -> None:
        """Be the only writer: the kernel drops the lock when this process ends, however it ends.

        The directory itself is locked, so that no file appears which Zarr does not know.  Where the file system
        or the store cannot lock, nothing is refused.
        """
        try:
            import fcntl
        except ImportError:  # not a POSIX system
            return
        if self.root is None:
            return
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            who = f" (last: process {writer['pid']} on {writer['host']})" if isinstance(writer, dict) else ""
            raise StoreError(
                f"{self.where} is being written by another process{who}; wait for it, end it, or open with mode 'r'"
            ) from error
        except OSError:
            os.close(descriptor)
        else:
            self._lock = descriptor

    def _sweep(self) -> None:
        """Remove temporary files that a killed writer left; only the holder of the lock may."""
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
