"""Pictures of landscapes.  The only room that imports matplotlib, and only when something is drawn."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape_dist.plots.animation import animate, check_film
    from landscape_dist.plots.convergence import convergence_figure
    from landscape_dist.plots.discovery import discovery_figure
    from landscape_dist.plots.figures import curve_figure, energy_level_figure, landscape_figure, trajectory_figure
    from landscape_dist.plots.files import FORMATS, check_path, save
    from landscape_dist.plots.kinds import KINDS
    from landscape_dist.plots.paths import paths_figure

__all__ = [
    "FORMATS",
    "KINDS",
    "animate",
    "check_film",
    "check_path",
    "convergence_figure",
    "curve_figure",
    "discovery_figure",
    "energy_level_figure",
    "landscape_figure",
    "paths_figure",
    "save",
    "trajectory_figure",
]

_MODULES = ("kinds", "files", "figures", "animation", "convergence", "discovery", "paths")


def __getattr__(name: str) -> Any:
    # Imported when asked for: the kinds of pictures, whose names the command line says, cost no NumPy.
    if name in __all__:
        for module in _MODULES:
            place = import_module(f"{__name__}.{module}")
            if hasattr(place, name):
                return getattr(place, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
