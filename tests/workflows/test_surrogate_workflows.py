"""Workflows that train surrogates: their files fit together, and the quick presets give what they should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.config import load_config
from landscape_dist.surrogates import TrainingData, from_grid
from landscape_dist.testing import check_problem
from workflows.alanine_dipeptide import run as alanine_dipeptide
from workflows.toy_2d import run as toy_2d
from workflows.toy_3d import run as toy_3d

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "workflows" / name for name in ("toy_2d", "toy_3d", "alanine_dipeptide")]
PAPERS_TRAINING = {"toy_2d": (3, 30_000), "toy_3d": (3, 30_000), "alanine_dipeptide": (5, 20_000)}
DATA = os.environ.get("LANDSCAPE_DIST_DATA")


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
    layers, epochs = PAPERS_TRAINING[folder.name]
    assert (settings.hidden, settings.epochs) == ((128,) * layers, epochs)
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


def angles_table(every: float = 3.0) -> tuple[TrainingData, float]:
    """cos(phi) + cos(2 psi - phi + 1) / 2 on a grid, and the first coefficient of the second wave."""
    angles = np.arange(-180.0, 180.0, every)
    phi, psi = np.radians(np.meshgrid(angles, angles, indexing="ij"))
    energy = np.cos(phi) + 0.5 * np.cos(2 * psi - phi + 1.0)
    return from_grid([angles, angles], energy, period=[360.0, 360.0], coordinates=["phi", "psi"]), 0.5


def test_low_pass_of_alanine_dipeptide_damps_each_wave() -> None:
    data, second = angles_table()
    low_pass = alanine_dipeptide.LowPass(data, width=20.0)
    X = np.array([[12.3, -45.6], [181.0, 7.0], [-100.0, 355.0]])
    phi, psi = np.radians(X).T
    s2 = np.radians(20.0) ** 2
    exact = np.exp(-s2 / 2) * np.cos(phi) + second * np.exp(-5 * s2 / 2) * np.cos(2 * psi - phi + 1.0)
    np.testing.assert_allclose(low_pass.energy(X), exact, atol=1e-12)
    check_problem(low_pass.problem())  # gradient and Hessian are its derivatives


def test_low_pass_of_alanine_dipeptide_is_a_weighted_mean_beside_gaps() -> None:
    data, _ = angles_table(every=5.0)
    gap = (np.abs(data.x[:, 0] - 60.0) < 21.0) | (np.linalg.norm(data.x + 90.0, axis=1) < 30.0)  # a band and a disk
    kept = data.rows(np.flatnonzero(~gap))
    low_pass = alanine_dipeptide.LowPass(kept, width=12.0)
    X = np.array([[35.0, 170.0], [-65.0, -65.0], [-170.0, 20.0]])
    away = (X[:, None] - kept.x + 180.0) % 360.0 - 180.0
    weight = np.exp(-0.5 * (away**2).sum(axis=-1) / 12.0**2)
    np.testing.assert_allclose(low_pass.energy(X), weight @ kept.energy / weight.sum(axis=1), atol=1e-6)
    for function, derivative in ((low_pass.energy, low_pass.gradient), (low_pass.gradient, low_pass.hessian)):
        slopes = [(function(X + e) - function(X - e)) / 2e-4 for e in 1e-4 * np.eye(2)]
        np.testing.assert_allclose(derivative(X), np.stack(slopes, axis=-1), atol=1e-7)
    cells = alanine_dipeptide.Cells(kept)
    assert cells.values.shape == (72, 72)  # the band has no row left of its own
    np.testing.assert_array_equal(cells.have(np.array([[60.0, 0.0], [-90.0, 271.0], [391.0, 2.0]])), [0, 0, 1])
    with pytest.raises(SystemExit, match=r"cells without a value.*--widths"):
        low_pass.problem()


def test_alanine_dipeptide_takes_whole_turns_in_degrees() -> None:
    data, _ = angles_table(every=30.0)
    for x, said in ((np.radians(data.x), "not radians"), (data.x + 9.0 * (data.x > 0), "not evenly spaced")):
        with pytest.raises(SystemExit, match=said):
            alanine_dipeptide.Cells(replace(data, x=x))


def test_alanine_dipeptide_checks_the_known_table_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    angles = np.arange(-180.0, 180.0, 15.0)
    phi, psi = np.radians(np.meshgrid(angles, angles, indexing="ij"))
    F = np.where(phi + psi > 5.5, np.nan, 2.0 + np.cos(phi) + np.cos(psi))
    np.savez(tmp_path / "other.npz", phi=angles, psi=angles, F=F)
    options = ["--data", str(tmp_path / "other.npz"), "--folder", str(tmp_path / "found"), "--quick", "--every", "1"]
    monkeypatch.setattr(sys, "argv", ["run.py", *options])
    alanine_dipeptide.main()
    said = capsys.readouterr().out
    assert "Reference and walkers are of another table" in said
    assert "of the table's cells have a value; points in such cells, by index: 1/2/1." in said
    expected = json.loads((FOLDERS[2] / "expected.json").read_text())
    expected["table"] = alanine_dipeptide.configured(True, tmp_path / "other.npz").training_data().digest()
    monkeypatch.setattr(alanine_dipeptide, "json", SimpleNamespace(loads=lambda _: expected))
    with pytest.raises(SystemExit, match=r"not as expected\.json has it: points by index \{0: 1, 1: 2, 2: 1\}"):
        alanine_dipeptide.main()


def test_alanine_dipeptide_explores_low_passes(capsys: pytest.CaptureFixture[str]) -> None:
    angles = np.arange(-180.0, 180.0, 5.0)
    phi, psi = np.radians(np.meshgrid(angles, angles, indexing="ij"))
    ripple = np.cos(6 * (phi - np.pi / 6)) / 9  # damped by exp(-18 sigma^2)
    data = from_grid([angles, angles], np.cos(phi) + np.cos(psi) + ripple, period=[360.0, 360.0])
    config = alanine_dipeptide.configured(quick=True)
    points = {"Z": {"index": 0, "reference": [177.0, 180.0]}}
    alanine_dipeptide.print_widths(data, [3.0, 40.0], config, points)
    rough, smooth = capsys.readouterr().out.splitlines()[2:]
    assert smooth == "| 40 | 1/2/1 | 3.0 |"
    assert not rough.startswith("| 3 | 1/2/1 |")


def test_alanine_dipeptide_takes_every_so_many_angles() -> None:
    data = alanine_dipeptide.thinned(angles_table()[0], every=6)
    assert len(data) == 20**2
    np.testing.assert_array_equal(np.unique(data.x[:, 0]), np.arange(-180.0, 180.0, 18.0))


def test_alanine_dipeptide_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "--data", str(tmp_path / "none.npz")])
    with pytest.raises(SystemExit, match=r"none\.npz is not there.* give --data FILE.*F\[phi, psi\]"):
        alanine_dipeptide.main()
    np.save(tmp_path / "none.npz.npy", np.zeros(3))
    monkeypatch.setattr(sys, "argv", ["run.py", "--data", str(tmp_path / "none.npz.npy")])
    with pytest.raises(SystemExit, match=r"cannot be read as an \.npz file"):
        alanine_dipeptide.main()


def test_alanine_dipeptide_expects_the_torus() -> None:
    expected = json.loads((FOLDERS[2] / "expected.json").read_text())
    index = [point["index"] for point in expected["points"].values()]
    assert {str(k): index.count(k) for k in range(3)} == expected["counts"]
    assert sum((-1) ** k for k in index) == 0
    assert alanine_dipeptide.apart([179.0, -179.0], [-179.0, 179.0]) == pytest.approx(2 * 2**0.5)


@pytest.mark.workflow
@pytest.mark.skipif(DATA is None, reason="LANDSCAPE_DIST_DATA does not name a folder with alanine/")
def test_alanine_dipeptide(tmp_path: Path) -> None:
    table = Path(str(DATA)) / "alanine" / "alanine_fes.npz"
    options = ("--data", str(table), "--quick", "--members", "2", "--folder", str(tmp_path / "found"))
    said = run("workflows/alanine_dipeptide/run.py", *options, "--picture", str(tmp_path / "picture.png"))
    assert said.count("points by index 3/6/3, Euler characteristic 0") == 2
    assert said.count("12 of 12 points") == 2
    assert (tmp_path / "picture.png").exists()


@pytest.mark.workflow
def test_toy_2d(tmp_path: Path) -> None:
    options = ("workflows/toy_2d/run.py", "--quick", "--folder", str(tmp_path), "--ratios", "0", "0.5")
    first = run(*options)
    assert first.count("as the true one") == 2
    assert run(*options) == first  # opens what it trained and found
    picture = tmp_path / "paths.png"
    said = run(
        "workflows/toy_2d/searches.py", str(tmp_path / "quick" / "noise_0.surrogate"), "--paths", str(picture)
    )  # fmt: skip
    assert picture.stat().st_size > 10_000
    assert said.count("(1.2842, 3.4484)") == 3
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
