"""`landscape-dist cluster` and `run --cluster`, on worker processes of this machine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

import landscape_dist as ld
from tests.cli.test_cli import call

LOCAL = 'module = "distributed"\nclass = "LocalCluster"\njobs = 1\n[workers]\nmemory = "1GiB"\n'
SHIPPED = Path(__file__).parents[2] / "cluster"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "local.toml").write_text(LOCAL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(find_spec("dask_jobqueue") is None, reason="dask-jobqueue is not installed")
def test_script(folder: Path) -> None:
    assert call("cluster", "script", SHIPPED / "slurm.toml").stdout.startswith("#!/usr/bin/env bash")
    result = call("cluster", "script", "sites/local.toml")
    assert result.stdout == ""
    assert "sites/local.toml is in order; its cluster submits no jobs" in result.stderr
    (folder / "wrong.toml").write_text(LOCAL + "job = 1")
    assert "unknown key 'workers.job'" in call("cluster", "script", "wrong.toml", exit_code=2).stderr


def test_check(folder: Path) -> None:
    steps = call("cluster", "check", "sites/local.toml").stdout.splitlines()
    assert [step.partition(":")[0] for step in steps] == ["file", "job script", "start", "worker", "versions", "search"]
    assert "a minimum at energy -" in steps[-1]
    (folder / "running.toml").write_text('address = "127.0.0.1:1"\ntimeout = 0.5')
    failed = call("cluster", "check", "running.toml", exit_code=2)
    assert failed.stderr.startswith(
        "start: failed: no scheduler '127.0.0.1:1' (from running.toml) answered within 0.5 s"
    )


def test_run(folder: Path) -> None:
    call("run", "butterfly", "--cluster", "sites/local.toml", "--jobs", 1, "--store", "b.zarr", "--no-plot")
    assert len(ld.open("b.zarr").points) == 9
    refused = call("run", "butterfly", "--jobs", 1, "--no-store", exit_code=2)
    assert "jobs is given without a cluster file" in refused.stderr
    refused = call("run", "butterfly", "--cluster", "sites/local.toml", "--workers", 1, "--no-store", exit_code=2)
    assert "workers=1 is given together with cluster" in refused.stderr


def test_configuration_names_a_cluster_file_beside_it(folder: Path) -> None:
    text = '[problem]\nsystem = "butterfly"\n[run]\nstore = "c.zarr"\ncluster = "local.toml"\njobs = 1\n'
    (folder / "sites" / "config.toml").write_text(text)
    call("run", "sites/config.toml", "--no-plot")
    assert len(ld.open("c.zarr").points) == 9
    # another place on the command line replaces it, size included
    call("run", "sites/config.toml", "--no-plot", "--serial", "--store", "d.zarr")
    assert len(ld.open("d.zarr").points) == 9
