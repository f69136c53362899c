"""Landscapes whose points are fields on a grid: each point a picture of its field, rows by index, arrows between."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.plots.files import check_path
from landscape_dist.plots.layout import row_positions
from landscape_dist.plots.style import INK

MOST_FIELDS = 60


def field_figure(
    landscape: LandscapeLike,
    shape: Sequence[int] | None = None,
    *,
    title: str | None = None,
    colours: str = "RdBu_r",
    limits: tuple[float, float] | None = None,
    size: tuple[float, float] | None = None,
    tile: float = 1.15,
    file: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw the fields of a landscape, highest index on top, with the arrows between them.

    Args:
        landscape: a `Landscape` of at most `MOST_FIELDS` points.
        shape: grid of one, two or three dimensions; of three, the middle layer is drawn. Default that of the problem.
        title: default the problem's name and the number of points; '' for none.
        colours: a matplotlib colour map. limits: values at its ends; default symmetric about 0, from the fields.
        size: (width, height) in inches. tile: side of a picture in inches, where `size` is not given.
        file: where to save it; the ending decides the format (png, pdf, svg).

    Returns:
        matplotlib.figure.Figure.

    Raises:
        SettingsError: the shape does not fit, or there are too many points.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import ConnectionPatch

    points = landscape.columns
    shape = _shape(landscape, shape, points.x.shape[1])
    n = len(points)
    if not 0 < n <= MOST_FIELDS:
        raise SettingsError(f"the landscape has {n} points; a figure of fields takes 1 to {MOST_FIELDS}")
    arrows = np.array(
        [(c.parent_id, c.child_id) for c in landscape.connections if c.parent_id != c.child_id], dtype=np.int64
    ).reshape(-1, 2)
    levels = np.unique(points.index)
    across = row_positions(points.index, arrows[:, 0], arrows[:, 1], points.energy)
    widest = max(int((points.index == k).sum()) for k in levels)
    width, height = size or (max(3.2, 1.75 * tile * widest + 1.2), 1.5 * tile * len(levels) + 0.5)
    figure = Figure(figsize=(width, height))
    top = max(float(np.abs(points.x).max()), 1e-12)
    low, high = limits or (-top, top)
    places = []
    half_w, half_h = 0.5 * tile / width, 0.5 * tile / height
    span_x, span_y = 1 - 2 * half_w - 1.1 / width, 1 - 2 * half_h - 0.85 / height
    for i in range(n):
        row = int(np.searchsorted(levels, points.index[i]))
        x = half_w + 0.8 / width + span_x * 0.5 * (1 + across[i] * (widest - 1) / max(widest, 1))
        y = half_h + 0.25 / height + span_y * (row / max(len(levels) - 1, 1))
        places.append(
            _field(figure, points, i, shape, (x - half_w, y - half_h, 2 * half_w, 2 * half_h), (low, high), colours)
        )
    for parent, child in arrows:
        figure.add_artist(
            ConnectionPatch(
                (0.5, 0.0), (0.5, 1.0), "axes fraction", "axes fraction", axesA=places[parent], axesB=places[child],
                arrowstyle="-|>", color=INK, alpha=0.55, linewidth=0.9, shrinkA=3, shrinkB=17, mutation_scale=9,
            )
        )  # fmt: skip
    for row, k in enumerate(levels):
        y = half_h + 0.25 / height + span_y * (row / max(len(levels) - 1, 1))
        figure.text(0.12 / width, y, f"index {k}", ha="left", va="center", rotation=90, fontsize=9, color=INK)
    heading = f"{landscape.name}: {n} stationary points" if title is None else title
    if heading:
        figure.text(0.5, 1 - 0.12 / height, heading, ha="center", va="top", fontsize=10.5, color=INK)
    if file is not None:
        # Without the palette of `save`, which has too few shades for fields.
        path = check_path(file)
        kind = path.suffix.lower().removeprefix(".")
        none: dict[str, Any] = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
        figure.savefig(path, format=kind, dpi=90, metadata=none)
    return figure


def _shape(landscape: LandscapeLike, shape: Sequence[int] | None, dim: int) -> tuple[int, ...]:
    if shape is None:
        definition = landscape.header["problem"].get("definition") or {}
        shape = (definition.get("parameters") or {}).get("shape")
    if shape is None or not 1 <= len(shape) <= 3 or math.prod(shape) != dim:
        raise SettingsError(f"shape is {shape!r} for {dim} variables; give the grid's, of one to three dimensions")
    return tuple(int(n) for n in shape)


def _field(
    figure: Any, points: Any, i: int, shape: tuple[int, ...], box: Any, limits: tuple[float, float], colours: str
) -> Any:
    """One point: its field, and its number, energy per grid point and zero modes above."""
    axes = figure.add_axes(box)
    u = points.x[i].reshape(shape)
    if u.ndim == 1:
        axes.plot(u, color=INK, linewidth=1.0)
        axes.set_ylim(1.1 * limits[0], 1.1 * limits[1])
    else:
        layer = u if u.ndim == 2 else u[:, :, u.shape[2] // 2]
        axes.imshow(layer.T, origin="lower", cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#999999")
        spine.set_linewidth(0.6)
    zero = f", {points.nullity[i]} zero" if points.nullity[i] else ""
    # A white box, so that arrows that pass do not cross out the text.
    label = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    energy = f"E/d = {points.energy[i] / points.x.shape[1]:.4f}" if np.isfinite(points.energy[i]) else ""
    axes.text(0.5, 1.03, f"{i}: {energy}{zero}", transform=axes.transAxes, ha="center", va="bottom", fontsize=6.5,
              color=INK, bbox=label)  # fmt: skip
    return axes
