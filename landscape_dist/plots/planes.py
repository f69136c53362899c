"""Points and arrows in a plane: two variables with the energy or the flow beneath, or more of them projected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.exploration.arrows import connecting
from landscape_dist.pathways.connections import rows_of_slots
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.plots.arrows import MOST_ARROWS, Look, arcs_clear_of, draw_arrows, legend_line, make_look, shown
from landscape_dist.plots.canvas import (
    Scene,
    draw_points,
    empty_scene,
    grid_lines,
    legend,
    rows_of_connections,
    settle_points,
)
from landscape_dist.plots.contours import MARGIN, problem_of, window
from landscape_dist.plots.coordinates import Cell, axis_names, cell_of
from landscape_dist.plots.options import PlaneOptions
from landscape_dist.plots.orbits import orbits
from landscape_dist.plots.projections import Projection, make_projection
from landscape_dist.plots.underlays import draw_underlay
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Unbounded, domain_from_dict
from landscape_dist.records import FloatArray, IntArray, SearchKind

WHICH = ("arrows", "all")
SNAP = 0.02
"""An end of a path this close to its point, as a part of the picture, is drawn to the point."""

OTHER = "#7a5195"
"""Colour of searches that make no arrows: upward ones, and those from the user's start."""


def plane_scene(landscape: LandscapeLike, options: PlaneOptions) -> Scene:
    """Points and arrows in the plane of two variables or of a projection.

    Raises:
        SettingsError: the landscape has one variable, or an option does not fit it.
    """
    points = landscape.columns
    if points.x.shape[1] < 2:
        raise SettingsError(f"{landscape.name} has 1 variable; draw it as a curve (kind='curve')")
    given = options.corners(2)
    if not len(points):
        return empty_scene(landscape, options, (7.2, 5.4))
    project = make_projection(options.projection, points.x, axis_names(landscape))
    cell = cell_of(landscape, project.columns)
    if given is not None:
        cell = cell.starting_at(given[0])
    where = cell.wrapped(project(points.x))
    groups = [] if options.trajectories is False else _paths(landscape, project, where, cell, options.trajectories)
    margin = options.margin
    if margin is None:
        margin = MARGIN if project.is_identity else 0.08
    corners = given if given is not None else cell.filled(_window(landscape, project, where, groups, margin))
    for group in groups:
        group.fill(cell, corners)
    width, height = corners[1] - corners[0]
    shape = 7.2, float(np.clip(5.4 * height / width, 3.2, 7.5)) + 1.2
    scene = empty_scene(landscape, options, shape if project.is_identity else (7.2, 6.0))
    figure, axes = scene.figure, scene.axes
    axes.set_xlim(*corners[:, 0])
    axes.set_ylim(*corners[:, 1])
    axes.set_xlabel(project.names[0])
    axes.set_ylabel(project.names[1])
    _ticks(axes, cell, corners)
    grid_lines(axes, options.grid_style)
    problem = problem_of(landscape) if project.is_identity else None
    if problem is not None and options.contours:
        draw_underlay(figure, axes, landscape, problem, corners, options)
    dots, radii = draw_points(axes, landscape, where, options)
    settle_points(dots, cell, corners, given is None)
    legend(figure, axes, _names(groups, len(landscape.connections), options.path_style))
    figure.draw_without_rendering()  # settles where the axes are, which arrows need to know
    drawn_as_paths = np.concatenate([np.zeros(0, dtype=np.int64), *(g.connection for g in groups)])
    scene.layers += _draw_connections(
        axes, landscape, where, radii, np.unique(drawn_as_paths), problem, corners, cell, options.path_style
    )
    for group in reversed(groups):
        scene.layers.append(group.draw(axes, radii, options.path_style))
    scene.layers.append(dots)
    return scene


def _window(
    landscape: LandscapeLike, project: Projection, where: FloatArray, groups: list[_Group], margin: float
) -> FloatArray:
    domain = domain_from_dict(landscape.header["problem"]["domain"]) if project.is_identity else Unbounded()
    corners = window(where, domain, margin)
    curves = [curve for group in groups for curve in group.curves]
    if not curves:
        return corners
    seen = np.concatenate([where, *curves])
    # A path may swing out far; the points still have to fill most of the picture.
    spread = np.maximum(np.ptp(where, axis=0), 0.6 * np.ptp(where, axis=0).max())
    if not spread.any():
        return window(seen, domain, margin)
    seen = np.clip(seen, where.min(axis=0) - 0.6 * spread, where.max(axis=0) + 0.6 * spread)
    around = window(seen, domain, 0.05)
    return np.stack((np.minimum(corners[0], around[0]), np.maximum(corners[1], around[1])))


def _ticks(axes: Any, cell: Cell, corners: FloatArray) -> None:
    """Degrees in steps of 60 where an axis is about a full turn of them."""
    from matplotlib.ticker import MultipleLocator

    sizes = (corners[1] - corners[0]).tolist()
    for axis, period, size in zip((axes.xaxis, axes.yaxis), cell.period.tolist(), sizes, strict=True):
        if period == 360.0 and 0.5 * period <= size <= 2 * period:
            axis.set_major_locator(MultipleLocator(60.0))


# -- arrows ---------------------------------------------------------------------------------------------------
class _Group:
    """Paths of searches that look alike.

    Attributes:
        name: for the legend. curves: c of them (m, 2). ends: (c, 2) ids of parent and child, -1 for the user's start.
        row: (c,) rows of the searches. connection: (c,) numbers of the connections, where they make some.
    """

    def __init__(self, name: str, downward: bool) -> None:
        self.name, self.downward = name, downward
        self.curves: list[FloatArray] = []
        self.ends: IntArray = np.zeros((0, 2), dtype=np.int64)
        self.row = self.connection = np.zeros(0, dtype=np.int64)

    def fill(self, cell: Cell, corners: FloatArray) -> None:
        """Replace each curve by its images that are seen between the corners (2, 2)."""
        images = [cell.copies(curve, corners) for curve in self.curves]
        of = np.repeat(np.arange(len(images)), np.array([len(some) for some in images], dtype=np.int64))
        self.curves = [image for some in images for image in some]
        self.ends, self.row = self.ends[of], self.row[of]

    def look(self, style: Mapping[str, Any] | None) -> Look:
        """Defaults by the number of curves, with what the user wants over them."""
        return make_look(style, len(self.curves), None if self.downward else Look(0.8, 0.8, OTHER, (0, (4, 2))))

    def draw(self, axes: Any, radii: FloatArray, style: Mapping[str, Any] | None) -> Any:
        """The layer of these curves."""
        at_ends = np.where(self.ends >= 0, radii[np.maximum(self.ends, 0)], 0.0)
        return draw_arrows(axes, self.curves, at_ends, self.look(style), self.row)


def _paths(
    landscape: LandscapeLike,
    project: Projection,
    where: FloatArray,
    cell: Cell,
    wanted: Literal[True] | str | Iterable[int],
) -> list[_Group]:
    """The paths that were kept, as curves in the plane, arrows first."""
    known = landscape.trajectories
    if not len(known):
        raise SettingsError(
            f"no trajectories of {landscape.name} were kept; explore with keep_trajectories=True (in a new store, or "
            "on this one for the searches still to come)"
        )
    if wanted is True:
        wanted = "arrows"
    if isinstance(wanted, str) and wanted not in WHICH:
        raise SettingsError(f"trajectories is {wanted!r}; use 'arrows', 'all', or numbers of searches (slots)")
    if isinstance(wanted, str):
        chosen = known.of(connecting_only=wanted == "arrows")
    else:
        chosen = known.of(slots=wanted)
    down, other = _Group("downward search", True), _Group("other search", False)
    extent = float(np.linalg.norm(np.ptp(where, axis=0))) or 1.0
    slots: dict[int, list[int]] = {0: [], 1: []}
    ends: dict[int, list[tuple[int, int]]] = {0: [], 1: []}
    for path in chosen:
        if path.child < 0 and isinstance(wanted, str):
            continue
        which = 0 if path.kind in (SearchKind.DOWN, SearchKind.CONFIRM) else 1
        group = (down, other)[which]
        if len(group.curves) >= MOST_ARROWS:
            continue
        curve = project(path.x)
        if path.parent >= 0:
            curve = np.concatenate((cell.nearest(where[[path.parent]], curve[0]), curve))
        if path.child >= 0:
            end = cell.nearest(where[[path.child]], curve[-1])
            if np.linalg.norm(curve[-1] - end) <= SNAP * extent:
                curve = np.concatenate((curve, end))
        if not np.ptp(curve, axis=0).any():
            continue  # a search that began at its end
        group.curves.append(_resampled(curve))
        slots[which].append(path.slot)
        ends[which].append((path.parent, path.child))
    for which, group in enumerate((down, other)):
        group.ends = np.array(ends[which], dtype=np.int64).reshape(-1, 2)
        group.row = rows_of_slots(landscape.searches, np.array(slots[which], dtype=np.int64))
    arrows = connecting(landscape.searches)[down.row] if len(down.row) else np.zeros(0, dtype=bool)
    down.connection = _connections_of(landscape, down.ends[arrows])
    return [group for group in (down, other) if group.curves]


def _connections_of(landscape: LandscapeLike, ends: IntArray) -> IntArray:
    """(n,) numbers of the connections between these parents and children."""
    c, p = landscape.connections, len(landscape.columns)
    return np.searchsorted(c.parent * p + c.child, ends[:, 0] * p + ends[:, 1]).astype(np.int64)


def _resampled(curve: FloatArray, n: int = 60) -> FloatArray:
    """The same curve with more points, evenly along each of its pieces, so that arrowheads find their place."""
    if len(curve) >= n or len(curve) < 2:
        return curve
    length = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))))
    at = np.union1d(length, np.linspace(0.0, length[-1], n))
    return np.stack([np.interp(at, length, curve[:, i]) for i in range(2)], axis=1)


def _draw_connections(
    axes: Any,
    landscape: LandscapeLike,
    where: FloatArray,
    radii: FloatArray,
    without: IntArray,
    problem: Problem | None,
    corners: FloatArray,
    cell: Cell,
    style: Mapping[str, Any] | None,
) -> list[Any]:
    """The connections that are not drawn as paths: as orbits of the flow where they can be had, else as arcs."""
    points, connections = landscape.columns, landscape.connections
    chosen = np.setdiff1d(np.arange(len(connections)), without)
    chosen = chosen[shown(axes, len(chosen))]
    if not len(chosen):
        return []
    known: dict[int, list[FloatArray]] = {}
    if problem is not None and problem.has_energy:
        extent = float(np.linalg.norm(corners[1] - corners[0]))
        known = orbits(
            problem, where, points.index, connections.parent, connections.child, connections.counts, extent, cell
        )
    parent, child = connections.parent[chosen], connections.child[chosen]
    ends_at = cell.nearest(where[child], where[parent])
    bent = arcs_clear_of(axes, where[parent], ends_at, np.full(len(chosen), 0.1), where)
    first = rows_of_connections(landscape)
    group, ends, rows = _Group("connection", True), [], []
    for i, arrow in enumerate(chosen.tolist()):
        for curve in known.get(arrow, [bent[i]]):
            group.curves.append(curve)
            ends.append((connections.parent[arrow], connections.child[arrow]))
            rows.append(first[arrow])
    group.ends, group.row = np.array(ends, dtype=np.int64), np.array(rows, dtype=np.int64)
    group.fill(cell, corners)
    return [group.draw(axes, radii, style)]


def _names(groups: list[_Group], n_connections: int, style: Mapping[str, Any] | None) -> list[Any]:
    """Lines for the legend, where paths are drawn, or the user has named the arrows."""
    looks = [(group.look(style), group.name) for group in groups]
    if style and "label" in style:
        looks = [(looks[0][0] if looks else make_look(style, n_connections), str(style["label"]))]
    return [legend_line(look, name) for look, name in looks]
