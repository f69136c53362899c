"""Flat spaces: R^d, and products of circles and lines."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import comb
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray
from landscape_dist.spaces.space import Space, fixed_direction

MOST_IMAGES = 8
"""Images of a point that a search can be aimed at: on a torus of two dimensions, all around another point but the
farthest; slots of searches have room for so many."""
EASIEST = 3
"""Periodic coordinates, the easiest to go the other way round, in which these images differ from the nearest one."""


class Flat(Space):
    """A space in whose coordinates steps add up and nothing is curved; none of this costs anything."""

    flat = True

    def retract(self, X: Any, V: Any) -> Any:
        return X + V

    def normal(self, X: Any) -> Any:
        return X[:, :, None][:, :, :0]

    def projection(self, X: Any, V: Any) -> Any:
        return V

    def transport(self, X: Any, Y: Any, V: Any) -> Any:
        return V

    def hessian_product(self, X: Any, g: Any, V: Any, HV: Any) -> Any:
        return HV

    def hessian(self, X: Any, g: Any, H: Any) -> Any:
        return H

    def towards(self, X: Any, Y: Any) -> Any:
        return Y - X


class Euclidean(Flat):
    """R^d.  Its Betti numbers are those of a ball, which the sublevel sets of a growing energy come to.

    Args:
        dim: number of coordinates.
    """

    kind = "euclidean"

    def __init__(self, dim: int) -> None:
        self.dim = self.n_variables = int(dim)

    @property
    def betti(self) -> tuple[int, ...]:  # type: ignore[override]
        return (1,) + (0,) * self.dim

    def log(self, X: Any, Y: Any) -> Any:
        return Y - X

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "dim": self.dim}


class Torus(Flat):
    """A product of circles and lines: coordinates modulo their periods.

    Args:
        periods: (d,) positive; inf (or None) for a coordinate that is not periodic.
    """

    kind = "torus"

    def __init__(self, periods: Any) -> None:
        given = [np.inf if p is None else p for p in periods] if isinstance(periods, list | tuple) else periods
        self.periods = np.array(given, dtype=np.float64)
        if self.periods.ndim != 1 or not (self.periods > 0).all():
            raise SettingsError(f"periods are {periods!r}; give a positive number for each coordinate")
        self.dim = self.n_variables = len(self.periods)
        self.periodic = np.isfinite(self.periods)
        self._turn = np.where(self.periodic, self.periods, 1.0)
        self._all_periodic = bool(self.periodic.all())
        self.compact = self._all_periodic
        n = int(self.periodic.sum())
        self.n_images = min(3**n, MOST_IMAGES)
        # A circle has b = (1, 1) and a line (1, 0); products multiply (Kuenneth).
        self.betti = tuple(comb(n, k) for k in range(self.dim + 1))

    def log(self, X: Any, Y: Any) -> Any:
        D = Y - X
        if isinstance(D, np.ndarray):
            turns = self._turn * np.round(D / self._turn)
            return D - (turns if self._all_periodic else np.where(self.periodic, turns, 0.0))
        from array_api_compat import array_namespace, device

        xp = array_namespace(D)
        turn, periodic = (xp.asarray(a, device=device(D)) for a in (self._turn, self.periodic))
        turn = xp.astype(turn, D.dtype)
        return D - xp.where(periodic, turn * xp.round(D / turn), xp.zeros_like(D))

    def image(self, X: Any, Y: Any, rank: Any) -> Any:
        nearest = self.log(X, Y)
        size = min(int(self.periodic.sum()), EASIEST)
        far = np.where(self.periodic, np.abs(nearest) / self._turn, -1.0)
        easiest = np.argsort(-far, axis=1, kind="stable")[:, :size]
        ways = np.array(list(product((0.0, -1.0, 1.0), repeat=size)))
        offset = np.take_along_axis(nearest, easiest, axis=1)
        turn = np.copysign(self._turn[easiest], offset)
        squares = ((offset[:, None] + ways * turn[:, None]) ** 2).sum(axis=2)
        chosen = np.take_along_axis(np.argsort(squares, axis=1, kind="stable"), rank[:, None], axis=1)[:, 0]
        turns = np.zeros_like(nearest)
        np.put_along_axis(turns, easiest, ways[chosen] * turn, axis=1)
        return X + nearest + turns

    def fingerprint(self, X: FloatArray) -> FloatArray:
        # Phases without symmetry, so that mirror images do not share a fingerprint.
        radius = self._turn / (2 * np.pi)
        waves = radius * np.cos(X / radius + np.arange(1.0, self.dim + 1.0))
        return np.asarray((np.where(self.periodic, waves, X) @ fixed_direction(self.dim))[:, None])

    def lengths(self, X: FloatArray) -> FloatArray:
        return np.where(self.periodic, self.periods / 2, np.abs(X))

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "periods": [float(p) if np.isfinite(p) else None for p in self.periods]}


def space_with(periods: Any, dim: int) -> Space:
    """The flat space of so many coordinates with these periods: one number, or one for each; None where none is
    periodic.

    Raises:
        SettingsError: periods are not positive, or not one or `dim` of them.
    """
    if periods is None:
        return Euclidean(dim)
    given = np.asarray(periods, dtype=np.float64)
    return _periodic(given.shape, given.tobytes(), dim)


@lru_cache(maxsize=64)
def _periodic(shape: tuple[int, ...], content: bytes, dim: int) -> Space:
    """As `space_with`; kept, because a problem is asked for its space at every step of a search."""
    periods = np.frombuffer(content).reshape(shape)
    if periods.ndim > 1 or not (periods > 0).all():
        raise SettingsError(f"period is {periods.tolist()}; give a positive number, or one for each coordinate")
    if periods.ndim == 1 and len(periods) != dim:
        raise SettingsError(f"period has {len(periods)} entries for {dim} variables; give one number or {dim}")
    return Torus(np.broadcast_to(periods, dim)) if np.isfinite(periods).any() else Euclidean(dim)
