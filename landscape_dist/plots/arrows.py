"""Curved arrows: one artist each while there are few, one collection for all where there are many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.plots.canvas import Layer, Mask
from landscape_dist.plots.style import FRESH, INK
from landscape_dist.records import FloatArray, IntArray

MOST_SINGLE = 150
"""Arrows up to which each is an artist of its own, with a head at the edge of its marker."""
MOST_HEADS = 600
"""Arrows up to which each has a head; beyond, heads hide more than they show."""
MOST_ARROWS = 20_000


@dataclass(frozen=True, slots=True)
class Look:
    """How arrows are drawn: opacity, width in points, colour and matplotlib's line style."""

    alpha: float
    width: float
    colour: Any = INK
    linestyle: Any = "-"


# Matplotlib's short names and networkx's.
_ALIASES = {
    "c": "color", "edge_color": "color", "lw": "linewidth", "width": "linewidth", "ls": "linestyle",
    "style": "linestyle",
}  # fmt: skip


def make_look(style: Mapping[str, Any] | None, n: int, default: Look | None = None) -> Look:
    """The look of n arrows: the fewer, the bolder, and what the user wants over that.

    Args:
        style: the user's, by Matplotlib's names for lines or networkx's for edges.
        default: colour and line style; its opacity and width are factors.
    """
    base = Look(1.0, 1.0) if default is None else default
    alpha = 0.9 if n <= 40 else float(np.clip(9.0 / np.sqrt(n), 0.03, 0.8))
    width = float(np.clip(9.0 / np.sqrt(max(n, 1)), 0.25, 1.3))
    own = {_ALIASES.get(name, name): value for name, value in (style or {}).items()}
    return Look(
        float(own.get("alpha", base.alpha * alpha)),
        float(own.get("linewidth", base.width * width)),
        own.get("color", base.colour),
        own.get("linestyle", base.linestyle),
    )


def legend_line(look: Look, name: str) -> Any:
    """What stands for arrows in a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=look.colour, linestyle=look.linestyle, linewidth=max(look.width, 1.0), label=name)


def shown(axes: Any, n: int) -> IntArray:
    """Which of n arrows are drawn; says so where it is not all of them."""
    if n <= MOST_ARROWS:
        return np.arange(n)
    axes.text(
        0.99, 0.005, f"{MOST_ARROWS:,} of {n:,} connections drawn", transform=axes.transAxes, ha="right", va="bottom",
        fontsize=8, color="#555555",
    )  # fmt: skip
    return np.linspace(0, n - 1, MOST_ARROWS).astype(np.int64)


def draw_arrows(axes: Any, curves: list[FloatArray], radii: FloatArray, look: Look, row: IntArray) -> Layer:
    """Draw arrows along curves.

    Args:
        axes: matplotlib axes whose limits and place in the figure are final.
        curves: c curves (m, 2) in data coordinates.
        radii: (c, 2) of the markers at start and end, in points.
        look: of all of them. row: (c,) see `Layer`.
    """
    draw = _single if len(curves) <= MOST_SINGLE else _many
    return draw(axes, curves, radii, look, row)


def arcs(axes: Any, start: FloatArray, end: FloatArray, bend: FloatArray, n: int = 25) -> FloatArray:
    """(c, n, 2) quadratic curves in data coordinates, bent on the screen.

    Args:
        start, end: (c, 2) in data coordinates. bend: (c,) side step in the middle, as a part of the length.
    """
    a, b = axes.transData.transform(start), axes.transData.transform(end)
    along = b - a
    middle = 0.5 * (a + b) + bend[:, None] * np.stack((along[:, 1], -along[:, 0]), axis=1)
    t = np.linspace(0.0, 1.0, n)[None, :, None]
    curve = (1 - t) ** 2 * a[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * b[:, None]
    return np.asarray(axes.transData.inverted().transform(curve.reshape(-1, 2)).reshape(curve.shape))


def arcs_clear_of(axes: Any, start: FloatArray, end: FloatArray, bend: FloatArray, points: FloatArray) -> FloatArray:
    """`arcs`, with another bend where there are few arrows and one would run over a point that it does not join."""
    if len(start) > MOST_SINGLE:
        return arcs(axes, start, end, bend, 25 if len(start) <= 2000 else 9)
    factors = (1.0, -1.0, 2.0, -2.0, 0.2, 3.0)
    tries = np.stack([arcs(axes, start, end, factor * bend) for factor in factors])
    screen = axes.transData.transform(tries.reshape(-1, 2)).reshape(tries.shape)
    others = axes.transData.transform(points)
    distance = np.linalg.norm(screen[:, :, :, None, :] - others, axis=-1).min(axis=2)  # (tries, arrows, points)
    own = (np.abs(points - start[:, None]).max(-1) == 0) | (np.abs(points - end[:, None]).max(-1) == 0)
    clearance = np.where(own, np.inf, distance).min(axis=2)
    enough = clearance > 9.0 * axes.figure.dpi / 72.0
    chosen = np.where(enough.any(axis=0), enough.argmax(axis=0), clearance.argmax(axis=0))
    return np.asarray(tries[chosen, np.arange(len(start))])


def _single(axes: Any, curves: list[FloatArray], radii: FloatArray, look: Look, row: IntArray) -> Layer:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    pixels = axes.figure.dpi / 72.0
    patches = []
    for curve, (r_start, r_end) in zip(curves, radii, strict=True):
        screen = axes.transData.transform(curve)
        kept = _trimmed(screen, pixels * (r_start + 0.5), pixels * (r_end + 0.6))
        patch = FancyArrowPatch(
            path=Path(axes.transData.inverted().transform(kept)),
            arrowstyle="-|>,head_length=0.6,head_width=0.25",
            mutation_scale=4.0 + 6.0 * look.width,
            linewidth=look.width,
            linestyle=look.linestyle,
            color=look.colour,
            alpha=look.alpha,
            capstyle="butt",
            joinstyle="round",
            zorder=2,
        )
        axes.add_patch(patch)
        patches.append(patch)

    def reveal(shown: Mask, fresh: Mask) -> None:
        for patch, visible, new in zip(patches, shown.tolist(), fresh.tolist(), strict=True):
            patch.set_visible(visible)
            patch.set_color(FRESH if new else look.colour)
            patch.set_linewidth(1.6 * look.width if new else look.width)

    return Layer(row, patches, reveal)


def _trimmed(curve: FloatArray, start: float, end: float) -> FloatArray:
    """The curve, evenly resampled, without its first and last piece of the given lengths (half of it stays)."""
    length = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))))
    total = float(length[-1])
    if total == 0.0:
        return curve
    spare = min(1.0, 0.5 * total / max(start + end, 1e-9))
    at = np.linspace(start * spare, total - end * spare, int(np.clip(total / 4.0, 8, 200)))
    return np.stack([np.interp(at, length, curve[:, i]) for i in range(2)], axis=1)


def _many(axes: Any, curves: list[FloatArray], radii: FloatArray, look: Look, row: IntArray) -> Layer:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    lines = LineCollection(
        curves, colors=look.colour, linewidths=look.width, linestyles=look.linestyle, alpha=look.alpha, zorder=2,
        rasterized=True,
    )  # fmt: skip
    axes.add_collection(lines)
    heads = _heads(axes, curves, look) if len(curves) <= MOST_HEADS else None
    plain, new_one = np.array(to_rgba(look.colour, look.alpha)), np.array(to_rgba(FRESH, 1.0))

    def reveal(shown: Mask, fresh: Mask) -> None:
        colours = np.where(fresh[:, None], new_one, plain)
        colours[~shown, 3] = 0.0
        lines.set_alpha(None)  # the colours have their own
        lines.set_color(list(colours))
        lines.set_linewidth(np.where(fresh, np.maximum(1.0, look.width), look.width).tolist())
        if heads is not None:
            heads.set_alpha(None)
            heads.set_facecolor(list(colours))

    return Layer(row, [lines] if heads is None else [lines, heads], reveal)


def _heads(axes: Any, curves: list[FloatArray], look: Look) -> Any:
    """A collection of arrowheads, at 70 % of each curve."""
    from matplotlib.collections import PolyCollection

    to_screen, to_data = axes.transData, axes.transData.inverted()
    tip = to_screen.transform(np.stack([curve[int(0.7 * len(curve))] for curve in curves]))
    before = to_screen.transform(np.stack([curve[int(0.7 * len(curve)) - 1] for curve in curves]))
    tangent = tip - before
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    side = np.stack((-tangent[:, 1], tangent[:, 0]), axis=1)
    size = axes.figure.dpi / 72.0 * (2.5 + 4.0 * look.width)
    base, half = tip - size * tangent, 0.35 * size * side
    heads = np.stack((tip, base + half, base - half), axis=1)
    corners = to_data.transform(heads.reshape(-1, 2)).reshape(heads.shape)
    opacity = min(1.0, 1.5 * look.alpha)
    made = PolyCollection(
        list(corners), facecolors=look.colour, edgecolors="none", alpha=opacity, zorder=2.1, rasterized=True
    )
    axes.add_collection(made)
    return made
