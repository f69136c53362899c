"""Pictures of landscapes.  The only room that imports matplotlib, and only when something is drawn."""

from __future__ import annotations

from landscape_dist.plots.animation import animate, check_film
from landscape_dist.plots.convergence import convergence_figure
from landscape_dist.plots.figures import KINDS, curve_figure, energy_level_figure, landscape_figure, trajectory_figure
from landscape_dist.plots.files import FORMATS, check_path, save
from landscape_dist.plots.paths import paths_figure

__all__ = [
    "FORMATS",
    "KINDS",
    "animate",
    "check_film",
    "check_path",
    "convergence_figure",
    "curve_figure",
    "energy_level_figure",
    "landscape_figure",
    "paths_figure",
    "save",
    "trajectory_figure",
]
