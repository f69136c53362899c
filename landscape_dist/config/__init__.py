"""Configuration files: TOML to validated models, and from there to a problem and the arguments of `explore`."""

from __future__ import annotations

from landscape_dist.config.building import Config
from landscape_dist.config.models import (
    NONE,
    SECTIONS,
    TABLES,
    CorrectionSection,
    ExploreSection,
    ProblemSection,
    RunSection,
    SolverSection,
    TrainingSection,
)
from landscape_dist.config.reading import load_config, make_config, section_of
from landscape_dist.config.registry import DOMAINS, FORMS, JUDGEMENTS

__all__ = [
    "DOMAINS",
    "FORMS",
    "JUDGEMENTS",
    "NONE",
    "SECTIONS",
    "TABLES",
    "Config",
    "CorrectionSection",
    "ExploreSection",
    "ProblemSection",
    "RunSection",
    "SolverSection",
    "TrainingSection",
    "load_config",
    "make_config",
    "section_of",
]
