"""Metadynamics of alanine dipeptide: its arithmetic without OpenMM; with it forces, resume and what is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landscape_dist.errors import SettingsError
from landscape_dist.surrogates import read_grid
from workflows.alanine_dipeptide_openmm import metadynamics, molecule
from workflows.alanine_dipeptide_openmm import run as alanine_openmm

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "alanine_dipeptide_openmm"
AXIS = np.arange(-180.0, 180.0, 5.0)
try:
    import openmm
except ImportError:
    openmm = None
simulates = pytest.mark.skipif(openmm is None, reason="OpenMM is not installed")


def test_folder_is_complete() -> None:
    files = {path.name for path in FOLDER.iterdir()}
    assert files >= {"run.py", "molecule.py", "metadynamics.py", "measured.json", "README.md", "picture.png"}
    assert (FOLDER / "picture.png").stat().st_size < 150_000
    readme = (FOLDER / "README.md").read_text()
    assert "python -m workflows.alanine_dipeptide_openmm.run" in readme
    assert "(picture.png)" in readme


def test_readme_has_what_was_measured() -> None:
    readme = (FOLDER / "README.md").read_text()
    measured = json.loads((FOLDER / "measured.json").read_text())
    assert f"takes {measured['cpu_seconds']} seconds of CPU time" in readme
    for run in measured["runs"]:
        cells = [f"{run['ns']:g}", f"{run['share']:.0%}", f"{run['rms_5']:.2f}", f"{run['rms_15']:.2f}"]
        assert f"| {' | '.join(cells)} |" in readme


# -- without OpenMM -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("phi", "psi"), [(-80.0, 75.0), (70.0, -70.0), (179.0, -3.0)])
def test_the_molecule_has_the_angles_that_it_is_built_with(phi: float, psi: float) -> None:
    x = molecule.positions(phi, psi)
    assert molecule.dihedral(x, molecule.PHI) == pytest.approx(phi)
    assert molecule.dihedral(x, molecule.PSI) == pytest.approx(psi)
    for i, (_, _, others, values) in enumerate(molecule.ATOMS):
        if others:
            length = np.linalg.norm(x[i] - x[molecule.NAMES.index(others[0])])
            assert length == pytest.approx(0.1 * values[0])
    apart = np.linalg.norm(x[:, None] - x, axis=-1)[np.triu_indices(len(x), 1)]
    assert apart.min() > 0.095
    # an L-amino acid: seen from HA, CO, R and N turn clockwise
    n, c, b = (x[molecule.NAMES.index(name)] - x[molecule.NAMES.index("CA")] for name in ("NL", "CRP", "CB"))
    assert np.cross(n, c) @ b > 0.002
    trans = molecule.dihedral(x, tuple(molecule.NAMES.index(name) for name in ("CL", "CLP", "NL", "CA")))
    assert abs(trans) == pytest.approx(180.0)


def test_bias_is_the_sum_of_periodic_hills() -> None:
    hills = np.array([[175.0, -10.0, 0.3], [-60.0, 170.0, 0.2], [-60.0, 170.0, 0.1]])
    bias = metadynamics.bias_of(hills, AXIS, 10.0)
    assert bias.shape == (72, 72)
    row, column = np.searchsorted(AXIS, (-175.0, -10.0))
    assert bias[row, column] == pytest.approx(0.3 * np.exp(-0.5))  # ten degrees away, across the seam
    assert bias[np.searchsorted(AXIS, -60.0), np.searchsorted(AXIS, 170.0)] == pytest.approx(0.3)
    many = np.column_stack([np.random.default_rng(0).uniform(-180, 180, (5000, 2)), np.full(5000, 0.1)])
    one_by_one = sum(
        h * np.outer(*(metadynamics.bump(AXIS, np.array([a]), 10.0)[:, 0] for a in (phi, psi))) for phi, psi, h in many
    )
    np.testing.assert_allclose(metadynamics.bias_of(many, AXIS, 10.0), one_by_one)


def test_free_energy_is_known_where_hills_are() -> None:
    hills = np.array([[0.0, 0.0, 1.4], [90.0, 90.0, 0.7]])
    F = metadynamics.free_energy(hills, AXIS, 10.0, 15.0)
    first, second = np.searchsorted(AXIS, (0.0, 90.0))
    assert F[first, first] == 0.0
    assert F[second, second] == pytest.approx(15 / 14 * 0.7)
    assert F[first + 2, first] == pytest.approx(15 / 14 * 1.4 * (1 - np.exp(-0.5)))  # one width away
    assert np.isnan(F[first + 2, first + 1])
    assert np.isfinite(F).sum() == 2 * 13


def test_walkers_are_laid_over_one_another() -> None:
    phi, psi = np.radians(np.meshgrid(AXIS, AXIS, indexing="ij"))
    F = 3.0 - np.cos(phi) - 2.0 * np.cos(psi)
    one, other = F.copy(), F + 5.0
    one[:10], other[-10:] = np.nan, np.nan
    mean = metadynamics.together([one, other])
    np.testing.assert_allclose(mean, F, atol=1e-12)  # each where the other has not been
    assert metadynamics.differences([one, other], mean, (2.0, np.inf)) == pytest.approx({2.0: 0.0, np.inf: 0.0})
    one[20] += 0.5
    assert metadynamics.differences([one, other], mean, (np.inf,))[np.inf] == pytest.approx(0.5 * np.sqrt(51) / 52)
    one[:], other[:] = np.nan, np.nan
    one[0], other[1] = 0.0, 7.0
    assert np.isnan(metadynamics.differences([one, other], one, (np.inf,))[np.inf])


def test_walkers_without_a_common_place_are_not_compared() -> None:
    one, other = np.full((2, 72, 72), np.nan)
    one[0], other[1] = 0.0, 7.0
    with pytest.raises(SettingsError, match=r"walkers 0 and 1 have not yet been in a common place.*more steps"):
        metadynamics.together([one, other])


def test_angles_at_the_seam() -> None:
    hills = np.array([[-1e-15, 180.0, 0.3]])
    rows, columns = np.nonzero(metadynamics.visited(hills, AXIS, 5.0))
    assert sorted(zip(AXIS[rows].tolist(), AXIS[columns].tolist(), strict=True)) == [
        (-5.0, -180.0), (0.0, -180.0), (0.0, -175.0), (0.0, 175.0), (5.0, -180.0),
    ]  # fmt: skip


def test_settings_name_a_trajectory() -> None:
    first, second = (alanine_openmm.settings_of(i, seed=0, steps_per_hill=500) for i in (0, 1))
    assert first.start != second.start
    assert len({first.digest(), second.digest(), replace(first, height=0.2).digest()}) == 3


def test_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "openmm", None)
    monkeypatch.setattr(sys, "argv", ["run.py", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit, match=r'pip install "landscape-dist\[openmm\]"'):
        alanine_openmm.main()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--steps", "0", "at least 500"), ("--steps-per-hill", "0", "at least 1"), ("--walkers", "0", "at least 1")],
)
def test_options_that_cannot_work(
    option: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", option, value])
    with pytest.raises(SystemExit):
        alanine_openmm.main()
    assert said in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills as POSIX does")
def test_workers_end_with_a_killed_parent() -> None:
    script = (
        "import multiprocessing, time\n"
        "from workflows.alanine_dipeptide_openmm.run import end_with_parent\n"
        "def work():\n"
        "    end_with_parent()\n    print('up', flush=True)\n    time.sleep(20)\n    print('alone', flush=True)\n"
        "multiprocessing.get_context('fork').Process(target=work).start()\n"
        "time.sleep(60)\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT, env=env) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        parent.kill()
        assert parent.stdout.read() == b""  # at its end when the worker has closed it, too


# -- with OpenMM --------------------------------------------------------------------------------------------------
@simulates
def test_merged_lennard_jones_gives_the_same_forces() -> None:
    plain, merged = molecule.system(), molecule.system()
    molecule.merge_lennard_jones(merged)
    assert merged.getNumForces() == plain.getNumForces() - 2
    x = molecule.positions(-80.0, 75.0)
    states = []
    for system in (plain, merged):
        platform = openmm.Platform.getPlatformByName("Reference")
        context = openmm.Context(system, openmm.VerletIntegrator(1e-3), platform)
        context.setPositions(x)
        state = context.getState(energy=True, forces=True)
        states.append((state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value))
    assert states[0][0] == pytest.approx(states[1][0], abs=1e-9)
    np.testing.assert_allclose(states[0][1], states[1][1], atol=1e-8)


@simulates
def test_a_walker_goes_on_as_if_it_had_not_been_killed(tmp_path: Path) -> None:
    settings = metadynamics.Settings(steps_per_hill=20)
    whole = metadynamics.Walker(tmp_path / "whole.npz", settings).run(1000)
    assert whole.shape == (50, 3)
    assert whole[0, 2] == pytest.approx(0.3)  # nothing below it yet
    assert (whole[1:, 2] < 0.3).all()
    metadynamics.Walker(tmp_path / "killed.npz", settings).run(600)
    resumed = metadynamics.Walker(tmp_path / "killed.npz", settings)
    assert resumed.n_steps == 600
    np.testing.assert_array_equal(resumed.run(1000), whole)
    np.testing.assert_array_equal(resumed.run(400), whole[:20])  # no more than was asked for
    with pytest.raises(SettingsError, match="other settings"):
        metadynamics.Walker(tmp_path / "killed.npz", replace(settings, seed=1))


@simulates
def test_the_table_of_the_grid_is_the_bias_of_the_hills(tmp_path: Path) -> None:
    walker = metadynamics.Walker(tmp_path / "walker.npz", metadynamics.Settings(steps_per_hill=20))
    hills = walker.run(1000)
    x = walker.context.getState(positions=True).getPositions(asNumpy=True)._value
    here = [molecule.dihedral(x, atoms) for atoms in (molecule.PHI, molecule.PSI)]
    apart = [(angle - hills[:, i] + 180.0) % 360.0 - 180.0 for i, angle in enumerate(here)]
    exact = np.sum(hills[:, 2] * np.exp(-0.5 * (apart[0] ** 2 + apart[1] ** 2) / 100.0))
    table = walker.context.getState(energy=True, groups={1}).getPotentialEnergy()._value / metadynamics.KJ
    assert table == pytest.approx(exact, rel=2e-3)


@simulates
@pytest.mark.workflow
def test_workflow(tmp_path: Path) -> None:
    options = ["-m", "workflows.alanine_dipeptide_openmm.run", "--steps", "60000", "--folder", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *options, "--workers", "2"], capture_output=True, text=True, timeout=600, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 walkers of 0.03 ns each" in done.stdout
    assert "root mean square difference of the first two walkers where F < 5" in done.stdout
    data = read_grid(tmp_path / "alanine_fes.npz", ["phi", "psi"], "F", period=[360.0, 360.0])
    assert 10_000 < len(data) < 360 * 360
    assert data.energy.min() == 0.0
