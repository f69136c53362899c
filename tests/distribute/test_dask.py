"""The Dask runner on real worker processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter

import pytest
from distribute_fakes import FakeCoordinator, FakeProblem, FakeSettings, fake_solve, searches_to

from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.runs.runner import DaskRunner, RunEnd, run_serial
from landscape_dist.distribute.worker import broadcast
from landscape_dist.distribute.worker.broadcast import Broadcast, plugin_name, run_searches
from landscape_dist.distribute.worker.plugins import bring
from landscape_dist.distribute.worker.watchdog import HangWatch
from landscape_dist.errors import ClusterError, ProblemError
from landscape_dist.records import SearchStatus


@pytest.fixture(scope="module", params=[1, 2], ids=["1 worker", "2 workers"])
def client(request):
    with connect(workers=request.param) as client:
        yield client


@pytest.fixture(scope="module")
def two_workers():
    with connect(workers=2) as client:
        yield client


def ignore(result, decisions):
    pass


def serial(dim, settings=None):
    coordinator = FakeCoordinator(dim)
    run_serial(coordinator, FakeProblem(dim), settings or FakeSettings(), on_decisions=ignore, solve=fake_solve)
    return coordinator


def runner(client, dim, settings=None, solve=fake_solve, problem=None, **options):
    return DaskRunner(client, problem or FakeProblem(dim), settings or FakeSettings(), solve=solve, **options)


def test_same_landscape_as_serial(client):
    coordinator, journal = FakeCoordinator(6), []
    report = runner(client, 6).run(
        coordinator, on_decisions=lambda result, decisions: journal.append((len(result), decisions.n_new))
    )
    assert report.end is RunEnd.FINISHED
    assert coordinator.landscape() == serial(6).landscape()
    assert sum(n for n, _ in journal) == report.n_searches == 2 * 6 * 3**5 + 1
    assert sum(new for _, new in journal) == 3**6
    assert coordinator.n_told_twice == 0
    assert report.n_resubmitted == report.n_killed == 0


def test_only_the_searches_that_raise_are_marked(client):
    settings = FakeSettings(raise_at=((0, 0, 1, 1), (1, 1, 1, 1)))
    coordinator = FakeCoordinator(4)
    runner(client, 4, settings).run(coordinator, on_decisions=ignore)
    assert coordinator.landscape() == serial(4, settings).landscape()
    assert Counter(coordinator.statuses.values())[SearchStatus.RAISED] == 2 + 4
    assert "ZeroDivisionError: no energy at (0, 0, 1, 1)" in coordinator.messages


def test_pieces_run_about_as_long_as_wanted(two_workers):
    coordinator, seconds = FakeCoordinator(5), []
    settings = FakeSettings(seconds=0.002)
    report = runner(two_workers, 5, settings, target_seconds=0.1).run(
        coordinator, on_decisions=lambda result, decisions: seconds.append(result.cpu_seconds)
    )
    assert max(seconds) < 0.15
    # 811 searches of 2 ms: far fewer pieces than searches, and both workers busy
    assert report.n_pieces < 150
    assert report.seconds < 2 * 811 * 0.002


def held(client):
    """Names of the problems that each worker has."""
    names = client.run(lambda dask_worker: list(dask_worker.plugins))
    return [[name for name in names if name.startswith("landscape-problem")] for names in names.values()]


def test_the_problem_travels_once_and_is_unpickled_once_a_worker(two_workers, tmp_path):
    log = tmp_path / "unpickled"
    problem = FakeProblem(5, log, ballast=5_000_000)
    coordinator = FakeCoordinator(5)
    settings = FakeSettings(seconds=0.0005)
    report = runner(two_workers, 5, settings, problem=problem, batch_size=10).run(coordinator, on_decisions=ignore)
    assert report.n_pieces >= 80
    pids = log.read_text().split()
    assert len(pids) == len(set(pids)) == 2
    # the next run of the same problem finds it there, one of another problem takes its place
    version = Broadcast(two_workers, problem).version
    assert held(two_workers) == 2 * [[plugin_name(version)]]
    runner(two_workers, 5, problem=problem).run(FakeCoordinator(5), on_decisions=ignore)
    assert log.read_text().split() == pids
    runner(two_workers, 3).run(FakeCoordinator(3), on_decisions=ignore)
    assert plugin_name(version) not in {name for names in held(two_workers) for name in names}


def test_problems_of_runs_that_go_on_stay(two_workers):
    """Two runs at once, as where a correction evaluates the true energy while it explores the surrogate."""
    one, other, third = (Broadcast(two_workers, FakeProblem(dim)) for dim in (3, 4, 5))
    one.register()
    other.register()
    assert held(two_workers) == 2 * [[plugin_name(one.version), plugin_name(other.version)]]
    other.release()
    third.register()
    assert held(two_workers) == 2 * [[plugin_name(one.version), plugin_name(third.version)]]
    again = Broadcast(two_workers, FakeProblem(3))
    again.register()
    one.release()
    third.release()
    last = Broadcast(two_workers, FakeProblem(6))
    last.register()
    assert held(two_workers) == 2 * [[plugin_name(one.version), plugin_name(last.version)]]
    again.release()
    last.release()


def test_a_run_that_does_not_start_needs_no_problem(two_workers, monkeypatch):
    def fail(*arguments):
        raise ClusterError("no watchdog")

    problems = [FakeProblem(dim) for dim in (3, 4, 5)]
    for owner, name in ((HangWatch, "register"), (broadcast, "bring")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail)
            with pytest.raises(ClusterError, match="no watchdog"):
                runner(two_workers, 3, problem=problems.pop()).run(FakeCoordinator(3), on_decisions=ignore)
    runner(two_workers, 3, problem=problems[0]).run(FakeCoordinator(3), on_decisions=ignore)
    assert held(two_workers) == 2 * [[plugin_name(Broadcast(two_workers, problems[0]).version)]]


def test_runs_in_threads_share_a_client(two_workers, monkeypatch):
    """The second of two runs of one problem does not count on what is still on its way."""
    counted = Broadcast(two_workers, FakeProblem(9)), Broadcast(two_workers, FakeProblem(9))
    slow, arrived = threading.Event(), []

    def bring_slowly(*arguments):
        slow.wait(5)
        bring(*arguments)
        arrived.append("problem")

    monkeypatch.setattr(broadcast, "bring", bring_slowly)
    first = threading.Thread(target=counted[0].register)
    second = threading.Thread(target=lambda: (counted[1].register(), arrived.append("second")))
    first.start()
    time.sleep(0.05)
    second.start()
    time.sleep(0.1)
    slow.set()
    first.join()
    second.join()
    assert arrived == ["problem", "second"]
    for one in counted:
        one.release()


def test_a_scheduler_of_others_is_left_as_it_was(two_workers):
    runner(two_workers, 3).run(FakeCoordinator(3), on_decisions=ignore)
    before = held(two_workers)
    with connect(scheduler=two_workers.scheduler.address) as visitor:
        runner(visitor, 4).run(FakeCoordinator(4), on_decisions=ignore)
        assert held(two_workers) != before
    assert held(two_workers) == before


def test_a_worker_without_the_problem_gets_it_again(two_workers):
    coordinator = FakeCoordinator(5)
    dropped = []

    def drop_it(result, decisions):
        if len(coordinator.points) > 50 and not dropped:
            names = two_workers.run(lambda dask_worker: list(dask_worker.plugins))
            name = next(n for held in names.values() for n in held if n.startswith("landscape-problem"))
            two_workers.unregister_worker_plugin(name)
            dropped.append(name)

    report = runner(two_workers, 5, batch_size=10).run(coordinator, on_decisions=drop_it)
    assert dropped
    assert report.n_resubmitted >= 1
    assert coordinator.landscape() == serial(5).landscape()


def test_broadcast_reaches_workers_that_come_later():
    with connect(workers=1) as client:
        sent = Broadcast(client, FakeProblem(3))
        sent.register()
        client.cluster.scale(2)
        client.wait_for_workers(2, timeout=20)
        names = client.run(lambda dask_worker: list(dask_worker.plugins))
        assert len(names) == 2
        assert all(plugin_name(sent.version) in held for held in names.values())
        sent.release()
        sent.release()


def test_keys_share_one_prefix(two_workers):
    keys = []

    def watch(result, decisions):
        keys.extend(two_workers.futures)

    runner(two_workers, 4, batch_size=5).run(FakeCoordinator(4), on_decisions=watch)
    from dask.utils import key_split

    assert keys
    assert {key_split(key) for key in keys} == {"search"}
    deadline = time.monotonic() + 10
    while two_workers.futures and time.monotonic() < deadline:  # Dask forgets them in a thread of its own
        time.sleep(0.01)
    assert not two_workers.futures


def test_stop_gives_everything_back(two_workers):
    coordinator = FakeCoordinator(6)
    settings = FakeSettings(seconds=0.001)
    report = runner(two_workers, 6, settings).run(
        coordinator, on_decisions=ignore, should_stop=lambda: len(coordinator.points) > 100
    )
    assert report.end is RunEnd.STOPPED
    assert coordinator.n_in_flight == 0
    assert report.n_searches + coordinator.n_pending == coordinator._n_slots
    report = runner(two_workers, 6).run(coordinator, on_decisions=ignore)
    assert report.end is RunEnd.FINISHED
    assert coordinator.landscape() == serial(6).landscape()


def test_ctrl_c_stops_cleanly(two_workers):
    coordinator = FakeCoordinator(6)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    report = runner(two_workers, 6, FakeSettings(seconds=0.01)).run(coordinator, on_decisions=ignore)
    assert report.end is RunEnd.INTERRUPTED
    assert time.monotonic() - started < 3
    assert coordinator.n_in_flight == 0
    assert report.n_searches + coordinator.n_pending == coordinator._n_slots
    assert report.n_searches > 10


def test_killed_workers_lose_nothing(tmp_path):
    log = tmp_path / "pids"
    log.touch()
    settings = FakeSettings(seconds=0.004, pid_log=str(log))
    coordinator = FakeCoordinator(6)
    n_kills, last_kill = 0, 0.0

    def kill_one(result, decisions):
        nonlocal n_kills, last_kill
        if n_kills < 6 and time.monotonic() - last_kill > 0.5:
            pids = [nanny.pid for nanny in client.cluster.workers.values() if nanny.pid]
            if pids:
                os.kill(pids[n_kills % len(pids)], signal.SIGKILL)
                n_kills, last_kill = n_kills + 1, time.monotonic()

    with connect(workers=2) as client:
        report = runner(client, 6, settings, target_seconds=0.1).run(coordinator, on_decisions=kill_one)
    assert n_kills == 6
    assert report.end is RunEnd.FINISHED
    assert len(set(log.read_text().split())) >= 2 + 4
    assert coordinator.landscape() == serial(6).landscape()
    assert set(coordinator.statuses.values()) == {SearchStatus.CONVERGED}


def test_a_search_that_ends_its_worker_is_found_and_marked():
    bad = (1, 1, 0, 0)
    settings = FakeSettings(exit_at=(bad,))
    coordinator = FakeCoordinator(4)
    with connect(workers=2, config={"distributed.scheduler.allowed-failures": 1}) as client:
        report = runner(client, 4, settings).run(coordinator, on_decisions=ignore)
    assert report.end is RunEnd.FINISHED
    assert report.n_killed > 0
    lost = [key for key, status in coordinator.statuses.items() if status == SearchStatus.WORKER_LOST]
    assert {(*parent[:leave], sign, *parent[leave + 1 :]) for parent, leave, sign in lost} == {bad}
    assert len(lost) == searches_to(4, bad)
    same_but_raised = serial(4, FakeSettings(raise_at=(bad,)))
    assert coordinator.landscape()[:2] == same_but_raised.landscape()[:2]
    assert any("died repeatedly" in message for message in coordinator.messages)


def always_exit(problem, batch, settings):
    os._exit(3)


def test_workers_that_can_do_nothing_end_the_run():
    class Wide(FakeCoordinator):
        """Many searches from the start, so that their number is not what ends the run."""

        def __post_init__(self):
            super().__post_init__()
            for _ in range(40):
                self._schedule((0,) * self.dim, -1, 0)

    coordinator = Wide(3)
    with connect(workers=1, config={"distributed.scheduler.allowed-failures": 0}) as client:
        dask_runner = runner(client, 3, solve=always_exit, batch_size=1)
        with pytest.raises(ClusterError, match="die on whatever they are given"):
            dask_runner.run(coordinator, on_decisions=ignore)
    assert coordinator.n_in_flight == 0


class Unsendable(FakeProblem):
    def __reduce__(self):
        raise TypeError("cannot pickle '_io.TextIOWrapper' object")


class Unloadable(FakeProblem):
    def __setstate__(self, state):
        raise ModuleNotFoundError("No module named 'my_energy'")


def test_a_problem_that_cannot_be_sent(two_workers):
    with pytest.raises(ProblemError, match=r"cannot be sent to worker processes .*_io.*; keep open files"):
        runner(two_workers, 3, problem=Unsendable(3)).run(FakeCoordinator(3), on_decisions=ignore)


def test_a_problem_that_cannot_be_loaded(two_workers):
    coordinator = FakeCoordinator(3)
    with pytest.raises(ProblemError, match=r"cannot load the problem: .*my_energy.*\. Install on the workers"):
        runner(two_workers, 3, problem=Unloadable(3)).run(coordinator, on_decisions=ignore)
    assert coordinator.n_in_flight == 0
    assert coordinator.n_pending == 1


def test_a_lost_worker_process_manager_is_replaced():
    with connect(workers=2) as client:
        cluster = client.cluster
        coordinator = FakeCoordinator(6)
        gone = []

        def close_one(result, decisions):
            if len(coordinator.points) > 20 and not gone:
                cluster.sync(cluster.workers[0].close)
                gone.append(True)

        settings = FakeSettings(seconds=0.004)
        report = runner(client, 6, settings).run(coordinator, on_decisions=close_one)
        assert report.end is RunEnd.FINISHED
        assert gone
        client.wait_for_workers(2, timeout=10)
        assert report.n_workers == 2


def test_a_task_says_which_problem_it_misses(two_workers):
    future = two_workers.submit(run_searches, "0123", b"", b"", key="search-0test")
    with pytest.raises(Exception, match="problem 0123 is not on worker tcp://"):
        future.result(timeout=10)
