"""How many points were found as searches went on, with the estimate of how many there are."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import SettingsError
from landscape_dist.plots.canvas import canvas
from landscape_dist.plots.files import save
from landscape_dist.plots.style import COLOURS, FRESH


def discovery_figure(
    n_searches: ArrayLike,
    n_points: ArrayLike,
    estimate: ArrayLike,
    *,
    title: str = "",
    size: tuple[float, float] = (6.4, 4.2),
    file: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw a curve of discovery.

    Args:
        n_searches: (k,) searches that were over, ascending.
        n_points: (k,) points that were known then. estimate: (k,) how many there are, by an estimate at that time.
        title: above. size: (width, height) in inches.
        file: where to save it; the ending decides the format (png, pdf, svg).

    Returns:
        matplotlib.figure.Figure, without any global state.

    Raises:
        SettingsError: the curves are not of one length.
    """
    at, found, expected = (np.asarray(values, dtype=np.float64) for values in (n_searches, n_points, estimate))
    if at.ndim != 1 or not at.shape == found.shape == expected.shape:
        raise SettingsError(f"curves have shapes {at.shape}, {found.shape} and {expected.shape}; give three (k,)")
    figure, axes = canvas(size)
    axes.plot(at, expected, color=FRESH, linewidth=1.0, linestyle="--", label="estimated number (Chao1)")
    axes.step(at, found, where="post", color=COLOURS[0], linewidth=1.5, label="points found")
    axes.set_xlabel("searches")
    axes.set_ylabel("stationary points")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, horizontalalignment="left")
    if file is not None:
        save(figure, file)
    return figure
