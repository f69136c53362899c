"""A kind of picture is an entry of a table, from which the command line and messages take its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import landscape_dist as ld
from landscape_dist.cli import app
from landscape_dist.errors import SettingsError
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.plots.canvas import Scene, empty_scene
from landscape_dist.plots.kinds import KINDS, PictureKind
from landscape_dist.plots.options import PictureOptions, make_options


def histogram(landscape: LandscapeLike, options: dict[str, Any]) -> Scene:
    scene = empty_scene(landscape, make_options(PictureOptions, "histogram", options), (4.0, 3.0))
    scene.axes.hist(landscape.columns.energy)
    return scene


def test_a_kind_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "histogram", PictureKind("how many points there are of each energy", histogram))
    ld.explore(ld.systems.butterfly(), store=tmp_path / "a.zarr")
    call = ["plot", str(tmp_path / "a.zarr"), "--kind", "histogram", "--title", "mine", "--out"]
    assert CliRunner().invoke(app, [*call, str(tmp_path / "a.svg")]).exit_code == 0
    assert "mine" in (tmp_path / "a.svg").read_text()
    with pytest.raises(SettingsError, match="'curve', 'histogram'"):
        ld.open(tmp_path / "a.zarr").plot(kind="other")


def test_help_and_messages_name_every_kind(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["plot", "--help"], terminal_width=200).stdout
    assert all(f"{name}:" in said for name in KINDS)
    ld.explore(ld.systems.butterfly(), store=tmp_path / "a.zarr")
    result = CliRunner().invoke(
        app, ["plot", str(tmp_path / "a.zarr"), "--kind", "x", "--out", str(tmp_path / "a.png")]
    )
    assert result.exit_code == 2
    assert "kind is 'x'; use one of 'auto', 'plane'" in result.stderr
