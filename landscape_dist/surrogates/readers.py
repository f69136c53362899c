"""Training data from files: CSV, NumPy arrays, gridded free energies, PLUMED, AlphaCryo4D."""

from __future__ import annotations

import csv
import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.records import FloatArray
from landscape_dist.surrogates.data import TrainingData

Path_ = str | os.PathLike[str]


def read_csv(
    path: Path_,
    coordinates: Sequence[str],
    *,
    energy: str = "energy",
    gradient: Sequence[str] = (),
    parameters: Sequence[str] = (),
    period: Sequence[float | None] | None = None,
    delimiter: str = ",",
) -> TrainingData:
    """A table with a line of column names, one point a line.

    Args:
        path: of the file.
        coordinates, energy, gradient, parameters: names of the columns; empty cells in the gradient's columns mean
            that it is not known there.
        period: of each coordinate, in its unit; None or inf where not periodic.
        delimiter: between cells.

    Raises:
        ProblemError: no such file or column, or a cell that is no number; the message names the line.
    """
    wanted = [*coordinates, energy, *gradient, *parameters]
    rows: list[list[float]] = []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            header = [name.strip() for name in next(reader, [])]
            missing = [name for name in wanted if name not in header]
            if missing:
                raise ProblemError(
                    f"{path} has no column {missing[0]!r}; its columns are {', '.join(header) or 'none'}"
                )
            columns = [header.index(name) for name in wanted]
            optional = set(gradient)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    rows.append(
                        [
                            _cell(cells, c, name in optional, f"{path}, line {reader.line_num}, column {name!r}")
                            for c, name in zip(columns, wanted, strict=True)
                        ]
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProblemError(f"{path} cannot be read as CSV ({error})") from error
    if not rows:
        raise ProblemError(f"{path} has no rows below its line of names")
    table = np.array(rows)
    d, g = len(coordinates), len(gradient)
    if g not in (0, d):
        raise ProblemError(f"gradient names {g} columns for {d} coordinates; give one a coordinate, or none")
    return TrainingData(
        table[:, :d], table[:, d], table[:, d + 1 : d + 1 + g] if g else None,
        parameters=table[:, d + 1 + g :] if parameters else None, parameter_names=tuple(parameters),
        coordinates=tuple(coordinates), period=_periods(period, d), source=f"CSV {Path(path).name}",
    )  # fmt: skip


def _cell(cells: list[str], column: int, optional: bool, where: str) -> float:
    text = cells[column].strip() if column < len(cells) else ""
    if not text and optional:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise ProblemError(f"{where} is {text!r}; give a number") from None


def _periods(period: Sequence[float | None] | None, d: int) -> tuple[float, ...] | None:
    if period is None:
        return None
    values = tuple(math.inf if p is None else float(p) for p in period)
    if len(values) != d:
        raise ProblemError(f"period has {len(values)} entries for {d} coordinates; give one each, None for none")
    return None if all(map(math.isinf, values)) else values


def read_arrays(path: Path_, *, period: Sequence[float | None] | None = None) -> TrainingData:
    """An .npz file with arrays x (n, d), energy (n,) and, where known, gradient (n, d).

    Raises:
        ProblemError: no such file, or an array is missing.
    """
    arrays = _npz(path)
    for name in ("x", "energy"):
        if name not in arrays:
            raise ProblemError(f"{path} has no array {name!r}; it holds {', '.join(sorted(arrays)) or 'none'}")
    x = arrays["x"]
    return TrainingData(
        x, arrays["energy"], arrays.get("gradient"), period=_periods(period, x.shape[-1]),
        source=f"arrays {Path(path).name}",
    )  # fmt: skip


def _npz(path: Path_) -> dict[str, Any]:
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:  # .npy too
        raise ProblemError(f"{path} cannot be read as an .npz file of numbers ({error})") from error


def from_grid(
    axes: Sequence[FloatArray],
    energy: FloatArray,
    *,
    period: Sequence[float | None] | None = None,
    coordinates: Sequence[str] = (),
    energy_unit: str | None = None,
    coordinate_unit: str | None = None,
    highest: float | None = None,
    source: str = "grid",
) -> TrainingData:
    """A free energy on a grid; cells without a value (nan or inf, never visited) are left out.

    Args:
        axes: d increasing arrays of grid values.
        energy: of shape (len(axes[0]), len(axes[1]), ...).
        period: of each axis; None or inf where not periodic. An axis that holds both ends of its period loses the last.
        coordinates, energy_unit, coordinate_unit, source: see `TrainingData`.
        highest: cells above it are left out, too.

    Raises:
        ProblemError: shapes do not fit, an axis does not increase or is longer than its period.
    """
    grid = np.asarray(energy, dtype=np.float64)
    sides = [np.asarray(axis, dtype=np.float64) for axis in axes]
    if grid.shape != tuple(len(axis) for axis in sides):
        raise ProblemError(
            f"energy has shape {grid.shape} for axes of {[len(a) for a in sides]} values; give one a cell"
        )
    periods = _periods(period, len(sides))
    for i, axis in enumerate(sides):
        if axis.ndim != 1 or not (np.diff(axis) > 0).all():
            raise ProblemError(f"axis {i} does not increase; give its values in ascending order")
        turn = math.inf if periods is None else periods[i]
        length = float(axis[-1] - axis[0])
        if length > turn * (1 + 1e-9):
            raise ProblemError(f"axis {i} is {length:g} long, more than its period {turn:g}; give one period")
        if length > turn * (1 - 1e-9):
            sides[i] = axis[:-1]
            grid = grid.take(np.arange(len(axis) - 1), axis=i)
    points = np.stack([axis.ravel() for axis in np.meshgrid(*sides, indexing="ij")], axis=1)
    values = grid.ravel()
    kept = np.isfinite(values)
    if highest is not None:
        kept &= np.where(kept, values, np.inf) <= highest
    if not kept.any():
        raise ProblemError(f"energy has no finite value{'' if highest is None else f' up to {highest:g}'}")
    return TrainingData(
        points[kept], values[kept], period=periods, coordinates=tuple(coordinates), energy_unit=energy_unit,
        coordinate_unit=coordinate_unit, source=source,
    )  # fmt: skip


def read_grid(
    path: Path_,
    axes: Sequence[str],
    energy: str,
    *,
    period: Sequence[float | None] | None = None,
    energy_unit: str | None = None,
    coordinate_unit: str | None = None,
    highest: float | None = None,
) -> TrainingData:
    """A gridded free energy in an .npz file: one array for each axis and one for the energy.

    Args:
        path: of the file. axes: names of the arrays with the grid values. energy: name of the array with the energy.
        period, energy_unit, coordinate_unit, highest: see `from_grid`.

    Raises:
        ProblemError: no such file or array; see `from_grid`.
    """
    arrays = _npz(path)
    for name in (*axes, energy):
        if name not in arrays:
            raise ProblemError(f"{path} has no array {name!r}; it holds {', '.join(sorted(arrays)) or 'none'}")
    return from_grid(
        [arrays[name] for name in axes], arrays[energy], period=period, coordinates=tuple(axes),
        energy_unit=energy_unit, coordinate_unit=coordinate_unit, highest=highest,
        source=f"grid {Path(path).name}",
    )  # fmt: skip


def read_plumed(path: Path_, *, gradient: bool = True, highest: float | None = None) -> TrainingData:
    """PLUMED's fes.dat (sum_hills and others): '#! FIELDS phi psi file.free der_phi der_psi', periods from '#! SET'.

    Energies are in the unit of the run, kJ/mol unless it says otherwise; angles in radians.

    Args:
        path: of the file.
        gradient: whether the columns der_... are used, where there are any.
        highest: rows with a higher free energy are left out.

    Raises:
        ProblemError: it has no such header, or a row that does not fit it.
    """
    fields: list[str] = []
    constants: dict[str, str] = {}
    rows: list[list[float]] = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                words = line.split()
                if words[:2] == ["#!", "FIELDS"]:
                    fields = words[2:]
                elif words[:2] == ["#!", "SET"] and len(words) == 4:
                    constants[words[2]] = words[3]
                elif words and not words[0].startswith("#"):
                    if len(words) != len(fields):
                        raise ProblemError(f"{path}, line {number} has {len(words)} numbers for fields {fields}")
                    rows.append([float(word) for word in words])
    except (OSError, ValueError) as error:
        if isinstance(error, ProblemError):
            raise
        raise ProblemError(f"{path} cannot be read as PLUMED's grid ({error})") from error
    names = [field for field in fields if f"min_{field}" in constants]
    energies = [i for i, field in enumerate(fields) if field not in names and not field.startswith("der_")]
    if not names or not energies or not rows:
        raise ProblemError(f"{path} has no '#! FIELDS' with variables and a free energy, or no rows; give a fes.dat")
    table = np.array(rows)
    table = table[np.isfinite(table).all(axis=1)]
    energy = table[:, energies[0]]
    if highest is not None:
        table, energy = table[energy <= highest], energy[energy <= highest]
    period = [
        _angle(constants[f"max_{name}"], path) - _angle(constants[f"min_{name}"], path)
        if constants.get(f"periodic_{name}") == "true" and f"max_{name}" in constants
        else math.inf
        for name in names
    ]
    slopes = [fields.index(f"der_{name}") for name in names if f"der_{name}" in fields]
    return TrainingData(
        table[:, [fields.index(name) for name in names]], energy,
        table[:, slopes] if gradient and len(slopes) == len(names) else None,
        coordinates=tuple(names), period=_periods(period, len(names)), source=f"PLUMED {Path(path).name}",
    )  # fmt: skip


def _angle(text: str, path: Path_) -> float:
    """A number, or PLUMED's -pi, pi and 2pi."""
    factor = text.removesuffix("pi").removesuffix("*") if text.endswith("pi") else None
    try:
        if factor is None:
            return float(text)
        return math.pi * (float(factor + "1") if factor in ("", "+", "-") else float(factor))
    except ValueError:
        raise ProblemError(f"{path} has a limit {text!r}, which is no number") from None


def read_alphacryo4d(
    path: Path_, particles: Path_, *, kt: float = 1.0, energy_unit: str = "kT", lowest_count: int = 1
) -> TrainingData:
    """AlphaCryo4D's output: t-SNE coordinates of density maps, and how many particles each map is made of.

    The pseudo-energy of a map is -kT ln(n / n_max), 0 for the most populated one; AlphaCryo4D itself divides by the sum
    of n, which adds a constant.  It is an energy only as far as the particles were drawn from equilibrium; t-SNE
    coordinates have no unit.

    Args:
        path: .npy file of the (n, 2) coordinates (AlphaCryo4D's output.npy).
        particles: text file with n counts in the same order (its num.txt).
        kt: k_B T in the unit of energy that is wanted. energy_unit: its name; with the default the energies are in kT.
        lowest_count: maps of fewer particles are left out.

    Raises:
        ProblemError: a file cannot be read, or they do not fit one another.
    """
    if not kt > 0:
        raise ProblemError(f"kt is {kt}; give k_B T, a positive number")
    try:
        x = np.load(path, allow_pickle=False)
        counts = np.loadtxt(particles, ndmin=1)
    except (OSError, ValueError, EOFError) as error:
        raise ProblemError(f"{path} and {particles} cannot be read as coordinates and counts ({error})") from error
    if x.ndim != 2 or counts.shape != (len(x),):
        raise ProblemError(
            f"{path} has shape {x.shape} and {particles} {counts.shape}; give (n, 2) coordinates and n counts"
        )
    if not (counts >= 0).all():
        row = int(np.flatnonzero(~(counts >= 0))[0])
        raise ProblemError(f"{particles} has {counts[row]:g} particles for map {row}; give counts, 0 for none")
    kept = counts >= max(1, lowest_count)
    if not kept.any():
        raise ProblemError(f"{particles} has no map of {lowest_count} particles or more; lower lowest_count")
    energy = -kt * np.log(counts[kept] / counts[kept].max())
    names = tuple(f"tsne{i + 1}" for i in range(x.shape[1]))
    return TrainingData(
        x[kept], energy, coordinates=names, energy_unit=energy_unit, source=f"AlphaCryo4D {Path(path).name}"
    )
