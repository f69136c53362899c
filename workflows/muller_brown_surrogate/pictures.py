"""Pictures of the paths (Fig. 5) and of the errors over the draws (Fig. 6); Fig. 7 is a `convergence_figure`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape_dist.pathways.trajectories import Trajectory
from landscape_dist.plots import save
from landscape_dist.plots.style import COLOURS, INK
from landscape_dist.problems import Problem
from workflows.muller_brown_surrogate.cases import Case

LEVELS = np.linspace(-150.0, 60.0, 22)


def _figure(size: tuple[float, float], n: int, **options: Any) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", dpi=100)
    return figure, figure.subplots(1, n, sharey=True, **options)


def draw_paths(
    panels: dict[str, tuple[Problem, dict[str, list[Trajectory]]]], case: Case, points: np.ndarray, file: str
) -> None:
    """Contours of each energy with the paths of each scheme on them.

    Args:
        panels: title -> the energy and its paths. points: (p, 2) saddles, marked. file: where to.
    """
    figure, all_axes = _figure((8.6, 5.2), len(panels), sharex=True)
    x, y = (np.linspace(a, b, 160) for a, b in zip(case.lower, case.upper, strict=True))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    for axes, (title, (problem, paths)) in zip(all_axes, panels.items(), strict=True):
        energy = problem.energy(grid.reshape(-1, 2)).reshape(grid.shape[:2])
        axes.contour(x, y, energy, levels=LEVELS, colors="#8593a0", linewidths=0.6, linestyles="solid", zorder=1)
        for i, (scheme, some) in enumerate(paths.items()):
            for k, path in enumerate(some):
                axes.plot(
                    *path.x.T, color=COLOURS[i], linewidth=3.2 - i, marker=".", markersize=7 - 2 * i,
                    zorder=3 + 0.1 * i, label=scheme if k == 0 else None,
                )  # fmt: skip
        starts = np.array([path.x[0] for path in next(iter(paths.values()))])
        axes.scatter(*starts.T, s=38, color="#8c5a2b", zorder=6, label="start")
        axes.scatter(*points.T, s=80, marker="p", color="#DC0032", edgecolors=INK, linewidths=0.6, zorder=5,
                     label="true saddle")  # fmt: skip
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("$x$")
        axes.set_xlim(case.lower[0], case.upper[0] + 0.03)
        axes.set_ylim(case.lower[1], case.upper[1])
        axes.set_xticks(np.arange(-1.5, 0.1, 0.5))
        axes.set_aspect("equal")
    all_axes[0].set_ylabel("$y$")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    save(figure, file)


def draw_errors(rows: Sequence[dict[str, Any]], titles: dict[str, str], file: str) -> None:
    """Box plots of the saddle's error against the number of points, a panel for each series.

    The box is drawn from the lower to the upper quartile with a line at the median, and whiskers to the smallest and
    largest; the dashed line joins the means.
    """
    widths = [1 + len({row["points"] for row in rows if row["series"] == series}) for series in titles]
    figure, all_axes = _figure((9.6, 3.6), len(titles), squeeze=False, width_ratios=widths)
    for axes, (series, title) in zip(all_axes[0], titles.items(), strict=True):
        sizes = sorted({row["points"] for row in rows if row["series"] == series})
        errors = [
            np.array([row["error"] for row in rows if (row["series"], row["points"]) == (series, size)])
            for size in sizes
        ]
        at = np.arange(len(sizes))
        line = {"color": INK, "linewidth": 1.0}
        axes.boxplot(
            errors, positions=at, widths=0.55, whis=(0, 100), patch_artist=True, manage_ticks=False,
            boxprops={"facecolor": "#d7e6f2", "edgecolor": INK, "linewidth": 0.8}, whiskerprops=line, capprops=line,
            medianprops={"color": "#DC0032", "linewidth": 1.6},
        )  # fmt: skip
        axes.plot(at, [e.mean() for e in errors], color=COLOURS[0], linewidth=1.0, linestyle="--", label="mean")
        axes.set_yscale("log")
        axes.set_xticks(at, [f"{size}" for size in sizes])
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("points")
        axes.grid(axis="y", alpha=0.3, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="x", labelsize=8.5)
    all_axes[0][0].legend(frameon=False, fontsize=9, loc="upper right")
    all_axes[0][0].set_ylabel("distance to the true saddle")
    save(figure, file)
