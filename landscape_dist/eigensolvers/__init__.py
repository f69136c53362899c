"""Eigensolvers: how the directions of a search follow along its path."""

from __future__ import annotations

from typing import Any

from landscape_dist.eigensolvers.base import Curvature, Eigensolver
from landscape_dist.eigensolvers.dense import Dense
from landscape_dist.eigensolvers.flow import Flow
from landscape_dist.eigensolvers.lobpcg import Lobpcg
from landscape_dist.eigensolvers.sirqit import Sirqit

__all__ = ["Curvature", "Dense", "Eigensolver", "Flow", "Lobpcg", "Sirqit", "make_eigensolver"]


def make_eigensolver(settings: Any, flow_rate: float) -> Eigensolver:
    """The eigensolver that `settings.eigensolver` names; `flow_rate` is for those that relax in time."""
    makers = {
        "flow": lambda: Flow(flow_rate, settings.eigensolver_iterations),
        "lobpcg": lambda: Lobpcg(flow_rate, settings.eigensolver_iterations),
        "sirqit": lambda: Sirqit(flow_rate, settings.eigensolver_iterations),
        "dense": Dense,
    }
    return makers[settings.eigensolver]()
