"""The command `prove`, as users call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import command

RUN = ["run", "butterfly", "--serial", "--no-plot", "--quiet"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_complete_store(folder: Path) -> None:
    command(*RUN, "--store", "b.zarr")
    text = command("prove", "b.zarr").stdout
    assert "9 points proved (4 of index 0, 4 of index 1, 1 of index 2)" in text
    assert "There are no others in the box" in text
    said = json.loads(command("prove", "b.zarr", "--json", "--box=-1,1;-1,1").stdout)
    assert said["box"] == [[-1, 1], [-1, 1]]
    assert (said["complete"], len(said["points"]), said["missing"]) == (True, 5, [])


def test_what_a_store_lacks(folder: Path) -> None:
    command(*RUN, "--store", "b.zarr", "--set", "upward=none", "--start", "0.9,0.1", "--max-index", "1")
    done = command("prove", "b.zarr", code=1)
    assert done.stdout.count("not in the store") > 0
    assert "extend" in done.stdout
    missing = json.loads(command("prove", "b.zarr", "--json", code=1).stdout)["missing"]
    assert len(missing) == done.stdout.count("not in the store")


def test_a_budget_and_a_checkpoint(folder: Path) -> None:
    command(*RUN, "--store", "b.zarr")
    assert "Not complete" in command("prove", "b.zarr", "--boxes", "70", "--checkpoint", "p.npz", code=1).stdout
    assert (folder / "p.npz").exists()
    assert "no others" in command("prove", "b.zarr", "--checkpoint", "p.npz").stdout


@pytest.mark.parametrize("box", ["1", "1,2,3", "a,b", "2,1", "-1,1;0,1;0,1"])
def test_no_box(folder: Path, box: str) -> None:
    command(*RUN, "--store", "b.zarr")
    assert "box is" in command("prove", "b.zarr", f"--box={box}", code=2).stderr


def test_no_formula(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "import landscape_dist as ld\nproblem = ld.problems.from_callable(lambda x: float(x @ x), dim=1)\n"
    )
    (folder / "mine.toml").write_text(
        '[problem]\nmodule = "mine.py:problem"\n[explore]\nstart = [0.1]\nmax_index = 0\n'
    )
    command("run", "mine.toml", "--serial", "--no-plot", "--quiet", "--store", "m.zarr")
    assert "--problem" in command("prove", "m.zarr", code=2).stderr
    assert "not given by a formula" in command("prove", "m.zarr", "--problem", "mine.toml", code=2).stderr


def test_folders_that_are_not_there(folder: Path) -> None:
    command(*RUN, "--store", "b.zarr")
    assert "in a folder that is not there" in command("prove", "b.zarr", "--checkpoint", "no/p.npz", code=2).stderr
    assert "in a folder that is not there" in command("certify", "b.zarr", "--out", "no/c.json", code=2).stderr
