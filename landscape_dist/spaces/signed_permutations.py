"""SameJudgement up to sign flips and permutations of coordinates in any combination, on a torus or not."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray
from landscape_dist.spaces.coordinate_groups import PermutationGroup, SignFlipGroup
from landscape_dist.spaces.group import Map
from landscape_dist.spaces.symmetry import PeriodicCoordinates, UpTo

# Each map of the group is tried in turn.
MOST_MAPS = 1000

# Where each of the moved coordinates comes from, and its sign.
_Element = tuple[tuple[int, ...], tuple[int, ...]]


class SignedPermutations(UpTo):
    """Equal when the 2-norm of the difference is at most `atol` for some choice of signs and order of coordinates.

    The maps are the group that the sign flips and the permutations generate, so the two may overlap: flips of single
    coordinates and their permutations together are all symmetries of a cube.

    Args:
        atol: in the coordinates' unit.
        sign_flips: as `groups` of `SignFlips`; None for none.
        permutations: as `groups` of `Permutations`; None for none.
        period: as in `PeriodicCoordinates`, one number or the same for coordinates that are exchanged; default inf.
    """

    def __init__(
        self,
        atol: float,
        *,
        sign_flips: Sequence[Sequence[int]] | None = None,
        permutations: Sequence[Sequence[int | Sequence[int]]] | None = None,
        period: Any = np.inf,
    ) -> None:
        self.sign_flips = [] if sign_flips is None else SignFlipGroup(sign_flips).groups or []
        blocks = [] if permutations is None else PermutationGroup(permutations).groups
        self.permutations: list[Any] = [g.tolist() for g in blocks]
        if not self.sign_flips and not self.permutations:
            raise SettingsError("signed permutations have no sign_flips and no permutations; give one of them or both")
        moved = np.unique([*(i for g in self.sign_flips for i in g), *(i for g in blocks for i in g.ravel())])
        elements = _generated(moved.tolist(), self.sign_flips, self.permutations)
        torus = PeriodicCoordinates(period, atol)
        self._moved = moved
        if torus.period.ndim:
            self._check_period(torus.period, elements)
        names = {" ".join(f"{'-' * (s < 0)}{moved[p]}" for p, s in zip(*e, strict=True)): e for e in elements}
        super().__init__(torus, {name: _mapped(moved, e) for name, e in names.items()})

    def check(self, dim: int) -> None:
        super().check(dim)
        wrong = [int(i) for i in self._moved if not -1 < i < dim]
        if wrong:
            raise SettingsError(
                f"signed permutations: there is no coordinate {wrong[0]} in {dim} variables; count from 0"
            )

    def _check_period(self, period: FloatArray, elements: list[_Element]) -> None:
        there = self._moved[self._moved < len(period)]  # that others are there is for `check`
        place = {int(i): j for j, i in enumerate(self._moved)}
        for source, _ in elements:
            for i in there:
                origin = self._moved[source[place[int(i)]]]
                if origin < len(period) and period[origin] != period[i]:
                    raise SettingsError(
                        f"signed permutations exchange coordinates {min(i, origin)} and {max(i, origin)} with periods "
                        f"{period[min(i, origin)]:g} and {period[max(i, origin)]:g}; give both the same period"
                    )

    def as_dict(self) -> dict[str, Any]:
        torus = self.inner.as_dict()
        return torus | {
            "kind": "signed_permutations",
            "sign_flips": self.sign_flips,
            "permutations": self.permutations,
        }


def _generated(moved: list[int], sign_flips: list[list[int]], permutations: list[Any]) -> list[_Element]:
    """All products of the flips and of exchanges of two blocks, but the identity."""
    place = {i: j for j, i in enumerate(moved)}
    one: _Element = (tuple(range(len(moved))), (1,) * len(moved))
    generators: list[_Element] = [(one[0], tuple(-1 if i in g else 1 for i in moved)) for g in map(set, sign_flips)]
    for group in permutations:
        for a, b in itertools.pairwise(group):
            source = list(one[0])
            for i, j in zip(a, b, strict=True):
                source[place[i]], source[place[j]] = place[j], place[i]
            generators.append((tuple(source), one[1]))
    found, fresh = {one}, [one]
    while fresh:
        products = {_product(g, e) for g in generators for e in fresh}
        fresh = sorted(products - found)
        found |= products
        if len(found) > MOST_MAPS:
            raise SettingsError(
                f"sign_flips and permutations generate more than {MOST_MAPS} maps; give fewer, or only one of them: "
                "SignFlips and Permutations need not try all"
            )
    return sorted(found - {one})


def _product(g: _Element, e: _Element) -> _Element:
    """First e, then g."""
    return tuple(e[0][p] for p in g[0]), tuple(s * e[1][p] for p, s in zip(*g, strict=True))


def _mapped(moved: Any, element: _Element) -> Map:
    source, sign = moved[list(element[0])], np.array(element[1], dtype=float)

    def transform(X: FloatArray) -> FloatArray:
        image = X.copy()
        image[:, moved] = sign * X[:, source]
        return image

    return transform
