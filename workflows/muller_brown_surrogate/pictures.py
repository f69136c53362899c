"""Picture of the errors over the draws (Fig. 6); Fig. 5 is a `paths_figure` and Fig. 7 a `convergence_figure`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape_dist.plots import save
from landscape_dist.plots.style import COLOURS, INK

LEVELS = np.linspace(-150.0, 60.0, 22)
"""Of the contours of Fig. 5."""


def _figure(size: tuple[float, float], n: int, **options: Any) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", dpi=100)
    return figure, figure.subplots(1, n, sharey=True, **options)


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
