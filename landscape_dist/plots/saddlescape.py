"""Pictures with SaddleScape's options: searches over contours, and the connection graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.plots.files import save
from landscape_dist.plots.style import INK, index_style
from landscape_dist.records import FloatArray

TRAJECTORY_DEFAULTS: dict[str, Any] = {
    "DetailedTraj": False,
    "Contour": True,
    "Contourf": True,
    "ContourGridNum": 50,
    "ContourGridOut": 10,
    "Title": "The Search Trajectory",
    "TrajectorySet": None,
    "SaddlePointSet": None,
    "GridSet": None,
    "1DSamples": 1000,
    "1DSamplesOut": 100,
    "1DFunctionDraw": None,
    "WhetherSave": False,
    "SaveFigurePath": "Landscape_figure.png",
    "Projection": None,
}
CONNECTION_DEFAULTS: dict[str, Any] = {
    "Title": "The Connection of Saddle Points",
    "SaddlePointSet": None,
    "TrajectorySet": None,
    "WhetherSave": False,
    "SaveFigurePath": "Landscape_Connection_figure.png",
}
_COUNTS = {"ContourGridNum": 1, "ContourGridOut": 0, "1DSamples": 1, "1DSamplesOut": 0}
# networkx's names for what Matplotlib's scatter and lines call otherwise.
_NODE_NAMES = {"node_shape": "marker", "node_color": "color", "node_size": "s"}
_EDGE_NAMES = {"width": "linewidth", "style": "linestyle", "edge_color": "color"}


def _options(given: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    import difflib

    for name in given:
        if name not in defaults:
            close = difflib.get_close_matches(name, list(defaults), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(defaults)}"
            raise SettingsError(f"no drawing option named {name!r}; {hint}")
    options = defaults | given
    for name, least in _COUNTS.items():
        value = options.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer) or not value >= least:
            raise SettingsError(f"{name} is {value!r}; give a whole number of at least {least}")
    return options


def trajectory_figure(
    problem: Any, rows: list[Any], paths: list[list[Any]] | None, given: dict[str, Any], max_index: int
) -> Any:
    """Points and searches in the plane (two variables, or a projection), or along the curve of one variable.

    Args:
        problem: the energy, for contours. rows: [ID, position (d, 1), index, directions, parents] for each point.
        paths: [end, start, path (t, d), times] to draw in full; None draws straight lines from parents to children.
        given: SaddleScape's options by name. max_index: the highest index, for the list SaddlePointSet.

    Raises:
        SettingsError: an unknown option, or a projection that is needed or does not fit.
    """
    options = _options(given, TRAJECTORY_DEFAULTS)
    X = np.array([list.__getitem__(row, 1)[:, 0] for row in rows])
    d = X.shape[1]
    if d > 2 and options["Projection"] is None:
        raise SettingsError(
            f"DrawTrajectory needs a Projection for {d} variables; give a function from (n, {d}) to (n, 2) arrays"
        )
    figure, axes = _canvas()
    axes.set_title(options["Title"])
    curves = [path for _, _, path, _ in paths] if paths is not None else _straight(rows, X)
    if d == 1:
        _draw_curve(axes, problem, X, options)
        curves = [np.column_stack([c, _energies(problem, c)]) for c in map(_refined, curves)]
        where = np.column_stack([X, _energies(problem, X)])
    else:
        project = options["Projection"] if options["Projection"] is not None else lambda points: points
        where = _projected(project, X)
        curves = [_projected(project, c) for c in curves]
        if d == 2 and options["Projection"] is None and options["Contour"]:
            _draw_contours(figure, axes, problem, np.concatenate([where, *curves]), options)
        axes.set_xlabel("x1" if d == 2 else "projection 1")
        axes.set_ylabel("x2" if d == 2 else "projection 2")
    line = {"linewidth": 0.9, "linestyle": "-", "color": "blue", "label": "Search Trajectory"}
    _draw_lines(axes, curves, line | dict(options["TrajectorySet"] or {}))
    _draw_points(axes, where, _indices(rows), options["SaddlePointSet"])
    grid = {"visible": True, "linestyle": "--", "linewidth": 0.1, "color": "gray"}
    axes.grid(**(grid | dict(options["GridSet"] or {})))
    _legend(figure, axes)
    if options["WhetherSave"]:
        save(figure, options["SaveFigurePath"])
    return figure


def connection_figure(rows: list[Any], given: dict[str, Any]) -> Any:
    """Points in rows by index, the highest on top, and the searches between them.

    Args:
        rows: as for `trajectory_figure`. given: SaddleScape's options by name.
    """
    from landscape_dist.plots.layout import row_positions

    options = _options(given, CONNECTION_DEFAULTS)
    figure, axes = _canvas()
    axes.set_title(options["Title"])
    index = _indices(rows)
    pairs = np.array(_pairs(rows), dtype=np.int64).reshape(-1, 2)
    # Restarts may climb: the layout counts on arrows that lead down.
    down = pairs[index[pairs[:, 0]] > index[pairs[:, 1]]]
    X = np.array([list.__getitem__(row, 1)[:, 0] for row in rows])
    where = np.column_stack([row_positions(index, down[:, 0], down[:, 1], X[:, 0]), index])
    line = {"linewidth": 0.7, "linestyle": "solid", "color": "blue", "label": "Search Trajectory"}
    given_line = {_EDGE_NAMES.get(str(k), str(k)): v for k, v in dict(options["TrajectorySet"] or {}).items()}
    _draw_lines(axes, [where[pair] for pair in pairs], line | given_line)
    size = 150.0 if len(rows) <= 40 else 30.0
    _draw_points(axes, where, index, options["SaddlePointSet"], size)
    if len(rows) <= 40:
        for i, (x, y) in enumerate(where):
            colour = index_style(int(index[i])).text
            axes.text(x, y, str(i), ha="center", va="center", fontsize=7, color=colour, zorder=6)
    axes.set_yticks(np.unique(index), [f"index {k}" for k in np.unique(index)])
    axes.set_xticks([])
    axes.margins(0.08)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    _legend(figure, axes)
    if options["WhetherSave"]:
        save(figure, options["SaveFigurePath"])
    return figure


# -- parts --------------------------------------------------------------------------------------------------------
def _canvas() -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.8, 5.4), layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _indices(rows: list[Any]) -> Any:
    return np.array([list.__getitem__(row, 2) for row in rows], dtype=np.int32)


def _pairs(rows: list[Any]) -> list[tuple[int, int]]:
    """Parent and child of every arrow; starts are none."""
    return [(p, i) for i, row in enumerate(rows) for p in list.__getitem__(row, 4) if p >= 0]


def _straight(rows: list[Any], X: FloatArray) -> list[FloatArray]:
    return [X[[p, i]] for p, i in _pairs(rows)]


def _refined(path: FloatArray, n: int = 60) -> FloatArray:
    """A path of two points with points between them, so that it follows a curve."""
    return np.linspace(path[0], path[-1], n) if len(path) == 2 else path


def _projected(project: Any, X: FloatArray) -> FloatArray:
    out = np.asarray(project(X), dtype=np.float64)
    if out.shape != (len(X), 2):
        raise SettingsError(f"Projection returned shape {out.shape} for {X.shape}; return ({len(X)}, 2)")
    return out


def _energies(problem: Any, X: FloatArray) -> FloatArray:
    """(n, 1) energies, zero where the problem has none."""
    return np.asarray(problem.energy(X))[:, None] if problem.has_energy else np.zeros((len(X), 1))


def _axis(low: float, high: float, inside: int, outside: int) -> FloatArray:
    """`inside` cells between the bounds and `outside` more of the same width beyond each."""
    width = max(high - low, 1e-3 * max(1.0, abs(low), abs(high))) / inside
    return np.asarray(low + width * np.arange(-outside, inside + outside + 1), dtype=np.float64)


def _draw_contours(figure: Any, axes: Any, problem: Any, points: FloatArray, options: dict[str, Any]) -> None:
    if not problem.has_energy:
        return
    grid = (int(options["ContourGridNum"]), int(options["ContourGridOut"]))
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    x, y = _axis(x0, x1, *grid), _axis(y0, y1, *grid)
    A, B = np.meshgrid(x, y)
    E = np.asarray(problem.energy(np.column_stack([A.ravel(), B.ravel()]))).reshape(A.shape)
    at = np.asarray(problem.energy(points))
    at = at[np.isfinite(at)]
    # Levels where the searches are; what lies far above them would only flatten the picture.
    low, high = float(np.nanmin(E)), float(at.max())
    levels = np.linspace(low, high + 0.5 * (high - low) + 1e-12, 24)
    E = np.where(np.isfinite(E), E, levels[-1])
    if options["Contourf"]:
        filled = axes.contourf(x, y, E, levels=levels, cmap="viridis", alpha=0.75, extend="max")
        figure.colorbar(filled, ax=axes, label="energy", shrink=0.85)
    axes.contour(x, y, E, levels=levels, colors=INK, linewidths=0.3, alpha=0.6)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])


def _draw_curve(axes: Any, problem: Any, X: FloatArray, options: dict[str, Any]) -> None:
    axes.set_xlabel("x1")
    if not problem.has_energy:
        return
    x = _axis(float(X.min()), float(X.max()), int(options["1DSamples"]), int(options["1DSamplesOut"]))
    curve = {"linewidth": 2, "linestyle": "-", "color": "red", "label": "Function Curve"}
    axes.plot(x, problem.energy(x[:, None]), **(curve | dict(options["1DFunctionDraw"] or {})))
    axes.set_ylabel("energy")


def _draw_lines(axes: Any, curves: list[FloatArray], style: dict[str, Any]) -> None:
    label = style.pop("label", None)
    for i, curve in enumerate(curves):
        axes.plot(curve[:, 0], curve[:, 1], label=label if i == 0 else None, zorder=3, **style)


def _draw_points(axes: Any, where: FloatArray, index: Any, given: Any, size: float = 45.0) -> None:
    for k in np.unique(index)[::-1].tolist():
        own = index_style(k)
        style = {"marker": own.marker, "color": own.colour, "label": f"Index {k} Saddle Point", "s": size * own.scale}
        if given is not None and k < len(given):
            style |= {_NODE_NAMES.get(str(name), str(name)): value for name, value in dict(given[k]).items()}
        if style["marker"] == own.marker:
            style = {"edgecolors": "white", "linewidths": 0.7} | style
        rows = index == k
        axes.scatter(where[rows, 0], where[rows, 1], zorder=5, **style)


def _legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
