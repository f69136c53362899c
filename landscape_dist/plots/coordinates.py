"""The coordinates of a landscape, as pictures need them: their names and units, and the cell that one period fills."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.records import FloatArray
from landscape_dist.spaces.default_judgement import space_of_store
from landscape_dist.spaces.flat import Torus

EDGE = 1e-6
"""Points this close to the upper edge of a cell, in periods, are drawn at the lower one, all of them."""


# -- names ------------------------------------------------------------------------------------------------------
def axis_names(landscape: LandscapeLike) -> list[str]:
    """d names for axes, with the unit where it is known: 'phi in degrees', or x_1 where they have none."""
    dim, unit = landscape.header["problem"]["dim"], _definition(landscape).get("coordinate_unit")
    names = getattr(landscape.problem, "coordinates", None) or _definition(landscape).get("coordinates")
    if not isinstance(names, list | tuple) or len(names) != dim:
        names = [f"x{i + 1}" for i in range(dim)]
    return [_with_unit(_typeset(str(name)), unit) for name in names]


def numbered_name(number: int) -> str:
    """x_1 and so on, as Matplotlib's mathtext."""
    return f"$x_{number}$" if number < 10 else f"$x_{{{number}}}$"


def energy_name(landscape: LandscapeLike) -> str:
    """'energy', with the unit where it is known."""
    return _with_unit("energy", _definition(landscape).get("energy_unit"))


def _definition(landscape: LandscapeLike) -> dict[str, Any]:
    definition = landscape.header["problem"].get("definition")
    return definition if isinstance(definition, dict) else {}


def _typeset(name: str) -> str:
    numbered = re.fullmatch(r"x(\d+)", name)
    return numbered_name(int(numbered[1])) if numbered else _escaped(name)


def _with_unit(name: str, unit: Any) -> str:
    return f"{name} in {_escaped(unit)}" if isinstance(unit, str) and unit else name


def _escaped(text: str) -> str:
    return text.replace("$", r"\$")


# -- periods ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Cell:
    """The part of a plane that one period of each axis fills; the whole plane where neither is periodic.

    Attributes:
        period: (2,) in the axes' units, inf where not periodic.
        low: (2,) lower edges; without meaning where not periodic.
    """

    period: FloatArray
    low: FloatArray

    @property
    def periodic(self) -> Any:
        """(2,) whether the axis is."""
        return np.isfinite(self.period)

    @property
    def is_plane(self) -> bool:
        """Whether neither axis is periodic."""
        return not self.periodic.any()

    def starting_at(self, corner: FloatArray) -> Cell:
        """The cell with this lower corner (2,)."""
        return Cell(self.period, corner)

    def filled(self, corners: FloatArray) -> FloatArray:
        """(2, 2) -> (2, 2): the corners of a window, moved to the edges of the cell along periodic axes."""
        return np.where(self.periodic, np.stack((self.low, self.low + self._finite)), corners)

    def wrapped(self, where: FloatArray) -> FloatArray:
        """(n, 2) -> (n, 2): the images in this cell."""
        if self.is_plane:
            return where
        turned = np.maximum(np.mod((where - self.low) / self._finite + EDGE, 1.0) - EDGE, 0.0)
        return np.where(self.periodic, self.low + turned * self._finite, where)

    def nearest(self, where: FloatArray, to: FloatArray) -> FloatArray:
        """(n, 2), (n, 2) -> (n, 2): the images of points that are nearest to others."""
        return to - self.apart(to - where)

    def apart(self, gap: FloatArray) -> FloatArray:
        """(n, 2) -> (n, 2): differences between points, modulo the periods."""
        return np.asarray(self._space.log(np.zeros(2), gap))

    def copies(self, curve: FloatArray, corners: FloatArray) -> list[FloatArray]:
        """The images of a curve (m, 2) that are seen between two corners (2, 2); those of the plane are itself."""
        if self.is_plane:
            return [curve]
        # From the cells that it visits: a search may go far, and most cells that its extent spans it never sees.
        cells = np.floor((curve[np.isfinite(curve).all(axis=1)] - corners[0]) / self._finite + EDGE)
        cells = np.unique(np.where(self.periodic, cells, 0.0), axis=0)
        turns = np.unique((self.turns(corners)[:, None] - cells).reshape(-1, 2), axis=0)
        images = [curve + turn * self._finite for turn in turns]
        return [image for image in images if _is_seen(image, corners)]

    def turns(self, corners: FloatArray) -> FloatArray:
        """(t, 2) whole periods by which this cell is moved to fill a window (2, 2) that begins where it does."""
        cells = np.where(self.periodic, np.ceil((corners[1] - corners[0]) / self._finite - EDGE), 1.0)
        return np.array(list(itertools.product(*(range(int(n)) for n in cells))), dtype=np.float64)

    def repeated(self, where: FloatArray, corners: FloatArray) -> FloatArray:
        """(n, 2) -> (t n, 2): points of this cell, and all of them again in each other one that such a window shows."""
        return (where + self.turns(corners)[:, None] * self._finite).reshape(-1, 2)

    @cached_property
    def _space(self) -> Torus:
        return Torus(self.period)

    @property
    def _finite(self) -> FloatArray:
        return np.where(self.periodic, self.period, 1.0)


def cell_of(landscape: LandscapeLike, columns: Sequence[int] | None) -> Cell:
    """The cell of a landscape whose points are the same modulo periods.

    It is -P/2 to P/2, or 0 to P where the first start lies in the upper half of that.

    Args:
        columns: the two coordinates that are drawn, or one against an energy; None for other projections, which have
            no cell.
    """
    space = None
    if columns is not None and landscape.header.get("same"):
        with suppress(SettingsError):  # a space that is not known here has no cell
            space = space_of_store(landscape.header)
    if columns is None or not isinstance(space, Torus):
        return Cell(np.full(2, np.inf), np.zeros(2))
    period, start, n = np.full(2, np.inf), np.zeros(2), len(columns)
    period[:n] = space.periods[list(columns)]
    start[:n] = np.asarray(landscape.header["start"][0], dtype=np.float64)[list(columns)]
    finite = np.where(np.isfinite(period), period, 0.0)
    return Cell(period, np.where((start > finite / 2) & (start <= finite), 0.0, -finite / 2))


def _is_seen(curve: FloatArray, corners: FloatArray) -> bool:
    """Whether more than an end of a curve lies between two corners, the lower edges included."""
    margin = EDGE * (corners[1] - corners[0])
    inside = ((curve > corners[0] - margin) & (curve < corners[1] - margin)).all(axis=1)
    return bool(inside[1:-1].any() if len(curve) > 2 else inside.any())
