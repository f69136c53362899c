"""Workflows that train surrogates: their files fit together, and the quick presets give what they should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.config import load_config
from workflows.toy_2d import run as toy_2d
from workflows.toy_3d import run as toy_3d

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "workflows" / name for name in ("toy_2d", "toy_3d")]


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=900, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_folders_are_complete(folder: Path) -> None:
    files = {path.name for path in folder.iterdir()}
    assert files >= {"config.toml", "quick.toml", "run.py", "expected.json", "README.md", "picture.png"}
    assert (folder / "picture.png").stat().st_size < 150_000
    config = load_config(folder / "config.toml")
    settings = config.training_settings()
    assert (settings.hidden, settings.epochs) == ((128, 128, 128), 30_000)  # the paper's
    readme = (folder / "README.md").read_text()
    assert f"python workflows/{folder.name}/run.py" in readme
    assert "(picture.png)" in readme


def test_data_are_the_papers() -> None:
    plane = toy_2d.configured(quick=False, noise_ratio=0.5).training_data()
    assert len(plane) == 5000
    assert plane.x.min() > -1 < 7 > plane.x.max()
    exact = ld.systems.arctan_2d().energy(plane.x)
    assert np.count_nonzero(plane.energy != exact) == 2500
    assert (plane.energy - exact)[plane.energy != exact].std() == pytest.approx(0.1, rel=0.05)
    space = toy_3d.configured(quick=True).training_data()
    assert len(space) == 40_000
    np.testing.assert_allclose(np.unique(space.parameters), np.linspace(3, 7, 10), atol=1e-9)


def test_papers_table_2_names_the_true_points() -> None:
    expected = json.loads((FOLDERS[1] / "expected.json").read_text())
    for alpha, points in expected["paper"].items():
        known = json.loads((ROOT / "workflows" / f"arctan_3d_alpha{alpha}" / "expected.json").read_text())["points"]
        x = np.array([point["x"] for point in known])
        index = {"Z": 0, "S": 1, "M": 2}
        assert len(points) == len(x)
        for name, paper in points.items():
            nearest = int(np.linalg.norm(x - paper, axis=1).argmin())
            assert np.linalg.norm(x[nearest] - paper) < 0.03
            assert known[nearest]["index"] == index[name[0]]


@pytest.mark.workflow
def test_toy_2d(tmp_path: Path) -> None:
    options = ("workflows/toy_2d/run.py", "--quick", "--folder", str(tmp_path), "--ratios", "0", "0.5")
    first = run(*options)
    assert first.count("as the true one") == 2
    assert run(*options) == first  # opens what it trained and found
    said = run("workflows/toy_2d/products.py", str(tmp_path / "quick" / "noise_0.surrogate"))
    assert all(kind in said for kind in ("dimer", "autodiff", "closed", "dense", "Nesterov"))


@pytest.mark.workflow
def test_toy_3d(tmp_path: Path) -> None:
    said = run("workflows/toy_3d/run.py", "--quick", "--folder", str(tmp_path))
    assert (
        said.count("the same 7 points and the same arrows") == said.count("the same 15 points and the same arrows") == 1
    )


@pytest.mark.workflow
def test_training_throughput() -> None:
    said = run("workflows/benchmarks/training_throughput.py", "--epochs", "1", "--repeats", "1", "--json")
    rows = json.loads(said)
    assert set(rows) == {"energies", "energies and gradients"}
    assert all(row["ratio"] == pytest.approx(row["here"] / row["plain"], rel=0.01) for row in rows.values())
