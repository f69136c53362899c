"""The connection graph: a row for each index, or the energy as vertical axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.plots.arrows import MOST_HEADS, Look, arcs_clear_of, draw_arrows
from landscape_dist.plots.canvas import (
    Scene,
    canvas,
    draw_points,
    has_energy,
    headline,
    legend,
    nothing_found,
    rows_of_connections,
)
from landscape_dist.plots.layout import bends, heights_in_rows, row_positions
from landscape_dist.plots.planes import MOST_LABELS, crowd, shown
from landscape_dist.plots.style import index_name, index_style, marker_areas, present


def graph_scene(
    landscape: Any,
    *,
    by_energy: bool = False,
    labels: bool | None = None,
    title: str | None = None,
    size: tuple[float, float] | None = None,
    path_style: Any = None,
    point_styles: Any = None,
) -> Scene:
    """The connection graph.

    Args:
        by_energy: whether the vertical axis is the energy. The others: see `landscape_figure`.
    """
    points, connections = landscape.columns, landscape.connections
    energies = bool(np.isfinite(points.energy).all())
    if by_energy and not energies:
        raise SettingsError(f"kind is 'levels', but points of {landscape.name} have no energy; use 'graph'")
    figure, axes = canvas(size or (7.2, 5.4))
    headline(figure, landscape, title)
    scene = Scene(figure, axes)
    if not len(points):
        nothing_found(axes)
        return scene
    x = row_positions(
        points.index, connections.parent, connections.child, points.energy if energies else points.x[:, 0]
    )
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
        _label_rows(axes, points, point_styles is None, has_energy(landscape))
        note = "a row for each Morse index"
        note += "; height within a row: energy" if energies else ""
        note += "; connections lead downwards" if len(connections) > MOST_HEADS else ""
        axes.set_xlabel(note, fontsize=8.5, color="#555555")
    if labels is None:
        labels = len(points) <= MOST_LABELS
    areas = marker_areas(landscape.pathways.hits, len(points), labels)
    dots = draw_points(axes, landscape, where, areas, labels, point_styles)
    if by_energy or point_styles is not None:
        legend(figure, axes)
    figure.draw_without_rendering()
    chosen = shown(axes, len(connections))
    if len(chosen):
        parent, child = connections.parent[chosen], connections.child[chosen]
        curves = arcs_clear_of(axes, where[parent], where[child], bends(parent, child, x), where)
        scale = np.array([index_style(k).scale for k in range(int(points.index.max()) + 1)])
        radii = 0.52 * np.sqrt(areas * scale[points.index])
        own: dict[str, Any] = dict(path_style or {})
        alpha, width = crowd(len(chosen))
        look = Look(
            float(own.get("alpha", alpha)),
            float(own.get("linewidth", own.get("width", width))),
            own.get("color", own.get("edge_color", "#222222")),
            own.get("linestyle", own.get("style", "-")),
        )
        ends = np.stack((parent, child), axis=1)
        rows = rows_of_connections(landscape)[chosen]
        scene.layers.append(draw_arrows(axes, list(curves), radii[ends], look, rows))
    scene.layers.append(dots)
    return scene


def _label_rows(axes: Any, points: Any, named: bool, energy: bool) -> None:
    """Names and numbers of points beside their rows, in their colours."""
    rows = present(points.index)
    dim = points.x.shape[1]
    names = [index_name(k, int(of_index.sum()), dim, energy) for k, of_index in rows]
    names = [name.replace(" of ", "\nof ").replace(" (", "\n(") for name in names]
    axes.set_yticks([k for k, _ in rows], names, fontsize=8.5)
    for (k, _), tick in zip(rows, axes.get_yticklabels(), strict=True):
        tick.set_color(index_style(k).colour if named else "#222222")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
