"""`landscape-dist plot` with paths, projections and films."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

import landscape_dist as ld
from landscape_dist.cli import app


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    (folder / "config.toml").write_text(
        '[problem]\nsystem = "coupled_lattice"\nparameters = {dim = 3}\n'
        "[solver]\nkeep_trajectories = true\ntrajectory_points = 40\n"
    )
    call("run", folder / "config.toml", "--serial", "--store", folder / "a.zarr", "--quiet", "--no-plot")
    return folder / "a.zarr"


def call(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stderr


def test_paths_and_film(store: Path, tmp_path: Path) -> None:
    said = call(
        "plot", store, "--trajectories", "--out", tmp_path / "a.svg", "--animate", tmp_path / "a.gif", "--frames", 12
    )
    assert f"picture: {tmp_path / 'a.svg'}" in said
    assert f"film: {tmp_path / 'a.gif'}" in said
    assert "downward search" in (tmp_path / "a.svg").read_text()
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 12
    call("plot", store, "--animate", tmp_path / "b.gif", "--frames", 3, "--kind", "graph")


@pytest.mark.parametrize("plane", ["pca", "oblique", "x1,x3"])
def test_projections(store: Path, tmp_path: Path, plane: str) -> None:
    call("plot", store, "--out", tmp_path / "a.png", "--project", plane)
    assert (tmp_path / "a.png").exists()


def test_what_does_not_do(store: Path, tmp_path: Path) -> None:
    assert "nothing to draw: give --out" in call("plot", store, code=2)
    assert "has the ending '.png'; give .gif" in call("plot", store, "--animate", tmp_path / "a.png", code=2)
    assert "projection is 'x1,x9'" in call("plot", store, "--out", tmp_path / "a.png", "--project", "x1,x9", code=2)
    ld.explore(ld.systems.butterfly(), store=tmp_path / "b.zarr")
    message = call("plot", tmp_path / "b.zarr", "--out", tmp_path / "a.png", "--trajectories", code=2)
    assert "explore with keep_trajectories=True" in message
