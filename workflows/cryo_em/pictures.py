"""Pictures of pseudo-energy landscapes: contours where there are maps, the maps, and the points found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from landscape_dist.analysis.survival import DOUBTFUL
from landscape_dist.records import FloatArray
from landscape_dist.surrogates import Surrogate, TrainingData

if TYPE_CHECKING:
    from workflows.cryo_em.maps import Support

N_GRID = 161
MOST_NAMES = 25  # more would cover one another
STYLE = (("o", "C0"), ("s", "C1"), ("^", "C3"))
"""Marker and colour of minima, transition states and maxima."""


@dataclass(frozen=True)
class Marked:
    """A point of the landscape and what is known against it.

    Attributes:
        id: in the landscape. name: by index and energy. index: Morse index. x: coordinates. energy: pseudo-energy.
        rate: share of the members that have it; None without members. spread: root mean square distance of their
        points. energy_spread: standard deviation of their energies. where: 'among maps', or what else.
    """

    id: int
    name: str
    index: int
    x: FloatArray
    energy: float
    rate: float | None
    spread: float | None
    energy_spread: float | None
    where: str

    @property
    def doubtful(self) -> bool:
        """Not among maps, or not in enough members."""
        return self.where != "among maps" or (self.rate is not None and self.rate < DOUBTFUL)


def draw(
    surfaces: dict[str, tuple[Surrogate, list[Marked]]],
    data: TrainingData,
    counts: FloatArray,
    support: Support,
    path: str,
) -> None:
    """Draw surrogates side by side, two in a row.

    Args:
        surfaces: surrogate and points by title; what is doubtful is drawn hollow.
        data: the maps. counts: (n,) particles of each. support: where there are maps; elsewhere is white.
        path: of the picture.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    columns = min(2, len(surfaces))
    rows = -(-len(surfaces) // columns)
    figure = Figure(figsize=(2.6 + 5.2 * columns, 5.4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    room = 0.08 * np.ptp(data.x, axis=0)  # searches may go a twentieth beyond
    lower, upper = data.x.min(axis=0) - room, data.x.max(axis=0) + room
    axes_of = [np.linspace(lower[i], upper[i], N_GRID) for i in (0, 1)]
    grid = np.stack(np.meshgrid(*axes_of, indexing="ij"), axis=-1).reshape(-1, 2)
    covered = support.covers(grid)
    levels = np.arange(0.0, np.ceil(data.energy.max() / 0.25) * 0.25 + 0.01, 0.25 * max(1.0, data.energy.std()))
    for panel, (title, (surrogate, points)) in zip(panels.ravel(), surfaces.items(), strict=False):
        energy = np.where(covered, surrogate.energy(grid), np.nan).reshape(N_GRID, N_GRID).T
        filled = panel.contourf(*axes_of, energy, levels=levels, cmap="Blues_r", extend="both")
        panel.contour(*axes_of, energy, levels=levels, colors="0.4", linewidths=0.4)
        dots = panel.scatter(*data.x.T, c=counts, s=5, cmap="plasma", norm=LogNorm(), linewidths=0)
        for p in points:
            marker, colour = STYLE[p.index]
            face = "none" if p.doubtful else colour
            edge = colour if p.doubtful else "white"
            panel.plot(*p.x, marker, color=face, markeredgecolor=edge, markeredgewidth=1.5, zorder=4,
                       markersize=9 if len(points) <= MOST_NAMES else 6)  # fmt: skip
            if len(points) <= MOST_NAMES:
                panel.annotate(
                    p.name, p.x, (6, 5), textcoords="offset points", weight="bold", fontsize=9, zorder=5,
                    color="0.35" if p.doubtful else "black",
                )  # fmt: skip
        panel.set(title=title, xlim=(lower[0], upper[0]), ylim=(lower[1], upper[1]), aspect="equal")
    for panel in panels[-1]:
        panel.set_xlabel("t-SNE 1")
    for row in panels:
        row[0].set_ylabel("t-SNE 2")
    figure.colorbar(filled, ax=panels, label=f"pseudo-energy in {data.energy_unit}", shrink=0.8, pad=0.01)
    figure.colorbar(dots, ax=panels, label="particles of a map", shrink=0.8, pad=0.01)
    names = ("minimum", "transition state", "maximum")
    handles = [
        Line2D([], [], marker=marker, color="none", markerfacecolor=colour, markersize=8, label=name)
        for (marker, colour), name in zip(STYLE, names, strict=True)
    ]
    hollow = Line2D([], [], marker="o", color="none", markeredgecolor="0.3", markersize=8, label="doubtful")
    panels[0, 0].legend(handles=[*handles, hollow], loc="lower left", fontsize=8, framealpha=0.9)
    figure.savefig(path, dpi=80)
