"""SameJudgement up to translations of a periodic grid, its mirror images and the sign."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.spaces.group import Map
from landscape_dist.spaces.judgement import positive
from landscape_dist.spaces.shifts import Shifts
from landscape_dist.spaces.symmetry import UpTo

# A root-mean-square difference of fields up to which they are the same, by default.
SAME_RMS = 1e-3


class Translations(UpTo):
    """Fields on a periodic grid are equal when some translation of one is within `atol` of the other (2-norm).

    All translations at once by FFT cross-correlation, on grids of one, two or three dimensions.

    Args:
        shape: of the grid; a point is the field in C order.
        atol: default `SAME_RMS` times the root of the number of grid points.
        subgrid: whether translations by parts of a grid spacing count, too (of the trigonometric interpolant). The
            solutions of a discretised equation need it: each has a continuous family of translates.
        sign: whether -u equals u.
        mirrors: whether mirror images and, where sides are equal, exchanges of axes are equal: on a square grid, all
            eight symmetries of the square.
    """

    def __init__(
        self,
        shape: Sequence[int] | int,
        atol: float | None = None,
        *,
        subgrid: bool = True,
        sign: bool = False,
        mirrors: bool = False,
    ) -> None:
        sizes = tuple(np.atleast_1d(np.asarray(shape, dtype=object)).tolist())
        whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 1 for n in sizes)
        if not whole or not 1 <= len(sizes) <= 3:
            raise SettingsError(
                f"shape is {shape!r}; give the sizes of a grid of one, two or three dimensions, whole numbers"
            )
        sizes = tuple(map(int, sizes))
        for name, value in (("subgrid", subgrid), ("sign", sign), ("mirrors", mirrors)):
            if not isinstance(value, bool | np.bool_):
                raise SettingsError(f"{name} is {value!r}; give True or False")
        d = math.prod(sizes)
        tolerance = SAME_RMS * math.sqrt(d) if atol is None else positive("atol", atol)
        self.shape, self.sign, self.mirrors = sizes, sign, mirrors
        maps = _mirrors(sizes) if mirrors else {}
        if sign:
            maps |= {f"minus {name}": _negated(transform) for name, transform in maps.items()}
            maps["minus"] = np.negative
        super().__init__(Shifts(sizes, tolerance, subgrid), maps)

    def as_dict(self) -> dict[str, Any]:
        return self.inner.as_dict() | {"sign": self.sign, "mirrors": self.mirrors}


def _negated(transform: Map) -> Map:
    return lambda X: -transform(X)


def _mirrors(shape: tuple[int, ...]) -> dict[str, Map]:
    """Reflections and exchanges of axes of equal length, the identity left out."""
    axes = range(len(shape))
    out: dict[str, Map] = {}
    for order in itertools.permutations(axes):
        if tuple(shape[a] for a in order) != shape:
            continue
        for flips in itertools.product((False, True), repeat=len(shape)):
            if order == tuple(axes) and not any(flips):
                continue
            name = "".join(("-" if flip else "") + "xyz"[a] for a, flip in zip(order, flips, strict=True))
            out[name] = _mirror(shape, order, flips)
    return out


def _mirror(shape: tuple[int, ...], order: tuple[int, ...], flips: tuple[bool, ...]) -> Map:
    where = np.arange(math.prod(shape)).reshape(shape).transpose(order)
    where = np.flip(where, tuple(axis for axis, flip in enumerate(flips) if flip)).ravel()
    return lambda X: X[:, where]
