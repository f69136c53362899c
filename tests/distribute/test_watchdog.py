"""Searches whose energy hangs: found, tried again, recorded; the others finish."""

from __future__ import annotations

from collections import Counter

import pytest
from distribute_fakes import FakeCoordinator, FakeProblem, FakeSettings, fake_solve, searches_to
from distributed import Client

from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.runs.futures import HANG_TRIES
from landscape_dist.distribute.runs.runner import DaskRunner, RunEnd, run_serial
from landscape_dist.errors import SettingsError
from landscape_dist.records import SearchStatus

BAD = (1, 1, 0, 0)


def ignore(result, decisions):
    pass


def end_of(search):
    parent, leave, sign = search
    return (*parent[:leave], sign, *parent[leave + 1 :])


def run(client, hang, **options):
    coordinator = FakeCoordinator(4)
    settings = FakeSettings(hang_at=(BAD,), hang=hang)
    runner = DaskRunner(client, FakeProblem(4), settings, solve=fake_solve, **options)
    return coordinator, runner.run(coordinator, on_decisions=ignore)


@pytest.fixture(scope="module")
def client():
    with connect(workers=2) as client:
        yield client


@pytest.mark.parametrize("hang", ["sleep", pytest.param("spin", marks=pytest.mark.long)])
def test_searches_that_hang_are_found_and_the_others_finish(client, hang):
    coordinator, report = run(client, hang, hang_seconds=0.5)
    plugins = client.run(lambda dask_worker: list(dask_worker.plugins))
    assert report.end is RunEnd.FINISHED
    hung = [key for key, status in coordinator.statuses.items() if status == SearchStatus.HUNG]
    assert {end_of(search) for search in hung} == {BAD}
    assert len(hung) == searches_to(4, BAD)
    assert report.n_hung >= HANG_TRIES * len(hung)
    assert report.n_killed == 0  # the scheduler never got to suspect the bystanders
    serial = FakeCoordinator(4)
    run_serial(serial, FakeProblem(4), FakeSettings(raise_at=(BAD,)), on_decisions=ignore, solve=fake_solve)
    assert coordinator.landscape()[:2] == serial.landscape()[:2]
    place = "spin" if hang == "spin" else "<lambda>"
    assert f"it was in {place} (distribute_fakes.py, line " in coordinator.messages[0]
    assert f"so {HANG_TRIES} times" in coordinator.messages[0]
    assert not any(name.startswith("landscape-watchdog") for held in plugins.values() for name in held)


@pytest.mark.long
def test_a_hang_that_holds_the_interpreter_ends_too():
    """No Python thread can report it: the process is ended all the same, and the scheduler finds the culprit."""
    with connect(workers=2, config={"distributed.scheduler.allowed-failures": 0}) as client:
        coordinator, report = run(client, "hold", hang_seconds=0.5)
    assert report.end is RunEnd.FINISHED
    bad = {SearchStatus.WORKER_LOST: searches_to(4, BAD)}
    assert Counter(s for s in coordinator.statuses.values() if s != SearchStatus.CONVERGED) == bad


def test_what_is_slow_but_moves_is_left_alone(client):
    problem = CountingProblem(2)
    runner = DaskRunner(client, problem, FakeSettings(), solve=slow_solve, hang_seconds=0.5, batch_size=40)
    report = runner.run(FakeCoordinator(2), on_decisions=ignore)
    assert report.end is RunEnd.FINISHED
    assert report.n_hung == 0


def test_workers_in_this_very_process_are_left_alone():
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        coordinator, settings = FakeCoordinator(2), FakeSettings(seconds=0.1)
        runner = DaskRunner(client, FakeProblem(2), settings, solve=fake_solve, hang_seconds=0.05, batch_size=5)
        report = runner.run(coordinator, on_decisions=ignore)
    assert report.end is RunEnd.FINISHED
    assert report.n_hung == 0


class CountingProblem(FakeProblem):
    """Has counters, as every Problem."""

    def __init__(self, dim):
        super().__init__(dim)
        from landscape_dist.records import Counters

        self.counters = Counters()


def slow_solve(problem, batch, settings):
    """Twice `hang_seconds` a piece, with an evaluation every now and then."""
    import time

    for _ in range(10):
        time.sleep(0.1)
        problem.counters.n_gradients += 1
    return fake_solve(problem, batch, settings)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), True, "60"])
def test_hang_seconds_that_cannot_work(value):
    with pytest.raises(SettingsError, match=r"hang_seconds is .*; give a positive number"):
        DaskRunner(None, FakeProblem(2), FakeSettings(), hang_seconds=value)
