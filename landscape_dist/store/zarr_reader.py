"""A database in a Zarr v3 group as readers see it: the group is opened, checked, and read as far as it counts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import Store
from zarr.core.sync import sync
from zarr.errors import ContainsArrayError, GroupNotFoundError
from zarr.storage import LocalStore

from landscape_dist.errors import StoreError, StoreFormatError, StoreNotFoundError
from landscape_dist.store.schema import (
    BLOCK_AT,
    BLOCKS_OF_VERSION,
    COLUMN_TYPES,
    NOT_WRITTEN,
    TRAJECTORY_BLOCKS,
    Block,
    Contents,
    check_attributes,
)
from landscape_dist.store.untrusted import RegularFiles, bounded_codecs, check_array_metadata

CHUNKS_READ = 64
"""Chunks of a table read together."""

StoreLike = str | os.PathLike[str] | Store


class ZarrReader:
    """The arrays of one database; nothing is open between two calls.

    Attributes:
        root: its directory; None for stores that are none. where: what messages call it.
    """

    def __init__(self, target: StoreLike) -> None:
        self.root = local_root(target)
        # LocalStore writes atomically; fsspec's local files do not.
        read_only = isinstance(target, Store) and target.read_only
        self._store: Any = target if self.root is None else RegularFiles(self.root, read_only=read_only)
        self.where = str(target) if isinstance(target, Store) else os.fspath(target)

    # -- reading ----------------------------------------------------------------------------------------------
    def attributes(self) -> dict[str, Any]:
        """Root attributes as they are now, from the store and not from memory."""
        return root_attributes(self._open_group("r"))

    def read(self) -> Contents:
        """Everything committed.  Consistent while a writer goes on, also where the store is replaced meanwhile.

        The pointer is read first and the arrays are opened afterwards, so they are at least as long as it says.
        """
        while True:
            group = self._open_group("r")
            attributes = root_attributes(group)
            contents, error = None, None
            try:
                contents = Contents(attributes, self._read_arrays(group, attributes))
            except StoreError as caught:
                error = caught
            if self.attributes().get("id") == attributes.get("id"):
                if contents is None:
                    assert error is not None
                    raise error
                return contents

    def _read_arrays(self, group: zarr.Group, attributes: dict[str, Any]) -> dict[str, NDArray[Any]]:
        lengths = attributes["commit"]
        arrays: dict[str, NDArray[Any]] = {}
        # Tables of integers first: they notice rows that are claimed and not there, before memory is taken for all.
        for block in sorted(BLOCKS_OF_VERSION[attributes["schema_version"]], key=lambda b: b.dtype != "int64"):
            array, n = self._array(group, block), int(lengths[block.length])
            if array.shape[0] < n:
                raise StoreFormatError(
                    f"{self.where} is damaged: {block.path} has {array.shape[0]} rows where {n} were committed; "
                    "restore it from a copy"
                )
            with self._reading(block.path):
                if block.columns:
                    arrays |= self._read_columns(array, block, n)
                    continue
                if block.path == "failures/message":
                    self._check_text_length(arrays["failures/integers/message_end"], n)
                empty = n == 0 or 0 in array.shape
                shape = (n, *array.shape[1:])
                arrays[block.path] = np.empty(shape, dtype=array.dtype) if empty else np.asarray(array[:n])
        return arrays

    def _check_text_length(self, ends: NDArray[np.int64], n: int) -> None:
        if (np.diff(ends, prepend=0) < 0).any() or int(ends[-1] if len(ends) else 0) != n:
            raise StoreFormatError(
                f"{self.where} is damaged: the texts in failures/message do not add up to the {n} bytes committed; "
                "restore it from a copy"
            )

    def _read_columns(self, array: zarr.Array[Any], block: Block, n: int) -> dict[str, NDArray[Any]]:
        """The first n rows as columns, a part at a time: whole, they would take twice the memory of the columns."""
        columns = {name: np.empty(n, dtype=COLUMN_TYPES.get(name, block.dtype)) for name in block.columns}
        step = CHUNKS_READ * array.chunks[0]
        for start in range(0, n, step):
            part = slice(start, min(start + step, n))
            rows = np.asarray(array[part])
            if block.dtype == "int64" and (rows == NOT_WRITTEN).any():
                raise self._missing(block.path)
            for i, (name, column) in enumerate(columns.items()):
                column[part] = rows[:, i]
                if column.dtype != rows.dtype and (column[part] != rows[:, i]).any():
                    raise StoreFormatError(
                        f"{self.where} is damaged: {block.path} has a number in column {name} that is out of range; "
                        "restore it from a copy"
                    )
        return {f"{block.path}/{name}": column for name, column in columns.items()}

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        """Says which array could not be read, and what to do about it."""
        try:
            yield
        except StoreFormatError as error:
            if self.where in str(error):
                raise
            raise StoreFormatError(f"{self.where} is damaged: {path}: {error}") from error
        except OSError as error:
            raise StoreError(f"{self.where} cannot be read: {path}: {error}; check access to it") from error
        except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, MemoryError) as error:
            raise StoreFormatError(
                f"{self.where} is damaged: {path} cannot be read ({type(error).__name__}: {error}); restore it from a "
                "copy"
            ) from error

    def _missing(self, path: str) -> StoreFormatError:
        return StoreFormatError(
            f"{self.where} is damaged: committed rows of {path} are missing (a chunk was deleted or not copied); "
            "restore it from a copy"
        )

    def read_rows(self, path: str, start: int, stop: int) -> NDArray[Any]:
        """Committed rows of one array; `StoreFormatError` where they are missing."""
        array = self._array(self._open_group("r"), BLOCK_AT[path])
        with self._reading(path):
            rows = np.asarray(array[start:stop]) if stop > start and 0 not in array.shape else np.empty((0,))
        if len(rows) < stop - start or (array.dtype.kind == "i" and (rows == NOT_WRITTEN).any()):
            raise self._missing(path)
        return rows

    def tails(self, group: zarr.Group | None = None) -> list[tuple[str, zarr.Array[Any], int]]:
        """Arrays with rows behind the committed ones: path, array, committed rows."""
        group = self._open_group("r") if group is None else group
        attributes = root_attributes(group)
        found = []
        for block in (*BLOCKS_OF_VERSION[attributes["schema_version"]], *TRAJECTORY_BLOCKS):
            if block in TRAJECTORY_BLOCKS and sync((group.store_path / block.path / "zarr.json").get()) is None:
                continue
            array, n = self._array(group, block), int(attributes["commit"].get(block.length, 0))
            if array.shape[0] > n:
                found.append((block.path, array, n))
        return found

    def partial_files(self) -> list[Path]:
        """Temporary files that a killed writer left."""
        return [] if self.root is None else sorted(self.root.rglob("*.partial"))

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
        except StoreFormatError:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, MemoryError) as error:
            said = f"{type(error).__name__}: {error}"[:500]
            raise StoreFormatError(f"{self.where} is not a landscape database: {said}; check the path") from error
        except FileNotFoundError as error:
            raise StoreNotFoundError(f"there is no store at {self.where}: {error}; check the address") from error
        except ImportError as error:
            raise StoreError(f"{self.where} needs a package that is not installed: {error}; install it") from error
        except OSError as error:
            raise StoreError(f"{self.where} cannot be opened: {error}; check access and address") from error
        attributes = root_attributes(group)
        check_attributes(attributes, self.where)
        if "commit" not in attributes:
            raise StoreNotFoundError(
                f"the store at {self.where} was never finished: its creation was interrupted and nothing is in it; "
                "repeat the run that was to create it"
            )
        return group

    def _array(self, group: zarr.Group, block: Block) -> zarr.Array[Any]:
        path = block.path
        with self._reading(path):
            document = sync((group.store_path / path / "zarr.json").get())
            if document is None:
                raise StoreFormatError(f"{self.where} is damaged: {path} is missing; restore it from a copy")
            metadata = json.loads(document.to_bytes())
            check_array_metadata(metadata, block, group.attrs["sizes"], self.where)  # type: ignore[arg-type]
            with bounded_codecs():
                array = group[path]
            assert isinstance(array, zarr.Array)
            return array

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


def local_root(target: StoreLike) -> Path | None:
    """Directory of a database on this machine's file systems, None for other stores and URLs.

    Absolute: an energy may change the directory that the process works in.
    """
    if isinstance(target, Store):
        return target.root.absolute() if isinstance(target, LocalStore) else None
    text = os.fspath(target)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Path(text).absolute()
    return Path(url2pathname(rest)).absolute() if scheme in ("file", "local") else None


def root_attributes(group: zarr.Group) -> dict[str, Any]:
    return dict(group.attrs)
