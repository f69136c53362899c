"""One writer at a time, where nothing but the store says so."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import zarr
from zarr.storage import MemoryStore

from landscape_dist.errors import SettingsError, StoreError, StoreInUseError
from landscape_dist.store import lease
from landscape_dist.store.database import Database
from landscape_dist.testing.databases import example_points, example_searches, same_columns

ELSEWHERE = {"host": "node7", "pid": 4711, "since": "2026-01-01T00:00:00+00:00", "machine": "another", "process": "1"}


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(lease, "SETTLE_SECONDS", 0.05)


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "x.zarr"
    with Database.create(path, {}, dim=3, n_eigenvalues=2) as db:
        db.append(example_points(2), example_searches(2))
        db.commit({})
    return path


def entry(store):
    return store / "lease" / "zarr.json"


def leave(store, **changes):
    """Put an entry into the store as a killed process would have left it."""
    holder = lease.Holder.here(0.4)
    fields = {name: getattr(holder, name) for name in lease.Holder.__slots__} | changes
    entry(store).parent.mkdir(exist_ok=True)
    entry(store).write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": fields}))


def test_entry_says_who_writes_and_goes_with_the_writer(store):
    with Database.open(store, "a", lease_seconds=0.3):
        first = json.loads(entry(store).read_text())["attributes"]
        assert first["pid"] == os.getpid()
        deadline = time.monotonic() + 10
        while json.loads(entry(store).read_text())["attributes"]["beat"] < first["beat"] + 2:
            assert time.monotonic() < deadline, "the heart does not beat"
            time.sleep(0.02)
        assert "lease" in dict(zarr.open_group(store, mode="r").groups())  # a group like any other
        with pytest.raises(StoreInUseError) as refused:
            Database.open(store, "a")
        assert f"process {os.getpid()} on {first['host']} since {first['since']}" in str(refused.value)
        Database.open(store).close()  # reading is free
    assert not entry(store).parent.exists()


def test_stores_without_locks_refuse_a_second_writer_too():
    store = MemoryStore()
    with Database.create(store, {}, dim=3, n_eigenvalues=2):
        with pytest.raises(StoreInUseError, match=f"process {os.getpid()} on "):
            Database.open(store, "a")
        with pytest.raises(StoreError, match="already holds"):
            Database.create(store, {}, dim=3, n_eigenvalues=2)
    Database.open(store, "a").close()


@pytest.mark.parametrize(
    ("missing", "code"), [("fcntl.flock", errno.EBADF), ("fcntl.flock", errno.ENOLCK), ("os.link", errno.EPERM)]
)
def test_file_systems_without_locks_or_links(store, monkeypatch, missing, code):
    """As network file systems are."""

    def lacks(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(missing, lacks)
    with Database.open(store, "a") as db:
        with pytest.raises(StoreInUseError, match=f"process {os.getpid()} on "):
            Database.open(store, "a")
        db.append(example_points(1, 2))
        db.commit({})
    with Database.open(store, "a") as db:
        assert same_columns(db.read().points, example_points(3))
    leave(store, pid=2**22 + 1)
    Database.open(store, "a").close()


def test_what_a_dead_process_of_this_machine_left_is_taken_over_at_once(store, monkeypatch):
    monkeypatch.setattr(lease, "_watch", lambda *_: pytest.fail("waited for a dead process"))
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    for changes in (
        {"pid": done.pid, "process": "1"},
        {"pid": os.getpid(), "process": "another process with the same number"},
        {"token": "of a database of this process that was never closed"},
    ):
        leave(store, **changes)
        Database.open(store, "a").close()


def test_a_process_elsewhere_is_believed_until_it_is_silent(store):
    leave(store, **ELSEWHERE)
    with pytest.raises(StoreInUseError, match=r"process 4711 on node7 since 2026-01-01.* take over with --steal"):
        Database.open(store, "a")
    started = time.monotonic()
    with Database.open(store, "a", steal=True) as db:
        assert time.monotonic() - started >= 0.4
        db.append(example_points(1, 2))
        db.commit({})
    with Database.open(store) as db:
        assert same_columns(db.read().points, example_points(3))


def test_a_heartbeat_is_not_stolen_from(store, monkeypatch):
    """Another clock does not matter: what counts is that the entry changes."""
    leave(store, **ELSEWHERE, beat=7)
    wait, n = time.sleep, 0

    def sleep_and_beat(seconds):
        nonlocal n
        wait(seconds)
        n += 1
        if n == 3:
            leave(store, **ELSEWHERE, beat=8)

    monkeypatch.setattr(lease.time, "sleep", sleep_and_beat)
    with pytest.raises(StoreInUseError, match=r"process 4711 on node7 .* is alive"):
        Database.open(store, "a", steal=True)
    assert json.loads(entry(store).read_text())["attributes"]["beat"] == 8


def test_of_two_that_take_over_at_once_one_is_refused(store, monkeypatch):
    leave(store, **ELSEWHERE)
    wait = time.sleep

    def somebody_else_was_later(seconds):
        wait(seconds)
        if seconds == lease.SETTLE_SECONDS:
            leave(store, **ELSEWHERE | {"pid": 12, "token": "later"})

    monkeypatch.setattr(lease.time, "sleep", somebody_else_was_later)
    with pytest.raises(StoreInUseError, match="process 12 on node7"):
        Database.open(store, "a", steal=True)


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"attributes": {"host": 1}}', "[" * 5000])
def test_an_entry_that_says_nothing_is_not_ignored(store, text):
    entry(store).parent.mkdir()
    entry(store).write_text(text)
    with pytest.raises(StoreInUseError, match="on an unknown host since an unknown time"):
        Database.open(store, "a")
    Database.open(store).close()


@pytest.mark.parametrize("seconds", [1e300, -1.0, float("nan")])
def test_an_entry_cannot_make_others_wait_for_ever(store, seconds):
    leave(store, **ELSEWHERE, seconds=seconds)
    with pytest.raises(StoreInUseError, match=r"waits 60 s"):
        Database.open(store, "a")


def test_lease_seconds_that_cannot_work(store):
    with pytest.raises(SettingsError, match="lease_seconds is -1"):
        Database.open(store, "a", lease_seconds=-1)


# It writes when told to: frozen in the middle of a write, it would finish that one later, and no plain store can hold
# that back.
WRITE = """
import sys
import threading
from landscape_dist.testing.databases import example_points
from landscape_dist.store.database import Database
with Database.open(sys.argv[1], "a", lease_seconds=0.6) as db:
    n = db.progress().n_points
    for _ in sys.stdin:
        db.append(example_points(1, n))
        db.commit({})
        n += 1
        print(n, flush=True)
"""


def test_a_frozen_holder_loses_the_store_and_says_so(store):
    frozen = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(store)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert frozen.stdin is not None
        assert frozen.stdout is not None
        for _ in range(3):
            frozen.stdin.write("\n")
            frozen.stdin.flush()
            written = int(frozen.stdout.readline())
        with pytest.raises(StoreInUseError, match="is alive"):
            Database.open(store, "a", steal=True)
        os.kill(frozen.pid, signal.SIGSTOP)
        time.sleep(0.1)
        with pytest.raises(StoreInUseError, match=f"process {frozen.pid} on "):
            Database.open(store, "a")
        with Database.open(store, "a", steal=True) as db:
            n = db.progress().n_points
            db.append(example_points(5, n))
            db.commit({})
            os.kill(frozen.pid, signal.SIGCONT)
            _, error = frozen.communicate("\n", timeout=30)
            assert f"process {os.getpid()} on " in error.splitlines()[-1]
            assert "took over" in error.splitlines()[-1]
            db.append(example_points(5, n + 5))
            db.commit({})
    finally:
        frozen.kill()
        frozen.communicate()
    with Database.open(store) as db:
        assert n == written
        assert same_columns(db.read().points, example_points(n + 10))


def test_a_store_that_is_away_for_a_moment_is_not_lost(store):
    """A network that pauses: heartbeats go on when it is there again, and commits wait for it."""
    away = store.with_name("away")
    with Database.open(store, "a", lease_seconds=0.6) as db:
        store.rename(away)
        time.sleep(0.5)  # several heartbeats
        away.rename(store)
        before = lease._read(db._backend._lease._path).beat
        time.sleep(0.4)
        assert lease._read(db._backend._lease._path).beat > before
        (store / "lease" / "zarr.json").rename(store / "hidden")
        threading.Timer(0.1, lambda: (store / "hidden").rename(store / "lease" / "zarr.json")).start()
        db.commit({"n": 1})
    with Database.open(store) as db:
        assert db.read().counters == {"n": 1}


def test_an_energy_that_changes_the_directory_does_no_harm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with Database.create("s.zarr", {}, dim=3, n_eigenvalues=2, lease_seconds=0.3) as db:
        monkeypatch.chdir(tmp_path / "elsewhere")
        time.sleep(0.3)
        db.commit({"n": 2})
    assert not list((tmp_path / "elsewhere").iterdir())
    with Database.open(tmp_path / "s.zarr") as db:
        assert db.read().counters == {"n": 2}
