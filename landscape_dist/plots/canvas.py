"""What all figures share: the canvas, titles, legends, points, and layers that can appear one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.pathways.connections import arrows, rows_of_slots
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.plots.coordinates import Cell
from landscape_dist.plots.options import PictureOptions
from landscape_dist.plots.style import FRESH, INK, index_name, index_style, marker_areas, present
from landscape_dist.records import FloatArray, IntArray

Mask = NDArray[np.bool_]

MOST_LABELS = 40


@dataclass(slots=True)
class Layer:
    """Artists that an animation lets appear.

    Attributes:
        row: (n,) when each of the n things they show was found: the row of the search in the landscape's table.
        artists: in the order in which they are drawn.
        reveal: called with two (n,) masks: what is shown, and what of it is new.
    """

    row: IntArray
    artists: list[Any]
    reveal: Callable[[Mask, Mask], None]


@dataclass(slots=True)
class Scene:
    """A figure, its main axes, and its layers from back to front."""

    figure: Any
    axes: Any
    layers: list[Layer] = field(default_factory=list)


def canvas(size: tuple[float, float]) -> tuple[Any, Any]:
    """A figure of (width, height) inches without global state, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def empty_scene(landscape: LandscapeLike, options: PictureOptions, size: tuple[float, float]) -> Scene:
    """A figure with its title and axes; says so where there are no points to draw.

    Args:
        size: (width, height) in inches, unless the options say another.
    """
    figure, axes = canvas(options.size or size)
    _headline(figure, landscape, options.title)
    if not len(landscape.columns):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no stationary point found yet", ha="center", va="center", transform=axes.transAxes)
    return Scene(figure, axes)


def _headline(figure: Any, landscape: LandscapeLike, title: str | None) -> None:
    """The title of the user, or the problem's name and the counts."""
    text = default_title(landscape) if title is None else title
    if text:
        figure.suptitle(text, fontsize=11, x=0.01, horizontalalignment="left")


def default_title(landscape: LandscapeLike) -> str:
    """'muller_brown: 5 stationary points, 4 connections'."""
    p, c = len(landscape.columns), len(landscape.connections)
    text = f"{_name(landscape)}: {p:,} stationary point{'s' * (p != 1)}, {c:,} connection{'s' * (c != 1)}"
    return text if landscape.finished else text + " (unfinished)"


def _name(landscape: LandscapeLike) -> str:
    """The problem's name, with its parameters where they are short."""
    parameters = (landscape.header["problem"].get("definition") or {}).get("parameters") or {}
    text = ", ".join(f"{name} = {value:g}" for name, value in parameters.items() if isinstance(value, int | float))
    return f"{landscape.name} ({text})" if text and len(text) <= 40 else str(landscape.name)


def has_energy(landscape: LandscapeLike) -> bool:
    """False for vector fields."""
    return bool(landscape.header["problem"].get("has_energy", True))


def grid_lines(axes: Any, style: Mapping[str, Any] | None) -> None:
    """Lines at the ticks, where asked for."""
    if style is not None:
        axes.set_axisbelow(True)
        axes.grid(**{"visible": True, "linestyle": "--", "linewidth": 0.4, "color": "#b0b0b0"} | dict(style))


# -- points ---------------------------------------------------------------------------------------------------
def draw_points(
    axes: Any, landscape: LandscapeLike, where: FloatArray, options: PictureOptions
) -> tuple[Layer, FloatArray]:
    """Markers by index, with ids on them if so wanted, and their radii (p,) in points.

    Args:
        where: (p, 2).
    """
    from matplotlib.markers import MarkerStyle

    points, styles = landscape.columns, options.point_styles
    labels = len(points) <= MOST_LABELS if options.labels is None else options.labels
    areas = marker_areas(landscape.pathways.hits, len(points), labels)
    scale = np.array([index_style(k).scale for k in range(int(points.index.max()) + 1)])
    radii = 0.52 * np.sqrt(areas * scale[points.index])
    dim, many = points.x.shape[1], len(where) > 5000
    drawn: list[tuple[IntArray, Any, FloatArray, Any]] = []
    for k, rows in present(points.index):
        style = index_style(k)
        sizes = areas[rows] * style.scale
        look: dict[str, Any] = {
            "s": sizes,
            "color": style.colour,
            "marker": style.marker,
            "edgecolors": "white",
            "linewidths": 0.0 if many else float(np.clip(12.0 / np.sqrt(len(where)), 0.25, 0.9)),
            "label": index_name(k, int(rows.sum()), dim, has_energy(landscape)),
            "zorder": 3,
        }
        look |= _own_style(styles, k)
        if not MarkerStyle(look["marker"]).is_filled():
            look["edgecolors"] = look["color"]
        edges = look.pop("edgecolors")
        dots = axes.scatter(where[rows, 0], where[rows, 1], **look, rasterized=many)
        dots.set_edgecolor(edges)
        drawn.append((np.flatnonzero(rows), dots, np.broadcast_to(np.asarray(look["s"], float), sizes.shape), edges))
    texts = []
    if labels:
        for id, (a, b) in enumerate(where):
            style = index_style(int(points.index[id]))
            # On our own markers there is room for it; the user's may be of any kind.
            place: dict[str, Any] = {"ha": "center", "va": "center_baseline", "color": style.text}
            if styles is not None:
                place = {"ha": "left", "va": "bottom", "color": INK, "xytext": (4, 3), "textcoords": "offset points"}
            texts.append(axes.annotate(str(id), (a, b), fontsize=7, zorder=4, **place))

    def reveal(shown: Mask, fresh: Mask) -> None:
        for ids, dots, sizes, edges in drawn:
            dots.set_sizes(np.where(shown[ids], sizes, 0.0) * np.where(fresh[ids], 1.5, 1.0))
            dots.set_edgecolor([FRESH if new else edges for new in fresh[ids].tolist()])
        for text, visible in zip(texts, shown.tolist(), strict=False):
            text.set_visible(visible)

    return Layer(rows_of_points(landscape), [*(dots for _, dots, _, _ in drawn), *texts], reveal), radii


def settle_points(dots: Layer, cell: Cell, corners: FloatArray, whole: bool) -> None:
    """Repeat the markers of periodic coordinates all over a window (2, 2).

    Args:
        dots: as drawn, within the cell. whole: whether markers at the window's edge are drawn beyond it.
    """
    if cell.is_plane:
        return
    for artist in dots.artists:
        if whole:
            artist.set_clip_on(False)
        if hasattr(artist, "set_offsets"):  # sizes and colours begin anew with each repetition
            artist.set_offsets(cell.repeated(np.asarray(artist.get_offsets()), corners))


def _own_style(styles: Sequence[Mapping[str, Any]] | None, index: int) -> dict[str, Any]:
    """The user's style for an index, under matplotlib's long names; {} where there is none."""
    if styles is None or index >= len(styles):
        return {}
    # Matplotlib's other names, and networkx's.
    short = {
        "c": "color", "facecolors": "color", "edgecolor": "edgecolors", "linewidth": "linewidths", "lw": "linewidths",
        "node_color": "color", "node_shape": "marker", "node_size": "s",
    }  # fmt: skip
    own = {short.get(name, name): value for name, value in styles[index].items()}
    if "markersize" in own:
        own["s"] = float(own.pop("markersize")) ** 2
    return own


def legend(figure: Any, axes: Any, extra: Sequence[Any] = ()) -> None:
    """Names of the markers, and of `extra` artists, below the axes."""
    handles, names = axes.get_legend_handles_labels()
    handles, names = [*handles, *extra], [*names, *(artist.get_label() for artist in extra)]
    if not handles:
        return
    columns = len(names) if len(names) <= 4 else -(-len(names) // 2)
    made = figure.legend(
        handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5,
        handletextpad=0.4 if extra else 0.2, columnspacing=1.2,
    )  # fmt: skip
    for handle in made.legend_handles:
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([45.0])


# -- when things were found -----------------------------------------------------------------------------------
def rows_of_points(landscape: LandscapeLike) -> IntArray:
    """(p,) row of the search that found each point."""
    return rows_of_slots(landscape.searches, landscape.columns.found_by)


def rows_of_connections(landscape: LandscapeLike) -> IntArray:
    """(c,) row of the first search behind each connection."""
    searches, connections = landscape.searches, landscape.connections
    if not len(connections):
        return np.zeros(0, dtype=np.int64)
    rows, parent, child, _ = arrows(searches, landscape.columns.x.shape[1])
    rows = rows[np.lexsort((child, parent))]
    return np.minimum.reduceat(rows, connections.first[:-1]).astype(np.int64)
