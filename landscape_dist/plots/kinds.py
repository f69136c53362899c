"""The kinds of pictures of a landscape by name: what each shows, and what draws it.

Importing this costs nothing; what a kind needs is imported when it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from landscape_dist.errors import SettingsError

if TYPE_CHECKING:
    from landscape_dist.pathways.landscape_like import LandscapeLike
    from landscape_dist.plots.canvas import Scene


@dataclass(frozen=True, slots=True)
class PictureKind:
    """A kind of picture.

    Attributes:
        shows: what, in a few words.
        scene: draws a landscape with the options that the user gave, by name.
    """

    shows: str
    scene: Callable[[LandscapeLike, dict[str, Any]], Scene]


def _auto(landscape: LandscapeLike, options: dict[str, Any]) -> Scene:
    flat = "projection" if "projection" in options or "trajectories" in options else "graph"
    kind = {1: "curve", 2: "plane"}.get(landscape.columns.x.shape[1], flat)
    return KINDS[kind].scene(landscape, options)


def _plane(landscape: LandscapeLike, options: dict[str, Any]) -> Scene:
    from landscape_dist.plots.options import PlaneOptions, make_options
    from landscape_dist.plots.planes import plane_scene

    dim = landscape.columns.x.shape[1]
    if dim != 2:
        raise SettingsError(
            f"kind is 'plane', but {landscape.name} has {dim} variable{'s' * (dim != 1)}; use 'graph' or 'levels'"
        )
    return plane_scene(landscape, make_options(PlaneOptions, "plane", options))


def _projection(landscape: LandscapeLike, options: dict[str, Any]) -> Scene:
    from landscape_dist.plots.options import PlaneOptions, make_options
    from landscape_dist.plots.planes import plane_scene

    return plane_scene(landscape, make_options(PlaneOptions, "projection", options))


def _curve(landscape: LandscapeLike, options: dict[str, Any]) -> Scene:
    from landscape_dist.plots.curves import curve_scene
    from landscape_dist.plots.options import CurveOptions, make_options

    return curve_scene(landscape, make_options(CurveOptions, "curve", _without_paths(options)))


def _graph(landscape: LandscapeLike, options: dict[str, Any]) -> Scene:
    from landscape_dist.plots.graphs import graph_scene
    from landscape_dist.plots.options import GraphOptions, make_options

    return graph_scene(landscape, make_options(GraphOptions, "graph", _without_paths(options) | {"by_energy": False}))


def _levels(landscape: LandscapeLike, options: dict[str, Any]) -> Scene:
    from landscape_dist.plots.graphs import graph_scene
    from landscape_dist.plots.options import GraphOptions, make_options

    return graph_scene(landscape, make_options(GraphOptions, "levels", _without_paths(options) | {"by_energy": True}))


def _without_paths(options: dict[str, Any]) -> dict[str, Any]:
    """In one variable paths lie on the curve, in the graph there is no place for them."""
    return {name: value for name, value in options.items() if name not in ("trajectories", "projection")}


KINDS = {
    "auto": PictureKind("curve for one variable, plane for two, else graph", _auto),
    "plane": PictureKind("energy contours (two variables)", _plane),
    "graph": PictureKind("a row for each index", _graph),
    "levels": PictureKind("the energy as axis", _levels),
    "projection": PictureKind("more variables projected to two", _projection),
    "curve": PictureKind("the energy of one variable", _curve),
}
