"""A report's data: all panels in one document of plain JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import landscape_dist as ld
from landscape_dist.cli import app
from landscape_dist.reports.panels import PANELS, Panel, report_data


def test_every_panel_has_its_data(tmp_path: Path) -> None:
    landscape = ld.explore(ld.systems.coupled_lattice(dim=2), store=tmp_path / "a.zarr")
    said = report_data(landscape)
    assert said["name"] == "coupled_lattice"
    data = {panel["name"]: panel["data"] for panel in said["panels"]}
    assert list(data) == [panel.name for panel in PANELS]
    assert data["summary"] | {"n_searches": 0} == {
        "dim": 2, "finished": True, "n_points": 9, "n_connections": 12, "n_searches": 0
    }  # fmt: skip
    assert [(row["index"], row["n"]) for row in data["points_by_index"]["rows"]] == [(0, 4), (1, 4), (2, 1)]
    assert data["discovery"]["n_points"][-1] == 9
    assert sum(end["n"] for end in data["searches"]["by_status"]) == len(landscape.searches)
    assert data["audit"]["contradictions"] == []
    assert data["evaluations"]["n_gradients"] == landscape.counters["n_gradients"]
    energies = [row["energy"] for row in data["points"]["rows"] if row["index"] == 0]
    assert energies == sorted(energies)
    assert data["settings"]["explore"]["max_index"] == 2
    result = CliRunner().invoke(app, ["report", str(tmp_path / "a.zarr"), "--json"])
    assert json.loads(result.stdout) == report_data(ld.open(tmp_path / "a.zarr"))


def test_vector_fields_have_no_energies() -> None:
    field = ld.problems.vector_field(["x1 - x1**3", "-x2"], domain=ld.problems.Box(-2.0, 2.0))
    text = json.dumps(report_data(ld.explore(field, [0.1, 0.1], max_index=1)), allow_nan=False)
    assert "stable points" in text


def test_a_panel_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Panel("lowest", "The deepest minimum", lambda landscape: {"energy": float(landscape.columns.energy.min())})
    monkeypatch.setattr("landscape_dist.reports.panels.PANELS", [*PANELS, panel])
    said = report_data(ld.explore(ld.systems.butterfly()))["panels"][-1]
    assert (said["name"], said["title"]) == ("lowest", "The deepest minimum")
    assert isinstance(said["data"]["energy"], float)
