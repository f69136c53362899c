"""Müller–Brown surrogates: the paper's cases, the study's arithmetic, and a small run of all three figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.config import load_config
from landscape_dist.surrogates import load
from workflows.muller_brown_surrogate import data_size, searches, tables
from workflows.muller_brown_surrogate.__main__ import main
from workflows.muller_brown_surrogate.cases import Case, configured, explored, trained, trained_on

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "muller_brown_surrogate"
RECORD = json.loads((FOLDER / "measured.json").read_text())
README = (FOLDER / "README.md").read_text()


def test_folder_is_complete() -> None:
    files = {path.name for path in FOLDER.iterdir()}
    pictures = {"picture.png", "data_size.png", "acceleration.png"}
    records = {"config.toml", "quick.toml", "expected.json", "measured.json"}
    assert files >= {"README.md", "__main__.py"} | records | pictures
    for name in pictures:
        assert (FOLDER / name).stat().st_size < 150_000
        assert f"({name})" in README
    assert "python -m workflows.muller_brown_surrogate --quick" in README


def test_budget_and_data_are_the_papers() -> None:
    settings = load_config(FOLDER / "config.toml").training_settings()
    assert (settings.hidden, settings.epochs, settings.batch_size) == ((128,) * 3, 30_000, 250)
    assert (settings.rate(0), settings.rate(2000)) == pytest.approx((1e-3, 7e-4))
    config = configured(Case(), quick=False)
    assert config.training_settings() == settings
    data = config.training_data()
    assert data.digest() == load_config(FOLDER / "config.toml").training_data().digest()
    assert len(data) == 5000
    np.testing.assert_allclose([data.x.min(axis=0), data.x.max(axis=0)], [[-1.5, 0.0], [0.25, 1.95]], atol=2e-3)
    more = trained_on(settings, quick=False)
    assert (more.epochs, more.rate(0)) == (5000, pytest.approx(1e-3 * 0.7**15))
    first, second = searches.ACCELERATIONS
    assert first.case.batch_size == second.case.batch_size == 1000
    assert (first.start, first.restart, second.start, second.restart) == ((0.15, 1.5), 5, (0.15, 1.4), 15)
    wide = configured(second.case, quick=False).training_data()
    assert len(wide) == 10_000
    np.testing.assert_allclose([wide.x.min(axis=0), wide.x.max(axis=0)], [[-2.8, 0.0], [0.89, 2.2]], atol=2e-3)


def test_draws_differ_and_gradients_are_known_at_a_part_of_the_same_points() -> None:
    one, two, both = (configured(case, quick=True).training_data() for case in (
        Case(points=200), Case(points=200, seed=1), Case(points=200, gradient_ratio=0.15)
    ))  # fmt: skip
    assert not np.isin(one.x, two.x).any()
    np.testing.assert_array_equal(one.x, both.x)
    assert both.gradient is not None
    assert np.isfinite(both.gradient[:, 0]).sum() == 30


def test_true_landscape_of_the_region() -> None:
    expected = json.loads((FOLDER / "expected.json").read_text())
    true = explored(ld.systems.muller_brown(), Case())
    assert {str(k): n for k, n in true.counts_by_index.items()} == expected["counts"]
    assert len(true.connections) == expected["connections"]
    assert data_size.saddle_error(true) < 1e-9
    known = json.loads((FOLDER.parent / "muller_brown" / "expected.json").read_text())["points"]
    assert min(np.linalg.norm(np.subtract(point["x"], data_size.SADDLE)) for point in known) < 1e-9
    apart = np.linalg.norm(true.columns.x[:, None] - true.columns.x, axis=2)[np.triu_indices(4, 1)]
    assert apart.min() > 5 * data_size.SAME


def test_searches_end_where_the_readme_says() -> None:
    paths = searches.paths(ld.systems.muller_brown())
    for scheme, (first, second) in paths.items():
        np.testing.assert_allclose(first.x[-1], [0.212487, 0.292988], atol=1e-5, err_msg=scheme)
        np.testing.assert_allclose(second.x[-1], data_size.SADDLE, atol=1e-5, err_msg=scheme)


def test_steps_to_counts_until_a_search_stays_close() -> None:
    assert searches.steps_to(np.array([1.0, 1e-7, 1e-3, 1e-7, 0.0])) == 3
    assert searches.steps_to(np.array([1e-7, 0.0])) == 0
    assert searches.steps_to(np.array([1.0, 0.1])) is None


def test_summary_of_draws() -> None:
    rows: list[dict[str, Any]] = [
        {"points": 10, "series": "energies", "error": error, "same": error < 4, "cpu_seconds": 2.0}
        for error in (1.0, 2.0, 3.0, 4.0, 5.0)
    ]
    (some,) = data_size.summary(rows)
    assert [some[k] for k in ("least", "first_quartile", "median", "third_quartile", "most", "mean")] == [
        1.0, 2.0, 3.0, 4.0, 5.0, 3.0,
    ]  # fmt: skip
    assert (some["draws"], some["same"]) == (5, 3)
    assert "| 3 of 5 |" in " ".join(tables.errors_table([some]).split())


def test_readme_holds_the_tables_of_the_record() -> None:
    for part in tables.report(RECORD).split("\n\n"):
        assert part in README, part


def test_record_is_of_all_draws() -> None:
    wanted = data_size.cases(data_size.SIZES, data_size.DRAWS)
    rows = [
        (row["points"], row["series"] == "gradients", row["series"] == "longer", row["seed"]) for row in RECORD["draws"]
    ]
    assert rows == [(case.points, case.gradient_ratio > 0, case.longer, case.seed) for case in wanted]
    assert RECORD["errors"] == data_size.summary(RECORD["draws"])
    largest = [row["median"] for row in RECORD["errors"] if row["points"] == 5000]
    assert max(largest) <= tables.PAPERS_ERROR
    assert RECORD["budget"]["quick"]["error"] <= tables.PAPERS_ERROR


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of a second."""
    import workflows.muller_brown_surrogate.cases as module

    read = module.read_toml

    def smaller(path: Path) -> dict[str, Any]:
        tables = read(path)
        if path.name == "quick.toml":
            tables["training"] |= {"hidden": [8, 8], "epochs": 5, "finish_iterations": 10}
            tables["gradients"] |= {"finish_iterations": 5}
        return tables

    monkeypatch.setattr(module, "read_toml", smaller)


@pytest.mark.usefixtures("small")
def test_trained_on_with_gradients(tmp_path: Path) -> None:
    case = Case(points=100, gradient_ratio=0.2)
    surrogate = trained(case, True, tmp_path, progress=False)
    first = load(tmp_path / f"{case.first.name}.surrogate")
    assert surrogate.provenance["initial"] == first.fingerprint()
    assert surrogate.provenance["data"]["n_gradients"] == 20
    longer = trained(Case(points=100, longer=True), True, tmp_path, progress=False)
    assert longer.provenance["initial"] == first.fingerprint()
    assert longer.provenance["data"]["n_gradients"] == 0
    row = data_size.one_draw(case, True, tmp_path)
    assert row["error"] > 0
    assert row == data_size.one_draw(case, True, tmp_path)  # from the folder


@pytest.mark.usefixtures("small")
def test_figure_6_of_a_few_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--quick", "--figures", "6", "--sizes", "60", "125", "--draws", "2", "--folder", str(tmp_path / "f")]
    main([*options, "--pictures", str(tmp_path), "--json", str(tmp_path / "m.json")])
    said = capsys.readouterr().out
    assert all(title in said for title in tables.SERIES.values())
    record = json.loads((tmp_path / "m.json").read_text())
    assert len(record["draws"]) == 10
    assert (tmp_path / "data_size.png").stat().st_size > 3000
    main(["--from", str(tmp_path / "m.json")])
    assert tables.errors_table(record["errors"]) in capsys.readouterr().out


@pytest.mark.workflow
def test_workers_give_the_same_numbers(tmp_path: Path) -> None:
    rows = []
    for workers in ([], ["--workers", "2"]):
        folder, file = tmp_path / f"{len(rows)}", tmp_path / f"{len(rows)}.json"
        command = [
            sys.executable, "-m", "workflows.muller_brown_surrogate", "--quick", "--figures", "6", "--sizes", "250",
            "--draws", "2", "--folder", str(folder), "--json", str(file), *workers,
        ]  # fmt: skip
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        rows.append([{**row, "cpu_seconds": 0} for row in json.loads(file.read_text())["draws"]])
    assert rows[0] == rows[1]
    assert all(row["same"] for row in rows[0])


@pytest.mark.workflow
def test_figures_5_and_7(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--figures", "5", "7", "--repeats", "1", "--folder", str(tmp_path / "f"), "--pictures",
          str(tmp_path), "--json", str(tmp_path / "m.json")])  # fmt: skip
    record = json.loads((tmp_path / "m.json").read_text())
    assert record["budget"]["quick"]["error"] < tables.PAPERS_ERROR
    assert record["budget"]["quick"]["same"]
    for kinds in record["acceleration"].values():
        for kind in kinds.values():
            assert all(row["steps"] for row in kind.values())
            assert kind["Nesterov, SIRQIT"]["steps"] < kind["plain, SIRQIT"]["steps"]
    for name in ("picture.png", "acceleration.png"):
        assert (tmp_path / name).stat().st_size > 3000
