"""The shipped conformance suite, over each kind of store."""

from __future__ import annotations

import pytest
from zarr.storage import LocalStore, MemoryStore

from landscape_dist.testing.databases import DatabaseTests


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


class TestFsspecStore(DatabaseTests):
    def make_store(self, tmp_path):
        pytest.importorskip("fsspec")
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(f"memory://{tmp_path.name}/y.zarr")


class TestObstoreMemory(DatabaseTests):
    def make_store(self, tmp_path):
        stores = pytest.importorskip("obstore.store")
        from zarr.storage import ObjectStore

        return ObjectStore(stores.MemoryStore())


class TestObstoreFiles(DatabaseTests):
    def make_store(self, tmp_path):
        stores = pytest.importorskip("obstore.store")
        from zarr.storage import ObjectStore

        (tmp_path / "z").mkdir()
        return ObjectStore(stores.LocalStore(tmp_path / "z"))


class TestIcechunk(DatabaseTests):
    """A session's store: commits of the database are seen through it at once; making them last is the session's."""

    def make_store(self, tmp_path):
        icechunk = pytest.importorskip("icechunk")
        return icechunk.Repository.create(icechunk.in_memory_storage()).writable_session("main").store
