"""One variable: the energy as a curve with the points on it, or the force with its zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.plots.arrows import draw_arrows, make_look, shown
from landscape_dist.plots.canvas import (
    Scene,
    draw_points,
    empty_scene,
    grid_lines,
    legend,
    rows_of_connections,
    settle_points,
)
from landscape_dist.plots.contours import MARGIN, problem_of
from landscape_dist.plots.coordinates import Cell, axis_names, cell_of, energy_name
from landscape_dist.plots.options import CurveOptions
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Box, domain_from_dict
from landscape_dist.records import FloatArray

GAP = 9.0
"""Arrows run this far above the curve, in points of the page."""


def curve_scene(landscape: LandscapeLike, options: CurveOptions) -> Scene:
    """The energy of one variable with the points and arrows on it, or the force with its zeros.

    Raises:
        SettingsError: the landscape has more variables, or limits that cannot be.
    """
    points = landscape.columns
    if points.x.shape[1] != 1:
        raise SettingsError(
            f"kind is 'curve', but {landscape.name} has {points.x.shape[1]} variables; it is for one of them"
        )
    given = options.corners(1)
    scene = empty_scene(landscape, options, (7.2, 4.6))
    figure, axes = scene.figure, scene.axes
    if not len(points):
        return scene
    cell = cell_of(landscape, (0,))
    if given is not None:
        cell = cell.starting_at(np.array([given[0, 0], 0.0]))
    x = cell.wrapped(np.stack((points.x[:, 0], np.zeros(len(points))), axis=1))[:, 0]
    margin = MARGIN if options.margin is None else options.margin
    span = np.array(_span(x, landscape, margin)) if given is None else given[:, 0]
    corners = np.stack((span, np.zeros(2)), axis=1)
    low, high = (cell.filled(corners) if given is None else corners)[:, 0].tolist()
    energy = bool(np.isfinite(points.energy).all())
    height = points.energy if energy else np.zeros(len(points))
    at = np.linspace(low, high, options.samples)
    values = _values(problem_of(landscape), at, energy)
    axes.set_xlim(low, high)
    axes.set_ylim(*_heights(values, height))
    axes.set_xlabel(axis_names(landscape)[0])
    axes.set_ylabel(energy_name(landscape) if energy else "$dx_1/dt$")
    axes.spines[["top", "right"]].set_visible(False)
    grid_lines(axes, options.grid_style)
    if not energy:
        axes.axhline(0.0, color="#8593a0", linewidth=0.8, zorder=1)
    if values is not None:
        look = {"linewidth": 1.6, "color": "#5b6f84", "linestyle": "-", "zorder": 1.5}
        axes.plot(at, values, **(look | dict(options.curve_style or {})))
    where = np.stack((x, height), axis=1)
    dots, radii = draw_points(axes, landscape, where, options)
    corners = np.array([[low, axes.get_ylim()[0]], [high, axes.get_ylim()[1]]])
    settle_points(dots, cell, corners, given is None)
    legend(figure, axes)
    figure.draw_without_rendering()
    connections = landscape.connections
    chosen = shown(axes, len(connections))
    if len(chosen):
        curves, ends, rows = [], [], rows_of_connections(landscape)
        found: list[int] = []
        for arrow in chosen.tolist():
            a, b = int(connections.parent[arrow]), int(connections.child[arrow])
            for end in _ends(x, a, b, int(connections.counts[arrow]), cell):
                curve = _above(axes, where[a], np.array([end, height[b]]), at, values if energy else None, cell)
                images = cell.copies(curve, corners)
                curves += images
                ends += len(images) * [(a, b)]
                found += len(images) * [int(rows[arrow])]
        # They pass above the markers, and may come nearer to them.
        made = draw_arrows(
            axes, curves, 0.77 * radii[np.array(ends, dtype=np.int64).reshape(-1, 2)],
            make_look(options.path_style, len(chosen)), np.array(found, dtype=np.int64),
        )  # fmt: skip
        scene.layers.append(made)
    scene.layers.append(dots)
    return scene


def _span(x: FloatArray, landscape: LandscapeLike, margin: float) -> tuple[float, float]:
    """All points with a margin, no more than a box domain."""
    low, high = float(x.min()), float(x.max())
    extent = high - low if high > low else max(1.0, abs(low))
    domain = domain_from_dict(landscape.header["problem"]["domain"])
    low, high = low - margin * extent, high + margin * extent
    if isinstance(domain, Box):
        low = max(low, min(float(np.min(domain.lower)), float(x.min())))
        high = min(high, max(float(np.max(domain.upper)), float(x.max())))
    return (low, high) if high > low else (low - 0.5 * extent, high + 0.5 * extent)


def _values(problem: Problem | None, at: FloatArray, energy: bool) -> FloatArray | None:
    """Energies (or forces) at the samples, NaN where not finite; None where the problem is not known."""
    if problem is None or problem.has_energy != energy:
        return None
    before = problem.counters.copy()
    X = problem.xp.asarray(at[:, None])
    with np.errstate(all="ignore"):
        raw = problem.energy(X) if energy else -problem.gradient(X)[:, 0]
    problem.counters = before
    values = np.asarray(raw, dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _heights(values: FloatArray | None, height: FloatArray) -> tuple[float, float]:
    """Limits of the vertical axis: all points, and the curve up to somewhat above the highest."""
    low, high = float(height.min()), float(height.max())
    if values is not None and np.isfinite(values).any():
        finite = values[np.isfinite(values)]
        span = high - low or float(np.ptp(finite)) or 1.0
        low = min(low, max(float(finite.min()), low - 0.6 * span))
        high = max(high, min(float(finite.max()), high + 0.6 * span))
    span = high - low or 1.0
    return low - 0.08 * span, high + 0.12 * span


def _ends(x: FloatArray, parent: int, child: int, count: int, cell: Cell) -> list[float]:
    """Where arrows from one point to another end: on a circle the image to which the way is clear, or both of them."""
    period = float(cell.period[0])
    if not np.isfinite(period):
        return [float(x[child])]
    ahead = float(np.mod(x[child] - x[parent], period))  # and back it is the rest of the circle
    passed = np.mod(x - x[parent], period)
    others = np.delete(passed, [parent, child])
    ways = [(int((others < ahead).sum()), ahead), (int((others > ahead).sum()), ahead - period)]
    return [float(x[parent]) + way for _, way in sorted(ways, key=lambda way: (way[0], abs(way[1])))[: max(1, count)]]


def _above(
    axes: Any, start: FloatArray, end: FloatArray, at: FloatArray, values: FloatArray | None, cell: Cell
) -> FloatArray:
    """(m, 2) a curve from one point to another, beside the energy's on the page."""
    x = np.linspace(start[0], end[0], 60)
    y = np.linspace(start[1], end[1], 60)
    if values is not None and np.isfinite(values).all():
        y = np.interp(x, at, values, period=cell.period[0] if cell.periodic[0] else None)
    page = axes.transData.transform(np.stack((x, y), axis=1))
    tangent = np.gradient(page, axis=0)
    normal = np.stack((-tangent[:, 1], tangent[:, 0]), axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    normal *= np.where(normal[:, 1:] < 0, -1.0, 1.0)
    rise = GAP * axes.figure.dpi / 72.0 * np.sin(np.pi * np.linspace(0.0, 1.0, 60)) ** 0.5
    return np.asarray(axes.transData.inverted().transform(page + rise[:, None] * normal))
