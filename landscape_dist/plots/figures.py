"""The figures: a plane with energy contours, and the connection graph by index or by energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.plots.arrows import MOST_HEADS, arcs_clear_of, draw_arrows
from landscape_dist.plots.contours import energies_on_grid, levels, problem_of, window
from landscape_dist.plots.layout import bends, heights_in_rows, row_positions
from landscape_dist.plots.orbits import orbits
from landscape_dist.plots.style import index_name, index_style, marker_areas, present
from landscape_dist.problems.domain import domain_from_dict
from landscape_dist.records import FloatArray

KINDS = ("auto", "plane", "graph", "levels")
MOST_ARROWS = 20_000
MOST_LABELS = 40


def landscape_figure(
    landscape: Any, kind: str = "auto", *, labels: bool | None = None, title: str | None = None, size: Any = None
) -> Any:
    """Draw a landscape.

    Args:
        landscape: a `Landscape`.
        kind: 'plane' (two variables: energy contours where the problem is known, points and arrows), 'graph' (the
            connection graph, a row for each index), 'levels' (the same with the energy as vertical axis), or 'auto':
            the plane for two variables, else the graph.
        labels: whether points carry their ids; default up to 40 points.
        title: default the problem's name and the counts.
        size: (width, height) in inches.

    Returns:
        matplotlib.figure.Figure, without any global state; `save` writes it.

    Raises:
        SettingsError: an unknown kind, or one that this landscape does not allow.
    """
    if kind not in KINDS:
        raise SettingsError(f"kind is {kind!r}; use one of {', '.join(map(repr, KINDS))}")
    dim = landscape.columns.x.shape[1]
    if kind == "auto":
        kind = "plane" if dim == 2 else "graph"
    if kind == "plane" and dim != 2:
        raise SettingsError(f"kind is 'plane', but {landscape.name} has {dim} variables; use 'graph' or 'levels'")
    if kind == "levels" and not np.isfinite(landscape.columns.energy).all():
        raise SettingsError(f"kind is 'levels', but points of {landscape.name} have no energy; use 'graph'")
    if labels is None:
        labels = len(landscape.points) <= MOST_LABELS
    figure, axes = _canvas(size or _size(landscape, kind))
    figure.suptitle(title or _title(landscape), fontsize=11, x=0.01, horizontalalignment="left")
    if not len(landscape.points):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no stationary point found yet", ha="center", va="center", transform=axes.transAxes)
    elif kind == "plane":
        _draw_plane(figure, axes, landscape, labels)
    else:
        _draw_graph(figure, axes, landscape, labels, by_energy=kind == "levels")
    return figure


def energy_level_figure(landscape: Any, **options: Any) -> Any:
    """The connection graph with the energy as vertical axis; options as for `landscape_figure`.

    Raises:
        SettingsError: points have no energy (vector fields).
    """
    return landscape_figure(landscape, "levels", **options)


def _canvas(size: tuple[float, float]) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _size(landscape: Any, kind: str) -> tuple[float, float]:
    """Inches; a plane gets the shape of what it shows."""
    if kind != "plane" or not len(landscape.points):
        return 7.2, 5.4
    width, height = np.diff(_window(landscape), axis=0)[0]
    return 7.2, float(np.clip(5.4 * height / width, 3.2, 7.5)) + 1.2


def _window(landscape: Any) -> FloatArray:
    return window(landscape.columns.x, domain_from_dict(landscape.header["problem"]["domain"]))


def _title(landscape: Any) -> str:
    p, c = len(landscape.points), len(landscape.connections)
    text = f"{_name(landscape)}: {p:,} stationary point{'s' * (p != 1)}, {c:,} connection{'s' * (c != 1)}"
    return text if landscape.finished else text + " (unfinished)"


def _name(landscape: Any) -> str:
    """The problem's name, with its parameters where they are short."""
    parameters = (landscape.header["problem"].get("definition") or {}).get("parameters") or {}
    text = ", ".join(f"{name} = {value:g}" for name, value in parameters.items() if isinstance(value, int | float))
    return f"{landscape.name} ({text})" if text and len(text) <= 40 else str(landscape.name)


# -- plane ----------------------------------------------------------------------------------------------------
def _draw_plane(figure: Any, axes: Any, landscape: Any, labels: bool) -> None:
    points, connections = landscape.columns, landscape.connections
    corners = _window(landscape)
    axes.set_xlim(*corners[:, 0])
    axes.set_ylim(*corners[:, 1])
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    problem = problem_of(landscape)
    known: dict[int, list[FloatArray]] = {}
    if problem is not None and problem.has_energy:
        _draw_energy(figure, axes, points, problem, corners)
        extent = float(np.linalg.norm(corners[1] - corners[0]))
        known = orbits(
            problem, points.x, points.index, connections.parent, connections.child, connections.counts, extent
        )
    areas = marker_areas(landscape.pathways.hits, len(points), labels)
    _draw_points(axes, points, points.x, areas, labels)
    _legend(figure, axes)
    figure.draw_without_rendering()  # settles where the axes are, which arrows need to know
    shown = _shown(axes, len(connections))
    parent, child = connections.parent[shown], connections.child[shown]
    bent = arcs_clear_of(axes, points.x[parent], points.x[child], np.full(len(shown), 0.1), points.x)
    curves, ends = [], []
    for row, arrow in enumerate(shown.tolist()):
        for curve in known.get(arrow, [bent[row]]):
            curves.append(curve)
            ends.append((connections.parent[arrow], connections.child[arrow]))
    _draw_arrows(axes, curves, np.array(ends, dtype=np.int64).reshape(-1, 2), points, areas)


def _draw_energy(figure: Any, axes: Any, points: Any, problem: Any, corners: FloatArray) -> None:
    from matplotlib.ticker import MaxNLocator

    x, y, E = energies_on_grid(problem, corners)
    at = levels(E, points.energy)
    filled = axes.contourf(x, y, E, levels=at, cmap=_pale_map(), extend="max", zorder=0)
    axes.contour(x, y, E, levels=at, colors="#8593a0", linewidths=0.5, linestyles="solid", zorder=1)
    bar = figure.colorbar(filled, ax=axes, pad=0.02, spacing="proportional", aspect=28, extendfrac=0.03)
    bar.set_ticks(MaxNLocator(8).tick_values(at[0], at[-1]))
    bar.ax.set_ylim(at[0], None)
    bar.minorticks_off()
    bar.set_label("energy")
    bar.outline.set_linewidth(0.5)


def _pale_map() -> Any:
    """Grey-blue in the basins to white above the points, so that the points' colours stand out."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = ["#7f93a8", "#b4c2cf", "#dde4ea", "#ffffff"]
    return LinearSegmentedColormap.from_list("pale", colours).with_extremes(over="#ffffff")


# -- graph ----------------------------------------------------------------------------------------------------
def _draw_graph(figure: Any, axes: Any, landscape: Any, labels: bool, by_energy: bool) -> None:
    points, connections = landscape.columns, landscape.connections
    parent, child = connections.parent, connections.child
    first = points.energy if np.isfinite(points.energy).all() else points.x[:, 0]
    x = row_positions(points.index, parent, child, first)
    y = points.energy if by_energy else heights_in_rows(points.index, points.energy)
    where = np.stack((x, y), axis=1)
    axes.set_xlim(-1.06, 1.06)
    span = float(np.ptp(y)) or 1.0
    axes.set_ylim(float(y.min()) - 0.06 * span, float(y.max()) + 0.06 * span)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    if by_energy:
        axes.set_ylabel("energy")
    else:
        _label_rows(axes, points)
        note = "a row for each Morse index"
        note += "; height within a row: energy" if np.isfinite(points.energy).all() else ""
        note += "; connections lead downwards" if len(connections) > MOST_HEADS else ""
        axes.set_xlabel(note, fontsize=8.5, color="#555555")
    areas = marker_areas(landscape.pathways.hits, len(points), labels)
    _draw_points(axes, points, where, areas, labels)
    if by_energy:
        _legend(figure, axes)
    figure.draw_without_rendering()
    shown = _shown(axes, len(connections))
    parent, child = parent[shown], child[shown]
    curves = arcs_clear_of(axes, where[parent], where[child], bends(parent, child, x), where)
    _draw_arrows(axes, list(curves), np.stack((parent, child), axis=1), points, areas)


def _label_rows(axes: Any, points: Any) -> None:
    """Names and numbers of points beside their rows, in their colours."""
    rows = present(points.index)
    dim = points.x.shape[1]
    names = [index_name(k, int(of_index.sum()), dim) for k, of_index in rows]
    names = [name.replace(" of ", "\nof ").replace(" (", "\n(") for name in names]
    axes.set_yticks([k for k, _ in rows], names, fontsize=8.5)
    for (k, _), tick in zip(rows, axes.get_yticklabels(), strict=True):
        tick.set_color(index_style(k).colour)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


# -- shared ---------------------------------------------------------------------------------------------------
def _shown(axes: Any, n: int) -> NDArray[np.int64]:
    """Which of n arrows are drawn; says so where it is not all of them."""
    if n <= MOST_ARROWS:
        return np.arange(n)
    axes.text(
        0.99, 0.005, f"{MOST_ARROWS:,} of {n:,} connections drawn", transform=axes.transAxes, ha="right", va="bottom",
        fontsize=8, color="#555555",
    )  # fmt: skip
    return np.linspace(0, n - 1, MOST_ARROWS).astype(np.int64)


def _draw_arrows(axes: Any, curves: list[FloatArray], ends: NDArray[np.int64], points: Any, areas: FloatArray) -> None:
    if not curves:
        return
    scale = np.array([index_style(k).scale for k in range(int(points.index.max()) + 1)])
    radii = 0.52 * np.sqrt(areas * scale[points.index])
    n = len(curves)
    alpha = 0.9 if n <= 40 else float(np.clip(9.0 / np.sqrt(n), 0.03, 0.8))
    width = float(np.clip(9.0 / np.sqrt(n), 0.25, 1.3))
    draw_arrows(axes, curves, radii[ends], alpha, width)


def _draw_points(axes: Any, points: Any, where: FloatArray, areas: FloatArray, labels: bool) -> None:
    dim = points.x.shape[1]
    many = len(where) > 5000
    for k, rows in present(points.index):
        style = index_style(k)
        axes.scatter(
            where[rows, 0],
            where[rows, 1],
            s=areas[rows] * style.scale,
            c=style.colour,
            marker=style.marker,
            edgecolors="white",
            linewidths=0.0 if many else float(np.clip(12.0 / np.sqrt(len(where)), 0.25, 0.9)),
            label=index_name(k, int(rows.sum()), dim),
            zorder=3,
            rasterized=many,
        )
    if labels:
        for id, (a, b) in enumerate(where):
            style = index_style(int(points.index[id]))
            axes.text(a, b, str(id), ha="center", va="center_baseline", fontsize=7, color=style.text, zorder=4)


def _legend(figure: Any, axes: Any) -> None:
    handles, names = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles, names, loc="outside lower center", ncols=min(len(names), 4), frameon=False, fontsize=8.5,
        handletextpad=0.2, columnspacing=1.2,
    )  # fmt: skip
    for handle in legend.legend_handles:
        handle.set_sizes([45.0])
