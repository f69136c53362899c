"""The figures of a landscape, of any kind."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.plots.canvas import Scene
from landscape_dist.plots.kinds import KINDS

__all__ = ["KINDS", "curve_figure", "energy_level_figure", "landscape_figure", "scene", "trajectory_figure"]


def landscape_figure(
    landscape: LandscapeLike, kind: str = "auto", *, file: str | os.PathLike[str] | None = None, **options: Any
) -> Any:
    """Draw a landscape.

    Args:
        landscape: a `Landscape`.
        kind: 'plane' (two variables: energy contours, or the flow of a vector field, where the problem is known;
            points and arrows), 'curve' (one variable: the energy and the points on it), 'projection' (more variables,
            projected to two), 'graph' (the connection graph, a row for each index), 'levels' (the same with the energy
            as vertical axis), or 'auto': the curve for one variable, the plane for two, the projection where
            `projection` or `trajectories` is given, else the graph.
        file: where to save it; the ending decides the format (png, pdf, svg).
        options: of that kind, see `plots.options`: `PlaneOptions` for planes and projections, `CurveOptions`,
            `GraphOptions`. `trajectories=True` draws the paths that searches took, where they were kept.

    Returns:
        matplotlib.figure.Figure, without any global state; `save` writes it.

    Raises:
        SettingsError: an unknown kind or option, or one that this landscape does not allow.
    """
    return _saved(scene(landscape, kind, **options).figure, file)


def energy_level_figure(landscape: LandscapeLike, **options: Any) -> Any:
    """The connection graph with the energy as vertical axis; options as for `landscape_figure`.

    Raises:
        SettingsError: points have no energy (vector fields).
    """
    return landscape_figure(landscape, "levels", **options)


def trajectory_figure(
    landscape: LandscapeLike,
    *,
    detailed: bool = True,
    which: str | Iterable[int] = "arrows",
    file: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Any:
    """The paths that searches took: over energy contours for two variables, projected for more; for one variable the
    energy itself.

    Args:
        landscape: of a run with `keep_trajectories=True`, unless `detailed` is False.
        detailed: whether the paths are drawn as the searches took them; False draws one arrow for each connection.
        which: 'arrows' (the searches behind the connections), 'all' (upward searches and those from the user's start,
            too), or slots of searches.
        file: where to save it (.png, .pdf, .svg).
        options: see `plots.options.PlaneOptions`; for one variable `CurveOptions`.

    Returns:
        matplotlib.figure.Figure.

    Raises:
        SettingsError: no paths were kept, or an option that cannot work.
    """
    if landscape.columns.x.shape[1] == 1:
        return curve_figure(landscape, file=file, **options)
    kind = "plane" if landscape.columns.x.shape[1] == 2 else "projection"
    return _saved(scene(landscape, kind, trajectories=which if detailed else False, **options).figure, file)


def curve_figure(landscape: LandscapeLike, *, file: str | os.PathLike[str] | None = None, **options: Any) -> Any:
    """The energy of one variable (or the force of a vector field) with the points on it.

    Args:
        landscape: of one variable. file: where to save it. options: see `plots.options.CurveOptions`.
    """
    return _saved(scene(landscape, "curve", **options).figure, file)


def scene(landscape: LandscapeLike, kind: str = "auto", **options: Any) -> Scene:
    """The figure of `landscape_figure` in layers, as an animation needs it; the same arguments but `file`."""
    if kind not in KINDS:
        raise SettingsError(f"kind is {kind!r}; use one of {', '.join(map(repr, KINDS))}")
    given = {name: value for name, value in options.items() if not _is_default(name, value)}
    return KINDS[kind].scene(landscape, given)


def _is_default(name: str, value: Any) -> bool:
    return value is None or (name == "trajectories" and value is False)


def _saved(figure: Any, file: str | os.PathLike[str] | None) -> Any:
    if file is not None:
        from landscape_dist.plots.files import save

        save(figure, file)
    return figure
