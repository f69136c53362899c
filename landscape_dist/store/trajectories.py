"""The paths of searches in a database, read when asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from landscape_dist.records import FloatArray, IntArray
from landscape_dist.store.database import Database


class StoredPaths:
    """Paths of searches in a store; what is not asked for is not read.

    Args:
        store: path, URL or Zarr store object of a database.
    """

    def __init__(self, store: Any) -> None:
        self.store = store

    @cached_property
    def _database(self) -> Database:
        return Database.open(self.store)

    def index(self) -> tuple[IntArray, IntArray]:
        """(t,) slots of the searches with paths in the newest commit, and (t,) where their paths end."""
        return self._database.read_trajectory_index()

    def points(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """(n, d) points and (n,) pseudo-times, from row `start` up to `stop`."""
        return self._database.read_trajectory_points(start, stop)
