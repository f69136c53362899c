"""The figures of a landscape: which kind there is, and what each takes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from landscape_dist.errors import SettingsError
from landscape_dist.plots.canvas import Scene
from landscape_dist.plots.curves import curve_scene
from landscape_dist.plots.graphs import graph_scene
from landscape_dist.plots.planes import MOST_LABELS, plane_scene

__all__ = ["KINDS", "MOST_LABELS", "energy_level_figure", "landscape_figure", "scene"]

KINDS = ("auto", "plane", "graph", "levels", "projection", "curve")


def landscape_figure(
    landscape: Any,
    kind: str = "auto",
    *,
    labels: bool | None = None,
    title: str | None = None,
    size: Any = None,
    trajectories: bool | str | Iterable[int] = False,
    projection: Any = None,
    file: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Any:
    """Draw a landscape.

    Args:
        landscape: a `Landscape`.
        kind: 'plane' (two variables: energy contours, or streamlines of a vector field, where the problem is known;
            points and arrows), 'curve' (one variable: the energy and the points on it), 'projection' (more variables,
            projected to two), 'graph' (the connection graph, a row for each index), 'levels' (the same with the energy
            as vertical axis), or 'auto': the curve for one variable, the plane for two, the projection where
            `projection` or `trajectories` is given, else the graph.
        labels: whether points carry their ids; default up to 40 points.
        title: default the problem's name and the counts; '' for none.
        size: (width, height) in inches.
        trajectories, projection: see `trajectory_figure`.
        file: where to save it; the ending decides the format (png, pdf, svg).
        options: further ones of that kind: those of `trajectory_figure` for planes and projections, of `curve_figure`
            for curves; `path_style` and `point_styles` for all.

    Returns:
        matplotlib.figure.Figure, without any global state; `save` writes it.

    Raises:
        SettingsError: an unknown kind, or one that this landscape does not allow.
    """
    made = scene(
        landscape,
        kind,
        labels=labels,
        title=title,
        size=size,
        trajectories=trajectories,
        projection=projection,
        **options,
    )
    return _saved(made.figure, file)


def energy_level_figure(landscape: Any, **options: Any) -> Any:
    """The connection graph with the energy as vertical axis; options as for `landscape_figure`.

    Raises:
        SettingsError: points have no energy (vector fields).
    """
    return landscape_figure(landscape, "levels", **options)


def trajectory_figure(
    landscape: Any,
    *,
    detailed: bool = True,
    which: str | Iterable[int] = "arrows",
    projection: Any = None,
    contours: bool = True,
    filled: bool = True,
    contour_levels: int | Sequence[float] = 20,
    grid: int = 240,
    margin: float | None = None,
    limits: Any = None,
    labels: bool | None = None,
    title: str | None = None,
    size: tuple[float, float] | None = None,
    path_style: Mapping[str, Any] | None = None,
    point_styles: Sequence[Mapping[str, Any]] | None = None,
    grid_style: Mapping[str, Any] | None = None,
    file: str | os.PathLike[str] | None = None,
    **curve_options: Any,
) -> Any:
    """The paths that searches took: over energy contours for two variables, projected for more; for one variable the
    energy itself.

    Args:
        landscape: of a run with `keep_trajectories=True`, unless `detailed` is False.
        detailed: whether the paths are drawn as the searches took them; False draws one arrow for each connection.
        which: 'arrows' (the searches behind the connections), 'all' (upward searches and those from the user's start,
            too), or slots of searches.
        projection: 'pca' (the plane in which the points spread most), 'oblique' (three variables as cubes are drawn,
            of more the three directions in which the points spread most), two variables as 'x1,x3', a (d, 2) matrix,
            or a function (n, d) -> (n, 2); default the variables themselves where there are two, else 'pca' or
            'oblique', whichever keeps the points further apart.
        contours: whether to draw the energy beneath (two variables, the problem known).
        filled: whether the areas between contours are filled and a colour bar is drawn; else contours are labelled.
        contour_levels: how many, or the increasing energies themselves.
        grid: points along each axis at which the energy is evaluated.
        margin: what is shown beyond the points on each side, as a part of their extent; default 0.22, projected 0.08.
        limits: ((low, high), (low, high)) of the axes instead; (low, high) for one variable.
        labels: whether points carry their ids; default up to 40 points.
        title: default the problem's name and the counts; '' for none.
        size: (width, height) in inches.
        path_style: over the defaults of the lines: color, linewidth, linestyle, alpha, label.
        point_styles: for each index from 0, over the defaults of `Axes.scatter`: marker, color, s, label, edgecolors...
        grid_style: draws lines at the ticks, in this style: visible, linestyle, linewidth, color.
        file: where to save it (.png, .pdf, .svg).
        curve_options: for one variable, `samples` (points of the curve) and `curve_style` (of its line).

    Returns:
        matplotlib.figure.Figure.

    Raises:
        SettingsError: no paths were kept, or an option that cannot work.
    """
    common: dict[str, Any] = {
        "margin": margin, "limits": limits, "labels": labels, "title": title, "size": size, "path_style": path_style,
        "point_styles": point_styles, "grid_style": grid_style,
    }  # fmt: skip
    if landscape.columns.x.shape[1] == 1:
        return _saved(curve_scene(landscape, **common, **curve_options).figure, file)
    if curve_options:
        name = next(iter(curve_options))
        raise SettingsError(f"option {name!r} is unknown, or for landscapes of one variable; leave it out")
    made = plane_scene(
        landscape, projection=projection, trajectories=which if detailed else False, contours=contours, filled=filled,
        contour_levels=contour_levels, grid=grid, **common,
    )  # fmt: skip
    return _saved(made.figure, file)


def curve_figure(landscape: Any, **options: Any) -> Any:
    """The energy of one variable (or the force of a vector field) with the points on it.

    Args:
        landscape: of one variable.
        options: `samples` (points of the curve, default 1000), `curve_style` (its line, as for `Axes.plot`), `margin`,
            `limits`, `labels`, `title`, `size`, `path_style`, `point_styles`, `grid_style` and `file` as for
            `trajectory_figure`.
    """
    file = options.pop("file", None)
    return _saved(curve_scene(landscape, **options).figure, file)


def scene(landscape: Any, kind: str = "auto", **options: Any) -> Scene:
    """The figure of `landscape_figure` in layers, as an animation needs it; the same arguments but `file`."""
    if kind not in KINDS:
        raise SettingsError(f"kind is {kind!r}; use one of {', '.join(map(repr, KINDS))}")
    options = {name: value for name, value in options.items() if not _is_default(name, value)}
    dim = landscape.columns.x.shape[1]
    if kind == "auto":
        flat = "projection" if "projection" in options or "trajectories" in options else "graph"
        kind = {1: "curve", 2: "plane"}.get(dim, flat)
    if kind == "plane" and dim != 2:
        raise SettingsError(
            f"kind is 'plane', but {landscape.name} has {dim} variable{'s' * (dim != 1)}; use 'graph' or 'levels'"
        )
    if kind in ("plane", "projection"):
        return _call(plane_scene, kind, landscape, options)
    options.pop("trajectories", None)  # in one variable they lie on the curve, in the graph there is no place for them
    options.pop("projection", None)
    if kind == "curve":
        return _call(curve_scene, kind, landscape, options)
    return _call(graph_scene, kind, landscape, options | {"by_energy": kind == "levels"})


def _is_default(name: str, value: Any) -> bool:
    return value is None or (name == "trajectories" and value is False)


def _call(draw: Any, kind: str, landscape: Any, options: dict[str, Any]) -> Scene:
    import inspect

    known = set(inspect.signature(draw).parameters) - {"landscape"}
    for name in options:
        if name not in known:
            raise SettingsError(
                f"option {name!r} does not fit a picture of kind {kind!r}; known are {', '.join(sorted(known))}"
            )
    made: Scene = draw(landscape, **options)
    return made


def _saved(figure: Any, file: str | os.PathLike[str] | None) -> Any:
    if file is not None:
        from landscape_dist.plots.files import save

        save(figure, file)
    return figure
