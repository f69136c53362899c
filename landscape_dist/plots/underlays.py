"""What lies beneath points in the plane: an energy's contours, or a vector field's speed and streamlines."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.plots.contours import energies_on_grid, field_on_grid, levels
from landscape_dist.plots.coordinates import energy_name
from landscape_dist.plots.options import PlaneOptions
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray

# Streamlines follow the field as it is between this many points along each axis.
STREAM_GRID = 60
# Speeds from this part of those in the picture are one colour: fields grow fast far outside.
FASTEST = 0.9


def draw_underlay(
    figure: Any, axes: Any, landscape: LandscapeLike, problem: Problem, corners: FloatArray, options: PlaneOptions
) -> None:
    """Draw the energy, or the flow of a vector field, of two variables within the corners (2, 2)."""
    if problem.has_energy:
        _draw_energy(figure, axes, landscape, problem, corners, options)
    else:
        _draw_flow(figure, axes, problem, corners, options)


def _draw_energy(
    figure: Any, axes: Any, landscape: LandscapeLike, problem: Problem, corners: FloatArray, options: PlaneOptions
) -> None:
    x, y, E = energies_on_grid(problem, corners, options.grid)
    at = _levels(E, landscape.columns.energy, options.contour_levels)
    lines = axes.contour(x, y, E, levels=at, colors="#8593a0", linewidths=0.5, linestyles="solid", zorder=1)
    if not options.filled:
        axes.clabel(lines, fontsize=6.5, inline_spacing=2, colors="#66727d")
        return
    _fill(figure, axes, (x, y, E), at, energy_name(landscape))


def _fill(figure: Any, axes: Any, values: tuple[FloatArray, FloatArray, FloatArray], at: FloatArray, name: str) -> None:
    """Areas between levels, and a colour bar."""
    from matplotlib.ticker import MaxNLocator

    areas = axes.contourf(*values, levels=at, cmap=_pale_map(), extend="max", zorder=0)
    bar = figure.colorbar(areas, ax=axes, pad=0.02, spacing="proportional", aspect=28, extendfrac=0.03)
    bar.set_ticks(MaxNLocator(8).tick_values(at[0], at[-1]))
    bar.ax.set_ylim(at[0], None)
    bar.minorticks_off()
    bar.set_label(name)
    bar.outline.set_linewidth(0.5)


def _levels(E: FloatArray, energy: FloatArray, wanted: Any) -> FloatArray:
    if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted >= 2:
        return levels(E, energy, wanted)
    try:
        at = np.asarray(wanted, dtype=np.float64)
    except (TypeError, ValueError):
        at = np.zeros(0)
    if at.ndim != 1 or len(at) < 2 or not (np.diff(at) > 0).all():
        raise SettingsError(f"contour_levels is {wanted!r}; give a number of at least 2, or increasing energies")
    return at


def _pale_map() -> Any:
    """Grey-blue in the basins to white above the points, so that the points' colours stand out."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = ["#7f93a8", "#b4c2cf", "#dde4ea", "#ffffff"]
    return LinearSegmentedColormap.from_list("pale", colours).with_extremes(over="#ffffff")


def _draw_flow(figure: Any, axes: Any, problem: Problem, corners: FloatArray, options: PlaneOptions) -> None:
    """Streamlines of dx/dt, over its speed."""
    if options.filled:
        x, y, u, v = field_on_grid(problem, corners, options.grid)
        speed = np.hypot(u, v)
        finite = speed[np.isfinite(speed)]
        fastest = float(np.quantile(finite, FASTEST)) if len(finite) else 0.0
        if fastest > 0:
            at = np.linspace(0.0, fastest, 16)
            _fill(figure, axes, (x, y, np.where(np.isfinite(speed), speed, 2 * fastest)), at, "speed |dx/dt|")
    x, y, u, v = field_on_grid(problem, corners, STREAM_GRID)
    colour = "#6d7d8c" if options.filled else "#a9b6c2"
    axes.streamplot(x, y, u, v, density=1.3, linewidth=0.6, color=colour, arrowsize=0.7, zorder=1)
    axes.set_xlim(*corners[:, 0])
    axes.set_ylim(*corners[:, 1])
