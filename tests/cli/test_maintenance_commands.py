"""The commands that look after stores, as users call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import landscape_dist as ld
from landscape_dist.store.database import Database
from tests.cli.commands import command

RUN = ["run", "coupled_lattice", "--param", "dim=2", "--serial", "--no-plot", "--quiet"]
CODE = "import numpy as np\nimport landscape_dist as ld\n\n\ndef energy(x):\n    return ((x**2 - 1) ** 2).sum()\n\n\n"
CODE += "problem = ld.problems.from_callable(energy, dim=2, domain=ld.problems.Box(-3.0, 3.0))\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_verify(folder: Path) -> None:
    command(*RUN, "--store", "x.zarr")
    assert "nothing is wrong" in command("verify", "x.zarr").stdout
    said = json.loads(command("verify", "x.zarr", "--json").stdout)
    assert (said["sound"], said["n_gradients"]) == (True, 9)
    command("verify", "x.zarr", "--problem", "coupled_lattice", "--param", "dim=2")
    assert "not the problem of the store" in command("verify", "x.zarr", "--problem", "butterfly", code=2).stderr
    assert "--param is given without" in command("verify", "x.zarr", "--param", "dim=2", code=2).stderr
    assert "there is no store" in command("verify", "none.zarr", code=2).stderr
    chunk = next(path for path in (folder / "x.zarr/searches/integers/c").rglob("*") if path.is_file())
    chunk.unlink()
    assert "rows of searches/integers are missing" in command("verify", "x.zarr", code=2).stderr


def test_verify_with_a_problem_of_code(folder: Path) -> None:
    (folder / "mine.py").write_text(CODE)
    (folder / "mine.toml").write_text('[problem]\nmodule = "mine.py:problem"\n[explore]\nstart = [0.1, 0.1]\n')
    command("run", "mine.toml", "--serial", "--no-plot", "--quiet", "--store", "x.zarr")
    assert "not looked at: gradients" in command("verify", "x.zarr").stdout
    assert "9 gradients computed again" in command("verify", "x.zarr", "--problem", "mine.toml").stdout


def test_merge_and_diff(folder: Path) -> None:
    for name, start in (("a", "0.1,0.1"), ("b", "-0.3,0.7")):
        command(*RUN, "--store", f"{name}.zarr", "--start", start, "--max-index", "1", "--set", "upward=none")
    command(*RUN, "--store", "both.zarr", "--start", "0.1,0.1", "--start", "-0.3,0.7", "--max-index", "1",
            "--set", "upward=none")  # fmt: skip
    assert "finished" in command("merge", "a.zarr", "b.zarr", "--out", "c.zarr").stdout
    assert "the same" in command("diff", "c.zarr", "both.zarr").stdout
    said = json.loads(command("diff", "a.zarr", "b.zarr", "--json", code=1).stdout)
    assert said["same"] is False
    assert len(said["points_only_in_b"]) == len(ld.open("b.zarr").points) - said["n_common"] > 0
    assert "only in a" in command("diff", "a.zarr", "b.zarr", code=1).stdout
    assert "already holds" in command("merge", "a.zarr", "b.zarr", "--out", "c.zarr", code=2).stderr
    command("run", "muller_brown", "--serial", "--no-plot", "--quiet", "--store", "m.zarr")
    assert "cannot be merged: problem" in command("merge", "a.zarr", "m.zarr", "--out", "d.zarr", code=2).stderr
    sessions = json.loads(command("info", "c.zarr", "--json").stdout)["sessions"]
    assert [one["action"] for one in sessions] == ["run", "run", "merge"]


def test_retry_and_extend(folder: Path) -> None:
    command(*RUN, "--store", "whole.zarr")
    command(*RUN, "--store", "r.zarr", "--set", "max_steps=7")
    assert "max_steps" in ld.open("r.zarr").counters["by_status"]
    assert "did you mean" in command("retry", "r.zarr", "--status", "max_step", code=2).stderr
    done = command("retry", "r.zarr", "--status", "max_steps,hung", "--set", "max_steps=none")
    assert "failed searches to be made again" in done.stderr
    command("diff", "r.zarr", "whole.zarr")
    command(*RUN, "--store", "r.zarr")  # the same as if it had been made with these settings
    command(*RUN, "--store", "e.zarr", "--max-index", "1")
    assert "nothing to extend" in command("extend", "e.zarr", code=2).stderr
    prepared = command(
        "extend", "e.zarr", "--max-index", "2", "--start", "0.4,0.3", "--prepare-only", "--out", "f.zarr"
    )
    assert "not finished" in prepared.stdout
    command("extend", "e.zarr", "--max-index", "2", "--start", "0.4,0.3")
    command("diff", "e.zarr", "whole.zarr")
    assert "there is no store" in command("extend", "none.zarr", "--max-index", "2", code=2).stderr
    command(*RUN, "--store", "f.zarr", "--start", "0.1,0.1", "--start", "0.4,0.3")
    command("diff", "f.zarr", "whole.zarr")


def test_what_cannot_be_gone_on_with_leaves_the_store_as_it_is(folder: Path) -> None:
    (folder / "mine.py").write_text(CODE)
    (folder / "mine.toml").write_text('[problem]\nmodule = "mine.py:problem"\n[explore]\nstart = [0.1, 0.1]\n')
    command("run", "mine.toml", "--serial", "--no-plot", "--quiet", "--store", "x.zarr")
    for arguments in (("extend", "x.zarr", "--start", "0.5,0.2"), ("retry", "x.zarr", "--status", "left_domain")):
        assert "--problem CONFIG.toml" in command(*arguments, code=2).stderr
        assert "not the problem of the store" in command(*arguments, "--problem", "butterfly", code=2).stderr
        command(*arguments, "--problem", "mine.toml", "--workers", "0", code=2)
    assert ld.open("x.zarr").finished
    assert [one["action"] for one in json.loads(command("info", "x.zarr", "--json").stdout)["sessions"]] == ["run"]
    command("extend", "x.zarr", "--start", "0.5,0.2", "--problem", "mine.toml")


def test_repair_and_compact(folder: Path) -> None:
    command(*RUN, "--store", "x.zarr")
    assert "nothing to repair" in command("repair", "x.zarr").stdout
    (folder / "x.zarr" / "zarr.json.0.partial").write_text("{")
    assert "would be removed: 1 temporary" in command("repair", "x.zarr", "--dry-run").stdout
    assert "removed: 1 temporary" in command("repair", "x.zarr").stdout
    assert "files" in command("compact", "x.zarr").stdout
    command("compact", "x.zarr", "--out", "y.zarr")
    command("diff", "x.zarr", "y.zarr")
    with Database.open("x.zarr", "a"):
        assert "being written by another process" in command("compact", "x.zarr", code=2).stderr


def test_info_shows_sessions(folder: Path) -> None:
    for budget in range(10, 17):
        command(*RUN, "--store", "x.zarr", "--set", f"max_searches={budget}")
    said = json.loads(command("info", "x.zarr", "--json").stdout)["sessions"]
    assert [one["n_searches"] for one in said] == list(range(10, 17))
    assert [one["settings"]["max_searches"] for one in said] == list(range(10, 17))
    assert all(one["versions"]["landscape-dist"] == ld.__version__ for one in said)
    assert all(one["began"] <= one["ended"] and one["host"] and one["pid"] for one in said)
    text = command("info", "x.zarr").stdout
    assert "sessions:   7, the last 5 of them" in text
    assert "16 searches" in text
