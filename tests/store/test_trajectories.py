"""Paths in the database: they come back, a kill takes none that were committed, and older databases go on."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from zarr.storage import MemoryStore

import landscape_dist as ld
from landscape_dist.errors import SettingsError, StoreError, StoreFormatError, StoreNotFoundError
from landscape_dist.records import SearchKind, TrajectoryColumns
from landscape_dist.store import schema
from landscape_dist.store.database import Database
from landscape_dist.store.trajectories import StoredPaths
from landscape_dist.testing.databases import example_searches, example_trajectories, same_columns

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["landscape_dist.testing.databases", "landscape_dist.store.zarr_backend"])


def create(store):
    return Database.create(store, {}, dim=3, n_eigenvalues=2)


def read(db):
    slot, end = db.read_trajectory_index()
    x, time = db.read_trajectory_points(0, int(end[-1])) if len(end) else (np.zeros((0, 3)), np.zeros(0))
    return TrajectoryColumns(slot, end, x, time)


def check(db, n):
    assert same_columns(read(db), example_trajectories(n))


# -- round trip ----------------------------------------------------------------------------------------------------
@st.composite
def batches(draw):
    d = draw(st.integers(1, 4))
    made = []
    for _ in range(draw(st.integers(0, 4))):
        lengths = draw(st.lists(st.integers(1, 9), max_size=6))
        n = sum(lengths)
        slot = draw(arrays(np.int64, len(lengths), elements=st.integers(-(2**63) + 1, 2**63 - 1)))
        x = draw(arrays(np.float64, (n, d), elements=st.floats()))
        time = draw(arrays(np.float64, n, elements=st.floats()))
        made.append(TrajectoryColumns(slot, np.cumsum(lengths, dtype=np.int64), x, time))
    return d, made


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches(), st.booleans())
def test_any_paths_come_back(drawn, one_commit):
    d, made = drawn
    store = MemoryStore()
    with Database.create(store, {}, dim=d, n_eigenvalues=1) as db:
        for batch in made:
            db.append(trajectories=batch)
            if not one_commit:
                db.commit({})
        db.commit({})
    with Database.open(store) as db:
        found = read(db)
    assert found.slot.tolist() == [s for b in made for s in b.slot.tolist()]
    pieces = [x for b in made for x in np.split(b.x, b.end[:-1]) if len(b)]
    for i, piece in enumerate(pieces):
        start = found.end[i - 1] if i else 0
        np.testing.assert_array_equal(found.x[start : found.end[i]], piece)
    np.testing.assert_array_equal(found.time, np.concatenate([np.zeros(0), *(b.time for b in made if len(b))]))


def test_paths_join_an_old_database(tmp_path):
    store = tmp_path / "x.zarr"
    with create(store) as db:
        db.append(None, example_searches(5))
        db.commit({"n": 1})
    before = zarr.open(store, mode="r")
    assert before.attrs["schema_version"] == schema.PLAIN_VERSION
    assert "trajectories" not in before
    assert not any("trajector" in name for name in before.attrs["commit"])
    with Database.open(store) as db:
        check(db, 0)
    for first in (0, 4, 8):
        with Database.open(store, "a") as db:
            db.append(None, example_searches(4, 5 + first), None, example_trajectories(4, first))
            assert db.n_buffered_bytes == 8 * 4 * len(example_trajectories(4, first).x)
            db.commit({})
            assert db.n_buffered_bytes == 0
    with Database.open(store, "a") as db:  # a commit without paths leaves them
        db.append(None, example_searches(1, 17))
        db.commit({})
        check(db, 12)
        assert len(db.read().searches) == 18
    group = zarr.open(store, mode="r")
    assert group.attrs["schema_version"] == schema.SCHEMA_VERSION  # older code would drop the paths
    table = group["trajectories/integers"]
    assert table.attrs["columns"] == ["slot", "end"]
    ends = table[: group.attrs["commit"]["n_trajectories"], 1]
    third = group["trajectories/x"][ends[1] : ends[2]]
    np.testing.assert_array_equal(third, example_trajectories(3).x[-len(third) :])


def test_paths_that_do_not_fit_are_refused(tmp_path):
    with create(tmp_path / "x.zarr") as db:
        bad = example_trajectories(3)
        bad.end = bad.end[::-1]
        with pytest.raises(StoreError, match=r"trajectories\.end must rise to 6"):
            db.append(trajectories=bad)
        bad = example_trajectories(3)
        bad.x = bad.x[:, :2]
        with pytest.raises(StoreError, match=r"trajectories\.x has shape"):
            db.append(trajectories=bad)
        assert db.n_buffered_bytes == 0


def test_lost_paths_are_noticed(tmp_path):
    store = tmp_path / "x.zarr"
    with create(store) as db:
        db.append(trajectories=example_trajectories(20))
        db.commit({})
    next(p for p in (store / "trajectories/integers/c").rglob("*") if p.is_file()).unlink()
    with Database.open(store) as db, pytest.raises(StoreFormatError, match="rows of trajectories/integers are missing"):
        db.read_trajectory_index()


# -- kills ---------------------------------------------------------------------------------------------------------
def write_forever(store, pipe, seed):
    rng = np.random.default_rng(seed)
    try:
        db = Database.open(store, "a")
    except StoreNotFoundError:
        db = create(store)
    n, s = len(db.read_trajectory_index()[0]), db.progress().n_searches
    pipe.send(db.progress().number)
    for number in range(db.progress().number + 1, 10_000):
        m, k = (int(v) for v in rng.integers(0, (60, 2000)))
        db.append(None, example_searches(k, s), None, example_trajectories(m, n))
        n, s = n + m, s + k
        db.commit({"n": n, "s": s})
        pipe.send(number)


def test_kill_a_writer_of_paths_at_any_time(tmp_path):
    rng = np.random.default_rng(4)
    store = tmp_path / "x.zarr"
    most = n_reads = 0
    for kill in range(16):
        mine, theirs = FORKS.Pipe(duplex=False)
        writer = FORKS.Process(target=write_forever, args=(store, theirs, kill), daemon=True)
        writer.start()
        theirs.close()
        if kill % 3:
            mine.recv()
        deadline = time.monotonic() + rng.uniform(0.0, 0.12)
        while time.monotonic() < deadline:
            try:
                with Database.open(store) as db:
                    found = read(db)
            except StoreNotFoundError:
                continue
            assert same_columns(found, example_trajectories(len(found)))
            n_reads += 1
        writer.kill()
        writer.join()
        try:
            db = Database.open(store)
        except StoreNotFoundError:
            continue
        pointer = db.progress()
        n = len(db.read_trajectory_index()[0])
        assert pointer.counters == ({"n": n, "s": pointer.n_searches} if pointer.number else {})
        assert n >= most
        check(db, n)
        most = n
    assert most > 0
    assert n_reads > 5


# -- whole runs ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("where", [{}, {"workers": 2}])
def test_paths_of_a_run(tmp_path, where):
    problem = ld.systems.butterfly()
    landscape = ld.explore(problem, keep_trajectories=True, store=tmp_path / "a.zarr", **where)
    opened = ld.open(tmp_path / "a.zarr")
    in_memory = ld.explore(problem, keep_trajectories=True)
    assert set(opened.trajectories) == set(landscape.trajectories) == set(in_memory.trajectories)
    assert set(opened.trajectories) == set(opened.searches.slot.tolist())
    # Slots go by the points' numbers, which on workers go by the order of arrival.
    paths = [sorted(path.x.tobytes() for _, path in t.items()) for t in (opened.trajectories, in_memory.trajectories)]
    assert paths[0] == paths[1]
    for slot, path in opened.trajectories.items():
        np.testing.assert_array_equal(path.x, opened.trajectory(slot).x)
        np.testing.assert_array_equal(path.time, landscape.trajectories[slot].time)
        row = int(np.flatnonzero(opened.searches.slot == slot)[0])
        assert (path.parent, path.child) == (opened.searches.parent[row], opened.searches.child[row])
        assert path.kind == opened.searches.kind[row]
        if path.parent >= 0:
            assert np.linalg.norm(path.x[0] - opened.columns.x[path.parent]) < 0.01
        if path.child >= 0:
            np.testing.assert_allclose(path.x[-1], opened.columns.x[path.child], atol=1e-6)
        assert (np.diff(path.time) >= 0).all()


def test_choosing_paths(tmp_path):
    landscape = ld.explore(ld.systems.butterfly(), keep_trajectories=True, store=tmp_path / "a.zarr")
    t = landscape.trajectories
    assert len(list(t.of(connecting_only=True))) == 12
    arrow = landscape.connections[0]
    (path,) = t.of(parent=arrow.parent_id, child=arrow.child_id, kind=SearchKind.DOWN)
    assert [p.slot for p in t.of(slots=[path.slot])] == [path.slot]
    assert {p.kind for p in t.of(kind=(SearchKind.UP, SearchKind.START))} == {SearchKind.UP, SearchKind.START}
    assert repr(t) == f"<{len(landscape.searches)} trajectories>"
    with pytest.raises(SettingsError, match="no trajectory of search 123456: this search has none"):
        landscape.trajectory(123456)
    with pytest.raises(SettingsError, match="no trajectory of search 77000"):
        list(t.of(slots=[77_000]))
    assert "x" not in t
    plain = ld.explore(ld.systems.butterfly())
    assert len(plain.trajectories) == 0
    assert list(plain.trajectories.items()) == []
    with pytest.raises(SettingsError, match="explore with keep_trajectories=True"):
        plain.trajectory(0)


def test_a_run_may_begin_to_keep_paths_when_resumed(tmp_path):
    problem = ld.systems.coupled_lattice(dim=3)
    store = tmp_path / "a.zarr"
    ld.explore(problem, store=store, max_searches=40)
    assert len(ld.open(store).trajectories) == 0
    first = len(ld.open(store).searches)
    landscape = ld.explore(problem, store=store, keep_trajectories=True)
    assert landscape.finished
    assert len(landscape.trajectories) == len(landscape.searches) - first
    again = ld.explore(problem, store=store)  # nothing left to do, nothing lost
    assert len(again.trajectories) == len(landscape.trajectories)
    assert list(again.trajectories) == landscape.searches.slot[first:].tolist()


def test_settings_that_an_older_version_did_not_have_are_no_difference(tmp_path):
    import json

    problem = ld.systems.butterfly()
    store = tmp_path / "a.zarr"
    ld.explore(problem, store=store, max_searches=10)
    metadata = json.loads((store / "zarr.json").read_text())
    for name in ("keep_trajectories", "trajectory_points", "nullity_rtol"):
        del metadata["attributes"]["header"]["solver"][name]
    (store / "zarr.json").write_text(json.dumps(metadata))
    assert ld.explore(problem, store=store).finished


def test_reading_while_a_run_goes_on(tmp_path):
    """Paths committed after the searches were read do not appear."""
    store = tmp_path / "x.zarr"
    db = create(store)
    db.append(None, example_searches(5), None, example_trajectories(5))
    db.commit({})
    searches = db.read().searches
    db.append(None, example_searches(5, 5), None, example_trajectories(5, 5))
    db.commit({})
    from landscape_dist.pathways.trajectories import Trajectories

    seen = Trajectories(StoredPaths(store), searches)
    assert list(seen) == [0, 1, 2, 3, 4]
    assert len(list(seen.values())) == 5
    db.close()


# -- identity ------------------------------------------------------------------------------------------------------
def test_paths_are_of_the_store_that_was_opened(tmp_path, monkeypatch):
    """Not of one that has taken its place since, nor of one in another folder."""
    from landscape_dist.upkeep.revision import extend

    monkeypatch.chdir(tmp_path)
    ld.explore(ld.systems.butterfly(), store="a.zarr", keep_trajectories=True, max_index=1)
    opened, other = ld.open("a.zarr"), ld.open("a.zarr")
    slots = opened.searches.slot.tolist()
    before = [opened.trajectory(slot).x.copy() for slot in slots[:3]]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    np.testing.assert_array_equal(other.trajectory(slots[0]).x, before[0])
    extend(tmp_path / "a.zarr", max_index=2)
    with pytest.raises(StoreError, match="made anew since it was opened"):
        opened.trajectory(slots[3])
    fresh = ld.open(tmp_path / "a.zarr")
    assert len(fresh.trajectory(fresh.searches.slot.tolist()[0]).x)
