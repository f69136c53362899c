"""The paths of searches in a database, read when asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from landscape_dist.errors import StoreError
from landscape_dist.records import FloatArray, IntArray
from landscape_dist.store.database import Database
from landscape_dist.store.zarr_reader import local_root


class StoredPaths:
    """Paths of searches in a store; what is not asked for is not read.

    Args:
        store: path, URL or Zarr store object of a database.
        identity: of the database that is meant, see `Database.identity`; None for whichever is there at the first look.

    Raises:
        StoreError: on reading, where another database is there by now.
    """

    def __init__(self, store: Any, identity: str | None = None) -> None:
        root = local_root(store)
        self.store = store if root is None else root
        self._identity = identity

    @cached_property
    def _database(self) -> Database:
        database = Database.open(self.store)
        if self._identity is None:
            self._identity = database.identity()
        return database

    def index(self) -> tuple[IntArray, IntArray]:
        """(t,) slots of the searches with paths in the newest commit, and (t,) where their paths end."""
        found = self._database.read_trajectory_index()
        self._check()
        return found

    def points(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """(n, d) points and (n,) pseudo-times, from row `start` up to `stop`."""
        found = self._database.read_trajectory_points(start, stop)
        self._check()
        return found

    def _check(self) -> None:
        # after what was read: before it, another may have taken the place in between
        if self._database.identity() != self._identity:
            raise StoreError(
                f"{self.store} was made anew since it was opened (by extend, retry, compact or a migration), and the "
                "paths in it are of other searches; open it again"
            )
