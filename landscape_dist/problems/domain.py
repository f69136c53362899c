"""Where a search may go: box, ball or everywhere."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.records import FloatArray


class Domain(abc.ABC):
    """A region of R^d in which stationary points are looked for; paths may stray a little beyond it."""

    @abc.abstractmethod
    def contains(self, X: Any, xp: Any = np, margin: float = 0.0) -> Any:
        """(n, d) -> (n,) bool; `margin` enlarges the region by that multiple of its width on every side."""

    @abc.abstractmethod
    def check(self, dim: int) -> None:
        """Raise `ProblemError` if this domain does not fit `dim` variables."""

    @abc.abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form; `domain_from_dict` reads it."""

    def clipped(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The box from `lower` to `upper` (d,), without what of it is outside for sure."""
        return lower, upper


@dataclass(frozen=True)
class Unbounded(Domain):
    """All of R^d."""

    def contains(self, X: Any, xp: Any = np, margin: float = 0.0) -> Any:
        return xp.ones(X.shape[0], dtype=xp.bool)

    def check(self, dim: int) -> None:
        return None

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "unbounded"}


@dataclass(frozen=True)
class Box(Domain):
    """lower_i <= x_i <= upper_i; numbers stand for all coordinates."""

    lower: tuple[float, ...] | float
    upper: tuple[float, ...] | float

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            value = np.asarray(getattr(self, name), dtype=float)
            if value.ndim > 1:
                raise ProblemError(
                    f"domain box: {name} has shape {value.shape}; give one number or a list of d numbers"
                )
            if not np.isfinite(value).all():
                raise ProblemError(
                    f"domain box: {name} is {getattr(self, name)!r}; give finite numbers, or no domain for everywhere"
                )
            object.__setattr__(self, name, float(value) if value.ndim == 0 else tuple(value.tolist()))
        if not np.all(np.asarray(self.lower) < np.asarray(self.upper)):
            raise ProblemError(f"domain box: lower {self.lower} is not below upper {self.upper} in every coordinate")

    def contains(self, X: Any, xp: Any = np, margin: float = 0.0) -> Any:
        lower, upper = (_like(bound, X, xp) for bound in _bounds(self, margin))
        return ((lower <= X) & (upper >= X)).all(axis=-1)

    def check(self, dim: int) -> None:
        for name in ("lower", "upper"):
            value = np.asarray(getattr(self, name))
            if value.ndim == 1 and len(value) != dim:
                raise ProblemError(
                    f"domain box: {name} has {len(value)} entries for {dim} variables; give one number or {dim}"
                )

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "box", "lower": self.lower, "upper": self.upper}

    def clipped(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.maximum(lower, self.lower), np.minimum(upper, self.upper)


@lru_cache(maxsize=64)
def _bounds(box: Box, margin: float) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bounds, () or (d,), of a box enlarged by `margin` of its widths."""
    lower, upper = np.asarray(box.lower, dtype=np.float64), np.asarray(box.upper, dtype=np.float64)
    room = margin * (upper - lower)
    return lower - room, upper + room


def _like(bound: FloatArray, X: Any, xp: Any) -> Any:
    """A bound to compare X with; single numbers need no copy to the device at each step of the solver."""
    if xp is np:
        return bound
    return float(bound) if bound.ndim == 0 else xp.asarray(bound, dtype=X.dtype, device=X.device)


@dataclass(frozen=True)
class Ball(Domain):
    """|x - center| <= radius in the 2-norm; center 0.0 stands for the origin."""

    radius: float
    center: tuple[float, ...] | float = 0.0

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise ProblemError(f"domain ball: radius is {self.radius}; give a positive number")
        value = np.asarray(self.center, dtype=float)
        object.__setattr__(self, "center", float(value) if value.ndim == 0 else tuple(value.tolist()))

    def contains(self, X: Any, xp: Any = np, margin: float = 0.0) -> Any:
        center = xp.asarray(self.center, dtype=X.dtype)
        return xp.sum((X - center) ** 2, axis=-1) <= (self.radius * (1 + 2 * margin)) ** 2

    def check(self, dim: int) -> None:
        value = np.asarray(self.center)
        if value.ndim == 1 and len(value) != dim:
            raise ProblemError(
                f"domain ball: center has {len(value)} entries for {dim} variables; give one number or {dim}"
            )

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "ball", "radius": self.radius, "center": self.center}

    def clipped(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        center = np.asarray(self.center, dtype=np.float64)
        return np.maximum(lower, center - self.radius), np.minimum(upper, center + self.radius)


DOMAINS: dict[str, type[Domain]] = {"box": Box, "ball": Ball, "unbounded": Unbounded}


def domain_from_dict(data: dict[str, Any] | Domain | None) -> Domain:
    """Read the form of `Domain.as_dict`; None is everywhere."""
    if data is None:
        return Unbounded()
    if isinstance(data, Domain):
        return data
    kind = data.get("kind")
    rest = {k: v for k, v in data.items() if k != "kind"}
    if kind not in DOMAINS:
        raise ProblemError(f"domain kind {kind!r} is not known; use one of {', '.join(DOMAINS)}")
    return DOMAINS[kind](**rest)


class HasDomain(Protocol):
    """What says where searches may go."""

    domain: Domain


class Viewed(Protocol):
    """A problem seen in other coordinates.

    Attributes:
        original: the one that has the domain. xp: array namespace of both.
    """

    @property
    def original(self) -> HasDomain: ...

    @property
    def xp(self) -> Any: ...

    def to_original(self, Y: Any) -> Any:
        """(n, d) y -> (n, d) x."""


@dataclass
class Image(Domain):
    """A domain in other coordinates.

    Attributes:
        problem: in these.
    """

    problem: Viewed

    def contains(self, X: Any, xp: Any = np, margin: float = 0.0) -> Any:
        """The same as for the points in the original coordinates."""
        return self.problem.original.domain.contains(self.problem.to_original(X), self.problem.xp, margin)

    def check(self, dim: int) -> None:
        """The same as for the original."""
        self.problem.original.domain.check(dim)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, of the original."""
        return dict(self.problem.original.domain.as_dict())
