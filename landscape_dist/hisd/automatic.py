"""The step rule where the settings leave it to the problem."""

from __future__ import annotations

from typing import Any

from landscape_dist.hisd.curvatures import Curvatures
from landscape_dist.hisd.step_rule import StepRule, step_rule_maker


def automatic_rule(curvatures: Curvatures, tolerance: float) -> StepRule[Any]:
    """Implicit where Hessians are at hand and no acceleration is asked for, else explicit."""
    implicit = curvatures.has_hessians and curvatures.settings.acceleration == "none"
    return step_rule_maker("implicit" if implicit else "explicit")(curvatures, tolerance)
