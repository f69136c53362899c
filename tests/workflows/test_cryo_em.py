"""The cryo-EM workflow: what is doubtful is marked so; maps made here stand for data that are not shipped."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from landscape_dist.config import load_config
from workflows.cryo_em import run as cryo_em
from workflows.cryo_em.maps import Support, folds, neighbours_scatter, resampled, spread_out

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "cryo_em"
DATA = os.environ.get("LANDSCAPE_DIST_DATA")


def two_wells(folder: Path, n: int = 150, noise: float = 0.0) -> list[Path]:
    """Made-up maps: wells of 2 and 1.5 kT in a bowl, minima at (-41.7, 0) and, 0.46 kT higher, (39, 0)."""
    rng = np.random.default_rng(4)
    radius, angle = 120.0 * np.sqrt(rng.random(n)), 2.0 * np.pi * rng.random(n)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    wells = [(2.0, [-50.0, 0.0]), (1.5, [50.0, 0.0])]
    energy = (
        2.0
        + 3e-4 * (x**2).sum(axis=1)
        - sum(depth * np.exp(-((x - c) ** 2).sum(axis=1) / (2 * 25.0**2)) for depth, c in wells)
    )
    counts = np.round(20_000 * np.exp(-energy + noise * rng.standard_normal(n)))
    paths = [folder / "made_up.npy", folder / "made_up.txt"]
    np.save(paths[0], x.astype(np.float32))
    np.savetxt(paths[1], counts, fmt="%d")
    return paths


def test_folder_is_complete_and_has_the_papers_training() -> None:
    files = {path.name for path in FOLDER.iterdir()}
    assert files >= {"config.toml", "quick.toml", "run.py", "expected.json", "README.md", "picture.png", "scan.png"}
    assert all(path.stat().st_size < 200_000 for path in FOLDER.glob("*.png"))
    settings = load_config(FOLDER / "config.toml").training_settings()
    assert (settings.hidden, settings.epochs, settings.batch_size) == ((256,) * 3, 5000, 5)
    assert (settings.weight_decay, settings.learning_rate) == (4e-3, 1e-3)
    assert (settings.lr_step, settings.lr_factor) == (2000, 0.7)
    readme = (FOLDER / "README.md").read_text()
    assert "python -m workflows.cryo_em.run" in readme
    assert "(picture.png)" in readme
    assert "119" in readme  # the paper's maps, which are not public


def test_readme_has_what_is_expected() -> None:
    readme = (FOLDER / "README.md").read_text()
    expected = json.loads((FOLDER / "expected.json").read_text())
    for name, quick in expected["points"].items():
        paper = quick["trained"]
        at, there = (f"({', '.join(map(str, point['x']))})" for point in (quick, paper))
        apart = np.linalg.norm(np.subtract(quick["x"], paper["x"]))
        assert f"| {name} | {at} | {quick['energy']:.2f} |" in readme
        energies = f"{quick['energy']:.2f} | {paper['energy']:.2f}"
        assert f"| {name} {at} | {there} | {apart:.0f} | {energies} |" in readme
        assert apart < expected["largest_distance"]


def test_maps_are_covered_where_there_are_maps() -> None:
    side = np.arange(0.0, 101.0, 10.0)
    x = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    x = x[np.linalg.norm(x - 50.0, axis=1) > 25.0]  # a hole in the middle
    support = Support(x)
    assert support.reach == 10.0
    assert [support.where(np.array(p)) for p in ([12.0, 33.0], [50.0, 50.0], [-1.0, 50.0])] == [
        "among maps", "in a gap", "outside the maps",
    ]  # fmt: skip
    np.testing.assert_array_equal(support.covers(np.array([[12.0, 33.0], [50.0, 50.0], [-1.0, 50.0]])), [1, 0, 0])


def test_starts_members_and_folds(tmp_path: Path) -> None:
    config = cryo_em.configured(True, two_wells(tmp_path))
    data = config.training_data()
    starts = spread_out(data.x, 12)
    gaps = np.linalg.norm(starts[:, None] - starts, axis=-1)[np.triu_indices(12, 1)]
    assert gaps.min() > 40.0
    again = resampled(data, 1)
    assert again.digest() == resampled(data, 1).digest() != resampled(data, 2).digest()
    assert len(np.unique(again.x, axis=0)) < len(data) == len(again)
    parts = folds(len(data), 5)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(data)))
    assert len(cryo_em.rest(data, parts[0])) == len(data) - len(parts[0])


def test_scatter_of_neighbours_is_the_noise(tmp_path: Path) -> None:
    config = cryo_em.configured(True, two_wells(tmp_path, n=3000, noise=0.4))
    assert neighbours_scatter(config.training_data()) == pytest.approx(0.4, rel=0.05)


def test_units_and_regularisation(tmp_path: Path) -> None:
    paths = two_wells(tmp_path)
    plain, other = (cryo_em.configured(True, paths, *more) for more in ((), (0.1,)))
    assert (plain.training_settings().weight_decay, other.training_settings().weight_decay) == (4e-3, 0.1)
    assert plain.training_settings().epochs < load_config(FOLDER / "config.toml").training_settings().epochs
    molar = cryo_em.configured(True, paths, kt=0.593, energy_unit="kcal/mol").training_data()
    assert molar.energy_unit == "kcal/mol"
    np.testing.assert_allclose(molar.energy, 0.593 * plain.training_data().energy)


def test_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py"])
    with pytest.raises(SystemExit, match=r"the maps: not there.*--data COORDINATES\.npy PARTICLES\.txt"):
        cryo_em.main()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x, n: (x[:, [0, 1, 1]], n), r"has 150 maps with 3 coordinates"),
        (lambda x, n: (x[:, [0, 0]], n), r"that spread over a plane"),
        (lambda x, n: (x[:3], n[:3]), r"has 3 maps .* give at least 5"),
        (lambda x, n: (x, n[:-1]), r"shape \(150, 2\) and .* \(149,\)"),
    ],
)
def test_maps_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, said: str) -> None:
    paths = two_wells(tmp_path)
    x, counts = change(np.load(paths[0]), np.loadtxt(paths[1]))
    np.save(paths[0], x)
    np.savetxt(paths[1], counts)
    monkeypatch.setattr(sys, "argv", ["run.py", "--data", *map(str, paths), "--folder", str(tmp_path / "found")])
    with pytest.raises(SystemExit, match=said):
        cryo_em.main()
    assert not (tmp_path / "found").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "counts.txt", "maps.npy"], "the coordinates (.npy) first"),
        (["--kt", "0.593"], "--kt and --energy-unit go together"),
    ],
)
def test_options_that_do_not_fit(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", *options])
    with pytest.raises(SystemExit):
        cryo_em.main()
    assert said in capsys.readouterr().err


def test_two_wells_are_found_and_what_is_beyond_is_doubtful(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = cryo_em.configured

    def smaller(*arguments: Any, **changes: Any) -> Any:
        config = whole(*arguments, **changes)
        settings = dataclasses.replace(
            config.training_settings(),
            hidden=(32, 32),
            epochs=100,
            batch_size=15,
            learning_rate=5e-3,
            lr_step=25,
            finish_iterations=300,
        )
        return SimpleNamespace(data=config.data, training_data=config.training_data, training_settings=lambda: settings)

    monkeypatch.setattr(cryo_em, "configured", smaller)
    options = ["--data", *map(str, two_wells(tmp_path)), "--quick", "--regularisation", "1e-5", "--members", "2"]
    options += ["--scan", "1e-3", "--folder", str(tmp_path / "found"), "--picture", str(tmp_path / "a.png")]
    options += ["--scan-picture", str(tmp_path / "b.png")]
    monkeypatch.setattr(sys, "argv", ["run.py", *options])
    cryo_em.main()
    said = capsys.readouterr().out
    table = dict(line[2:].split(" | ", 1) for line in said.splitlines() if line.startswith("| Z"))
    energies = []
    for name, x in (("Z1", [-42, 0]), ("Z2", [39, 0])):
        cells = table[name].split(" | ")
        np.testing.assert_allclose(np.array(cells[0].strip("()").split(","), dtype=float), x, atol=4.0)
        energies.append(float(cells[1]))
        assert cells[2] == "100%"
        assert cells[5] == "among maps"
    assert energies[1] - energies[0] == pytest.approx(0.46, abs=0.05)
    assert all("doubtful" in line for line in said.splitlines() if "outside the maps" in line or "in a gap" in line)
    assert re.search(r"\| S\d \| (Z1 and Z2|Z2 and Z1) \|", said)
    assert all(f"| {name} |" in said for name in ("1e-05", "0.001", "Gaussian process"))
    assert (tmp_path / "a.png").exists()
    assert (tmp_path / "b.png").exists()
    cryo_em.main()  # opens what it trained and found
    assert capsys.readouterr().out == said


@pytest.mark.workflow
@pytest.mark.skipif(DATA is None, reason="LANDSCAPE_DIST_DATA does not name a folder with alphacryo4d/")
def test_public_maps(tmp_path: Path) -> None:
    """The three wells of AlphaCryo4D's public example and the saddles between them."""
    folder = Path(str(DATA)) / "alphacryo4d"
    options = ["--data", str(folder / "tsne_1000_maps.npy"), str(folder / "particles_per_map.txt"), "--quick"]
    options += ["--folder", str(tmp_path / "found"), "--members", "2", "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "workflows.cryo_em.run", *options], capture_output=True, text=True, timeout=900,
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1000 maps of 7500000 particles" in done.stdout
    lines = [line.split("|") for line in done.stdout.splitlines() if line.startswith(("| Z", "| S", "| M"))]
    x = np.array([line[2].strip(" ()").split(",") for line in lines if len(line) == 10], dtype=float)
    expected = json.loads((FOLDER / "expected.json").read_text())
    for known in expected["points"].values():
        assert np.linalg.norm(x - known["x"], axis=1).min() < expected["largest_distance"]
