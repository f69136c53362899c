"""SaddleScape's drawing options, and its lists as a landscape that `plots` can draw."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from landscape_dist.campaign.landscape import Landscape
from landscape_dist.errors import SettingsError
from landscape_dist.pathways.trajectories import PathList
from landscape_dist.plots import landscape_figure
from landscape_dist.problems.base import Problem
from landscape_dist.records import (
    FailureColumns,
    IntArray,
    PointColumns,
    SearchColumns,
    SearchKind,
    SearchStatus,
    TrajectoryColumns,
)
from landscape_dist.saddlescape.parameters import Check, check_count, check_flag
from landscape_dist.saddlescape.results import SaddleTable
from landscape_dist.toml_file import nearest


def _as_is(name: str, value: Any) -> Any:
    return value


def _style(name: str, value: Any) -> Any:
    if value is None or isinstance(value, Mapping):
        return value
    raise SettingsError(f"{name} is {value!r}; give a dict of line properties")


def _styles(name: str, value: Any) -> Any:
    if value is None or (isinstance(value, list | tuple) and all(isinstance(style, Mapping) for style in value)):
        return value
    raise SettingsError(f"{name} is {value!r}; give a list of dicts, one for each index from 0")


# Name -> default as documented, and the check of a value.
SHARED_OPTIONS: dict[str, tuple[Any, Check]] = {
    "SaddlePointSet": (None, _styles),
    "TrajectorySet": (None, _style),
    "WhetherSave": (False, check_flag),
}
TRAJECTORY_OPTIONS: dict[str, tuple[Any, Check]] = {
    **SHARED_OPTIONS,
    "Title": ("The Search Trajectory", _as_is),
    "SaveFigurePath": ("Landscape_figure.png", _as_is),
    "DetailedTraj": (False, check_flag),
    "Contour": (True, check_flag),
    "Contourf": (True, check_flag),
    "ContourGridNum": (50, check_count(1)),
    "ContourGridOut": (10, check_count(0)),
    "GridSet": (None, _style),
    "1DSamples": (1000, check_count(1)),
    "1DSamplesOut": (100, check_count(0)),
    "1DFunctionDraw": (None, _style),
    "Projection": (None, _as_is),
}
CONNECTION_OPTIONS: dict[str, tuple[Any, Check]] = {
    **SHARED_OPTIONS,
    "Title": ("The Connection of Saddle Points", _as_is),
    "SaveFigurePath": ("Landscape_Connection_figure.png", _as_is),
}
GRID_LINES = {"visible": True, "linestyle": "--", "linewidth": 0.1, "color": "gray"}


def draw_trajectory(table: SaddleTable, problem: Problem, given: dict[str, Any]) -> Any:
    """The searches over the energy or flow of two variables, projected for more, or along the curve of one.

    Raises:
        SettingsError: an unknown option, paths that were not kept, or a projection that is needed.
    """
    options = _checked(given, TRAJECTORY_OPTIONS)
    d = problem.dim
    if d > 2 and options["Projection"] is None:
        raise SettingsError(
            f"DrawTrajectory needs a Projection for {d} variables; give a function from (n, {d}) to (n, 2) arrays, or "
            "'pca', 'oblique' or two variables such as 'x1,x3'"
        )
    ours = _shared(options) | {"grid_style": GRID_LINES | dict(options["GridSet"] or {})}
    inside, outside = ("1DSamples", "1DSamplesOut") if d == 1 else ("ContourGridNum", "ContourGridOut")
    cells, beyond = options[inside], options[outside]
    if d == 1:
        ours |= {"margin": beyond / cells, "samples": cells + 2 * beyond + 1, "curve_style": options["1DFunctionDraw"]}
    else:
        ours |= {
            "trajectories": "all" if options["DetailedTraj"] else False,
            "projection": options["Projection"],
            "contours": options["Contour"],
            "filled": options["Contourf"],
        }
        if d == 2 and options["Projection"] is None:
            ours |= {"margin": beyond / cells, "grid": cells + 2 * beyond + 1}
    landscape = as_landscape(table, problem, detailed=options["DetailedTraj"] and d > 1)
    kind = {1: "curve", 2: "plane"}.get(d, "projection")
    return _shown(landscape_figure(landscape, kind, **ours))


def draw_connection(table: SaddleTable, problem: Problem, given: dict[str, Any]) -> Any:
    """Points in rows by index, the highest on top, and the arrows between them."""
    options = _checked(given, CONNECTION_OPTIONS)
    return _shown(landscape_figure(as_landscape(table, problem, detailed=False), "graph", **_shared(options)))


def _checked(given: dict[str, Any], known: dict[str, tuple[Any, Check]]) -> dict[str, Any]:
    options = {name: default for name, (default, _) in known.items()}
    for name, value in given.items():
        if name not in known:
            raise SettingsError(f"no drawing option named {name!r}{nearest(name, known)}")
        options[name] = known[name][1](name, value)
    return options


def _shared(options: dict[str, Any]) -> dict[str, Any]:
    """What both pictures take."""
    return {
        "title": options["Title"],
        "path_style": options["TrajectorySet"],
        "point_styles": options["SaddlePointSet"],
        "file": options["SaveFigurePath"] if options["WhetherSave"] else None,
    }


def _shown(figure: Any) -> Any:
    """The figure, which in a notebook is shown at once, wherever in a cell it was drawn."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if ipython is None or getattr(shell, "kernel", None) is None:
        return figure
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    ipython.display.display(ipython.display.Image(picture.getvalue()))

    def not_again() -> None:
        del figure._ipython_display_

    # As the last value of a cell it would be shown a second time.
    figure._ipython_display_ = not_again
    return figure


# -- the lists as a landscape -------------------------------------------------------------------------------------
def as_landscape(table: SaddleTable, problem: Problem, detailed: bool) -> Landscape:
    """All runs of a table as one landscape: an arrow for each parent in `SaddleList`, whichever way it leads.

    Args:
        detailed: whether the paths of the searches are in it, too.

    Raises:
        SettingsError: paths are wanted that were not kept.
    """
    columns = table.columns()
    arrows = [(p, i, SearchKind.DOWN) for i, parents in enumerate(table.parents()) for p in parents if p >= 0]
    paths, source = table.searches() if detailed else [], PathList()
    kinds = [SearchKind.DOWN if path.parent >= 0 and path.kind != SearchKind.UP else path.kind for path in paths]
    ends = [(path.parent, path.child, kind) for path, kind in zip(paths, kinds, strict=True)]
    for number, path in enumerate(paths):
        end = np.array([len(path.x)], dtype=np.int64)
        source.append(TrajectoryColumns(np.array([len(arrows) + number]), end, path.x, path.time))
    searches = _converged(np.array(arrows + ends, dtype=np.int64).reshape(-1, 3), columns)
    first = table.runs[0][0]
    nothing = FailureColumns(np.zeros(0, dtype=np.int64), np.zeros((0, problem.dim)), np.zeros(0), [])
    return Landscape(
        first.header, columns, searches, nothing, {}, finished=all(run.finished for run, _, _ in table.runs),
        problem=problem, paths=source if detailed else None,
    )  # fmt: skip


def _converged(rows: IntArray, columns: PointColumns) -> SearchColumns:
    """Searches from parent to child (s, 2) and of a kind, that ended where they should."""
    n = len(rows)
    zero = np.zeros(n, dtype=np.int32)
    return SearchColumns(
        np.arange(n), rows[:, 0], rows[:, 2].astype(np.int8), zero, columns.index[rows[:, 1]],
        np.full(n, SearchStatus.CONVERGED, dtype=np.int8), rows[:, 1], zero, zero,
    )  # fmt: skip
