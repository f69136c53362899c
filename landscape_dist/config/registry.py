"""Names to classes: what `kind =` in a table, a section of settings and a way of saying the problem stand for."""

from __future__ import annotations

from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.problems.domain import DOMAINS
from landscape_dist.spaces.kinds import JUDGEMENTS
from landscape_dist.surrogates.correction import CorrectionSettings
from landscape_dist.surrogates.settings import TrainingSettings

__all__ = ["DOMAINS", "FORMS", "JUDGEMENTS", "SETTINGS"]

SETTINGS: dict[str, type] = {
    "explore": ExploreSettings,
    "solver": SolverSettings,
    "training": TrainingSettings,
    "correction": CorrectionSettings,
}
"""The classes whose fields are the keys of a section."""

FORMS: dict[str, tuple[str, ...]] = {
    "system": ("parameters", "domain"),
    "expression": ("parameters", "domain", "dim", "name", "variables", "euler_characteristic"),
    "module": ("parameters",),
    "surrogate": ("parameters", "domain", "name", "euler_characteristic", "products"),
}
"""The ways of saying what the problem is, and which other keys of [problem] go with each."""
