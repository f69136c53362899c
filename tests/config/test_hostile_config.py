"""Configuration files from strangers: one clear error, soon, and nothing run or written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from landscape_dist import toml_file
from landscape_dist.cli import app
from landscape_dist.config import load_config
from landscape_dist.errors import ConfigError, LandscapeError

FORMULA = '[problem]\nexpression = "x1**2"\n'
SYSTEM = '[problem]\nsystem = "coupled_lattice"\n[problem.parameters]\n'
# file -> what the error says
HOSTILE = {
    "a = " + "[" * 5000: "nested too deeply",
    "a = " + "{b = " * 3000: "nested too deeply",
    "a = " + "9" * 10_000: "4300 digits",
    "a = 1\0": "not valid TOML",
    '[problem]\nexpression = ["open(1)"]': "problem.expression is .*it should be a valid string",
    "[problem]\nexpression = 1": "problem.expression is 1; it should be a valid string",
    "[problem]\nexpression = \"__import__('os')\"": "unknown function '__import__'",
    '[problem]\nexpression = "x1"\ndim = 1000000000': "of which only 1 occur",
    '[problem]\nexpression = "x1"\ndim = true': "problem.dim is True",
    '[problem]\nsystem = "../../etc/passwd"': "no system named",
    SYSTEM + "dim = 1000000000000000": "more memory than there is",
    SYSTEM + 'dim = "__import__"': "dim is '__import__'; give a whole number",
    SYSTEM + "coupling = inf": "coupling is inf; give a finite number",
    SYSTEM + "__class__ = 1": "has no parameter '__class__'",
    '[problem]\nmodule = "os:system"': "not of the form",
    '[problem]\nmodule = "/dev/zero.py:x"': "there is no file",
    '[problem]\nmodule = "\\u0000.py:x"': "null byte",
    FORMULA + 'domain = {kind = "__class__"}': "known are ball, box, unbounded",
    FORMULA + 'domain = {kind = "box", lower = -inf, upper = inf}': "lower is -inf; give finite numbers",
    FORMULA + 'domain = {kind = "box", lower = "a", upper = 1}': "could not convert",
    FORMULA + f"parameters = {{a = {'9' * 400}}}": "give a finite number",
    FORMULA + 'parameters = {a = "__import__"}': "give a finite number",
    FORMULA + "[explore]\npatience = 1e400": "explore.patience is inf; it should be a valid integer",
    FORMULA + '[explore]\nstart = "x"': "give a list of numbers",
    FORMULA + "[explore]\nstart = [[]]": "give a list of numbers",
    FORMULA + "[solver]\nstep_tolerance = nan": "step_tolerance is nan; give a positive number",
    FORMULA + "[solver]\nmax_steps = -1": "max_steps is -1; give a whole number",
    FORMULA + '[solver]\n"__class__" = 1': "unknown key 'solver.__class__'",
    FORMULA + '[run]\nstore = ["a"]': "run.store is .*it should be a valid string",
    FORMULA + '[same]\nkind = "translations"\nshape = [99999999999999, 9]': "same is",
}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[-40:]))
def test_hostile_files_are_refused_with_a_reason(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(LandscapeError, match=HOSTILE[text]):
        load_config(path).problem()
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="null byte"):
        load_config("a\0.toml")
    with pytest.raises(ConfigError, match="not a file"):
        load_config(tmp_path)
    os.mkfifo(tmp_path / "pipe.toml")  # reading it would wait for ever
    with pytest.raises(ConfigError, match="not a file"):
        load_config(tmp_path / "pipe.toml")
    monkeypatch.setattr(toml_file, "MAX_CHARACTERS", 10)
    (tmp_path / "long.toml").write_text("# 8901234567")
    with pytest.raises(ConfigError, match="longer than 10 characters"):
        load_config(tmp_path / "long.toml")


def test_a_name_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("c.toml").write_text(FORMULA + 'name = "../evil"\n[explore]\nstart = [0.5]\n')
    result = CliRunner().invoke(app, ["run", "c.toml", "--serial", "--no-plot"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in Path().iterdir()) == [".._evil.zarr", "c.toml"]
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
