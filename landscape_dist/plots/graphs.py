"""The connection graph: a row for each index, or the energy as vertical axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.plots.arrows import (
    MOST_ARROWS,
    MOST_HEADS,
    arcs_clear_of,
    draw_arrows,
    legend_line,
    make_look,
    shown,
)
from landscape_dist.plots.canvas import Scene, draw_points, empty_scene, has_energy, legend, rows_of_connections
from landscape_dist.plots.coordinates import energy_name
from landscape_dist.plots.layout import bends, heights_in_rows, row_positions
from landscape_dist.plots.options import GraphOptions
from landscape_dist.plots.style import index_name, index_style, present


def graph_scene(landscape: LandscapeLike, options: GraphOptions) -> Scene:
    """The connection graph.

    Raises:
        SettingsError: the energy is to be the vertical axis of points that have none.
    """
    points, connections = landscape.columns, landscape.connections
    energies = bool(np.isfinite(points.energy).all())
    if options.by_energy and not energies:
        raise SettingsError(f"kind is 'levels', but points of {landscape.name} have no energy; use 'graph'")
    scene = empty_scene(landscape, options, (7.2, 5.4))
    figure, axes = scene.figure, scene.axes
    if not len(points):
        return scene
    x = row_positions(
        points.index, connections.parent, connections.child, points.energy if energies else points.x[:, 0]
    )
    y = points.energy if options.by_energy else heights_in_rows(points.index, points.energy)
    where = np.stack((x, y), axis=1)
    axes.set_xlim(-1.06, 1.06)
    span = float(np.ptp(y)) or 1.0
    axes.set_ylim(float(y.min()) - 0.06 * span, float(y.max()) + 0.06 * span)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    if options.by_energy:
        axes.set_ylabel(energy_name(landscape))
    else:
        _label_rows(axes, points, options.point_styles is None, has_energy(landscape))
        note = "a row for each Morse index"
        note += "; height within a row: energy" if energies else ""
        note += "; connections lead downwards" if len(connections) > MOST_HEADS else ""
        axes.set_xlabel(note, fontsize=8.5, color="#555555")
    dots, radii = draw_points(axes, landscape, where, options)
    look = make_look(options.path_style, min(len(connections), MOST_ARROWS))
    own = options.path_style or {}
    named = [legend_line(look, str(own["label"]))] if "label" in own else []
    if options.by_energy or options.point_styles is not None or named:
        legend(figure, axes, named)
    figure.draw_without_rendering()
    chosen = shown(axes, len(connections))
    if len(chosen):
        parent, child = connections.parent[chosen], connections.child[chosen]
        curves = arcs_clear_of(axes, where[parent], where[child], bends(parent, child, x), where)
        made = draw_arrows(
            axes, list(curves), radii[np.stack((parent, child), axis=1)], look,
            rows_of_connections(landscape)[chosen],
        )  # fmt: skip
        scene.layers.append(made)
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
