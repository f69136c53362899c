"""The shipped conformance suite, over each kind of store."""

from __future__ import annotations

import pytest
from zarr.storage import LocalStore, MemoryStore

from landscape_dist.store.conformance import DatabaseTests


class TestPath(DatabaseTests):
    def make_store(self, tmp_path):
        return tmp_path / "deep" / "x.zarr"


class TestText(DatabaseTests):
    def make_store(self, tmp_path):
        return str(tmp_path / "with space ü")


class TestLocalStore(DatabaseTests):
    def make_store(self, tmp_path):
        return LocalStore(tmp_path / "x.zarr")


class TestMemoryStore(DatabaseTests):
    def make_store(self, tmp_path):
        return MemoryStore()


class TestUrl(DatabaseTests):
    def make_store(self, tmp_path):
        pytest.importorskip("fsspec")
        return f"memory://{tmp_path.name}/x.zarr"
