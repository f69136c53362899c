"""What the database promises beyond the conformance suite: messages, locks, crashes short of SIGKILL, cost."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import zlib

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from zarr.storage import MemoryStore

from landscape_dist.errors import StoreError, StoreFormatError, StoreNotFoundError
from landscape_dist.records import FailureColumns, PointColumns, SearchColumns
from landscape_dist.store import schema
from landscape_dist.store.database import Database
from landscape_dist.testing.databases import example_failures, example_points, example_searches, same_columns


def create(store, **header):
    return Database.create(store, header, dim=3, n_eigenvalues=2)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "x.zarr"


def edit_attributes(store, change):
    path = store / "zarr.json"
    metadata = json.loads(path.read_text())
    change(metadata["attributes"])
    path.write_text(json.dumps(metadata))


# -- what is not a store -------------------------------------------------------------------------------------------
def test_paths_that_are_no_store(tmp_path):
    with pytest.raises(StoreNotFoundError, match=r"there is no store at .*none\.zarr; check the path"):
        Database.open(tmp_path / "none.zarr")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreNotFoundError, match="it is empty"):
        Database.open(tmp_path / "empty")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "data.txt").write_text("x")
    with pytest.raises(StoreFormatError, match="not a landscape database: it holds no Zarr v3 group"):
        Database.open(tmp_path / "plain")
    with pytest.raises(StoreFormatError, match="is a file, not a landscape database"):
        Database.open(tmp_path / "plain" / "data.txt")
    zarr.create_array(tmp_path / "array", shape=(3,), dtype="f8")
    with pytest.raises(StoreFormatError, match="not a landscape database"):
        Database.open(tmp_path / "array")
    zarr.create_group(tmp_path / "group")
    with pytest.raises(StoreFormatError, match="'format' is None"):
        Database.open(tmp_path / "group")
    (tmp_path / "group" / "zarr.json").write_text("{")
    with pytest.raises(StoreFormatError, match="not a landscape database"):
        Database.open(tmp_path / "group")


def test_create_refuses_what_exists(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be made"):
        create(tmp_path / "file")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "data.txt").write_text("x")
    with pytest.raises(StoreError, match="give a path that does not exist yet"):
        create(tmp_path / "plain")
    (tmp_path / "empty").mkdir()
    create(tmp_path / "empty").close()


def test_file_url_is_a_path(tmp_path):
    """fsspec would write these keys in place, which tears when killed."""
    with create(f"file://{tmp_path}/a b.zarr") as db:
        assert db._backend.root == tmp_path / "a b.zarr"
    Database.open(tmp_path / "a b.zarr").close()


def test_misuse_names_the_cure(store):
    with pytest.raises(StoreError, match="dim is 0"):
        Database.create(store, {}, dim=0, n_eigenvalues=1)
    with pytest.raises(StoreError, match="header cannot be stored as JSON"):
        create(store, energy=lambda x: x)
    create(store, place=store, bounds=np.array([1.0, 2.0])).close()
    with pytest.raises(StoreError, match="mode is 'w'"):
        Database.open(store, "w")
    with Database.open(store) as db:
        assert db.header == {"place": str(store), "bounds": [1.0, 2.0]}


# -- versions ------------------------------------------------------------------------------------------------------
def test_newer_version_is_refused(store):
    create(store).close()
    edit_attributes(store, lambda a: a.update(schema_version=schema.SCHEMA_VERSION + 1))
    for mode in ("r", "a"):
        with pytest.raises(StoreFormatError, match="upgrade landscape_dist"):
            Database.open(store, mode)
    edit_attributes(store, lambda a: a.update(schema_version="1"))
    with pytest.raises(StoreFormatError, match="not a whole number"):
        Database.open(store)


def test_older_version_is_migrated_while_reading(store, monkeypatch):
    with create(store) as db:
        db.append(example_points(4), None, None)
        db.commit({})
    edit_attributes(store, lambda a: a.update(schema_version=0))
    with pytest.raises(StoreFormatError, match="no way from version 0 to 1"):
        Database.open(store)

    def to_1(contents):
        contents.arrays["points/x"] = -contents.arrays["points/x"]
        return contents

    monkeypatch.setitem(schema.MIGRATIONS, 0, to_1)
    monkeypatch.setitem(schema.BLOCKS_OF_VERSION, 0, schema.BLOCKS)
    with Database.open(store) as db:
        np.testing.assert_array_equal(db.read().points.x, -example_points(4).x)
    with Database.open(store, "a") as db:  # made anew in this version, and in the place of the old one
        db.append(example_points(1, 4), None, None)
        db.commit({})
    assert zarr.open_group(store, mode="r").attrs["schema_version"] == schema.PLAIN_VERSION
    with Database.open(store) as db:
        np.testing.assert_array_equal(db.read().points.x, [*-example_points(4).x, *example_points(1, 4).x])
    assert [path.name for path in store.parent.iterdir()] == [store.name]


# -- damage --------------------------------------------------------------------------------------------------------
def test_damage_is_noticed(store):
    with create(store) as db:
        db.append(example_points(4), example_searches(9000), None)
        db.commit({})
    chunks = sorted((store / "searches/integers/c").rglob("*"))
    chunk = next(path for path in chunks if path.is_file())
    kept = chunk.read_bytes()
    chunk.unlink()
    with Database.open(store) as db:
        with pytest.raises(StoreFormatError, match="rows of searches/integers are missing"):
            db.read()
        chunk.write_bytes(kept)
        db.read()
        edit_attributes(store, lambda a: a["commit"].update(n_points=5))
        with pytest.raises(StoreFormatError, match="has 4 rows where 5 were committed"):
            db.read()
    (store / "points/x/zarr.json").unlink()
    with pytest.raises(StoreFormatError, match="points/x is missing"):
        Database.open(store, "a")


# -- one writer ----------------------------------------------------------------------------------------------------
def test_second_writer_is_refused(store):
    with create(store) as db:
        with pytest.raises(StoreError, match=f"process {os.getpid()} on "):
            Database.open(store, "a")
        with pytest.raises(StoreError, match="being written by another process"):
            create(store)
        Database.open(store, "r").close()
        db.append(example_points(1), None, None)
        db.commit({})
    Database.open(store, "a").close()


def test_open_sweeps_temporary_files(store):
    create(store).close()
    left = [store / "zarr.abc.partial", store / "points" / "x" / "c" / "0" / "0.def.partial"]
    left[1].parent.mkdir(parents=True)
    for path in left:
        path.write_text("half")
    Database.open(store, "r").close()
    assert all(path.exists() for path in left)
    Database.open(store, "a").close()
    assert not any(path.exists() for path in left)


def test_interrupted_creation_is_taken_over(store, monkeypatch):
    """Stopped after each write in turn: there is no store, and creating it again works."""
    n_done = 0
    while True:
        calls = 0

        def stop_later(original, n_done=n_done):
            def write(*args, **kwargs):
                nonlocal calls
                calls += 1
                if calls > n_done:
                    raise OSError("stopped")
                return original(*args, **kwargs)

            return write

        with monkeypatch.context() as patch:
            patch.setattr(zarr.Group, "create_array", stop_later(zarr.Group.create_array))
            patch.setattr(zarr.Group, "update_attributes", stop_later(zarr.Group.update_attributes))
            try:
                create(store).close()
            except StoreError:
                n_done += 1
            else:
                break
        with pytest.raises(StoreNotFoundError, match="creation was interrupted"):
            Database.open(store, "r")
        with pytest.raises(StoreNotFoundError, match="creation was interrupted"):
            Database.open(store, "a")
    assert n_done == len(schema.BLOCKS) + 1
    Database.open(store, "a").close()


# -- commits that fail ---------------------------------------------------------------------------------------------
def test_failed_commit_leaves_the_last_one(store, monkeypatch):
    db = create(store)
    db.append(example_points(2), None, None)
    db.commit({"n": 1})
    db.append(example_points(2, 40), example_searches(5), None)
    with monkeypatch.context() as patch:

        def full(*args, **kwargs):
            raise OSError(28, "No space left on device")

        patch.setattr(zarr.Group, "update_attributes", full)
        with pytest.raises(StoreError, match=r"commit 2 to .* failed .*No space left.*everything up to commit 1"):
            db.commit({"n": 2})
    with pytest.raises(StoreError, match="open the database again"):
        db.append(example_points(1), None, None)
    db.close()
    with Database.open(store, "a") as db:
        assert len(db.read().points) == 2
        db.append(example_points(1, 2), None, None)
        db.commit({"n": 3})
        snapshot = db.read()
    assert same_columns(snapshot.points, example_points(3))
    assert (len(snapshot.searches), snapshot.counters) == (0, {"n": 3})


def test_ctrl_c_waits_for_the_commit(store, monkeypatch):
    db = create(store)
    db.append(example_points(3), None, None)
    original = zarr.Group.update_attributes

    def slow(self, new):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.2)
        return original(self, new)

    monkeypatch.setattr(zarr.Group, "update_attributes", slow)
    with pytest.raises(KeyboardInterrupt):
        db.commit({"n": 1})
    monkeypatch.undo()
    assert db.n_buffered == 0
    db.append(example_points(1, 3), None, None)
    db.commit({"n": 2})
    assert same_columns(db.read().points, example_points(4))
    db.close()


def test_uncommitted_rows_are_not_lost_in_silence(store):
    with pytest.raises(StoreError, match="2 rows were appended"), create(store) as db:
        db.append(example_points(2), None, None)
    with pytest.raises(ZeroDivisionError), Database.open(store, "a") as db:
        db.append(example_points(2), 1 // 0, None)


def test_append_copies(store):
    with create(store) as db:
        points, searches, failures = example_points(3), example_searches(3), example_failures(3)
        db.append(points, searches, failures)
        for columns in (points, searches, failures):
            for name in columns.__slots__:
                if isinstance(getattr(columns, name), np.ndarray):
                    getattr(columns, name)[...] = 7
        db.commit({})
        snapshot = db.read()
    assert same_columns(snapshot.points, example_points(3))
    assert same_columns(snapshot.searches, example_searches(3))
    assert same_columns(snapshot.failures, example_failures(3))


# -- anyone can read it --------------------------------------------------------------------------------------------
def test_readable_with_zarr_alone(store):
    with create(store) as db:
        db.append(example_points(4), example_searches(6), example_failures(4))
        db.commit({})
    group = zarr.open(store, mode="r")
    assert group.attrs["format"] == "landscape_dist"
    n = group.attrs["commit"]["n_searches"]
    table = group["searches/integers"]
    child = table[:n, table.attrs["columns"].index("child")]
    np.testing.assert_array_equal(child, example_searches(6).child)
    ends = group["failures/integers"][:, 1]
    text = group["failures/message"][:].tobytes()[ends[2] : ends[3]].decode()
    assert text == example_failures(4).message[3]


# -- anything comes back -------------------------------------------------------------------------------------------
int64 = st.integers(-(2**63) + 1, 2**63 - 1)


@st.composite
def columns(draw):
    p, s, f = (draw(st.integers(0, 5)) for _ in range(3))
    dim, m = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    real = lambda *shape: draw(arrays(np.float64, shape, elements=st.floats()))  # noqa: E731
    whole = lambda dtype, n: draw(  # noqa: E731
        arrays(dtype, (n,), elements=int64 if dtype == np.int64 else None)
    )
    points = PointColumns(
        real(p, dim), real(p), whole(np.int32, p), whole(np.int32, p), real(p), real(p, m), whole(np.int64, p),
        whole(np.int32, p),
    )  # fmt: skip
    searches = SearchColumns(
        whole(np.int64, s), whole(np.int64, s), whole(np.int8, s), whole(np.int32, s), whole(np.int32, s),
        whole(np.int8, s), whole(np.int64, s), whole(np.int32, s), whole(np.int32, s),
    )  # fmt: skip
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    failures = FailureColumns(whole(np.int64, f), real(f, dim), real(f), draw(st.lists(texts, min_size=f, max_size=f)))
    return dim, m, points, searches, failures


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns())
def test_any_columns_come_back(drawn):
    dim, m, points, searches, failures = drawn
    store = MemoryStore()
    with Database.create(store, {}, dim=dim, n_eigenvalues=m) as db:
        db.append(points, searches, failures)
        db.commit({})
    snapshot = Database.open(store).read()
    assert same_columns(snapshot.points, points)
    assert same_columns(snapshot.searches, searches)
    assert same_columns(snapshot.failures, failures)


def test_broken_text_stays_readable(store):
    failures = example_failures(2)
    failures.message = ["half \ud800 pair", "a\x00b\n"]
    with create(store) as db:
        db.append(None, None, failures)
        db.commit({})
        assert db.read().failures.message == ["half \\ud800 pair", "a\x00b\n"]


# -- cost ----------------------------------------------------------------------------------------------------------
def test_appending_is_cheap(tmp_path):
    """1e5 searches in batches of 500, a commit every 15,000 (one a second at the rate aimed for), beside what
    compressing their columns alone costs in the same moment: some 7 times that, whatever the machine is busy with."""
    batches = [example_searches(500, 500 * i) for i in range(200)]
    points = example_points(4)

    def compressed() -> float:
        start = time.process_time()
        for batch in batches:
            for name in batch.__slots__:
                zlib.compress(getattr(batch, name).tobytes(), 1)
        return time.process_time() - start

    def appended(path) -> float:
        with create(path) as db:
            start = time.process_time()
            for i, batch in enumerate(batches):
                db.append(points, batch, None)
                if i % 30 == 29:
                    db.commit({"n": i})
            db.commit({}, final=True)
            return time.process_time() - start

    ratios = [appended(tmp_path / f"{i}.zarr") / compressed() for i in range(3)]
    assert min(ratios) < 15, ratios
