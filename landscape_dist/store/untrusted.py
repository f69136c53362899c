"""What keeps a database from elsewhere harmless: it is data, which is checked before it is believed.

Zarr v3 arrays of numbers hold nothing that could be executed.  What is left are files that are none (links, devices,
pipes), metadata that name other types, sizes or codecs than a database has, and chunks that unpack to more than they
may.  All of them are refused before memory is taken for them.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr
from zarr.codecs import ZstdCodec
from zarr.registry import register_codec
from zarr.storage import LocalStore

from landscape_dist.errors import StoreFormatError
from landscape_dist.store.schema import Block

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer

MAX_METADATA_BYTES = 64 << 20
"""Longest metadata document that is read; a header holds all starting points."""

MAX_CHUNK_BYTES = 64 << 20
"""Largest chunk, or shard, of an array."""

CODECS = {"bytes", "zstd", "crc32c", "sharding_indexed"}

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MOST_BLOCKS = 1 << 16


# -- files ------------------------------------------------------------------------------------------------------
class RegularFiles(LocalStore):
    """A directory as a Zarr store in which only regular files count, and no links."""

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        check_file(self.root, key)
        return await super().get(key, prototype, byte_range)


def check_file(root: Path, key: str) -> None:
    """Raise `StoreFormatError` where the file of a key is there and is not what it should be."""
    path = root
    try:
        for part in key.split("/"):
            path = path / part
            found = os.lstat(path)
            if stat.S_ISLNK(found.st_mode):
                raise StoreFormatError(
                    f"{path} is a symbolic link, which a database has none of; copy what it points to in its place"
                )
            if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
                raise StoreFormatError(f"{path} is neither file nor directory; this is no database to be trusted")
        limit = MAX_METADATA_BYTES if key.endswith("zarr.json") else 2 * MAX_CHUNK_BYTES
        if stat.S_ISREG(found.st_mode) and found.st_size > limit:
            raise StoreFormatError(f"{path} has {found.st_size} bytes, more than any of a database ({limit})")
    except (FileNotFoundError, NotADirectoryError):
        return


# -- metadata -----------------------------------------------------------------------------------------------------
def check_array_metadata(document: Any, block: Block, sizes: Mapping[str, int], where: str) -> None:
    """Raise `StoreFormatError` unless a `zarr.json` describes the array that the schema says."""

    def wrong(field: str, found: Any, expected: Any) -> StoreFormatError:
        return StoreFormatError(
            f"{where} is damaged: {block.path} has {field} {str(found)[:200]!r} where a database has {expected}; "
            "restore it from a copy"
        )

    if not isinstance(document, dict):
        raise wrong("metadata", document, "an object")
    row = block.row_shape(sizes)
    for field, expected in (("zarr_format", 3), ("node_type", "array"), ("data_type", block.dtype)):
        if document.get(field) != expected:
            raise wrong(field, document.get(field), expected)
    shape: Any = document.get("shape")
    if not _is_shape(shape, len(row) + 1) or tuple(shape[1:]) != row:
        raise wrong("shape", shape, f"(rows, {', '.join(map(str, row))})")
    grid: Any = document.get("chunk_grid")
    chunks: Any = grid.get("configuration", {}).get("chunk_shape") if _is_named(grid, ("regular",)) else None
    if not _is_shape(chunks, len(row) + 1) or not chunks[0] or _bytes(chunks, block) > _most_bytes(block, row):
        raise wrong("chunk_grid", grid, f"a regular one of at most {MAX_CHUNK_BYTES} bytes a chunk")
    if not _is_named(document.get("chunk_key_encoding"), ("default",)):
        raise wrong("chunk_key_encoding", document.get("chunk_key_encoding"), "the default one")
    _check_codecs(document.get("codecs"), chunks, block, wrong)
    if document.get("storage_transformers"):
        raise wrong("storage_transformers", document["storage_transformers"], "none")


def _check_codecs(codecs: Any, chunks: list[int], block: Block, wrong: Any, depth: int = 0) -> None:
    if not isinstance(codecs, list) or not codecs or not all(_is_named(codec, CODECS) for codec in codecs):
        raise wrong("codecs", codecs, f"some of {', '.join(sorted(CODECS))}")
    for codec in codecs:
        if codec["name"] != "sharding_indexed":
            continue
        inside = codec.get("configuration", {})
        inner = inside.get("chunk_shape")
        if (
            depth
            or not _is_shape(inner, len(chunks))
            or not inner[0]
            or any(c % i for c, i in zip(chunks, inner, strict=True))
        ):
            raise wrong("shards", inner, f"chunks that divide {chunks}")
        _check_codecs(inside.get("codecs"), inner, block, wrong, depth + 1)
        _check_codecs(inside.get("index_codecs"), inner, block, wrong, depth + 1)


def _is_named(value: Any, names: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and value["name"] in names
        and isinstance(value.get("configuration", {}), dict)
    )


def _is_shape(value: Any, n: int) -> bool:
    """Whether this is a list of n whole numbers, the first from 0 and the others from 1 on."""
    return (
        isinstance(value, list)
        and len(value) == n
        and all(type(v) is int and 0 <= v < 2**48 for v in value)
        and all(v > 0 for v in value[1:])
    )


def _bytes(chunks: list[int], block: Block) -> int:
    n = {"float64": 8, "int64": 8, "uint8": 1}[block.dtype]
    for length in chunks:
        n *= length
    return n


def _most_bytes(block: Block, row: tuple[int, ...]) -> int:
    return max(MAX_CHUNK_BYTES, _bytes([1, *row], block))


# -- chunks -------------------------------------------------------------------------------------------------------
class BoundedZstd(ZstdCodec):
    """The codec 'zstd' that unpacks no more than a chunk can hold, whatever the frame says."""

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        _check_frame(chunk_bytes, chunk_spec)
        return super()._decode_sync(chunk_bytes, chunk_spec)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        _check_frame(chunk_bytes, chunk_spec)
        return await super()._decode_single(chunk_bytes, chunk_spec)


register_codec("zstd", BoundedZstd)
_NAME = f"{BoundedZstd.__module__}.{BoundedZstd.__qualname__}"
_config_lock = threading.RLock()


@contextmanager
def bounded_codecs() -> Iterator[None]:
    """Arrays opened in here unpack chunks with `BoundedZstd`."""
    with _config_lock, zarr.config.set({"codecs.zstd": _NAME}):
        yield


def _check_frame(chunk_bytes: Buffer, chunk_spec: ArraySpec) -> None:
    expected = chunk_spec.dtype.to_native_dtype().itemsize
    for length in chunk_spec.shape:
        expected *= length
    if frame_content(chunk_bytes.to_bytes()) != expected:
        raise StoreFormatError(
            f"a chunk is damaged: it does not hold the {expected} bytes of its shape {chunk_spec.shape}; restore the "
            "store from a copy"
        )


def frame_content(data: bytes) -> int | None:
    """Bytes that one zstd frame (RFC 8878) unpacks to, as its header says; None where it is none, or not alone."""
    if len(data) < 6 or data[:4] != _ZSTD_MAGIC:
        return None
    flags = data[4]
    single, size_flag = flags >> 5 & 1, flags >> 6
    width = (1 if single else 0, 2, 4, 8)[size_flag]
    if not width:
        return None  # of unknown size
    place = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
    size = int.from_bytes(data[place : place + width], "little") + (256 if width == 2 else 0)
    place += width
    for _ in range(_MOST_BLOCKS):
        if place + 3 > len(data):
            return None
        block = int.from_bytes(data[place : place + 3], "little")
        place += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        if block & 1:
            return size if place + 4 * (flags >> 2 & 1) == len(data) else None
    return None
