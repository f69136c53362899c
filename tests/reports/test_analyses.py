"""An analysis with its picture and its command is an entry of a table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import landscape_dist as ld
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.cli.program import make_app
from landscape_dist.reports.analyses import ANALYSES, Analysis


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "a.zarr"
    ld.explore(ld.systems.coupled_lattice(dim=2), store=path)
    return path


def call(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(make_app(), [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@dataclass(frozen=True)
class Lowest:
    """A toy: the lowest energy."""

    energy: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"nothing lies below {self.energy:.3f}"


def lowest(landscape: Landscape) -> Lowest:
    return Lowest(float(landscape.columns.energy.min()))


def picture(landscape: Landscape, found: Lowest) -> Any:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().axhline(found.energy)
    return figure


def test_an_analysis_of_ones_own(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANALYSES, "lowest", Analysis("Say how deep it goes.", lowest, picture))
    assert "Say how deep it goes." in call("--help").stdout
    assert call("lowest", store).stdout.startswith("nothing lies below -")
    assert json.loads(call("lowest", store, "--json").stdout)["energy"] < 0
    said = call("lowest", store, "--out", tmp_path / "a.png")
    assert f"picture: {tmp_path / 'a.png'}" in said.stderr
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_pictures_only_where_there_are_some(store: Path, tmp_path: Path) -> None:
    assert "audit has no picture" in call("audit", store, "--out", tmp_path / "a.png", code=2).stderr
    assert "give one of .png" in call("discovery", store, "--out", tmp_path / "a.bmp", code=2).stderr
    call("discovery", store, "--out", tmp_path / "a.svg")
    assert "points found" in (tmp_path / "a.svg").read_text()
    assert "9 points after" in call("discovery", store).stdout
