"""Each folder of workflows/ runs as its README says and gives what its expected.json says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist
from landscape_dist.analysis.matching import match_points
from landscape_dist.config import load_config

ROOT = Path(__file__).resolve().parents[2]
# Surrogates are trained or corrected first: files of their own have them.
FOLDERS = sorted(
    path.parent
    for path in ROOT.glob("workflows/*/config.toml")
    if not any(word in path.read_text() for word in ("surrogate =", "[correction]"))
)
NAMES = [folder.name for folder in FOLDERS]


def run(folder: Path, store: Path, *options: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "landscape_dist", "run", str(folder / "config.toml"), "--store", str(store), *options],
        capture_output=True, text=True, timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return landscape_dist.open(store)


def check(landscape: Any, expected: dict[str, Any]) -> None:
    """Points, energies, indices and arrows; ids do not matter."""
    assert landscape.finished
    assert {str(k): n for k, n in landscape.counts_by_index.items()} == expected["counts"]
    if "connections" in expected:
        assert len(landscape.connections) == expected["connections"]
    if "energy_range" in expected:
        energies = landscape.columns.energy
        assert [energies.min(), energies.max()] == pytest.approx(expected["energy_range"], abs=expected["tolerance"])
    if "points" not in expected:
        return
    x = np.array([p["x"] for p in expected["points"]])
    index = np.array([p["index"] for p in expected["points"]])
    energy = np.array([p["energy"] for p in expected["points"]])
    found, known = match_points(landscape.columns.x, landscape.columns.index, x, index, 10 * expected["tolerance"])
    assert len(found) == len(landscape.points) == len(x)
    assert landscape.columns.x[found] == pytest.approx(x[known], abs=expected["tolerance"])
    assert landscape.columns.energy[found] == pytest.approx(energy[known], abs=expected["tolerance"])
    if "pairs" in expected:
        names = dict(zip(found.tolist(), known.tolist(), strict=True))
        pairs = sorted([names[c.parent_id], names[c.child_id]] for c in landscape.connections)
        assert pairs == expected["pairs"]


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_folders_are_complete(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} >= {"config.toml", "expected.json", "README.md", "picture.png"}
    assert (folder / "picture.png").stat().st_size < 150_000
    config = load_config(folder / "config.toml")
    assert config.run.store == f"{folder.name}.zarr"
    problem = config.problem()
    expected = json.loads((folder / "expected.json").read_text())
    for point in expected.get("points", []):
        g, H = problem.gradient_hessian(np.array([point["x"]]))
        assert np.linalg.norm(np.linalg.solve(H[0], g[0])) < expected["tolerance"]
        assert np.count_nonzero(np.linalg.eigvalsh(H[0]) < 0) == point["index"]
    readme = (folder / "README.md").read_text()
    assert f"landscape-dist run workflows/{folder.name}/config.toml" in readme
    assert "(picture.png)" in readme


@pytest.mark.workflow
@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_serial_run(folder: Path, tmp_path: Path) -> None:
    landscape = run(folder, tmp_path / "a.zarr", "--serial")
    assert (tmp_path / "a.png").is_file()
    check(landscape, json.loads((folder / "expected.json").read_text()))


@pytest.mark.workflow
@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_run_on_two_workers(folder: Path, tmp_path: Path) -> None:
    landscape = run(folder, tmp_path / "a.zarr", "--workers", "2", "--no-plot")
    check(landscape, json.loads((folder / "expected.json").read_text()))
