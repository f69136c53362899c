"""SameJudgement up to symmetries: periodic coordinates, sign flips, permutations, finite groups of maps.

Each measures the least 2-norm between one point and the images of the other, and each fingerprint is invariant and
changes by no more than that distance, so the hash index loses nothing.  Translations of grids are in
`landscape_dist.spaces.translations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray
from landscape_dist.spaces.coordinate_groups import PermutationGroup, SignFlipGroup
from landscape_dist.spaces.flat import Torus
from landscape_dist.spaces.group import Map, orbits_by_fixing
from landscape_dist.spaces.judgement import SameJudgement, SameOrbit
from landscape_dist.spaces.space import Space


class PeriodicCoordinates(SameOrbit):
    """Equal when the 2-norm of the difference, modulo the periods, is at most `atol` (a torus).

    Args:
        period: a number, or d of them; inf for a coordinate that is not periodic.
        atol: in the coordinates' unit.
    """

    def __init__(self, period: Any, atol: float) -> None:
        super().__init__(atol)
        self.period = np.asarray(period, dtype=float)
        if self.period.ndim > 1 or not (self.period > 0).all():
            raise SettingsError(f"period is {period!r}; give a positive number, or one for each coordinate")

    def check(self, dim: int) -> None:
        if self.period.ndim and len(self.period) != dim:
            raise SettingsError(f"period has {len(self.period)} entries for {dim} variables; give one number or {dim}")

    def space(self, dim: int) -> Space:
        if self._space is None or self._space.n_variables != dim:
            self._space = Torus(np.broadcast_to(self.period, dim))
        return self._space

    def as_dict(self) -> dict[str, Any]:
        periods = [float(p) if np.isfinite(p) else None for p in np.atleast_1d(self.period)]
        return {"kind": "periodic_coordinates", "period": periods, "atol": self.atol}


class SignFlips(SameOrbit):
    """Equal when the 2-norm of the difference is at most `atol` for some choice of signs.

    Args:
        atol: in the coordinates' unit.
        groups: lists of coordinates; those in a list flip together, each list on its own. None: all flip together.
    """

    def __init__(self, atol: float, groups: Sequence[Sequence[int]] | None = None) -> None:
        signs = SignFlipGroup(groups)
        super().__init__(atol, group=signs)
        self.groups = signs.groups

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "sign_flips", "atol": self.atol, "groups": self.groups}


class Permutations(SameOrbit):
    """Equal when the 2-norm of the difference is at most `atol` for some order of equivalent coordinates.

    Args:
        groups: lists of things that are equivalent: coordinates, or blocks of coordinates (the three of an atom).
            `[[0, 1, 2]]` says that three coordinates may be permuted, `[[(0, 1), (2, 3)]]` that two particles in the
            plane may be.
        atol: in the coordinates' unit.
    """

    def __init__(self, groups: Sequence[Sequence[int | Sequence[int]]], atol: float) -> None:
        orders = PermutationGroup(groups)
        super().__init__(atol, group=orders)
        self.groups = orders.groups

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "permutations", "atol": self.atol, "groups": [g.tolist() for g in self.groups]}


class UpTo(SameJudgement):
    """Equal when one point and some image of the other are the same for another judgement.

    Composes: `UpTo(PeriodicCoordinates(1.0, 1e-4), {"mirror": lambda X: -X})`.

    Args:
        inner: the other judgement.
        maps: by name, maps of points (n, d) -> (n, d) that keep distances and that, with the identity, are a group.
    """

    def __init__(self, inner: SameJudgement, maps: dict[str, Map]) -> None:
        self.inner = inner
        self.maps = dict(maps)
        self.fingerprint_atol = inner.fingerprint_atol

    def check(self, dim: int) -> None:
        self.inner.check(dim)

    def space(self, dim: int) -> Space | None:
        return self.inner.space(dim)

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        out = self.inner.same(x, X)
        for transform in self.maps.values():
            left = np.flatnonzero(~out)
            if not len(left):
                break
            out[left] = self.inner.same(x[left], transform(X[left]))
        return out

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        # The largest over the images, column by column: no map of the group changes it.
        largest = self.inner.fingerprint(X, energy)
        for transform in self.maps.values():
            largest = np.maximum(largest, self.inner.fingerprint(transform(X), energy))
        return largest

    def orbit_size(self, X: FloatArray) -> NDArray[Any] | None:
        inner = self.inner.orbit_size(X)
        if inner is None or np.any(inner != 1):  # how maps and images of the other judgement mix is not known
            return None
        return orbits_by_fixing(list(self.maps.values()), X, self.inner.same)

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "up_to", "inner": self.inner.as_dict(), "maps": sorted(self.maps)}
