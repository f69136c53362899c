"""Watching a run through its store: from the status in each commit to what `watch` prints."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import landscape_dist as ld
from landscape_dist.campaign import journal
from landscape_dist.campaign.monitor import Monitor
from landscape_dist.campaign.status import Status, Tracker
from landscape_dist.cli import app
from landscape_dist.cli.progress import workers
from landscape_dist.cli.watch import duration, text
from landscape_dist.distribute.runs.slowest import Underway
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.records import SearchKind, SearchStatus
from landscape_dist.spaces.judgement import make_judgement
from landscape_dist.store.database import Database


def lattice(dim: int) -> Any:
    return ld.systems.get("coupled_lattice", dim=dim)


def watch(*arguments: Any, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, ["watch", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result.stdout if exit_code == 0 else result.stderr


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("watch") / "a.zarr"
    ld.explore(lattice(3), store=path)
    return path


def test_a_finished_run(store: Path) -> None:
    said = watch(store)  # comes back by itself
    assert "coupled_lattice:  finished" in said
    assert "27   by index  0: 8, 1: 12, 2: 6, 3: 1" in said
    landscape = ld.open(store)
    seen = json.loads(watch(store, "--json"))
    assert (seen["finished"], seen["running"], seen["ended"], seen["silent"]) == (True, False, True, False)
    assert seen["by_index"] == {"0": 8, "1": 12, "2": 6, "3": 1}
    assert seen["by_status"] == Counter(SearchStatus(s).label for s in landscape.searches.status.tolist())
    assert seen["n_searches"] == len(landscape.searches)
    hits = landscape.audit().hits
    assert seen["n_unseen"] == hits.chao1 - hits.n_hit


def test_a_stopped_run_and_one_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "a.zarr"
    ld.explore(lattice(4), store=store, max_searches=50)
    sight = Monitor(store).look()
    assert (sight.finished, sight.running, sight.ended) == (False, False, True)
    assert "stopped; run the same command again to go on" in watch(store)
    # kill -9 leaves the last commit of a run that goes on
    going_on = Tracker.as_state
    monkeypatch.setattr(Tracker, "as_state", lambda self, running: going_on(self, True))
    ld.explore(lattice(4), store=store, max_searches=100)
    sight = Monitor(store).look()
    assert (sight.running, sight.ended, sight.silent) == (True, False, False)
    assert "running" in watch(store, "--once")
    old = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=7)
    progress = Database.progress

    def aged(self: Database) -> Any:
        return dataclasses.replace(progress(self), time=old.isoformat())

    monkeypatch.setattr(Database, "progress", aged)
    assert Monitor(store).look().silent
    assert "no commit for 7 min: is the run alive?" in watch(store, "--once")


def test_a_cluster_without_workers_is_no_serial_run(store: Path) -> None:
    """As while jobs wait in a queue."""
    coordinator = Coordinator(np.zeros((1, 2)), ExploreSettings(max_index=0), make_judgement(1e-4, 2), 2)
    tracker = Tracker(coordinator)
    assert workers(tracker.status()) == "in this process"
    tracker.cluster(SimpleNamespace(cluster=None, scheduler=SimpleNamespace(address="tcp://a:1")))
    assert workers(tracker.status()) == "0 workers"
    assert "cluster check" in workers(dataclasses.replace(tracker.status(), seconds=300.0))
    assert tracker.as_state(True)["status"]["on_cluster"]
    sight = Monitor(store).look()
    assert "in one process" in text("a.zarr", sight)
    assert "on 0 workers" in text("a.zarr", dataclasses.replace(sight, on_cluster=True))


def test_silence_is_committed_with_what_takes_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While no result comes, the store says that the run is alive, and what it waits for."""
    store = tmp_path / "a.zarr"
    monkeypatch.setattr(journal, "SILENT_SECONDS", 0.0)
    seen = []

    def look(status: Status) -> None:
        if store.exists():
            seen.append(Monitor(store).look())

    monkeypatch.setattr("landscape_dist.distribute.runs.runner.PROGRESS_SECONDS", 0.0)
    ld.explore(lattice(3), store=store, on_status=look)
    waiting = [sight for sight in seen if sight.slowest is not None]
    assert waiting
    assert [sight.commit for sight in seen] == sorted(sight.commit for sight in seen)
    assert {sight.slowest.kind for sight in waiting if sight.slowest} <= {kind.name.lower() for kind in SearchKind}
    assert all(sight.running for sight in seen[1:])
    assert "slowest" in text(str(store), waiting[0])
    assert waiting[-1].rate is None or waiting[-1].rate >= 0


def test_rate_over_the_last_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker(Coordinator(np.zeros((1, 2)), ExploreSettings(max_index=2), make_judgement(1e-4, 2), 2))
    clock = iter([1000.0 + 0.5 * i for i in range(400)])
    monkeypatch.setattr("landscape_dist.campaign.status.time.time", lambda: next(clock))
    state: dict[str, Any] = {}
    for _ in range(300):
        state = tracker.as_state(running=True)["status"]
    times = [t for t, _ in state["recent"]]
    assert 45 <= times[-1] - times[0] <= 75  # about a minute, however many commits there were
    assert len(json.dumps(state)) < 2000


def test_counting_what_is_new_equals_counting_all() -> None:
    seen: list[Status] = []
    landscape = ld.explore(lattice(4), on_status=seen.append)
    last = seen[-1]
    assert last.by_index == Counter(landscape.columns.index.tolist())
    assert sum(last.by_status.values()) == last.n_searches == len(landscape.searches)
    assert last.slowest is None
    assert seen[0].slowest is not None
    assert seen[0].slowest.kind == "start"


def test_underway_in_words() -> None:
    piece = Underway(1000.0, 4, SearchKind.DOWN.name.lower(), 1, (17, 18, 19), 4, "tcp://127.0.0.1:5")
    assert piece.text(1095.4) == "4 down searches to index 1 from points 17, 18, 19, ..., for 95 s on tcp://127.0.0.1:5"
    assert Underway.from_dict(json.loads(json.dumps(piece.as_dict()))) == piece
    assert Underway(1000.0, 1, "start", 3, ()).text(999.0) == "1 start search to index 3, for 0 s"


def test_a_store_without_status(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tracker, "as_state", lambda self, running: {})
    ld.explore(lattice(3), store=tmp_path / "old.zarr")
    sight = Monitor(tmp_path / "old.zarr").look()
    assert sight.by_index == Monitor(store).look().by_index
    assert sight.running is None
    assert "finished" in watch(tmp_path / "old.zarr")


def test_errors(tmp_path: Path) -> None:
    assert "there is no store at" in watch(tmp_path / "absent.zarr", exit_code=2)
    assert "--interval is 0.0; give a number" in watch(tmp_path, "--interval", 0, exit_code=2)


def test_durations() -> None:
    assert [duration(s) for s in (0.4, 119, 400, 7300, 200_000)] == ["0 s", "119 s", "6 min", "2 h 1 min", "2 d 7 h"]
