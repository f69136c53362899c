"""Eigensolvers: how the directions of a search follow along its path."""

from __future__ import annotations

from typing import Any

from landscape_dist.eigensolvers.base import Curvature, Eigensolver
from landscape_dist.eigensolvers.dense import Dense
from landscape_dist.eigensolvers.flow import Flow

__all__ = ["Curvature", "Dense", "Eigensolver", "Flow", "make_eigensolver"]


def make_eigensolver(settings: Any) -> Eigensolver:
    """The eigensolver that `settings.eigensolver` names."""
    makers = {
        "flow": lambda: Flow(settings.flow_rate, settings.eigensolver_iterations),
        "dense": Dense,
    }
    return makers[settings.eigensolver]()
