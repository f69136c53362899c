"""How searches converge: the distance to a point against the steps, on a logarithmic axis."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import SettingsError
from landscape_dist.plots.style import COLOURS
from landscape_dist.records import FloatArray

PANEL = (3.9, 3.2)
"""Width and height of a panel in inches."""

_MOST_A_PANEL = 2  # names of the legend side by side
_LINES = ("-", "--", ":", "-.")


def convergence_figure(
    panels: Mapping[str, Mapping[str, ArrayLike]],
    *,
    ylabel: str = r"$\|x_n - x^*\|$",
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    size: tuple[float, float] | None = None,
    file: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw distances against the number of steps, one panel beside another with the same vertical axis.

    Curves of one name look the same in all panels, and stand once in the legend.

    Args:
        panels: of each panel's title, the curves by name: (t,) distances after 0, 1, ... steps, such as
            `Trajectory.distances` gives where all points of the path were kept (`trajectory_points=None`). Zeros,
            which have no place on this axis, and nan leave gaps.
        ylabel: of the vertical axis.
        styles: of curves by name, over the defaults, as for `Axes.plot`: color, linestyle, linewidth, label...
        size: (width, height) of the figure in inches.
        file: where to save it; the ending decides the format (png, pdf, svg).

    Returns:
        matplotlib.figure.Figure, without any global state; `landscape_dist.plots.save` writes it.

    Raises:
        SettingsError: nothing to draw, a curve that is none, or a style of a curve that is not there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves = {title: {name: _curve(title, name, y) for name, y in some.items()} for title, some in panels.items()}
    names = list(dict.fromkeys(name for some in curves.values() for name in some))
    if not names:
        raise SettingsError("panels holds no curves; give {title: {name: distances}}")
    for name in styles or {}:
        if name not in names:
            raise SettingsError(f"styles names {name!r}; curves are {', '.join(map(repr, names))}")
    looks = {
        name: {"color": COLOURS[i % len(COLOURS)], "linestyle": _LINES[i // len(COLOURS) % len(_LINES)],
               "linewidth": 1.3, "label": name} | dict((styles or {}).get(name, {}))
        for i, name in enumerate(names)
    }  # fmt: skip
    n = len(curves)
    figure = Figure(figsize=size or (PANEL[0] * n, PANEL[1] + 0.35), layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    handles: dict[str, Any] = {}
    for axes, (title, some) in zip(figure.subplots(1, n, sharey=True, squeeze=False)[0], curves.items(), strict=True):
        axes.set_yscale("log")
        for name, y in some.items():
            (handles[name],) = axes.plot(np.arange(len(y)), np.where(y > 0, y, np.nan), **looks[name])
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step")
        axes.margins(x=0.02)
        axes.grid(alpha=0.3, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel(ylabel)
    if len(names) > 1 or names[0]:
        n_rows = -(-len(names) // (_MOST_A_PANEL * n))
        figure.legend(
            handles=[handles[name] for name in names], loc="outside lower center", frameon=False, fontsize=9,
            ncols=-(-len(names) // n_rows),
        )  # fmt: skip
    if file is not None:
        from landscape_dist.plots.files import save

        save(figure, file)
    return figure


def _curve(title: str, name: str, values: ArrayLike) -> FloatArray:
    try:
        curve = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"curve {name!r} of panel {title!r} cannot be read as numbers ({error})") from error
    if curve.ndim != 1 or not len(curve):
        raise SettingsError(f"curve {name!r} of panel {title!r} has shape {curve.shape}; give distances (t,), t >= 1")
    if (curve < 0).any():
        raise SettingsError(f"curve {name!r} of panel {title!r} has a negative value; give distances")
    return curve
