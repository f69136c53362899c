"""Training data: points, energies and, where known, gradients, in the user's units."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Box
from landscape_dist.problems.fingerprint import digest
from landscape_dist.records import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Samples of an energy.

    Attributes:
        x: (n, d) points.
        energy: (n,) energies.
        gradient: (n, d), rows of nan where unknown; None where all are.
        parameters: (n, p) values of parameters, which a surrogate takes as further inputs.
        parameter_names: (p,) their names.
        coordinates: (d,) names of the variables; default x1, x2, ...
        period: (d,) in the unit of x, inf where not periodic; None where no coordinate is.
        energy_unit, coordinate_unit: for reports; None unknown.
        source: where the data are from, for the provenance.
    """

    x: FloatArray
    energy: FloatArray
    gradient: FloatArray | None = None
    parameters: FloatArray | None = None
    parameter_names: tuple[str, ...] = ()
    coordinates: tuple[str, ...] = ()
    period: tuple[float, ...] | None = None
    energy_unit: str | None = None
    coordinate_unit: str | None = None
    source: str = "arrays"

    def __post_init__(self) -> None:
        x = _array("x", self.x, 2)
        n, d = x.shape
        energy = _array("energy", self.energy, 1)
        parameters = None if self.parameters is None else _array("parameters", self.parameters, 2)
        if not n or not d:
            raise ProblemError(f"x has shape {x.shape}; give at least one point of one variable")
        for name, array in (("energy", energy), ("parameters", parameters)):
            if array is not None and len(array) != n:
                raise ProblemError(f"{name} has {len(array)} rows for {n} points; give one a point")
            if array is not None and not np.isfinite(array).all():
                row = int(np.argwhere(~np.isfinite(array))[0][0])
                raise ProblemError(f"{name} of row {row} is {array[row]}; leave out rows that are not finite")
        if not np.isfinite(x).all():
            row = int(np.argwhere(~np.isfinite(x))[0][0])
            raise ProblemError(f"x of row {row} is {x[row]}; leave out rows that are not finite")
        gradient = self.gradient
        if gradient is not None:
            gradient = _array("gradient", gradient, 2)
            if gradient.shape != x.shape:
                raise ProblemError(f"gradient has shape {gradient.shape} for x of shape {x.shape}; give the same shape")
            known = np.isfinite(gradient)
            if (known.any(axis=1) != known.all(axis=1)).any():
                raise ProblemError("gradient has rows that are known in part; give all of a row, or nan in all of it")
            gradient = gradient if known.any() else None
        coordinates = tuple(self.coordinates) or tuple(f"x{i + 1}" for i in range(d))
        n_parameters = 0 if parameters is None else parameters.shape[1]
        if len(coordinates) != d or len(self.parameter_names) != n_parameters:
            raise ProblemError(
                f"coordinates are {coordinates} for {d} variables and parameter_names {self.parameter_names} for "
                f"{n_parameters} parameters; give one name each"
            )
        names = (*coordinates, *self.parameter_names)
        if len(set(names)) < len(names):
            raise ProblemError(f"names are {names}; give each coordinate and parameter its own")
        if self.period is not None and (len(self.period) != d or not all(p > 0 for p in self.period)):
            raise ProblemError(f"period is {self.period} for {d} variables; give {d} positive numbers, inf for none")
        changed = {
            "x": x, "energy": energy, "gradient": gradient, "parameters": parameters, "coordinates": coordinates,
            "parameter_names": tuple(self.parameter_names),
        }  # fmt: skip
        for name, value in changed.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def dim(self) -> int:
        return int(self.x.shape[1])

    @property
    def inputs(self) -> FloatArray:
        """(n, d + p): points with their parameters."""
        return self.x if self.parameters is None else np.concatenate([self.x, self.parameters], axis=1)

    @property
    def input_periods(self) -> FloatArray:
        """(d + p,), inf where not periodic."""
        period = np.full(self.dim, np.inf) if self.period is None else np.array(self.period, dtype=np.float64)
        return np.concatenate([period, np.full(len(self.parameter_names), np.inf)])

    def domain(self, margin: float = 0.0) -> Box:
        """The box that the points span; beyond it a surrogate knows nothing. Whole periods are given half a turn more.

        Args:
            margin: by how much of its width it is enlarged on every side.
        """
        lower, upper = self.x.min(axis=0), self.x.max(axis=0)
        room = margin * (upper - lower)
        periods = self.input_periods[: self.dim]
        periodic = np.isfinite(periods)
        middle = 0.5 * (lower + upper)
        lower = np.where(periodic, middle - np.where(periodic, periods, 0.0), lower - room)
        upper = np.where(periodic, middle + np.where(periodic, periods, 0.0), upper + room)
        upper = np.where(upper > lower, upper, lower + 1.0)  # a coordinate that never changes
        return Box(tuple(lower.tolist()), tuple(upper.tolist()))

    def rows(self, rows: IntArray) -> Self:
        """The data of these rows."""
        return dataclasses.replace(
            self, x=self.x[rows], energy=self.energy[rows],
            gradient=None if self.gradient is None else self.gradient[rows],
            parameters=None if self.parameters is None else self.parameters[rows],
        )  # fmt: skip

    def joined(self, other: TrainingData) -> Self:
        """These data and others of the same variables, such as new values of the true energy.

        Raises:
            ProblemError: the variables, parameters or periods differ.
        """
        for name in ("coordinates", "parameter_names", "period"):
            if getattr(self, name) != getattr(other, name):
                raise ProblemError(
                    f"{name} are {getattr(self, name)} and {getattr(other, name)}; join data of one kind"
                )
        gradient = None
        if self.gradient is not None or other.gradient is not None:
            gradient = np.concatenate(
                [np.full(part.x.shape, np.nan) if part.gradient is None else part.gradient for part in (self, other)]
            )
        parameters = None
        if self.parameters is not None and other.parameters is not None:
            parameters = np.concatenate([self.parameters, other.parameters])
        return dataclasses.replace(
            self, x=np.concatenate([self.x, other.x]), energy=np.concatenate([self.energy, other.energy]),
            gradient=gradient, parameters=parameters,
            source=self.source if self.source == other.source else f"{self.source}; {other.source}",
        )  # fmt: skip

    def digest(self) -> str:
        """Hex digest of the numbers."""
        return digest(self.x, self.energy, self.gradient, self.parameters, self.period)

    def as_dict(self) -> dict[str, Any]:
        """What the provenance keeps of the data."""
        gradients = 0 if self.gradient is None else int(np.isfinite(self.gradient[:, 0]).sum())
        return {
            "source": self.source, "digest": self.digest(), "n_points": len(self), "n_gradients": gradients,
            "energy_unit": self.energy_unit, "coordinate_unit": self.coordinate_unit,
            "energy_range": [float(self.energy.min()), float(self.energy.max())],
        }  # fmt: skip


def _array(name: str, values: Any, ndim: int) -> FloatArray:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ProblemError(f"{name} cannot be read as numbers ({error})") from error
    if array.ndim != ndim:
        shape = "(n,)" if ndim == 1 else "(n, columns)"
        raise ProblemError(f"{name} has shape {array.shape}; give an array of shape {shape}")
    return array


def sample(
    problem: Problem,
    n_points: int,
    *,
    lower: Any = None,
    upper: Any = None,
    seed: int = 0,
    noise: float = 0.0,
    noise_ratio: float = 1.0,
    gradient_ratio: float = 0.0,
    parameters: dict[str, float] | None = None,
) -> TrainingData:
    """Values of a known energy at points drawn uniformly from a box.

    Args:
        problem: the energy.
        n_points: how many.
        lower, upper: corners of the box; default the problem's domain, where that is a box.
        seed: of the points and of the noise; the points do not depend on the noise.
        noise: standard deviation of Gaussian noise on the energies, in their unit.
        noise_ratio: fraction of the energies that get noise (the noise ratio of the paper's Table 1).
        gradient_ratio: fraction of the points at which the gradient is known, too.
        parameters: values of the parameters that the problem was made with, for a surrogate that takes them as inputs.

    Raises:
        ProblemError: no box, or a fraction outside of [0, 1].
    """
    if lower is None or upper is None:
        if not isinstance(problem.domain, Box):
            raise ProblemError(f"{problem.name} has no box as domain; give lower= and upper=")
        lower, upper = problem.domain.lower, problem.domain.upper
    for name, ratio in (("noise_ratio", noise_ratio), ("gradient_ratio", gradient_ratio)):
        if not 0 <= ratio <= 1:
            raise ProblemError(f"{name} is {ratio}; give a fraction between 0 and 1")
    box = Box(*(tuple(np.broadcast_to(np.asarray(v, dtype=float), problem.dim).tolist()) for v in (lower, upper)))
    rng = np.random.default_rng([seed, 0])
    x = rng.uniform(box.lower, box.upper, (n_points, problem.dim))
    energy = np.array(problem.energy(x), dtype=np.float64)
    noisy = np.random.default_rng([seed, 1])
    rows = noisy.permutation(n_points)[: round(noise_ratio * n_points)]
    energy[rows] += noise * noisy.standard_normal(n_points)[: len(rows)]
    gradient = None
    if gradient_ratio:
        chosen = np.random.default_rng([seed, 2]).permutation(n_points)[: round(gradient_ratio * n_points)]
        gradient = np.full(x.shape, np.nan)
        gradient[chosen] = problem.gradient(x[chosen])
    values = parameters or {}
    return TrainingData(
        x, energy, gradient,
        parameters=np.tile(list(values.values()), (n_points, 1)) if values else None,
        parameter_names=tuple(values),
        source=f"{problem!r}, {n_points} points, seed {seed}, noise {noise:g} on {noise_ratio:g} of them",
    )  # fmt: skip


def sample_family(
    make: Callable[..., Problem],
    parameter: str,
    values: Sequence[float],
    n_points: int,
    *,
    seed: int = 0,
    **options: Any,
) -> TrainingData:
    """Values of a family of energies, the parameter an input of the surrogate (E_NN(x, alpha) of the paper).

    Args:
        make: makes the problem from the parameter as keyword.
        parameter: its name.
        values: its values.
        n_points: points for each value, drawn independently.
        seed: of the first value's points; the others count on from it.
        options: see `sample`.
    """
    parts = [
        sample(make(**{parameter: value}), n_points, seed=seed + i, parameters={parameter: float(value)}, **options)
        for i, value in enumerate(values)
    ]
    gradients = [part.gradient for part in parts if part.gradient is not None]
    return TrainingData(
        np.concatenate([part.x for part in parts]), np.concatenate([part.energy for part in parts]),
        np.concatenate(gradients) if gradients else None,
        parameters=np.concatenate([part.parameters for part in parts if part.parameters is not None]),
        parameter_names=(parameter,),
        source=f"{make.__name__}, {len(values)} values of {parameter} from {min(values):g} to {max(values):g}, "
        f"{n_points} points each, seed {seed}",
    )  # fmt: skip


def sample_system(
    system: str,
    points: int,
    *,
    lower: Any = None,
    upper: Any = None,
    seed: int = 0,
    noise: float = 0.0,
    noise_ratio: float = 1.0,
    gradient_ratio: float = 0.0,
    parameters: dict[str, Any] | None = None,
    family: str | None = None,
    values: Sequence[float] = (),
) -> TrainingData:
    """Values of a named system, or of a family of them.

    Args:
        system: its name. points: how many, for each value of the family's parameter.
        lower, upper, seed, noise, noise_ratio, gradient_ratio: see `sample`.
        parameters: of the system.
        family: parameter that becomes an input of the surrogate. values: of it.

    Raises:
        ProblemError: no such system or parameter; see `sample`.
    """
    from landscape_dist.problems import systems

    options: dict[str, Any] = {
        "lower": lower, "upper": upper, "noise": noise, "noise_ratio": noise_ratio, "gradient_ratio": gradient_ratio,
    }  # fmt: skip
    if (family is None) != (not len(values)):
        raise ProblemError(f"family is {family!r} and values are {list(values)}; give both, or neither")
    if family is None:
        return sample(systems.get(system, **(parameters or {})), points, seed=seed, **options)

    def make(**changed: float) -> Problem:
        return systems.get(system, **(parameters or {}) | changed)

    make.__name__ = system
    return sample_family(make, family, values, points, seed=seed, **options)
