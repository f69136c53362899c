"""Well-tempered metadynamics of two dihedral angles (Barducci, Bussi, Parrinello, PRL 100, 020603, 2008), in OpenMM."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.problems.fingerprint import canonical_json, digest
from landscape_dist.records import FloatArray
from landscape_dist.surrogates.checkpoints import read_checkpoint, write_checkpoint
from workflows.alanine_dipeptide_openmm import molecule

BOLTZMANN = 0.0019872043  # kcal/mol/K
KJ = 4.184  # in a kcal
CHECKPOINT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a walker.

    Attributes:
        temperature: in K. friction: of the Langevin dynamics, in 1/ps. step: in fs.
        height: of the first hill, in kcal/mol. width: standard deviation of the hills, in degrees.
        steps_per_hill: steps between two hills.
        bias_factor: (T + dT) / T; hills shrink as exp(-V / k dT).
        grid: values of the bias a turn in each angle, both ends counted; between them OpenMM takes a cubic spline.
        start: phi and psi in degrees. seed: of velocities and noise.
    """

    temperature: float = 300.0
    friction: float = 5.0
    step: float = 0.5
    height: float = 0.3
    width: float = 10.0
    steps_per_hill: int = 500
    bias_factor: float = 15.0
    grid: int = 91
    start: tuple[float, float] = (-80.0, 75.0)
    seed: int = 0

    def digest(self) -> str:
        """Of what decides a trajectory."""
        return digest("well-tempered metadynamics of alanine dipeptide", canonical_json(asdict(self)))


def bump(axis: FloatArray, centres: FloatArray, width: float) -> FloatArray:
    """(m,) and (n,) angles in degrees -> (m, n) Gaussians, each of the nearest image."""
    away = (axis[:, None] - centres + 180.0) % 360.0 - 180.0
    return np.asarray(np.exp(-0.5 * (away / width) ** 2))


def bias_of(hills: FloatArray, axis: FloatArray, width: float) -> FloatArray:
    """(n, 3) hills (phi, psi, height) -> (m, m) their sum at all pairs of angles of an axis, in the heights' unit."""
    total = np.zeros((len(axis), len(axis)))
    for part in np.array_split(hills, max(1, len(hills) // 2000)):
        total += (bump(axis, part[:, 0], width) * part[:, 2]) @ bump(axis, part[:, 1], width).T
    return total


def free_energy(hills: FloatArray, axis: FloatArray, width: float, bias_factor: float) -> FloatArray:
    """F = -bias_factor / (bias_factor - 1) V of a walker's hills, its minimum at 0.

    Args:
        hills: (n, 3), phi and psi in degrees and the height. axis: (m,) angles.
        width: standard deviation of the hills, in degrees. bias_factor: see `Settings`.

    Returns:
        (m, m) [phi, psi] in the heights' unit; nan where no hill has its centre within one width, so that nothing but
        the tails of hills is known.
    """
    F = -bias_factor / (bias_factor - 1.0) * bias_of(hills, axis, width)
    F[~visited(hills, axis, width)] = np.nan
    return np.asarray(F - np.nanmin(F))


def visited(hills: FloatArray, axis: FloatArray, width: float) -> FloatArray:
    """(m, m), whether a hill has its centre within a width."""
    from scipy.spatial import cKDTree

    def turned(angles: FloatArray) -> FloatArray:
        there = angles % 360.0
        return np.where(there < 360.0, there, 0.0)  # of -1e-15 the rest is 360

    reach = width * (1.0 + 1e-12)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    distance = cKDTree(turned(hills[:, :2]), boxsize=360.0).query(turned(grid), distance_upper_bound=2 * reach)[0]
    return np.asarray(distance <= reach)


def together(tables: list[FloatArray]) -> FloatArray:
    """Mean of the walkers' free energies, its minimum at 0; where one has been alone, its own.

    Each is known up to a constant, so that they are laid over one another first, by the mean difference from the first
    where both are known and below 15 kcal/mol.

    Raises:
        SettingsError: a walker has been nowhere where the first has.
    """
    laid = [tables[0]]
    for number, table in enumerate(tables[1:], 1):
        with np.errstate(invalid="ignore"):
            both = (table < 15.0) & (tables[0] < 15.0)
        if not both.any():
            raise SettingsError(
                f"walkers 0 and {number} have not yet been in a common place, so that their free energies cannot be "
                "compared; let them go on with more steps"
            )
        laid.append(table - np.mean((table - tables[0])[both]))
    known = np.isfinite(laid)
    n = known.sum(axis=0)
    total = np.where(known, laid, 0.0).sum(axis=0)
    mean = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return np.asarray(mean - np.nanmin(mean))


def differences(tables: list[FloatArray], mean: FloatArray, below: tuple[float, ...]) -> dict[float, float]:
    """Root mean square difference of two walkers where the mean is below each of these energies."""
    result = {}
    for level in below:
        with np.errstate(invalid="ignore"):
            rows = (mean < level) & np.isfinite(tables[0]) & np.isfinite(tables[1])
        away = (tables[0] - tables[1])[rows]
        result[level] = float(away.std()) if len(away) else float("nan")
    return result


class Walker:
    """A molecule that walks over its free energy and fills it, from its checkpoint where there is one.

    A walker killed at any moment goes on from its last checkpoint and makes the same hills as one that was not.

    Args:
        path: of the checkpoint. settings: of the walker.

    Raises:
        SettingsError: the checkpoint is one of other settings.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        import openmm

        self.path, self.settings = path, settings
        self.axis = np.linspace(-180.0, 180.0, settings.grid)[:-1]
        self.hills: list[tuple[float, float, float]] = []
        self.bias = np.zeros((settings.grid - 1,) * 2)
        made = molecule.system()
        molecule.merge_lennard_jones(made)
        self.table = openmm.Continuous2DFunction(*self._function(), True)
        self.force = openmm.CustomCompoundBondForce(5, "bias(dihedral(p1, p2, p3, p4), dihedral(p2, p3, p4, p5))")
        self.force.addTabulatedFunction("bias", self.table)
        self.force.addBond(molecule.BACKBONE, [])
        self.force.setForceGroup(1)
        made.addForce(self.force)
        integrator = openmm.LangevinMiddleIntegrator(settings.temperature, settings.friction, 1e-3 * settings.step)
        integrator.setRandomNumberSeed(settings.seed + 1)  # OpenMM takes 0 for a random one
        platform = openmm.Platform.getPlatformByName("Reference")  # of 22 atoms the fastest
        self.context = openmm.Context(made, integrator, platform)
        state = read_checkpoint(path, settings.digest())
        if state is None:
            self.context.setPositions(molecule.positions(*settings.start))
            openmm.LocalEnergyMinimizer.minimize(self.context)
            self.context.setVelocitiesToTemperature(settings.temperature, settings.seed + 1)
        else:
            for hill in state["hills"].tolist():
                self._add(*hill)
            self._update()
            self.context.loadCheckpoint(state["openmm"].tobytes())

    @property
    def n_steps(self) -> int:
        return len(self.hills) * self.settings.steps_per_hill

    def run(self, n_steps: int, on_hill: Callable[[int], None] | None = None) -> FloatArray:
        """Go on until it has made so many steps.

        Args:
            n_steps: in all, those before included. on_hill: called with the steps made.

        Returns:
            (n, 3) its hills: phi and psi in degrees, height in kcal/mol.
        """
        settings, kept = self.settings, time.monotonic()
        thermal = BOLTZMANN * settings.temperature * (settings.bias_factor - 1.0)
        while self.n_steps + settings.steps_per_hill <= n_steps:
            self.context.getIntegrator().step(settings.steps_per_hill)
            x = self.context.getState(positions=True).getPositions(asNumpy=True)._value
            bias = self.context.getState(energy=True, groups={1}).getPotentialEnergy()._value / KJ
            height = settings.height * np.exp(-bias / thermal)
            self._add(molecule.dihedral(x, molecule.PHI), molecule.dihedral(x, molecule.PSI), float(height))
            self._update()
            if time.monotonic() - kept > CHECKPOINT_SECONDS:
                self.keep()
                kept = time.monotonic()
            if on_hill is not None:
                on_hill(self.n_steps)
        self.keep()
        return np.array(self.hills[: n_steps // settings.steps_per_hill])

    def keep(self) -> None:
        """Replace the checkpoint."""
        state = np.frombuffer(self.context.createCheckpoint(), dtype=np.uint8)
        hills = np.array(self.hills).reshape(-1, 3)
        write_checkpoint(self.path, {"hills": hills, "openmm": state}, self.settings.digest())

    def _add(self, phi: float, psi: float, height: float) -> None:
        self.hills.append((phi, psi, height))
        left, right = (bump(self.axis, np.array([angle]), self.settings.width)[:, 0] for angle in (phi, psi))
        self.bias += np.outer(height * left, right)

    def _function(self) -> tuple[Any, ...]:
        """Size of the grid, values of the bias in kJ/mol, phi fastest, and the range of the angles in radians."""
        values = np.pad(KJ * self.bias.T, (0, 1), mode="wrap")
        return (*values.shape, values.ravel(), -np.pi, np.pi, -np.pi, np.pi)

    def _update(self) -> None:
        self.table.setFunctionParameters(*self._function())
        self.force.updateParametersInContext(self.context)
