"""The surrogate of the Rosenbrock function: its files fit together, and the quick preset gives what it should."""

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
from landscape_dist.problems.domain import Box
from landscape_dist.surrogates import TrainingData, train
from workflows.rosenbrock_7d_surrogate import run as workflow

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "rosenbrock_7d_surrogate"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())


def test_folder_is_complete() -> None:
    files = {path.name for path in FOLDER.iterdir()}
    assert files >= {
        "config.toml",
        "quick.toml",
        "run.py",
        "expected.json",
        "measured.json",
        "README.md",
        "picture.png",
    }
    assert (FOLDER / "picture.png").stat().st_size < 150_000
    settings = load_config(FOLDER / "config.toml").training_settings()
    assert (settings.hidden, settings.epochs, settings.batch_size) == ((256,) * 3, 30_000, 100)
    assert (settings.learning_rate, settings.lr_step, settings.lr_factor) == (1e-3, 2000, 0.7)
    readme = (FOLDER / "README.md").read_text()
    assert "python workflows/rosenbrock_7d_surrogate/run.py" in readme
    assert "(picture.png)" in readme


def test_data_are_the_papers() -> None:
    for size in map(int, EXPECTED["paper"]):
        assert workflow.configured(quick=True, size=size).data["points"] == size
    data = workflow.configured(quick=True, size=10_000).training_data()
    assert data.x.shape == (10_000, 7)
    assert data.gradient is None
    assert data.x.min() > 0.8 < 1.2 > data.x.max()
    np.testing.assert_array_equal(data.energy, workflow.exact_energy(Box(0.8, 1.2)).energy(data.x))


def test_the_papers_s_contradicts_its_text_and_ours_does_not() -> None:
    ones = np.ones((1, 7))
    printed = ld.systems.rosenbrock(7, [-50_000] * 5 + [1, 1])
    assert np.count_nonzero(np.linalg.eigvalsh(printed.hessian(ones)[0]) < 0) == 5
    energy = workflow.exact_energy(Box(0.8, 1.2))
    assert np.abs(energy.gradient(ones)).max() == 0.0
    assert np.count_nonzero(np.linalg.eigvalsh(energy.hessian(ones)[0]) < 0) == EXPECTED["index"] == 3


def test_there_is_one_point_in_the_box() -> None:
    energy = workflow.exact_energy(Box(0.78, 1.22))
    known = json.loads((ROOT / "workflows" / "rosenbrock_7d" / "expected.json").read_text())["points"]
    assert sum(bool(energy.domain.contains(np.array([point["x"]]))[0]) for point in known) == 1
    found = workflow.landscape(energy, n_starts=4)
    assert {k: n for k, n in found.counts_by_index.items() if n} == {3: 1}
    np.testing.assert_allclose(found.points[0].x, workflow.SADDLE, atol=1e-8)


def test_the_papers_schemes_converge_and_momentum_helps() -> None:
    energy = workflow.exact_energy(Box(0.78, 1.22))
    steps = {}
    for scheme in workflow.SCHEMES:
        curve = workflow.distances(energy, workflow.SADDLE, scheme, "LOBPCG", 400)
        assert curve[0] == pytest.approx(0.1 * 7**0.5)
        steps[scheme] = workflow.steps_to(curve, 1e-4)
    assert steps["plain"] is None
    assert steps["Nesterov"] < steps["heavy ball"] < 300  # type: ignore[operator]


def test_a_surrogate_without_a_saddle_is_refused() -> None:
    x = np.random.default_rng(0).uniform(0.8, 1.2, (300, 7))
    bowl = train(TrainingData(x, ((x - 1.0) ** 2).sum(axis=1)), hidden=(8,), epochs=50, batch_size=50)
    found = workflow.landscape(bowl)
    assert not found.points.of_index(3)
    with pytest.raises(SystemExit, match="no saddle of index 3"):
        workflow.judged(bowl, found, EXPECTED)


def test_readme_says_what_was_measured() -> None:
    measured = json.loads((FOLDER / "measured.json").read_text())
    readme = (FOLDER / "README.md").read_text()
    assert list(measured) == list(EXPECTED["paper"])
    for size, row in measured.items():
        paper = float(np.linalg.norm(np.array(EXPECTED["paper"][size]) - 1.0))
        assert row["same"]
        assert row["index"] == 3
        assert row["steps"] < EXPECTED["paper_steps"]
        assert np.linalg.norm(np.array(row["x"]) - 1.0) == pytest.approx(row["distance"])
        assert row["distance"] < min(paper, EXPECTED["largest_distance"]["quick"][size])
        line = next(line for line in readme.splitlines() if line.startswith(f"| {size} |"))
        for text in (
            workflow.formatted(EXPECTED["paper"][size]), f"{paper:.5f}", workflow.formatted(row["x"]),
            f"{row['distance']:.5f}", f"{row['cpu_seconds']:.0f}", f"| {row['steps']} |",
        ):  # fmt: skip
            assert text in line


@pytest.mark.workflow
def test_quick_preset(tmp_path: Path) -> None:
    def run() -> str:
        done = subprocess.run(
            [sys.executable, "workflows/rosenbrock_7d_surrogate/run.py", "--quick", "--sizes", "10000",
             "--folder", str(tmp_path), "--picture", str(tmp_path / "picture.png")],
            capture_output=True, text=True, timeout=900, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    first = run()
    assert "| as the exact energy |" in first
    assert "the same 1 points and the same arrows" in first
    assert (tmp_path / "picture.png").exists()
    assert run().splitlines()[:3] == first.splitlines()[:3]  # opens what it trained and found
