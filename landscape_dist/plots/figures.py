"""The figures: a plane with energy contours, and the connection graph by index or by energy."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.plots.arrows import draw_arrows
from landscape_dist.plots.contours import energies_on_grid, levels, problem_of, window
from landscape_dist.plots.layout import bends, heights_in_rows, row_positions
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
    figure, axes = _canvas(size or (7.2, 5.6))
    if not len(landscape.points):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no stationary point found yet", ha="center", va="center", transform=axes.transAxes)
    elif kind == "plane":
        _draw_plane(figure, axes, landscape, labels)
    else:
        _draw_graph(axes, landscape, labels, by_energy=kind == "levels")
    axes.set_title(title or _title(landscape), fontsize=11, loc="left")
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


def _title(landscape: Any) -> str:
    points, arrows = len(landscape.points), len(landscape.connections)
    text = f"{landscape.name}: {points:,} stationary point{'s' * (points != 1)}, {arrows:,} connection{'s' * (arrows != 1)}"
    return text if landscape.finished else text + " (unfinished)"


# -- plane ----------------------------------------------------------------------------------------------------
def _draw_plane(figure: Any, axes: Any, landscape: Any, labels: bool) -> None:
    points = landscape.columns
    corners = window(points.x, domain_from_dict(landscape.header["problem"]["domain"]))
    axes.set_xlim(*corners[:, 0])
    axes.set_ylim(*corners[:, 1])
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    extent = corners[1] - corners[0]
    if 0.4 < extent[1] / extent[0] < 2.5:
        axes.set_aspect("equal")
    problem = problem_of(landscape)
    if problem is not None and problem.has_energy:
        x, y, E = energies_on_grid(problem, corners)
        at = levels(E, points.energy)
        filled = axes.contourf(x, y, E, levels=at, cmap="Greys_r", alpha=0.55, extend="max", zorder=0)
        filled.cmap.set_over("#ffffff")
        axes.contour(x, y, E, levels=at, colors="#5b6b7a", linewidths=0.45, alpha=0.8, zorder=1)
        bar = figure.colorbar(filled, ax=axes, shrink=0.85, pad=0.02)
        bar.set_label("energy")
        bar.outline.set_linewidth(0.5)
    _draw_arrows(axes, landscape, points.x, None)
    _draw_points(axes, landscape, points.x, labels)
    _legend(axes, len(np.unique(points.index)))


# -- graph ----------------------------------------------------------------------------------------------------
def _draw_graph(axes: Any, landscape: Any, labels: bool, by_energy: bool) -> None:
    points, arrows = landscape.columns, landscape.connections
    first = points.energy if np.isfinite(points.energy).all() else points.x[:, 0]
    x = row_positions(points.index, arrows.parent, arrows.child, first)
    y = points.energy if by_energy else heights_in_rows(points.index, points.energy)
    where = np.stack((x, y), axis=1)
    axes.set_xlim(-1.08, 1.08)
    span = float(np.ptp(y)) or 1.0
    axes.set_ylim(float(y.min()) - 0.07 * span, float(y.max()) + 0.07 * span)
    axes.set_xticks([])
    if by_energy:
        axes.set_ylabel("energy")
    else:
        rows = [k for k, _ in present(points.index)]
        axes.set_yticks(rows, [str(k) for k in rows])
        axes.set_ylabel("Morse index (within a row: energy)")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    _draw_arrows(axes, landscape, where, x)
    _draw_points(axes, landscape, where, labels)
    _legend(axes, len(np.unique(points.index)))


# -- shared ---------------------------------------------------------------------------------------------------
def _draw_arrows(axes: Any, landscape: Any, where: FloatArray, x: FloatArray | None) -> None:
    arrows = landscape.connections
    parent, child = arrows.parent, arrows.child
    note = ""
    if len(parent) > MOST_ARROWS:
        kept = np.linspace(0, len(parent) - 1, MOST_ARROWS).astype(np.int64)
        note = f"{MOST_ARROWS:,} of {len(parent):,} connections drawn"
        parent, child = parent[kept], child[kept]
    if not len(parent):
        return
    areas = marker_areas(landscape.pathways.hits, len(where))
    bend = np.full(len(parent), 0.1) if x is None else bends(parent, child, x)
    n = len(parent)
    alpha = float(np.clip(60.0 / n, 0.0, 0.85)) if n <= 70 else float(np.clip(9.0 / np.sqrt(n), 0.03, 0.7))
    width = float(np.clip(9.0 / np.sqrt(n), 0.25, 1.2))
    draw_arrows(axes, where[parent], where[child], bend, np.stack((areas[parent], areas[child]), axis=1), alpha, width)
    if note:
        axes.text(0.99, 0.005, note, transform=axes.transAxes, ha="right", va="bottom", fontsize=8, color="#555555")


def _draw_points(axes: Any, landscape: Any, where: FloatArray, labels: bool) -> None:
    points = landscape.columns
    areas = marker_areas(landscape.pathways.hits, len(where))
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
            linewidths=0.0 if many else float(np.clip(20.0 / np.sqrt(len(where)), 0.2, 0.9)),
            label=index_name(k, int(rows.sum()), dim),
            zorder=3,
            rasterized=many,
        )
    if labels:
        from matplotlib.patheffects import withStroke

        for id, (a, b) in enumerate(where):
            axes.annotate(
                str(id),
                (a, b),
                xytext=(5.5, 4.5),
                textcoords="offset points",
                fontsize=7.5,
                color="#111111",
                path_effects=[withStroke(linewidth=2.2, foreground="white")],
                zorder=4,
            )


def _legend(axes: Any, n_kinds: int) -> None:
    legend = axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.09),
        ncols=min(n_kinds, 4),
        frameon=False,
        fontsize=9,
        handletextpad=0.3,
        columnspacing=1.4,
    )
    for handle in legend.legend_handles:
        handle.set_sizes([45.0])
