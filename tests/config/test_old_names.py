"""What scripts import from `landscape_dist.config`, which was one module in version 0.1."""

from __future__ import annotations

import landscape_dist.config as config


def test_names_of_version_0_1() -> None:
    names = ["Config", "load_config", "make_config", "section_of", "NONE", "DOMAINS", "JUDGEMENTS", "FORMS", "SECTIONS"]
    names += ["TABLES", "ProblemSection", "RunSection", "ExploreSection", "SolverSection", "TrainingSection"]
    names += ["CorrectionSection"]
    assert set(names) == set(config.__all__)
    assert all(hasattr(config, name) for name in names)
