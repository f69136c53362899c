"""The log of a run: a line of JSON for each thing that happened."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.campaign import run_log
from landscape_dist.campaign.run_log import RunLog
from landscape_dist.campaign.status import Status
from landscape_dist.distribute.runs.slowest import Underway
from landscape_dist.errors import SettingsError


def lines(path: Path) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in path.read_text().splitlines()]
    for line in read:
        assert list(line)[:3] == ["time", "level", "event"]
    assert [line["time"] for line in read] == sorted(line["time"] for line in read)
    return read


def events(path: Path) -> list[str]:
    return [line["event"] for line in lines(path)]


def broken(X: np.ndarray) -> float:
    if X[0] < -0.5:
        raise ValueError("no energy here")
    return float((X[0] ** 2 - 1) ** 2)


def test_from_start_to_end(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    problem = ld.systems.get("coupled_lattice", dim=3)
    landscape = ld.explore(problem, store=tmp_path / "a.zarr", log=log)
    said = lines(log)
    assert events(log)[0] == "run_started"
    assert events(log)[-2:] == ["commit", "run_ended"]
    assert "round_opened" in events(log)
    first, last = said[0], said[-1]
    assert first["problem"]["name"] == "coupled_lattice"
    assert first["made_by"]["landscape-dist"] == ld.__version__
    assert first["solver"]["step"] == "auto"
    assert (first["n_points"], first["pid"]) == (0, os.getpid())
    assert (last["finished"], last["n_points"]) == (True, 27)
    assert sum(last["by_status"].values()) == last["n_searches"] == len(landscape.searches)
    ld.explore(problem, store=tmp_path / "a.zarr", log=log)  # appended
    assert events(log).count("run_started") == 2
    assert lines(log)[len(said)]["n_points"] == 27


def test_failures_have_their_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = ld.problems.from_callable(broken, dim=1, check=False)
    arguments: Any = {"start": [0.2], "max_index": 1}
    landscape = ld.explore(problem, log=tmp_path / "a", **arguments)
    failed = [line for line in lines(tmp_path / "a") if line["event"] == "search_failed"]
    assert failed
    assert all(line["level"] == "warning" for line in failed)
    assert {line["status"] for line in failed} == {"raised"}
    assert "ValueError: no energy here" in failed[0]["message"]
    assert len(failed) == sum(line == "raised" for line in _statuses(landscape))
    monkeypatch.setattr(run_log, "MOST_FAILURES", 1)
    ld.explore(problem, log=tmp_path / "b", **arguments)
    assert events(tmp_path / "b").count("search_failed") == 1


def _statuses(landscape: Any) -> list[str]:
    return [ld.SearchStatus(s).label for s in landscape.searches.status.tolist()]


def test_an_error_is_the_last_line(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    problem = ld.systems.get("coupled_lattice", dim=2)
    with pytest.raises(SettingsError):
        ld.explore(problem, serial=True, workers=2, log=log)
    last = lines(log)[-1]
    assert (last["event"], last["level"], last["finished"]) == ("run_ended", "error", False)
    assert "contradict each other" in last["error"]


def test_workers_and_slow_searches(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "run.jsonl")
    slow = Underway(time.time() - 100, 3, "down", 1, (7,), 1, "tcp://a")
    for n_workers, n_resubmitted, slowest in ((2, 0, None), (2, 0, slow), (1, 1, slow), (2, 1, None)):
        status = Status({}, {}, 0, 0, 0, 0, n_workers, 1.0, n_resubmitted=n_resubmitted, slowest=slowest)
        log.status(status)
    log.close()
    log.close()
    log.write("ignored")
    said = lines(tmp_path / "run.jsonl")
    names = [line["event"] for line in said]
    assert names == ["workers_joined", "slow_search", "workers_lost", "pieces_resubmitted", "workers_joined"]
    assert (said[2]["n_before"], said[2]["n_workers"], said[2]["level"]) == (2, 1, "warning")
    assert said[1]["parents"] == [7]
    assert said[1]["seconds"] >= 100


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"cannot be written \(No such file or directory\); give the path of a file"
    ):
        RunLog(tmp_path / "absent" / "log")
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    log = RunLog(full)
    with pytest.warns(RuntimeWarning, match="cannot be written any more"):
        log.write("run_started")
    log.write("commit")  # the run goes on
