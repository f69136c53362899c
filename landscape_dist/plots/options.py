"""What a picture can be asked for: one class for each kind, checked when made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.plots.contours import GRID
from landscape_dist.records import FloatArray


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """Options of every kind of picture.

    Attributes:
        labels: whether points carry their ids; default up to 40 points.
        title: default the problem's name and the counts; '' for none.
        size: (width, height) in inches.
        path_style: over the defaults of the arrows and paths: color, linewidth, linestyle, alpha, label.
        point_styles: for each index from 0, over the defaults of `Axes.scatter`: marker, color, s, label, edgecolors...
    """

    labels: bool | None = None
    title: str | None = None
    size: tuple[float, float] | None = None
    path_style: Mapping[str, Any] | None = None
    point_styles: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class GraphOptions(PictureOptions):
    """Options of the connection graph.

    Attributes:
        by_energy: whether the vertical axis is the energy, not the index.
    """

    by_energy: bool = False


@dataclass(frozen=True, kw_only=True)
class AxesOptions(PictureOptions):
    """Options of pictures in coordinates.

    Attributes:
        margin: what is shown beyond the points on each side, as a part of their extent; default 0.22, projected 0.08.
            Of a periodic coordinate one period is shown, whatever the margin.
        limits: ((low, high), (low, high)) of the axes instead; (low, high) for one variable. The period of a periodic
            coordinate then begins at the lower one.
        grid_style: draws lines at the ticks, in this style: visible, linestyle, linewidth, color.
    """

    margin: float | None = None
    limits: Any = None
    grid_style: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.margin is not None and not self.margin >= 0:
            raise SettingsError(f"margin is {self.margin!r}; give 0 or a positive number")

    def corners(self, n: int) -> FloatArray | None:
        """(2, n) lower and upper corner out of the limits, None without.

        Raises:
            SettingsError: the limits are not n pairs of increasing numbers.
        """
        if self.limits is None:
            return None
        try:
            corners = np.asarray(self.limits, dtype=np.float64).reshape(n, 2).T
        except (TypeError, ValueError):
            corners = np.zeros((2, n))
        if not (np.isfinite(corners).all() and (corners[0] < corners[1]).all()):
            example = "(low, high)" if n == 1 else "((low, high), (low, high))"
            raise SettingsError(f"limits is {self.limits!r}; give {example} of finite numbers, low below high")
        return corners


@dataclass(frozen=True, kw_only=True)
class CurveOptions(AxesOptions):
    """Options of the energy (or force) of one variable.

    Attributes:
        samples: points of the curve. curve_style: of its line, as for `Axes.plot`.
    """

    samples: int = 1000
    curve_style: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        AxesOptions.__post_init__(self)
        _at_least_two("samples", self.samples)


@dataclass(frozen=True, kw_only=True)
class PlaneOptions(AxesOptions):
    """Options of two variables, or more of them projected.

    Attributes:
        projection: 'pca' (the plane in which the points spread most), 'oblique' (three variables as cubes are drawn,
            of more the three directions in which the points spread most), two variables as 'x1,x3', a (d, 2) matrix,
            or a function (n, d) -> (n, 2); default the variables themselves where there are two, else 'pca' or
            'oblique', whichever keeps the points further apart.
        trajectories: False for one arrow a connection; 'arrows' or True (the paths of the searches behind the
            connections), 'all' (of upward searches and those from the user's start, too), or slots of searches.
        contours: whether to draw what is beneath (two variables, the problem known): the energy's contours, or of a
            vector field the streamlines and, if `filled`, the speed |dx/dt|.
        filled: whether the areas between contours are filled and a colour bar is drawn; else contours are labelled.
        contour_levels: how many, or the increasing energies themselves.
        grid: points along each axis at which the energy (or speed) is evaluated.
    """

    projection: Any = None
    trajectories: bool | str | Iterable[int] = False
    contours: bool = True
    filled: bool = True
    contour_levels: int | Sequence[float] = 20
    grid: int = GRID

    def __post_init__(self) -> None:
        AxesOptions.__post_init__(self)
        _at_least_two("grid", self.grid)


Kind = TypeVar("Kind", bound=PictureOptions)


def make_options(make: type[Kind], kind: str, given: Mapping[str, Any]) -> Kind:
    """Options of a kind by name.

    Raises:
        SettingsError: one that this kind does not have, or a value that cannot work.
    """
    known = {field.name for field in fields(make)}
    for name in given:
        if name not in known:
            raise SettingsError(
                f"option {name!r} does not fit a picture of kind {kind!r}; known are {', '.join(sorted(known))}"
            )
    return make(**given)


def _at_least_two(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 2:
        raise SettingsError(f"{name} is {value!r}; give a whole number of at least 2")
