"""The database's arrays in a Zarr v3 group, and the one pointer that says how much of them counts.

Each key is replaced atomically (temporary file, rename), so every key is whole after SIGKILL, and one write of the root
group's attributes commits everything written before it; `durable` makes that hold for a crash of the operating system
and a power cut, too.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from landscape_dist.errors import LandscapeError, StoreError, StoreFormatError, StoreInUseError, StoreNotFoundError
from landscape_dist.store.durable import DurableFiles
from landscape_dist.store.lease import DirectoryLock, Lease
from landscape_dist.store.schema import (
    BLOCKS,
    FORMAT,
    LEASE_SECONDS,
    LENGTHS,
    PLAIN_VERSION,
    SCHEMA_VERSION,
    TRAJECTORY_BLOCKS,
    Block,
    check_writable,
)
from landscape_dist.store.sessions import now
from landscape_dist.store.zarr_reader import StoreLike, ZarrReader, root_attributes


class ZarrBackend(ZarrReader):
    """Arrays of one database.  Made by `create` or `open`; `commit` and `read` do the work."""

    def __init__(self, target: StoreLike, *, durable: bool = True) -> None:
        super().__init__(target)
        if durable and self.root is not None and not self._store.read_only:
            self._store = DurableFiles(self.root)
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
        sessions: list[dict[str, Any]] | None = None,
        shards: Mapping[str, int] | None = None,
    ) -> ZarrBackend:
        """Make an empty database and keep it open for writing.

        It counts as existing only once its first commit is written, the last step; what a killed creation leaves
        is taken over.  `shards` says how many chunks an array (by its path) puts into one file.

        Raises `StoreError` where something else is there already.
        """
        self = cls(target)
        if self.root is not None:
            try:
                if isinstance(self._store, DurableFiles):
                    self._store.make_folder(self.root)
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
                self._arrays[block.path] = _create_array(group, block, sizes, (shards or {}).get(block.path, 1))
            pointer: dict[str, Any] = dict.fromkeys(LENGTHS, 0)
            pointer |= {"number": 0, "counters": {}, "state": {}, "final": False, "time": now()}
            about = {"header": header, "sizes": dict(sizes), "sessions": sessions or [], "id": uuid.uuid4().hex}
            group.update_attributes(about | {"writer": _writer(), "commit": pointer})
            self._group = group
            self._lease.start()
        return self

    @classmethod
    def open(
        cls,
        target: StoreLike,
        mode: str,
        *,
        steal: bool = False,
        lease_seconds: float = LEASE_SECONDS,
        hold: bool = False,
    ) -> ZarrBackend:
        """Open for reading ('r') or also for writing ('a'); errors as `Database.open`.

        With `hold`, only others are kept from writing; any version will do.
        """
        self = cls(target)
        group = self._open_group("r")
        if mode == "r":
            return self
        if not hold:
            check_writable(root_attributes(group), self.where)
        with self._taken():
            self._lock = DirectoryLock(self.root)
            self._lease = Lease.take(
                self._open_group("r+").store_path, self.where, steal=steal, seconds=lease_seconds, lock=self._lock
            )
            if hold:
                self._lease.start()
                return self
            if self.root is not None:
                self._sweep()
            # Once more: another writer may have committed before the lock was free.
            self._group = self._open_group("r+")
            committed = root_attributes(self._group)["commit"]
            blocks = (*BLOCKS, *(block for block in TRAJECTORY_BLOCKS if committed.get(block.length)))
            self._arrays = {block.path: self._array(self._group, block) for block in blocks}
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

    def drop_tails(self) -> None:
        """Cut off rows behind the committed ones, and remove temporary files."""
        assert self._lease is not None
        self._lease.check()
        group = self._open_group("r+")
        for _, array, n in self.tails(group):
            array.resize((n, *array.shape[1:]))
        if self.root is not None:
            self._sweep()

    def leave(self) -> None:
        """To be called right before the directory is replaced: what is written from now on is another's."""
        assert self._lease is not None
        self._lease.check()
        self._lease.stop()

    def close(self) -> None:
        """Let others write.  Harmless when repeated."""
        self._group = None
        self._arrays = {}
        for right in (self._lease, self._lock):
            if right is not None:
                right.release()

    # -- writing ----------------------------------------------------------------------------------------------
    def commit(
        self,
        rows: Mapping[str, NDArray[Any]],
        pointer: dict[str, Any],
        sessions: list[dict[str, Any]] | None = None,
    ) -> None:
        """Write `rows` behind the committed ones, then the pointer with the new lengths, in one step.

        `sessions` replaces the list of them.

        Rows of an earlier attempt that never became a commit are overwritten; arrays never shrink.
        """
        if self._group is None or self._lease is None:
            raise StoreError(f"{self.where} is closed; open it again with mode 'a'")
        self._lease.check()
        attributes = root_attributes(self._group)
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
        news: dict[str, Any] = {"commit": pointer | {"time": now()}}
        if sessions is not None:
            news["sessions"] = sessions
        if any(pointer.get(block.length) for block in TRAJECTORY_BLOCKS):
            news["schema_version"] = SCHEMA_VERSION
        self._lease.check()
        self._group.update_attributes(news)

    # -- inside -----------------------------------------------------------------------------------------------
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

    def _sweep(self) -> None:
        """Remove temporary files that a killed writer left; only the holder of the lease may."""
        assert self.root is not None
        for path in self.partial_files():
            path.unlink(missing_ok=True)


def _create_array(
    group: zarr.Group, block: Block, sizes: Mapping[str, int], chunks_per_shard: int = 1
) -> zarr.Array[Any]:
    """An empty array for a block, in place of whatever is there."""
    row = block.row_shape(sizes)
    width = tuple(max(1, n) for n in row)
    rows = block.chunk_rows(sizes)
    return group.create_array(
        block.path,
        shape=(0, *row),
        chunks=(rows, *width),
        shards=(rows * chunks_per_shard, *width) if chunks_per_shard > 1 else None,
        dtype=block.dtype,
        fill_value=block.fill_value,
        # Level 1 costs 0.1 ms a chunk and shrinks searches tenfold.
        compressors=(ZstdCodec(level=1), Crc32cCodec()),
        attributes={"columns": list(block.columns), "length": block.length, "description": block.description},
        overwrite=True,
    )


def _writer() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
