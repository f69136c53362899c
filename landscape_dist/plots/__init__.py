"""Pictures of landscapes.  The only room that imports matplotlib, and only when something is drawn."""

from __future__ import annotations

from landscape_dist.plots.figures import KINDS, energy_level_figure, landscape_figure
from landscape_dist.plots.files import FORMATS, check_path, save

__all__ = ["FORMATS", "KINDS", "check_path", "energy_level_figure", "landscape_figure", "save"]
