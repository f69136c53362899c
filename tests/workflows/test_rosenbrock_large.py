"""workflows/rosenbrock_large runs as its README says, and its saddles are what dense matrices say."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "rosenbrock_large"


def test_the_folder_is_complete() -> None:
    assert {path.name for path in FOLDER.iterdir()} >= {"run.py", "expected.json", "measured.json", "README.md"}
    assert "python workflows/rosenbrock_large/run.py" in (FOLDER / "README.md").read_text()


@pytest.mark.workflow
def test_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), "--json", "measured.json"],
        capture_output=True, text=True, timeout=300, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("as expected") == 10
    runs = {
        (r["dim"], r["way"], len(r["points"])): r for r in json.loads((tmp_path / "measured.json").read_text())["runs"]
    }
    for way in ("tridiagonal", "matrix-free"):
        small, large = (runs[d, way, 1] for d in (10_000, 100_000))
        # Linear in d: what Python itself needs is in both.
        assert large["peak_mb"] < 10 * small["peak_mb"]
        # Evaluations do not grow.
        for key in ("n_gradients", "n_hessians", "n_hvps"):
            assert large[key] <= 2 * small[key]


@pytest.mark.long
@pytest.mark.parametrize("way", ["tridiagonal", "matrix-free"])
def test_points_of_the_landscape_by_dense_matrices(way: str) -> None:
    spec = importlib.util.spec_from_file_location("rosenbrock_large", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dim = 1000
    landscape = module.explored(dim, way, min_index=0)
    g, H = module.problem(dim).gradient_hessian(landscape.columns.x)
    assert np.abs(np.linalg.solve(H, g[..., None])).max() < 1e-6
    assert ((np.linalg.eigvalsh(H) < 0).sum(axis=1) == landscape.columns.index).all()
    assert (landscape.columns.nullity == 0).all()
