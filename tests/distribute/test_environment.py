"""What workers must share with the coordinator: versions, and the user's own Python files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_clusters import environment, free_port

import landscape_dist as ld
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.clusters.environment import VersionCheck, differences
from landscape_dist.errors import ClusterError, ConfigError

HERE = {"landscape_dist": "1.2.3", "distributed": "2026.8.0", "python": "3.11.7", "numpy": "2.4.6"}


@pytest.mark.parametrize(
    ("there", "message"),
    [
        ({}, None),
        ({"python": "3.11.2", "numpy": "2.4.0"}, None),
        ({"python": "3.12.7"}, "python is 3.11.7 here and 3.12.7 there"),
        ({"numpy": "2.3.6"}, "numpy is 2.4.6 here and 2.3.6 there"),
        ({"distributed": "2026.8.1"}, "distributed is 2026.8.0 here and 2026.8.1 there"),
        ({"landscape_dist": None}, "landscape_dist is 1.2.3 here and not installed there"),
    ],
)
def test_what_differs(there: dict[str, str | None], message: str | None) -> None:
    assert differences(HERE, HERE | there) == ([] if message is None else [message])


@contextmanager
def site(folder: Path, *paths: Path) -> Iterator[str]:
    """A scheduler, and a worker for each folder that is put before the path of its imports."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    common = {"cwd": folder, "stderr": subprocess.DEVNULL}
    variables = environment() | {"PYTHONWARNINGS": ""}
    dask = [sys.executable, "-m", "dask"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    processes = [subprocess.Popen([*dask, "scheduler", *options], env=variables, **common)]
    for path in paths:
        worker = [*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
        first = {"PYTHONPATH": os.pathsep.join([str(path), variables["PYTHONPATH"]])}
        processes.append(subprocess.Popen(worker, env=variables | first, **common))
    try:
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(20)


def test_a_worker_of_another_version_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    metadata = other / "landscape_dist-0.0.9.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: landscape-dist\nVersion: 0.0.9\n")
    with site(tmp_path, tmp_path, other) as address:
        with connect(scheduler=address, timeout=30) as client:
            client.wait_for_workers(2, timeout=60)
            with pytest.raises(ClusterError, match=rf"landscape_dist is {ld.__version__} here and 0.0.9 there"):
                VersionCheck(client).check(client.nthreads())
        with pytest.raises(ClusterError, match=r"the worker at tcp://.* does not have the versions of this process"):
            ld.explore(ld.systems.butterfly(), scheduler=address)


def test_each_worker_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with site(tmp_path, tmp_path) as address, connect(scheduler=address, timeout=30) as client:
        client.wait_for_workers(1, timeout=60)
        check = VersionCheck(client)
        check.check(client.nthreads())
        monkeypatch.setattr(client, "get_versions", lambda packages: pytest.fail("asked again"))
        check.check(client.nthreads())


HELPER = "import numpy as np\ndef depth(x):\n    return DEPTH * (x**2 - 1) ** 2\n"
PROBLEM = """
import helper_of_mine
import landscape_dist as ld

problem = ld.problems.from_callable(lambda x: helper_of_mine.depth(x).sum(), dim=2)
"""
CONFIG = """
[problem]
module = "problem.py:problem"

[explore]
start = [0.1, 0.1]
max_index = 2
"""


def call(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "landscape_dist",
        "run",
        "config.toml",
        "--no-plot",
        "--no-store",
        "--json",
        *options,
    ]
    root = str(Path(ld.__file__).parents[1])
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": root}, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "helper_of_mine.py").write_text(HELPER.replace("DEPTH", "2.0"))
    (tmp_path / "problem.py").write_text(PROBLEM)
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


def test_own_file_travels_by_value_and_its_helper_by_preload(folder: Path) -> None:
    done = call(folder, "--workers", "1", "--preload", "lib/helper_of_mine.py")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_points"] == 9
    (folder / "config.toml").write_text(CONFIG + '[run]\npreload = ["lib/helper_of_mine.py"]\nserial = true\n')
    done = call(folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_points"] == 9


def test_preloads_that_cannot_be(folder: Path) -> None:
    done = call(folder, "--serial")
    assert "No module named 'helper_of_mine'" in done.stderr
    (folder / "lib" / "numpy.py").write_text("")
    for name, message in (
        ("none.py", "there is no Python file"),
        ("lib/numpy.py", "has the name of a module that is installed"),
    ):
        done = call(folder, "--serial", "--preload", name)
        assert done.returncode == 2
        assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_preload_reaches_workers_that_come_later_and_is_renewed(tmp_path: Path) -> None:
    path = tmp_path / "preloaded_module.py"

    def value() -> int:
        import preloaded_module

        return int(preloaded_module.VALUE)

    value.__module__ = "__main__"  # by value, as from a script
    path.write_text("VALUE = 1")
    with connect(workers=1, preload=[path]) as client:
        assert client.submit(value, pure=False).result(30) == 1
        client.cluster.scale(2)
        client.wait_for_workers(2, timeout=60)
        assert set(client.run(value).values()) == {1}
        path.write_text("VALUE = 2000")
        with connect(client, preload=[path]) as same:
            assert set(same.run(value).values()) == {2000}
        path.write_text("VALUE = 1 / 0")
        with pytest.raises(ConfigError, match="cannot be imported on a worker"), connect(client, preload=[path]):
            pass
