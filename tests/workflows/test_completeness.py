"""workflows/completeness: the truth is true, the judge sees what is wrong, and small instances are complete."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from workflows.completeness.__main__ import main, read
from workflows.completeness.families import FAMILIES, make
from workflows.completeness.instances import Instance
from workflows.completeness.judge import compare, judge, search
from workflows.completeness.tables import report, summed

FOLDER = Path(__file__).resolve().parents[2] / "workflows" / "completeness"
SEED = 3
SMALL = [(family, dims[0]) for family, (_, dims) in FAMILIES.items()]
COUNTS = {"lotka_volterra": 2**3, "rotated_lattices": 3**3}


@pytest.fixture(scope="module", params=SMALL, ids=[family for family, _ in SMALL])
def instance(request: pytest.FixtureRequest) -> Instance:
    family, dim = request.param
    return make(family, dim, SEED, 0)


def test_the_truth_agrees_with_the_problem(instance: Instance) -> None:
    """Gradients vanish at the points, derivatives are those of the formula, and the Morse sum is right."""
    problem, units = instance.problem(), instance.spread
    family = instance.name.split("-")[0]
    assert len(instance.points) == COUNTS.get(family, len(instance.points)) > 1
    elsewhere = instance.points + 0.03 * units
    g, H = instance.derivatives(elsewhere)
    np.testing.assert_allclose(problem.gradient(elsewhere), g, rtol=1e-8, atol=1e-10 * np.abs(g).max())
    np.testing.assert_allclose(problem.hessian(elsewhere), H, rtol=1e-8, atol=1e-10 * np.abs(H).max())
    assert np.abs(problem.gradient(instance.points) * units).max() < 1e-9 * np.abs(g * units).max()
    eigenvalues = np.linalg.eigvals(problem.hessian(instance.points) * units[:, None] * units)
    if instance.euler_characteristic is None:
        eigenvalues = np.linalg.eigvals(problem.hessian(instance.points))
    assert np.count_nonzero(eigenvalues.real < 0, axis=1).tolist() == instance.index.tolist()
    if instance.euler_characteristic is not None:
        assert np.sum((-1) ** instance.index) == instance.euler_characteristic
        assert instance.problem(declare=True).euler_characteristic == instance.euler_characteristic
        assert problem.euler_characteristic is None


def test_small_instances_are_complete(instance: Instance) -> None:
    record = search(instance)
    assert record["complete"], record
    assert record["arrows_missing"] == record["arrows_wrong"] == record["doubtful"] == 0
    assert record["verdict"] in {"weak", "supported", "contradicted", "proved"}
    assert (record["arrows"] > 0) == (instance.arrows is not None)


def test_an_instance_is_made_again_from_its_name() -> None:
    one, again, other = (make("rotated_lattices", 3, SEED, number) for number in (1, 1, 2))
    assert one.formulas == again.formulas != other.formulas
    assert one.points.tolist() == again.points.tolist()


def test_the_judge_sees_what_is_wrong() -> None:
    lattice = make("rotated_lattices", 3, SEED, 1)
    x, index = lattice.points.copy(), lattice.index.copy()
    assert compare(lattice, x, index)["complete"]
    index[4] += 1
    x[5], index[5] = x[6], index[6]
    x[7] += 0.01
    record = compare(lattice, x, index)
    assert (record["complete"], record["found"], record["wrong_index"], record["duplicates"]) == (False, 25, 1, 1)
    assert len(record["spurious"]) == 1
    assert record["doubtful"] == 0
    assert [missing["index"] for missing in record["missing"]] == lattice.index[[5, 7]].tolist()
    short = replace(lattice, points=np.delete(lattice.points, 7, axis=0), index=np.delete(lattice.index, 7))
    assert compare(short, lattice.points, lattice.index)["doubtful"] == 1


def test_the_judge_sees_wrong_arrows() -> None:
    lattice = make("rotated_lattices", 3, SEED, 1)
    assert lattice.arrows is not None
    landscape = ld.explore(lattice.problem(), start=lattice.start, max_index=3)
    right = judge(lattice, landscape)
    assert (right["complete"], right["arrows"], right["arrows_missing"], right["arrows_wrong"]) == (True, 24, 0, 0)
    row, minima = next(iter(lattice.arrows.items()))
    wrong = judge(replace(lattice, arrows=lattice.arrows | {row: (minima[0], minima[0])}), landscape)
    assert (wrong["arrows_missing"], wrong["arrows_wrong"]) == (1, 1)


def test_an_energy_that_raises_counts_as_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    def explore(*_: object, **__: object) -> None:
        raise ArithmeticError("no")

    monkeypatch.setattr(ld, "explore", explore)
    record = search(make("lotka_volterra", 3, SEED, 0))
    assert (record["complete"], record["found"], record["verdict"]) == (False, 0, "raised")
    assert "ArithmeticError" in report({"lotka_volterra": [record]})


def test_records_are_kept_and_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "records.json"
    call = ["--family", "lotka_volterra", "--dim", "2", "--seed", str(SEED), "--json", str(file), "--count"]
    main([*call, "1"])
    first = read(file)["lotka_volterra"]
    main([*call, "2"])
    second = read(file)["lotka_volterra"]
    assert [record["name"] for record in second] == [f"lotka_volterra-2d-{SEED}-0", f"lotka_volterra-2d-{SEED}-1"]
    assert second[:1] == first
    assert summed(second)["instances"] == 2
    assert "| lotka_volterra |" in capsys.readouterr().out


def test_the_readme_has_the_table_of_what_was_measured() -> None:
    assert report(json.loads((FOLDER / "measured.json").read_text())) in (FOLDER / "README.md").read_text()


@pytest.mark.workflow
def test_the_folder_runs_as_a_script(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER), "--family", "lotka_volterra", "--count", "1", "--dim", "2"],
        capture_output=True, text=True, timeout=100, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "lotka_volterra" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
def test_more_instances(family: str) -> None:
    """No point that is found is wrong, few are missing, and few branches lead elsewhere."""
    dims = FAMILIES[family][1]
    records = [search(make(family, dims[number % len(dims)], SEED, number)) for number in range(9)]
    sums = summed(records)
    assert (sums["spurious"], sums["duplicates"], sums["wrong_index"], sums["doubtful"]) == (0, 0, 0, 0)
    assert sums["found"] >= 0.98 * sums["points"]
    assert sums["arrows_missing"] <= 0.02 * sums["arrows"]
