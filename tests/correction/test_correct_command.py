from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from landscape_dist.cli import app
from landscape_dist.config import load_config
from landscape_dist.errors import ConfigError

CONFIG = """
[problem]
expression = "(x1**2 - 1)**2 + 2*(x2 - x1/2)**2 + x1/5"
dim = 2
domain = {kind = "box", lower = [-1.7, -1.3], upper = [1.6, 1.3]}

[explore]
start = [0.1, 0.0]
max_index = 1

[correction]
n_initial = 30
max_values = 300
check_bounds = false
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "wells.toml"
    path.write_text(CONFIG)
    return path


def test_reports_and_goes_on(config: Path, tmp_path: Path) -> None:
    command = ["correct", str(config), "--folder", str(tmp_path / "kept"), "--set", "correction.n_stable=1"]
    first = CliRunner().invoke(app, [*command, "--plot", str(tmp_path / "picture.png")])
    assert first.exit_code == 0, first.output
    assert "round 0: 30 values, points by index 2/1, 2 arrows" in first.stderr
    assert "3 of 3 points of the surrogate are points of the true energy, with their index" in first.stdout
    assert "-1.024120, -0.512060" in first.stdout
    assert first.stdout.count("unchecked") == 2
    assert (tmp_path / "picture.png").exists()
    again = CliRunner().invoke(app, command)
    assert again.stdout == first.stdout
    told = CliRunner().invoke(app, [*command, "--json"])
    assert json.loads(told.stdout)["counts"] == {"0": 2, "1": 1}
    assert not told.stderr


def test_errors_in_one_line(config: Path, tmp_path: Path) -> None:
    wrong = CliRunner().invoke(app, ["correct", str(config), "--set", "correction.model=tree"])
    assert wrong.exit_code == 2
    assert "correction.model is 'tree'; use one of 'auto', 'gaussian_process', 'network'" in wrong.stderr
    unknown = CliRunner().invoke(app, ["correct", str(config), "--set", "correction.max_value=3"])
    assert "max_values" in unknown.stderr
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "mine").write_text("")
    taken = CliRunner().invoke(app, ["correct", str(config), "--folder", str(folder)])
    assert (taken.exit_code, "is no correction and not empty" in taken.stderr) == (2, True)


def test_table_makes_the_settings(config: Path) -> None:
    settings = load_config(config).correction_settings()
    assert (settings.n_initial, settings.max_values, settings.check_bounds, settings.n_stable) == (30, 300, False, 2)
    config.write_text(CONFIG.replace("max_values = 300", 'max_values = "none"'))
    assert load_config(config).correction_settings().max_values is None
    config.write_text(CONFIG.replace("max_values = 300", "max_values = 1"))
    with pytest.raises(ConfigError, match=r"wells\.toml: correction\.max_values is 1; give a whole number of at least"):
        load_config(config)


def test_a_picture_that_cannot_be_drawn_is_said_before_anything_is_asked(config: Path, tmp_path: Path) -> None:
    command = ["correct", str(config), "--folder", str(tmp_path / "kept"), "--plot", str(tmp_path / "no" / "p.png")]
    wrong = CliRunner().invoke(app, command)
    assert wrong.exit_code == 2
    assert "there is no folder" in wrong.stderr
    assert not (tmp_path / "kept").exists()
