"""The tests that every place to keep a database in must pass; shipped, so that a new kind of store can be checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np

from landscape_dist.errors import StoreError, StoreFormatError, StoreNotFoundError
from landscape_dist.records import FailureColumns, PointColumns, SearchColumns, TrajectoryColumns
from landscape_dist.store.database import Database
from landscape_dist.store.snapshot import Snapshot

DIM = 3
N_EIGENVALUES = 2
MODES: tuple[Literal["r", "a"], ...] = ("r", "a")


def example_points(n: int, first: int = 0) -> PointColumns:
    """n made-up points of 3 variables and 2 eigenvalues; row i depends on first + i alone."""
    i = np.arange(first, first + n)
    return PointColumns(
        x=np.stack([i + 0.25, -i / 3, np.sqrt(i)], axis=1),
        energy=np.where(i % 5 == 4, np.nan, i * 0.1),
        index=(i % 4).astype(np.int32),
        nullity=(i % 7 == 6).astype(np.int32),
        gradient_norm=(1e-12 * (1 + i)).astype(np.float64),
        eigenvalues=np.stack([i - 1.5, i + 1 / 7], axis=1),
        found_by=10 * i,
        round=(i // 10).astype(np.int32),
    )


def example_searches(n: int, first: int = 0) -> SearchColumns:
    """n made-up searches; row i depends on first + i alone."""
    i = np.arange(first, first + n)
    return SearchColumns(
        slot=i,
        parent=i // 3 - 1,
        kind=(i % 3).astype(np.int8),
        ordinal=(i % 12).astype(np.int32),
        target=(i % 4).astype(np.int32),
        status=(i % 11).astype(np.int8),
        child=i % 17 - 1,
        n_steps=(i % 40).astype(np.int32),
        round=(i // 100).astype(np.int32),
    )


def example_failures(n: int, first: int = 0) -> FailureColumns:
    """n made-up failures; row i depends on first + i alone."""
    i = np.arange(first, first + n)
    return FailureColumns(
        slot=3 * i,
        x=np.stack([i, i * 0.5, np.full(n, np.nan)], axis=1),
        gradient_norm=np.where(i % 2, np.nan, 1.0 * i),
        message=["" if k % 3 else f"überlauf {k} ☃" for k in i.tolist()],
    )


def example_trajectories(n: int, first: int = 0) -> TrajectoryColumns:
    """n made-up paths of 1 to 7 points in 3 variables; path i depends on first + i alone."""
    i = np.arange(first, first + n, dtype=np.int64)
    lengths = i % 7 + 1
    end = np.cumsum(lengths)
    place = np.arange(lengths.sum()) - np.repeat(end - lengths, lengths)  # of each point within its path
    x = np.repeat(i, lengths)[:, None] + place[:, None] * np.array([0.5, -1.0, 1 / 3])
    return TrajectoryColumns(i, end, x, 0.25 * place + np.repeat(i, lengths))


def same_columns(a: Any, b: Any) -> bool:
    """Whether two column structs have equal values and types; NaN equals NaN."""
    for name in a.__slots__:
        left, right = getattr(a, name), getattr(b, name)
        if isinstance(left, list):
            if left != right:
                return False
        elif left.dtype != right.dtype or not np.array_equal(left, right, equal_nan=left.dtype.kind == "f"):
            return False
    return True


class DatabaseTests:
    """Subclass this in a test file, and give `make_store`; pytest then runs every test on that kind of store.

    ```python
    class TestMyStore(DatabaseTests):
        def make_store(self, tmp_path):
            return MyZarrStore(tmp_path)
    ```
    """

    def make_store(self, tmp_path: Any) -> Any:
        """A store (path, URL or Zarr store object) with nothing in it; `tmp_path` is pytest's."""
        raise NotImplementedError("give make_store(self, tmp_path) in the subclass")

    def create(self, store: Any, **header: Any) -> Database:
        return Database.create(store, header, dim=DIM, n_eigenvalues=N_EIGENVALUES)

    def check(self, snapshot: Snapshot, n_points: int, n_searches: int, n_failures: int) -> None:
        assert same_columns(snapshot.points, example_points(n_points))
        assert same_columns(snapshot.searches, example_searches(n_searches))
        assert same_columns(snapshot.failures, example_failures(n_failures))

    def test_new_database_is_empty(self, tmp_path: Any) -> None:
        store = self.make_store(tmp_path)
        self.create(store, name="x", nested={"a": [1, 2.5, None]}, number=np.float64(0.5)).close()
        with Database.open(store) as db:
            assert db.header == {"name": "x", "nested": {"a": [1, 2.5, None]}, "number": 0.5}
            assert (db.dim, db.n_eigenvalues) == (DIM, N_EIGENVALUES)
            snapshot = db.read()
        self.check(snapshot, 0, 0, 0)
        assert snapshot.points.x.shape == (0, DIM)
        assert (snapshot.counters, snapshot.state, snapshot.progress.number) == ({}, {}, 0)

    def test_rows_come_back(self, tmp_path: Any) -> None:
        store = self.make_store(tmp_path)
        with self.create(store) as db:
            db.append(example_points(5), example_searches(30), example_failures(7))
            db.append(None, example_searches(10, 30), None)
            assert db.n_buffered == 52
            db.commit({"n_gradients": 9}, {"round": 1})
            assert db.n_buffered == 0
            db.append(example_points(2, 5), None, example_failures(3, 7))
            db.commit({"n_gradients": 11}, final=True)
        with Database.open(store) as db:
            snapshot = db.read()
        self.check(snapshot, 7, 40, 10)
        assert snapshot.counters == {"n_gradients": 11}
        assert snapshot.state == {"round": 1}
        assert (snapshot.progress.number, snapshot.progress.final) == (2, True)

    def test_only_commits_are_seen(self, tmp_path: Any) -> None:
        store = self.make_store(tmp_path)
        with self.create(store) as db:
            reader = Database.open(store)
            db.append(example_points(4), example_searches(4), None)
            self.check(reader.read(), 0, 0, 0)
            db.commit({})
            self.check(reader.read(), 4, 4, 0)
            assert reader.progress().n_searches == 4
            reader.close()

    def test_goes_on_after_reopening(self, tmp_path: Any) -> None:
        store = self.make_store(tmp_path)
        with self.create(store) as db:
            db.append(example_points(3), example_searches(20), example_failures(4))
            db.commit({"n": 1}, {"s": [1]})
            db.append(example_points(3, 50), example_searches(9, 70), None)
            db.close()  # these rows were never committed
        for first in (20, 25, 30):
            with Database.open(store, "a") as db:
                db.append(None, example_searches(5, first), None)
                db.commit({"n": first})
        with Database.open(store) as db:
            snapshot = db.read()
        self.check(snapshot, 3, 35, 4)
        assert (snapshot.counters, snapshot.state) == ({"n": 30}, {"s": [1]})

    def test_many_chunks(self, tmp_path: Any) -> None:
        store = self.make_store(tmp_path)
        with self.create(store) as db:
            done = 0
            for n in (1, 3000, 8000, 3640, 5):
                db.append(None, example_searches(n, done), None)
                done += n
                db.commit({})
        with Database.open(store) as db:
            self.check(db.read(), 0, done, 0)

    def test_paths_come_back(self, tmp_path: Any) -> None:
        store = self.make_store(tmp_path)
        with self.create(store) as db:
            db.append(None, example_searches(3))
            db.commit({})
        for n, first in ((5, 0), (5, 5), (4000, 0)):
            with Database.open(store, "a") as db:
                db.append(trajectories=example_trajectories(n, first))
                db.commit({})
                db.append(trajectories=example_trajectories(2))  # never committed
                db.close()
        with Database.open(store) as db:
            slot, end = db.read_trajectory_index()
            x, time = db.read_trajectory_points(int(end[9]), int(end[-1]))
            self.check(db.read(), 0, 3, 0)
        expected = example_trajectories(4000)
        assert slot[:10].tolist() == list(range(10))
        assert np.array_equal(slot[10:], expected.slot)
        assert np.array_equal(x, expected.x)
        assert np.array_equal(time, expected.time)
        assert np.array_equal(end[10:] - end[9], expected.end)

    def test_existing_database_is_not_replaced(self, tmp_path: Any) -> None:
        store = self.make_store(tmp_path)
        with self.create(store) as db:
            db.append(example_points(2), None, None)
            db.commit({})
        text = _error_of(StoreError, lambda: self.create(store))
        assert "already holds a landscape database" in text
        with Database.open(store) as db:
            self.check(db.read(), 2, 0, 0)

    def test_nothing_there(self, tmp_path: Any) -> None:
        store = self.make_store(tmp_path)
        for mode in MODES:
            assert "no store at" in _error_of(StoreNotFoundError, partial(Database.open, store, mode))

    def test_something_else_there(self, tmp_path: Any) -> None:
        import zarr

        store = self.make_store(tmp_path)
        zarr.create_group(store, attributes={"title": "other"})
        for mode in MODES:
            text = _error_of(StoreFormatError, partial(Database.open, store, mode))
            assert "not a landscape database" in text
        assert "something else" in _error_of(StoreError, lambda: self.create(store))

    def test_misuse_is_refused(self, tmp_path: Any) -> None:
        store = self.make_store(tmp_path)
        with self.create(store) as db:
            bad = example_points(2)
            bad.x = bad.x[:, :2]
            assert "points.x has shape (2, 2)" in _error_of(StoreError, lambda: db.append(bad))
            short = example_searches(4)
            short.child = short.child[:3]
            text = _error_of(StoreError, lambda: db.append(example_points(1), short))
            assert "searches.child has shape (3,)" in text
            assert db.n_buffered == 0
            assert "cannot be stored" in _error_of(StoreError, lambda: db.commit({"n": object()}))
        assert "closed" in _error_of(StoreError, lambda: db.append(example_points(1)))
        with Database.open(store) as db:
            assert "reading only" in _error_of(StoreError, lambda: db.commit({}))


def _error_of(kind: type[Exception], call: Callable[[], Any]) -> str:
    """Text of the error of that kind which `call` must raise."""
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__} was raised")
