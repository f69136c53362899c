"""What a surrogate sees of a point: standardised coordinates, cosine and sine of the periodic ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.records import Array, FloatArray


@dataclass(frozen=True)
class Features:
    """Feature map a(u) of inputs u = (x, parameters), with its first and second derivatives.

    An input that is not periodic gives one feature, (u - shift) / scale; one with period P gives cos(2 pi k u / P) and
    sin(2 pi k u / P) for k = 1..harmonics, so that whatever is built on them has the period, derivatives included.
    The order is: all standardised inputs, all cosines, all sines.

    Attributes:
        shift, scale: (m,) one number an input, in its unit; without meaning for periodic ones.
        period: (m,) in the input's unit; inf where not periodic.
        harmonics: waves of each periodic input.
    """

    shift: tuple[float, ...]
    scale: tuple[float, ...]
    period: tuple[float, ...]
    harmonics: int = 1

    def __post_init__(self) -> None:
        if not len(self.shift) == len(self.scale) == len(self.period) > 0:
            raise ProblemError(
                f"features have {len(self.shift)} shifts, {len(self.scale)} scales and {len(self.period)} periods; "
                "give one of each an input"
            )
        if not all(math.isfinite(value) for value in self.shift):
            raise ProblemError(f"shift is {self.shift}; give finite numbers")
        for name, values in (("scale", self.scale), ("period", self.period)):
            if not all(value > 0 for value in values) or (name == "scale" and not all(map(math.isfinite, values))):
                raise ProblemError(f"{name} is {values}; give positive numbers")
        if self.harmonics < 1:
            raise ProblemError(f"harmonics is {self.harmonics}; give a whole number of at least 1")

    @classmethod
    def standardising(cls, U: FloatArray, period: FloatArray, harmonics: int = 1) -> Features:
        """Shift and scale that give the rows of U (n, m) mean 0 and standard deviation 1."""
        spread = U.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)  # an input that never changes
        scale = np.where(np.isfinite(period), period / (2 * np.pi), scale)
        shift = np.where(np.isfinite(period), 0.0, U.mean(axis=0))
        return cls(tuple(shift.tolist()), tuple(scale.tolist()), tuple(period.tolist()), harmonics)

    @property
    def n_inputs(self) -> int:
        return len(self.shift)

    @property
    def n_features(self) -> int:
        return len(self.owner)

    @cached_property
    def owner(self) -> tuple[int, ...]:
        """(f,) the input that each feature depends on."""
        waves = [i for i in self._periodic for _ in range(self.harmonics)]
        return (*self._linear, *waves, *waves)

    @cached_property
    def _linear(self) -> list[int]:
        return [i for i, period in enumerate(self.period) if math.isinf(period)]

    @cached_property
    def _periodic(self) -> list[int]:
        return [i for i, period in enumerate(self.period) if not math.isinf(period)]

    def membership(self, n_variables: int) -> FloatArray:
        """(f, d) 1 where the feature depends on that variable, of the first `n_variables` inputs."""
        return (np.array(self.owner)[:, None] == np.arange(n_variables)).astype(np.float64)

    def __call__(self, U: Array, xp: Any = np) -> Array:
        """(n, m) -> (n, f)."""
        return self.with_derivatives(U, xp)[0]

    def with_derivatives(self, U: Array, xp: Any = np) -> tuple[Array, Array, Array]:
        """(n, m) -> features, and their first and second derivatives by their own input, (n, f) each."""
        parts: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
        if self._linear:
            shift, scale = (self._constant(values, self._linear, U, xp) for values in (self.shift, self.scale))
            columns = U[:, self._linear]
            parts[0].append((columns - shift) / scale)
            parts[1].append(xp.zeros_like(columns) + 1.0 / scale)
            parts[2].append(xp.zeros_like(columns))
        if self._periodic:
            owner = [i for i in self._periodic for _ in range(self.harmonics)]
            waves = [2 * math.pi * (k + 1) / self.period[i] for i in self._periodic for k in range(self.harmonics)]
            frequency = self._constant(waves, range(len(waves)), U, xp)
            angle = U[:, owner] * frequency
            cosine, sine = xp.cos(angle), xp.sin(angle)
            parts[0].extend((cosine, sine))
            parts[1].extend((-frequency * sine, frequency * cosine))
            parts[2].extend((-frequency * frequency * cosine, -frequency * frequency * sine))
        a, first, second = (xp.concat(part, axis=1) if len(part) > 1 else part[0] for part in parts)
        return a, first, second

    @staticmethod
    def _constant(values: Sequence[float], rows: Iterable[int], U: Array, xp: Any) -> Array:
        chosen = np.array([values[i] for i in rows])
        return chosen if xp is np else xp.asarray(chosen, dtype=U.dtype, device=U.device)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form; `from_dict` reads it. None stands for no period."""
        return {
            "shift": list(self.shift),
            "scale": list(self.scale),
            "period": [None if math.isinf(period) else period for period in self.period],
            "harmonics": self.harmonics,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Features:
        """Read the form of `as_dict`.

        Raises:
            ProblemError: it is not of that form.
        """
        try:
            period = tuple(math.inf if value is None else float(value) for value in data["period"])
            shift, scale = (tuple(float(value) for value in data[name]) for name in ("shift", "scale"))
            return cls(shift, scale, period, int(data["harmonics"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ProblemError(f"features are {str(data)[:200]}, which cannot be read ({error})") from error
