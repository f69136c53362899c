"""Finding and starting clusters, and losing them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from distribute_fakes import FakeCoordinator, FakeProblem, FakeSettings, fake_solve

from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.runs.runner import DaskRunner, RunEnd
from landscape_dist.errors import ClusterError, SettingsError

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment():
    path = os.pathsep.join([str(REPOSITORY), str(HERE)])
    return {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error", "DASK_DISTRIBUTED__ADMIN__LOG_LENGTH": "100"}


def ignore(result, decisions):
    pass


@contextmanager
def script(tmp_path, text, name="script.py"):
    """A Python script that runs in a process group of its own, as under a terminal."""
    path = tmp_path / name
    # a shell that starts tests in the background lets them ignore Ctrl-C; a terminal does not
    head = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    path.write_text(head + textwrap.dedent(text))
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@contextmanager
def dask_cluster(tmp_path):
    """A scheduler and a worker as a site would start them; yields the address, the scheduler file and the scheduler."""
    port, file = free_port(), tmp_path / "scheduler.json"
    common = {"env": {**environment(), "PYTHONWARNINGS": ""}, "cwd": tmp_path, "stderr": subprocess.DEVNULL}
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    dask = [sys.executable, "-m", "dask"]
    scheduler = subprocess.Popen([*dask, "scheduler", *options, "--scheduler-file", str(file)], **common)
    worker = subprocess.Popen(
        [*dask, "worker", f"127.0.0.1:{port}", "--nthreads", "2", "--no-dashboard", "--local-directory", str(tmp_path)],
        **common,
    )
    try:
        yield f"tcp://127.0.0.1:{port}", file, scheduler
    finally:
        for process in (worker, scheduler):
            if process.poll() is None:
                process.terminate()
                process.wait(20)


def test_nobody_at_the_address():
    address = f"tcp://127.0.0.1:{free_port()}"
    started = time.monotonic()
    with (
        pytest.raises(ClusterError, match=rf"no scheduler '{address}' answered within 1 s .*Check that the address is"),
        connect(scheduler=address, timeout=1),
    ):
        pass
    assert time.monotonic() - started < 5


def test_somebody_else_at_the_address():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"'{address}' answered within 0.5 s"):  # noqa: SIM117
            with connect(scheduler=address, timeout=0.5):
                pass


@pytest.mark.parametrize("address", ["no-such-host.invalid:8786", "tcp://127.0.0.1", "nonsense://x:1"])
def test_addresses_that_are_none(address):
    with pytest.raises(ClusterError, match="Check that the address is"), connect(scheduler=address, timeout=1):
        pass


def test_scheduler_file_that_is_missing_or_something_else(tmp_path):
    file = tmp_path / "scheduler.json"
    for content, text in [
        (None, "does not exist; start a scheduler with `dask scheduler --scheduler-file"),
        ("{", "is not one .*JSONDecodeError"),
        ("{}", "is not one .*KeyError"),
    ]:
        if content is not None:
            file.write_text(content)
        with pytest.raises(ClusterError, match=text), connect(scheduler_file=file, timeout=0.2):
            pass
    file.write_text(json.dumps({"address": f"tcp://127.0.0.1:{free_port()}"}))
    with pytest.raises(ClusterError, match=r"from the file .*scheduler\.json"), connect(scheduler_file=file, timeout=1):
        pass


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"workers": 0}, "workers is 0; give a whole number"),
        ({"workers": 2.5}, "workers is 2.5; give a whole number"),
        ({"workers": True}, "workers is True; give a whole number"),
        ({"scheduler": "a:1", "scheduler_file": "b"}, "scheduler and scheduler_file are given together"),
        ({"scheduler": "a:1", "workers": 2}, "workers=2 is given together with scheduler"),
    ],
)
def test_contradictions(arguments, text):
    with pytest.raises(SettingsError, match=text), connect(**arguments):
        pass


def test_local_cluster_and_what_it_leaves_behind(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = dict(os.environ)
    main_spec = sys.modules["__main__"].__spec__
    with connect(workers=2) as client:
        scheduler = client.cluster.scheduler
        assert scheduler.allowed_failures == 3
        assert scheduler.WORKER_SATURATION == 1.0
        assert scheduler.address.startswith("tcp://127.0.0.1:")
        assert list(client.nthreads().values()) == [1, 1]
        worker = next(iter(scheduler.workers))
        with pytest.raises(ClusterError, match="what answers there is a Worker"), connect(scheduler=worker):
            pass
        seen = client.run(lambda dask_worker: (os.environ["OMP_NUM_THREADS"], dask_worker.local_directory, os.getpid()))
        assert {threads for threads, _, _ in seen.values()} == {"1"}
        # a client that is given is used and left open
        with connect(client) as same:
            assert same is client
        assert client.status == "running"
    assert client.status == "closed"
    with pytest.raises(ClusterError, match="client is closed, not running"), connect(client):
        pass
    assert os.environ == before
    assert sys.modules["__main__"].__spec__ is main_spec
    for _, directory, pid in seen.values():
        assert not os.path.exists(directory)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_asynchronous_clients_are_refused():
    class Asynchronous:
        asynchronous = True

    with pytest.raises(SettingsError, match="client is asynchronous"), connect(Asynchronous()):
        pass


def test_a_script_needs_no_main_guard(tmp_path):
    text = """
        print("script runs")
        from distribute_fakes import FakeCoordinator, FakeSettings, fake_solve
        from landscape_dist.distribute.clusters.connecting import connect
        from landscape_dist.distribute.runs.runner import DaskRunner

        class MyProblem:
            dim = 4

        coordinator = FakeCoordinator(4)
        with connect(workers=2) as client:
            report = DaskRunner(client, MyProblem(), FakeSettings(), solve=fake_solve).run(
                coordinator, on_decisions=lambda result, decisions: None
            )
        print(len(coordinator.points), report.end.value)
    """
    with script(tmp_path, text) as process:
        out, err = process.communicate(timeout=60)
    assert err == ""
    assert out.split("\n") == ["script runs", "81 finished", ""]
    assert process.returncode == 0


@pytest.mark.parametrize("seconds", [0.001, 60], ids=["short searches", "minute-long searches"])
def test_ctrl_c_in_a_terminal(tmp_path, seconds):
    text = f"""
        import sys
        from distribute_fakes import FakeCoordinator, FakeProblem, FakeSettings, fake_solve
        from landscape_dist.distribute.clusters.connecting import connect
        from landscape_dist.distribute.runs.runner import DaskRunner

        coordinator = FakeCoordinator(7)
        coordinator.tell(fake_solve(FakeProblem(7), coordinator.ask(1), FakeSettings()))
        with connect(workers=2) as client:
            runner = DaskRunner(client, FakeProblem(7), FakeSettings(seconds={seconds}), solve=fake_solve)
            print("running", flush=True)
            report = runner.run(coordinator, on_decisions=lambda result, decisions: None)
        assert coordinator.n_in_flight == 0
        assert report.n_searches + coordinator.n_pending == coordinator._n_slots - 1
        print(report.end.value, report.n_searches)
        sys.exit(130)
    """
    with script(tmp_path, text) as process:
        assert process.stdout.readline() == "running\n"
        time.sleep(1.5)
        os.killpg(process.pid, signal.SIGINT)
        interrupted = time.monotonic()
        out, err = process.communicate(timeout=60)
    assert time.monotonic() - interrupted < 5
    assert err == ""
    assert process.returncode == 130
    end, n_searches = out.split()
    assert end == "interrupted"
    assert int(n_searches) > 100 or seconds == 60


def test_scheduler_killed_in_the_middle_of_a_run(tmp_path):
    coordinator, killed = FakeCoordinator(6), []

    with dask_cluster(tmp_path) as (address, file, scheduler):

        def kill_it(result, decisions):
            if len(coordinator.points) > 50 and not killed:
                scheduler.kill()
                killed.append(time.monotonic())

        with connect(scheduler_file=file) as client:
            runner = DaskRunner(client, FakeProblem(6), FakeSettings(seconds=0.005), solve=fake_solve)
            with pytest.raises(ClusterError, match=f"scheduler at {address} was lost; what was committed is in the st"):
                runner.run(coordinator, on_decisions=kill_it)
        assert time.monotonic() - killed[0] < 10
    assert coordinator.n_in_flight == 0
    assert len(coordinator.statuses) + coordinator.n_pending == coordinator._n_slots


def test_any_scheduler_by_its_address(tmp_path):
    coordinator = FakeCoordinator(5)
    with dask_cluster(tmp_path) as (address, _, _), connect(scheduler=address) as client:
        client.wait_for_workers(1, timeout=20)
        runner = DaskRunner(client, FakeProblem(5, tmp_path / "log"), FakeSettings(seconds=0.001), solve=fake_solve)
        report = runner.run(coordinator, on_decisions=ignore)
        assert report.end is RunEnd.FINISHED
        assert report.n_workers == 1
        # one copy for each of its two threads
        assert len((tmp_path / "log").read_text().split()) == 2
    assert len(coordinator.points) == 3**5


def test_serial_runs_do_not_import_dask():
    code = """
import sys
import landscape_dist.distribute.runs.runner, landscape_dist.distribute.clusters.connecting
heavy = {"dask", "distributed", "torch", "sympy", "matplotlib", "zarr", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())


@pytest.mark.long
def test_ten_kills_of_workers_at_random_moments(tmp_path):
    import random

    moments = random.Random(20240607)
    undisturbed = FakeCoordinator(7)
    with connect(workers=2) as client:
        DaskRunner(client, FakeProblem(7), FakeSettings(), solve=fake_solve).run(undisturbed, on_decisions=ignore)
        for _ in range(10):
            coordinator = FakeCoordinator(7)
            at, killed = moments.uniform(0, 4), []
            started = time.monotonic()

            def kill_one(report, at=at, killed=killed, started=started):
                if not killed and time.monotonic() - started > at:
                    pids = [nanny.pid for nanny in client.cluster.workers.values() if nanny.pid]
                    os.kill(moments.choice(pids), signal.SIGKILL)
                    killed.append(True)

            runner = DaskRunner(client, FakeProblem(7), FakeSettings(seconds=0.001), solve=fake_solve)
            runner.run(coordinator, on_decisions=ignore, on_progress=kill_one)
            assert killed
            assert coordinator.landscape() == undisturbed.landscape()
