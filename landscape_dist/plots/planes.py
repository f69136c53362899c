"""Points and arrows in a plane: two variables with the energy or the flow beneath, or more of them projected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.pathway_map import connecting
from landscape_dist.plots.arrows import Look, arcs_clear_of, draw_arrows
from landscape_dist.plots.canvas import (
    Scene,
    canvas,
    check_limits,
    draw_points,
    grid_lines,
    headline,
    legend,
    nothing_found,
    rows_of_connections,
    rows_of_slots,
)
from landscape_dist.plots.contours import GRID, MARGIN, energies_on_grid, field_on_grid, levels, problem_of, window
from landscape_dist.plots.orbits import orbits
from landscape_dist.plots.projections import Projection, make_projection
from landscape_dist.plots.style import index_style, marker_areas
from landscape_dist.problems.domain import Unbounded, domain_from_dict
from landscape_dist.records import FloatArray, IntArray, SearchKind

MOST_ARROWS = 20_000
MOST_LABELS = 40
WHICH = ("arrows", "all")
SNAP = 0.02
"""An end of a path this close to its point, as a part of the picture, is drawn to the point."""

OTHER = "#7a5195"
"""Colour of searches that make no arrows: upward ones, and those from the user's start."""


def plane_scene(
    landscape: Any,
    *,
    projection: Any = None,
    trajectories: bool | str | Iterable[int] = False,
    contours: bool = True,
    filled: bool = True,
    contour_levels: int | Sequence[float] = 20,
    grid: int = GRID,
    margin: float | None = None,
    limits: Any = None,
    labels: bool | None = None,
    title: str | None = None,
    size: tuple[float, float] | None = None,
    path_style: Mapping[str, Any] | None = None,
    point_styles: Sequence[Mapping[str, Any]] | None = None,
    grid_style: Mapping[str, Any] | None = None,
) -> Scene:
    """What `trajectory_figure` draws; see there for the arguments."""
    points = landscape.columns
    d = points.x.shape[1]
    if d < 2:
        raise SettingsError(f"{landscape.name} has 1 variable; draw it as a curve (kind='curve')")
    if isinstance(grid, bool) or not isinstance(grid, int) or grid < 2:
        raise SettingsError(f"grid is {grid!r}; give a whole number of at least 2")
    if margin is not None and not margin >= 0:
        raise SettingsError(f"margin is {margin!r}; give 0 or a positive number")
    given = check_limits(limits, 2)
    if not len(points):
        figure, axes = canvas(size or (7.2, 5.4))
        headline(figure, landscape, title)
        nothing_found(axes)
        return Scene(figure, axes)
    project = make_projection(projection, points.x)
    where = project(points.x)
    groups = [] if trajectories is False else _paths(landscape, project, where, trajectories)
    if margin is None:
        margin = MARGIN if project.is_identity else 0.08
    corners = given if given is not None else _window(landscape, project, where, groups, margin)
    width, height = corners[1] - corners[0]
    shape = 7.2, float(np.clip(5.4 * height / width, 3.2, 7.5)) + 1.2
    figure, axes = canvas(size or (shape if project.is_identity else (7.2, 6.0)))
    headline(figure, landscape, title)
    axes.set_xlim(*corners[:, 0])
    axes.set_ylim(*corners[:, 1])
    axes.set_xlabel(project.names[0])
    axes.set_ylabel(project.names[1])
    grid_lines(axes, grid_style)
    problem = problem_of(landscape) if project.is_identity else None
    if problem is not None and contours:
        if problem.has_energy:
            _draw_energy(figure, axes, points, problem, corners, contour_levels, grid, filled)
        else:
            _draw_flow(axes, problem, corners)
    if labels is None:
        labels = len(points) <= MOST_LABELS
    areas = marker_areas(landscape.pathways.hits, len(points), labels)
    dots = draw_points(axes, landscape, where, areas, labels, point_styles)
    legend(figure, axes, _names(groups, path_style))
    figure.draw_without_rendering()  # settles where the axes are, which arrows need to know
    scene = Scene(figure, axes)
    drawn_as_paths = np.concatenate([np.zeros(0, dtype=np.int64), *(g.connection for g in groups)])
    scene.layers += _draw_connections(
        axes, landscape, where, areas, np.unique(drawn_as_paths), problem, corners, path_style
    )
    for group in reversed(groups):
        scene.layers.append(group.draw(axes, points, areas, path_style))
    scene.layers.append(dots)
    return scene


def _window(landscape: Any, project: Projection, where: FloatArray, groups: list[_Group], margin: float) -> FloatArray:
    domain = domain_from_dict(landscape.header["problem"]["domain"]) if project.is_identity else Unbounded()
    corners = window(where, domain, margin)
    curves = [curve for group in groups for curve in group.curves]
    if not curves:
        return corners
    seen = np.concatenate([where, *curves])
    # A path may swing out far; the points still have to fill most of the picture.
    spread = np.maximum(np.ptp(where, axis=0), 0.35 * np.ptp(where, axis=0).max())
    if not spread.any():
        return window(seen, domain, margin)
    seen = np.clip(seen, where.min(axis=0) - 0.6 * spread, where.max(axis=0) + 0.6 * spread)
    around = window(seen, domain, 0.05)
    return np.stack((np.minimum(corners[0], around[0]), np.maximum(corners[1], around[1])))


# -- beneath --------------------------------------------------------------------------------------------------
def _draw_energy(
    figure: Any, axes: Any, points: Any, problem: Any, corners: FloatArray, wanted: Any, grid: int, filled: bool
) -> None:
    from matplotlib.ticker import MaxNLocator

    x, y, E = energies_on_grid(problem, corners, grid)
    at = _levels(E, points.energy, wanted)
    lines = axes.contour(x, y, E, levels=at, colors="#8593a0", linewidths=0.5, linestyles="solid", zorder=1)
    if not filled:
        axes.clabel(lines, fontsize=6.5, inline_spacing=2, colors="#66727d")
        return
    areas = axes.contourf(x, y, E, levels=at, cmap=_pale_map(), extend="max", zorder=0)
    bar = figure.colorbar(areas, ax=axes, pad=0.02, spacing="proportional", aspect=28, extendfrac=0.03)
    bar.set_ticks(MaxNLocator(8).tick_values(at[0], at[-1]))
    bar.ax.set_ylim(at[0], None)
    bar.minorticks_off()
    bar.set_label("energy")
    bar.outline.set_linewidth(0.5)


def _levels(E: FloatArray, energy: FloatArray, wanted: Any) -> FloatArray:
    if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted >= 2:
        return levels(E, energy, wanted)
    try:
        at = np.asarray(wanted, dtype=np.float64)
    except (TypeError, ValueError):
        at = np.zeros(0)
    if at.ndim != 1 or len(at) < 2 or not (np.diff(at) > 0).all():
        raise SettingsError(f"contour_levels is {wanted!r}; give a number of at least 2, or increasing energies")
    return at


def _pale_map() -> Any:
    """Grey-blue in the basins to white above the points, so that the points' colours stand out."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = ["#7f93a8", "#b4c2cf", "#dde4ea", "#ffffff"]
    return LinearSegmentedColormap.from_list("pale", colours).with_extremes(over="#ffffff")


def _draw_flow(axes: Any, problem: Any, corners: FloatArray) -> None:
    """Streamlines of dx/dt, for vector fields."""
    x, y, u, v = field_on_grid(problem, corners, 60)
    axes.streamplot(x, y, u, v, density=1.3, linewidth=0.6, color="#a9b6c2", arrowsize=0.7, zorder=1)
    axes.set_xlim(*corners[:, 0])
    axes.set_ylim(*corners[:, 1])


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

    def look(self, style: Mapping[str, Any] | None) -> Look:
        """Defaults by the number of curves, with what the user wants over them."""
        n = len(self.curves)
        alpha, width = crowd(n)
        own = dict(style or {})
        colour = own.get("color", own.get("c", "#222222" if self.downward else OTHER))
        dashes = own.get("linestyle", own.get("ls", "-" if self.downward else (0, (4, 2))))
        width = float(own.get("linewidth", own.get("lw", width if self.downward else 0.8 * width)))
        return Look(float(own.get("alpha", alpha if self.downward else 0.8 * alpha)), width, colour, dashes)

    def draw(self, axes: Any, points: Any, areas: FloatArray, style: Mapping[str, Any] | None) -> Any:
        """The layer of these curves."""
        return draw_arrows(axes, self.curves, _radii(points, areas, self.ends), self.look(style), self.row)


def _paths(landscape: Any, project: Projection, where: FloatArray, wanted: bool | str | Iterable[int]) -> list[_Group]:
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
            curve = np.concatenate((where[path.parent][None], curve))
        if path.child >= 0 and np.linalg.norm(curve[-1] - where[path.child]) <= SNAP * extent:
            curve = np.concatenate((curve, where[path.child][None]))
        group.curves.append(_resampled(curve))
        slots[which].append(path.slot)
        ends[which].append((path.parent, path.child))
    for which, group in enumerate((down, other)):
        group.ends = np.array(ends[which], dtype=np.int64).reshape(-1, 2)
        group.row = rows_of_slots(landscape, np.array(slots[which], dtype=np.int64))
    arrows = connecting(landscape.searches)[down.row] if len(down.row) else np.zeros(0, dtype=bool)
    down.connection = _connections_of(landscape, down.ends[arrows])
    return [group for group in (down, other) if group.curves]


def _connections_of(landscape: Any, ends: IntArray) -> IntArray:
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
    landscape: Any,
    where: FloatArray,
    areas: FloatArray,
    without: IntArray,
    problem: Any,
    corners: FloatArray,
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
            problem, points.x, points.index, connections.parent, connections.child, connections.counts, extent
        )
    parent, child = connections.parent[chosen], connections.child[chosen]
    bent = arcs_clear_of(axes, where[parent], where[child], np.full(len(chosen), 0.1), where)
    first = rows_of_connections(landscape)
    group, ends, rows = _Group("connection", True), [], []
    for i, arrow in enumerate(chosen.tolist()):
        for curve in known.get(arrow, [bent[i]]):
            group.curves.append(curve)
            ends.append((connections.parent[arrow], connections.child[arrow]))
            rows.append(first[arrow])
    group.ends, group.row = np.array(ends, dtype=np.int64), np.array(rows, dtype=np.int64)
    return [group.draw(axes, points, areas, style)]


def _radii(points: Any, areas: FloatArray, ends: IntArray) -> FloatArray:
    """(c, 2) radii of the markers at the ends, in points; 0 where there is none."""
    scale = np.array([index_style(k).scale for k in range(int(points.index.max()) + 1)])
    radii = 0.52 * np.sqrt(areas * scale[points.index])
    return np.where(ends >= 0, radii[np.maximum(ends, 0)], 0.0)


def crowd(n: int) -> tuple[float, float]:
    """Opacity and width of n arrows."""
    return 0.9 if n <= 40 else float(np.clip(9.0 / np.sqrt(n), 0.03, 0.8)), float(np.clip(9.0 / np.sqrt(n), 0.25, 1.3))


def shown(axes: Any, n: int) -> NDArray[np.int64]:
    """Which of n arrows are drawn; says so where it is not all of them."""
    if n <= MOST_ARROWS:
        return np.arange(n)
    axes.text(
        0.99, 0.005, f"{MOST_ARROWS:,} of {n:,} connections drawn", transform=axes.transAxes, ha="right", va="bottom",
        fontsize=8, color="#555555",
    )  # fmt: skip
    return np.linspace(0, n - 1, MOST_ARROWS).astype(np.int64)


def _names(groups: list[_Group], style: Mapping[str, Any] | None) -> list[Any]:
    """Lines for the legend, where paths are drawn."""
    from matplotlib.lines import Line2D

    handles = []
    for group in groups:
        look = group.look(style)
        label = (style or {}).get("label", group.name)
        handles.append(
            Line2D([], [], color=look.colour, linestyle=look.linestyle, linewidth=max(look.width, 1.0), label=label)
        )
    return handles[: 1 if style and "label" in style else None]
