"""Curved arrows: one artist each while there are few, two collections for all where there are many."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.plots.style import INK
from landscape_dist.records import FloatArray

MOST_SINGLE = 150
"""Arrows up to which each is an artist of its own, which ends exactly at the edge of its marker."""


def draw_arrows(
    axes: Any, start: FloatArray, end: FloatArray, bend: FloatArray, areas: FloatArray, alpha: float, width: float
) -> None:
    """Draw c arrows from `start` to `end`.

    Args:
        axes: matplotlib axes; its limits should be final where there are many arrows.
        start, end: (c, 2) in data coordinates. bend: (c,) side step in the middle, as a part of the length.
        areas: (c, 2) areas of the markers at start and end, in points squared.
        alpha, width: opacity and line width.
    """
    if len(start) <= MOST_SINGLE:
        _single(axes, start, end, bend, areas, alpha, width)
    else:
        _many(axes, start, end, bend, alpha, width)


def _single(
    axes: Any, start: FloatArray, end: FloatArray, bend: FloatArray, areas: FloatArray, alpha: float, width: float
) -> None:
    from matplotlib.patches import FancyArrowPatch

    head = 4.0 + 5.0 * width
    for a, b, rad, (area_a, area_b) in zip(start, end, bend, areas, strict=True):
        patch = FancyArrowPatch(
            tuple(a),
            tuple(b),
            connectionstyle=f"arc3,rad={rad:.4f}",
            arrowstyle="-|>,head_length=0.55,head_width=0.24",
            mutation_scale=head,
            shrinkA=0.5 * np.sqrt(area_a) + 1.0,
            shrinkB=0.5 * np.sqrt(area_b) + 2.0,
            linewidth=width,
            color=INK,
            alpha=alpha,
            zorder=2,
        )
        axes.add_patch(patch)


def _many(axes: Any, start: FloatArray, end: FloatArray, bend: FloatArray, alpha: float, width: float) -> None:
    """Quadratic curves as one collection, with small heads at two thirds of the way, where they do not pile up."""
    from matplotlib.collections import LineCollection, PolyCollection

    to_screen, to_data = axes.transData, axes.transData.inverted()
    a, b = to_screen.transform(start), to_screen.transform(end)
    along = b - a
    middle = 0.5 * (a + b) + bend[:, None] * np.stack((along[:, 1], -along[:, 0]), axis=1)
    t = np.linspace(0.0, 1.0, 9)[None, :, None]
    curve = (1 - t) ** 2 * a[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * b[:, None]
    lines = to_data.transform(curve.reshape(-1, 2)).reshape(curve.shape)
    axes.add_collection(LineCollection(list(lines), colors=INK, linewidths=width, alpha=alpha, zorder=2, rasterized=True))
    if len(start) > 4000:
        return
    s = 0.66
    tip = (1 - s) ** 2 * a + 2 * s * (1 - s) * middle + s**2 * b
    tangent = 2 * (1 - s) * (middle - a) + 2 * s * (b - middle)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    side = np.stack((-tangent[:, 1], tangent[:, 0]), axis=1)
    size = axes.figure.dpi / 72.0 * (2.2 + 4.0 * width)
    head = np.stack((tip, tip - size * tangent + 0.32 * size * side, tip - size * tangent - 0.32 * size * side), axis=1)
    corners = to_data.transform(head.reshape(-1, 2)).reshape(head.shape)
    axes.add_collection(
        PolyCollection(list(corners), facecolors=INK, edgecolors="none", alpha=min(1.0, 1.6 * alpha), zorder=2.1, rasterized=True)
    )
