"""Paths of searches over the contours of two-variable energies, one panel beside another."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.trajectories import Trajectory
from landscape_dist.plots.style import COLOURS, FRESH, INK
from landscape_dist.problems.base import Problem

_GRID = 160  # energies a side
_WIDTH, _ROOM = 3.9, 1.1  # of a panel, and for title, labels and legend, in inches
_START, _CONTOUR = "#8c5a2b", "#8593a0"


def paths_figure(
    panels: Mapping[str, tuple[Problem, Mapping[str, Sequence[Trajectory]]]],
    lower: ArrayLike,
    upper: ArrayLike,
    *,
    marked: ArrayLike = (),
    marked_as: str = "saddle",
    levels: int | ArrayLike = 22,
    every: int = 1,
    size: tuple[float, float] | None = None,
    file: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw the same searches on several energies, such as a true one and its surrogate, over the same contours.

    Args:
        panels: of each panel's title, its problem of two variables, and the paths by name.
        lower, upper: (2,) corners of what is shown.
        marked: (p, 2) points to mark in every panel. marked_as: what the legend calls them.
        levels: of the contours: how many over the energies of the first panel, or the energies themselves.
        every: draws a dot at every so many steps of a path.
        size: (width, height) of the figure in inches.
        file: where to save it; the ending decides the format (png, pdf, svg).

    Returns:
        matplotlib.figure.Figure, without any global state.

    Raises:
        SettingsError: no panel, a problem of other than two variables, or corners that span nothing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    low, high = (np.asarray(corner, dtype=np.float64) for corner in (lower, upper))
    if low.shape != (2,) or high.shape != (2,) or not (low < high).all():
        raise SettingsError(f"lower is {lower!r} and upper {upper!r}; give corners (2,) with lower < upper")
    for title, (problem, _) in panels.items():
        if problem.dim != 2:
            raise SettingsError(f"panel {title!r} has {problem.dim} variables; paths are drawn over two")
    if not panels or every < 1:
        raise SettingsError(f"{len(panels)} panels and every = {every}; give at least one of both")
    x, y = (np.linspace(a, b, _GRID) for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    points = np.asarray(marked, dtype=np.float64).reshape(-1, 2)
    height = _WIDTH * float(np.clip((high[1] - low[1]) / (high[0] - low[0]), 0.3, 3.0)) + _ROOM
    figure = Figure(figsize=size or ((_WIDTH + 0.4) * len(panels), height), layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, (problem, paths)) in zip(all_axes, panels.items(), strict=True):
        energy = np.asarray(problem.energy(grid)).reshape(_GRID, _GRID)
        if isinstance(levels, int):
            levels = np.linspace(np.nanmin(energy), np.nanmax(energy), levels + 2)[1:-1]
        axes.contour(x, y, energy, levels=levels, colors=_CONTOUR, linewidths=0.6, linestyles="solid", zorder=1)
        for i, (name, some) in enumerate(paths.items()):
            for k, path in enumerate(some):
                axes.plot(
                    *path.x.T, color=COLOURS[i % len(COLOURS)], linewidth=max(0.8, 3.2 - i), marker=".",
                    markersize=max(3, 7 - 2 * i), markevery=every, zorder=3 + 0.1 * i, label=name if k == 0 else None,
                )  # fmt: skip
        starts = np.array([path.x[0] for some in paths.values() for path in some]).reshape(-1, 2)
        axes.scatter(*np.unique(starts, axis=0).T, s=38, color=_START, zorder=6, label="start")
        if len(points):
            axes.scatter(*points.T, s=80, marker="p", color=FRESH, edgecolors=INK, linewidths=0.6, zorder=5,
                         label=marked_as)  # fmt: skip
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("$x_1$")
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
        axes.locator_params(axis="x", nbins=5)
        axes.set_aspect("equal")
    all_axes[0].set_ylabel("$x_2$")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    if file is not None:
        from landscape_dist.plots.files import save

        save(figure, file)
    return figure
