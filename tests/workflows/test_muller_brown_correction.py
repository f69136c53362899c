"""The correction workflow: its files fit together, its README says what was measured, its quick preset succeeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from workflows.muller_brown_correction import run as workflow

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "muller_brown_correction"
SYSTEMS = ("muller_brown", *json.loads((FOLDER / "expected.json").read_text())["others"])


def measured() -> dict[str, dict[str, dict[str, object]]]:
    told: dict[str, dict[str, dict[str, object]]] = json.loads((FOLDER / "measured.json").read_text())
    return told


def test_folder_is_complete() -> None:
    files = {path.name for path in FOLDER.iterdir()}
    assert files >= {
        "config.toml", "quick.toml", "run.py", "expected.json", "measured.json", "README.md", "picture.png"
    }  # fmt: skip
    assert (FOLDER / "picture.png").stat().st_size < 150_000
    readme = (FOLDER / "README.md").read_text()
    assert "python workflows/muller_brown_correction/run.py" in readme
    assert "landscape-dist correct workflows/muller_brown_correction/config.toml" in readme
    assert "(picture.png)" in readme


@pytest.mark.parametrize("system", SYSTEMS)
def test_configurations_are_of_their_systems(system: str) -> None:
    config = workflow.configured(False, system)
    problem = config.problem()
    assert problem.name == system
    x, index, pairs = workflow.true_landscape(system)
    assert problem.domain.contains(x).all()
    np.testing.assert_allclose(problem.gradient(x), 0.0, atol=1e-6 * np.abs(problem.hessian(x)).max())
    assert {index[a] - index[b] for a, b in pairs} == {1}
    assert config.correction_settings().check_arrows
    assert not workflow.configured(True, system).correction_settings().check_arrows


def test_readme_says_what_was_measured() -> None:
    readme = (FOLDER / "README.md").read_text()
    seeds = measured()["muller_brown"]
    assert len(seeds) == 10
    assert all(workflow.succeeded(told, "muller_brown") for told in seeds.values())
    for system in SYSTEMS:
        assert workflow.summary(measured()[system], system) in readme
    values = measured()["muller_brown, values only"]
    assert workflow.summary(values, "muller_brown") in readme
    assert all(told["n_evaluations"] == told["evaluations"]["n_energies"] for told in values.values())  # type: ignore[index]
    for seed, told in seeds.items():
        evaluations = told["evaluations"]
        assert isinstance(evaluations, dict)
        n, m, k = (evaluations[f"n_{name}"] for name in ("energies", "gradients", "hessians"))
        assert f"| {seed} | {told['rounds']} | {n} | {m} | {k} | {told['n_evaluations']} |" in readme


def test_what_counts_as_success() -> None:
    told = {"found": 5, "of": 5, "others": 0, "largest_distance": 1e-9, "n_evaluations": 500}
    assert workflow.succeeded(told, "muller_brown")
    assert workflow.succeeded(told | {"n_evaluations": 501}, "modified_muller_brown")
    for change in ({"found": 4}, {"others": 1}, {"largest_distance": 2e-6}, {"n_evaluations": 501}):
        assert not workflow.succeeded(told | change, "muller_brown")
    assert workflow.summary({"0": told, "1": told | {"found": 4, "n_evaluations": 300}}, "muller_brown") == (
        "1 of 2 seeds succeed; evaluations: median 400, 300 to 500"
    )


def test_judges_and_draws(tmp_path: Path) -> None:
    config = workflow.configured(True)
    problem = config.problem()
    result = ld.correct(problem, max_rounds=2, correction=config.correction_settings(), start=[0.15, 0.25], seed=0)
    told = workflow.judged(result, "muller_brown")
    assert 2 <= told["found"] <= told["of"] == 5
    assert told["arrows"] <= 4
    assert told["n_evaluations"] == sum(told["by_stage"].values())
    workflow.draw(problem, result, str(tmp_path / "picture.png"))
    assert (tmp_path / "picture.png").stat().st_size > 10_000


@pytest.mark.workflow
def test_quick_preset(tmp_path: Path) -> None:
    command = [
        sys.executable, "workflows/muller_brown_correction/run.py", "--quick", "--seeds", "2", "--folder", str(tmp_path)
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 seeds succeed" in done.stdout
    told = json.loads((tmp_path / "quick" / "muller_brown" / "measured.json").read_text())
    assert all(seed["n_evaluations"] <= 500 for seed in told.values())
