"""What a landscape database looks like inside: its version, its arrays and their columns.

Anyone can read a database with `zarr.open`.  Every array grows along its first axis and names its columns in its
attributes.  Only rows below the lengths in the root attribute `commit` count; what lies behind them is a commit that
was never finished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import StoreFormatError
from landscape_dist.records import Counters

FORMAT = "landscape_dist"
"""Value of the root attribute `format`."""

SCHEMA_VERSION = 2
"""Newest version that this code knows; older ones are migrated while they are read."""

PLAIN_VERSION = 1
"""Version of databases without paths of searches, which older code reads and extends as well.  The commit that adds the
first path makes it 2, so that code which knows nothing of paths refuses instead of losing them."""

WRITABLE = (PLAIN_VERSION, SCHEMA_VERSION)

LEASE_SECONDS = 60.0
"""How long a process that writes may give no sign of life before another may take over; see `store.lease`."""

CHUNK_BYTES = 256 * 1024
"""Size of a chunk before compression."""

NOT_WRITTEN = -(2**63)
"""Fill value of integer arrays.  It never occurs as data, so a lost chunk is noticed."""

LENGTHS = ("n_points", "n_searches", "n_failures", "n_message_bytes")
"""Committed lengths, as named in the root attribute `commit`."""

TRAJECTORY_LENGTHS = ("n_trajectories", "n_trajectory_points")
"""The same for the paths of searches; they are absent, and the arrays too, where none were kept."""


@dataclass(frozen=True, slots=True)
class Block:
    """One Zarr array: rows of equal width.

    Attributes:
        path: path within the group.
        dtype: NumPy type of its entries.
        length: which of `LENGTHS` counts its rows.
        columns: names of its columns; empty where the columns are coordinates or an ordered list.
        width: number of columns; 'dim' or 'n_eigenvalues' where the landscape decides; None for a flat array.
        description: for those who open the array by themselves.
    """

    path: str
    dtype: str
    length: str
    description: str
    columns: tuple[str, ...] = ()
    width: int | str | None = None

    def row_shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Shape of one row; `sizes` gives 'dim' and 'n_eigenvalues'."""
        if self.width is None:
            return ()
        return (sizes[self.width] if isinstance(self.width, str) else self.width,)

    def chunk_rows(self, sizes: Mapping[str, int]) -> int:
        """Rows per chunk of about `CHUNK_BYTES`."""
        row_bytes = np.dtype(self.dtype).itemsize * max(1, int(np.prod(self.row_shape(sizes))))
        return max(1, CHUNK_BYTES // row_bytes)

    @property
    def fill_value(self) -> int | float:
        if self.dtype == "float64":
            return float("nan")
        return NOT_WRITTEN if self.dtype == "int64" else 0


POINT_INTEGERS = ("index", "nullity", "found_by", "round")
POINT_REALS = ("energy", "gradient_norm")
SEARCH_INTEGERS = ("slot", "parent", "kind", "ordinal", "target", "status", "child", "n_steps", "round")
FAILURE_INTEGERS = ("slot", "message_end")
TRAJECTORY_INTEGERS = ("slot", "end")

COLUMN_TYPES = {
    "index": "int32", "nullity": "int32", "round": "int32", "ordinal": "int32", "target": "int32", "n_steps": "int32",
    "kind": "int8", "status": "int8",
}  # fmt: skip
"""Types in memory of the columns that are narrower than their array."""

# Columns of one kind share an array: a commit costs 1 to 2 ms of CPU an array, however few the rows.
BLOCKS: tuple[Block, ...] = (
    Block("points/x", "float64", "n_points", "coordinates; row i is the point with id i", width="dim"),
    Block("points/eigenvalues", "float64", "n_points", "lowest eigenvalues, ascending", width="n_eigenvalues"),
    Block("points/reals", "float64", "n_points", "energy (NaN where there is none) and 2-norm of the gradient",
          POINT_REALS, len(POINT_REALS)),
    Block("points/integers", "int64", "n_points", "found_by is the slot of the search that found the point",
          POINT_INTEGERS, len(POINT_INTEGERS)),
    Block("searches/integers", "int64", "n_searches", "one row per finished search, in order of arrival; parent and "
          "child are ids of points, -1 for none", SEARCH_INTEGERS, len(SEARCH_INTEGERS)),
    Block("failures/x", "float64", "n_failures", "last point of a search that ended at no stationary point",
          width="dim"),
    Block("failures/gradient_norm", "float64", "n_failures", "2-norm of the gradient at the last point"),
    Block("failures/integers", "int64", "n_failures", "slot of the search, and where its text ends in "
          "failures/message", FAILURE_INTEGERS, len(FAILURE_INTEGERS)),
    Block("failures/message", "uint8", "n_message_bytes", "texts one after another, UTF-8"),
)  # fmt: skip

# Made with the first path that is committed, so databases without paths are as they were before there were any.
TRAJECTORY_BLOCKS: tuple[Block, ...] = (
    Block("trajectories/x", "float64", "n_trajectory_points", "points of the paths of searches, path after path",
          width="dim"),
    Block("trajectories/time", "float64", "n_trajectory_points", "pseudo-time of the dynamics at these points"),
    Block("trajectories/integers", "int64", "n_trajectories", "slot of the search, and where its path ends in "
          "trajectories/x", TRAJECTORY_INTEGERS, len(TRAJECTORY_INTEGERS)),
)  # fmt: skip

BLOCKS_OF_VERSION: dict[int, tuple[Block, ...]] = {PLAIN_VERSION: BLOCKS, SCHEMA_VERSION: BLOCKS}
"""Arrays that a database of each readable version has."""


BLOCK_AT = {block.path: block for block in (*BLOCKS, *TRAJECTORY_BLOCKS)}

MAX_DIM = 10_000_000
"""Most variables, and most eigenvalues of a point, that a database can be of."""


@dataclass(slots=True)
class Contents:
    """Everything in a database as stored: root attributes, and the committed rows of each array by its path.

    Of an array with named columns each column is an array of its own, PATH/COLUMN, of the type in `COLUMN_TYPES`.
    """

    attributes: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


MIGRATIONS: dict[int, Callable[[Contents], Contents]] = {PLAIN_VERSION: lambda contents: contents}
"""Version v -> function from the contents of version v to those of v + 1.  Applied in memory, on reading."""


def check_attributes(attributes: Mapping[str, Any], where: str) -> int:
    """Return the schema version of a database from its root attributes.

    Raises:
        StoreFormatError: not a landscape database, of a newer version, or of one that no migration leads from.
    """
    if attributes.get("format") != FORMAT:
        raise StoreFormatError(
            f"{where} is a Zarr group, but not a landscape database (its attribute 'format' is "
            f"{attributes.get('format')!r}, not {FORMAT!r}); give the path of a database, or a new path to create one"
        )
    version = attributes.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise StoreFormatError(
            f"{where} is damaged: its attribute 'schema_version' is {version!r}, not a whole number; "
            "restore it from a copy"
        )
    if version > SCHEMA_VERSION:
        raise StoreFormatError(
            f"{where} has schema version {version}, and this landscape_dist knows versions up to {SCHEMA_VERSION}; "
            "upgrade landscape_dist to open it"
        )
    missing = [v for v in range(version, SCHEMA_VERSION) if v not in MIGRATIONS or v not in BLOCKS_OF_VERSION]
    if missing:
        raise StoreFormatError(
            f"{where} has schema version {version}, and there is no way from version {missing[0]} to "
            f"{missing[0] + 1}; open it with the landscape_dist that wrote it"
        )
    if "commit" in attributes:
        _check_root(attributes, where)
    return version


def _check_root(attributes: Mapping[str, Any], where: str) -> None:
    """Raise `StoreFormatError` where an attribute that all readers use is not what it should be."""

    def wrong(field: str, value: Any, expected: str) -> StoreFormatError:
        return StoreFormatError(
            f"{where} is damaged: its attribute {field} is {str(value)[:200]!r}, not {expected}; restore it from a copy"
        )

    for name in ("header", "sizes", "commit"):
        if not isinstance(attributes.get(name), dict):
            raise wrong(name, attributes.get(name), "an object")
    sizes, commit = attributes["sizes"], attributes["commit"]
    for name in ("dim", "n_eigenvalues"):
        if not _is_count(sizes.get(name), 1, MAX_DIM):
            raise wrong(f"sizes.{name}", sizes.get(name), f"a whole number from 1 to {MAX_DIM}")
    kinds = {"counters": (dict, "an object"), "state": (dict, "an object"), "final": (bool, "true or false")}
    for name, (kind, expected) in (kinds | {"time": (str, "text")}).items():
        if not isinstance(commit.get(name), kind):
            raise wrong(f"commit.{name}", commit.get(name), expected)
    for name in (*LENGTHS, "number"):
        if not _is_count(commit.get(name)):
            raise wrong(f"commit.{name}", commit.get(name), "a whole number of at least 0")
    for name in Counters.__slots__:
        if not _is_count(commit["counters"].get(name, 0), most=2**63):
            raise wrong(f"commit.counters.{name}", commit["counters"][name], "a whole number of at least 0")
    for name in TRAJECTORY_LENGTHS:
        if not _is_count(commit.get(name, 0)):
            raise wrong(f"commit.{name}", commit[name], "a whole number of at least 0")


def _is_count(value: Any, least: int = 0, most: int = 2**48) -> bool:
    return type(value) is int and least <= value <= most


def needs_migration(attributes: Mapping[str, Any]) -> bool:
    """Whether a database must be made anew before rows can be added."""
    return attributes["schema_version"] not in WRITABLE


def check_writable(attributes: Mapping[str, Any], where: str) -> None:
    """Raise `StoreFormatError` where rows of this version cannot be added to the database."""
    version = check_attributes(attributes, where)
    if version not in WRITABLE:
        raise StoreFormatError(
            f"{where} has schema version {version}, which can be read but not extended (this landscape_dist writes "
            f"version {SCHEMA_VERSION}); start a new database"
        )


def migrate(contents: Contents, where: str) -> Contents:
    """Bring contents of an older version to `SCHEMA_VERSION`, one version after another."""
    for version in range(check_attributes(contents.attributes, where), SCHEMA_VERSION):
        contents = MIGRATIONS[version](contents)
    return contents
