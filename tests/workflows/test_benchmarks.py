"""The benchmarks measure what they say: the same energy everywhere, points counted right, drivers that run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from workflows.benchmarks.launch import DriverFailed, machine, run_driver
from workflows.benchmarks.peers.lattice import CoupledLattice, Found, SearchEnds, known
from workflows.benchmarks.step_tolerance import run as step_tolerance
from workflows.benchmarks.tables import report

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "benchmarks"


def test_peers_get_the_same_energy() -> None:
    ours, theirs = ld.systems.coupled_lattice(dim=4, coupling=0.2), CoupledLattice(4, 0.2)
    X = np.random.default_rng(0).uniform(-1.2, 1.2, (6, 4))
    np.testing.assert_allclose([theirs.energy(x) for x in X], ours.energy(X), rtol=1e-13)
    np.testing.assert_allclose([theirs.gradient(x) for x in X], ours.gradient(X), atol=1e-13)
    np.testing.assert_allclose([theirs.hessian(x) for x in X], ours.hessian(X), atol=1e-13)
    assert theirs.calls == {"energies": 6, "gradients": 6, "hessians": 6}


def test_points_are_counted_once_and_only_if_stationary() -> None:
    lattice = CoupledLattice(2, 0.2)
    landscape = ld.explore(ld.systems.coupled_lattice(dim=2), start=[0.1, 0.1], max_index=2)
    found = Found(lattice, max_index=1)
    found.add([0.5, 0.5])
    found.add([np.nan, 0.0])
    assert found.counts == [0, 0]
    wanted = [point.x for point in landscape.points if point.index < 2]
    for x in wanted[:-1]:
        found.add(x)
        found.add(x)
    assert sum(found.counts) == known(2, 0) + known(2, 1) - 1 == 7
    assert lattice.calls["hessians"] == 0
    with pytest.raises(SearchEnds):
        found.add(wanted[-1])


def test_known_counts() -> None:
    assert [known(6, k) for k in range(7)] == [64, 192, 240, 160, 60, 12, 1]


def test_own_driver() -> None:
    row = run_driver("landscape_dist", dim=3, max_index=3, options={"repeats": 2, "upward": "none"})
    assert (row["points"], row["known"], row["arrows"]) == ([8, 12, 6, 1], [8, 12, 6, 1], 54)
    assert row["seconds"] > 0 < row["calls"]["hessians"]


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(DriverFailed, match="cannot be run"):
        run_driver("ase", python="/no/such/python", dim=3)
    with pytest.raises(DriverFailed, match="pounce"):
        run_driver("pounce", dim=3)


def test_the_record_names_the_machine() -> None:
    record = machine()
    assert record["processor"]
    assert record["versions"]["numpy"] == np.__version__


def test_one_point_of_the_step_tolerance_curve() -> None:
    butterfly = next(system for system in step_tolerance.SYSTEMS if system.label == "butterfly")
    fine, default = (step_tolerance.measure(butterfly, tolerance, "auto") for tolerance in (0.01, 0.1))
    assert fine["points"] == default["points"] == default["known"]
    assert fine["gradients_per_search"] > 1.5 * default["gradients_per_search"]


def test_the_curve_is_drawn_from_its_record(tmp_path: Path) -> None:
    rows = json.loads((FOLDER / "step_tolerance" / "measured.json").read_text())
    step_tolerance.draw(rows, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    recorded = (FOLDER / "step_tolerance" / "README.md").read_text()
    assert step_tolerance.table(rows) in recorded


def test_the_tables_are_those_of_the_record() -> None:
    record = json.loads((FOLDER / "measured.json").read_text())
    assert report(record) in (FOLDER / "README.md").read_text()


def test_a_peer_that_failed_has_its_reason_in_the_table() -> None:
    rows = [{"peer": "ase", "dim": 3, "what": "minima", "failed": "No module named 'ase'"}]
    assert "failed: No module named 'ase'" in report({"peers": rows})


def test_an_unknown_peer_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workflows.benchmarks", "--peers", "ase,sela"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2
    assert "--peers names 'sela'; known are pele, sella, ase, pounce" in done.stderr


@pytest.mark.workflow
@pytest.mark.parametrize(
    "command",
    [
        ["workflows.benchmarks", "--dims", "3"],
        ["workflows.benchmarks.torch_device", "--dim", "3", "--repeats", "1", "--devices", "cpu"],
    ],
)
def test_run(command: list[str], tmp_path: Path) -> None:
    if "torch" in command[0]:
        pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-m", *command, "--json", str(tmp_path / "out.json")],
        capture_output=True, text=True, timeout=300, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "| 27" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())["machine"]["versions"]["numpy"]
