"""SIGKILL at any time: the database equals its last commit, and readers never see a torn one."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
import pytest

from landscape_dist.errors import StoreError, StoreNotFoundError
from landscape_dist.store.database import Database
from landscape_dist.testing.databases import example_failures, example_points, example_searches, same_columns

# A fork server that has imported everything makes a writer in some 10 ms; it never runs Zarr's threads itself.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["landscape_dist.testing.databases", "landscape_dist.store.zarr_backend"])


def write_forever(store, pipe, seed):
    """Create or reopen, then append rows (functions of their number alone) and commit, telling each commit."""
    rng = np.random.default_rng(seed)
    try:
        db = Database.open(store, "a")
    except StoreNotFoundError:
        db = Database.create(store, {"name": "kill"}, dim=3, n_eigenvalues=2)
    now = db.progress()
    points, searches, failures = now.n_points, now.n_searches, now.n_failures
    pipe.send(now.number)
    for number in range(now.number + 1, now.number + 10_000):
        for _ in range(rng.integers(1, 4)):
            p, s, f = (int(n) for n in rng.integers(0, (20, 4000, 60)))
            db.append(example_points(p, points), example_searches(s, searches), example_failures(f, failures))
            points, searches, failures = points + p, searches + s, failures + f
        db.commit({"number": number, "sum": points + searches + failures}, {"number": number} if number % 2 else None)
        pipe.send(number)


def check(snapshot):
    """The commit is whole: rows, counters and pointer belong together."""
    p, s, f = (len(c) for c in (snapshot.points, snapshot.searches, snapshot.failures))
    assert same_columns(snapshot.points, example_points(p))
    assert same_columns(snapshot.searches, example_searches(s))
    assert same_columns(snapshot.failures, example_failures(f))
    number = snapshot.progress.number
    if number:
        assert snapshot.counters == {"number": number, "sum": p + s + f}
        assert snapshot.state == ({"number": number - 1 + number % 2} if number > 1 else {"number": 1})
    return number


def kill_writers(store, n_kills, restart_every):
    rng = np.random.default_rng(20)
    n_reads = n_leftovers = 0
    for kill in range(n_kills):
        path = store / f"{kill // restart_every}.zarr"
        mine, theirs = FORKS.Pipe(duplex=False)
        writer = FORKS.Process(target=write_forever, args=(path, theirs, kill), daemon=True)
        writer.start()
        theirs.close()
        # Some die while they create or open the database, the others at any moment of a commit.
        if kill % 4:
            mine.recv()
        deadline = time.monotonic() + rng.uniform(0.0, 0.15)
        seen = 0
        try:
            while time.monotonic() < deadline:
                try:
                    number = check(Database.open(path).read())
                except StoreNotFoundError:
                    continue
                assert number >= seen, "a reader saw an older commit after a newer one"
                seen = number
                n_reads += 1
        finally:
            writer.kill()
            writer.join()
        told = -1
        try:
            while mine.poll():
                told = mine.recv()
        except EOFError:
            pass
        n_leftovers += len(list(path.rglob("*.partial"))) if path.exists() else 0
        try:
            number = check(Database.open(path).read())
        except StoreNotFoundError:
            assert told == -1, "a database that was told of is gone"
            assert seen == 0
            continue
        assert max(told, seen) <= number <= max(told, seen) + 2
        with Database.open(path, "a"):
            assert not list(path.rglob("*.partial"))
    return n_reads, n_leftovers


def test_kill_a_writer_at_any_time(tmp_path):
    n_reads, _ = kill_writers(tmp_path, 24, restart_every=6)
    assert n_reads > 24


@pytest.mark.long
def test_kill_a_writer_many_times(tmp_path):
    n_reads, n_leftovers = kill_writers(tmp_path, 200, restart_every=8)
    assert n_reads > 200
    assert n_leftovers > 0, "no kill hit a write; the test is too gentle"


def test_killed_writer_frees_the_lock(tmp_path):
    mine, theirs = FORKS.Pipe(duplex=False)
    writer = FORKS.Process(target=write_forever, args=(tmp_path / "x.zarr", theirs, 0), daemon=True)
    writer.start()
    mine.recv()
    with pytest.raises(StoreError, match="being written by another process"):
        Database.open(tmp_path / "x.zarr", "a")
    writer.kill()
    writer.join()
    Database.open(tmp_path / "x.zarr", "a").close()
