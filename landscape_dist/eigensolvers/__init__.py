"""Eigensolvers: how the directions of a search follow along its path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from landscape_dist.eigensolvers.base import Curvature, Eigensolver
from landscape_dist.eigensolvers.dense import Dense
from landscape_dist.eigensolvers.flow import Flow
from landscape_dist.eigensolvers.lobpcg import Lobpcg
from landscape_dist.eigensolvers.nonsymmetric import Euler, Invariant, OfSymmetricPart, Power, Transport
from landscape_dist.eigensolvers.sirqit import Sirqit
from landscape_dist.errors import SettingsError

__all__ = [
    "Curvature",
    "Dense",
    "Eigensolver",
    "Euler",
    "Flow",
    "Invariant",
    "Lobpcg",
    "OfSymmetricPart",
    "Power",
    "Sirqit",
    "Transport",
    "make_eigensolver",
]


def make_eigensolver(settings: Any, flow_rate: float, symmetric: bool = True) -> Eigensolver:
    """The eigensolver that `settings.eigensolver` names.

    Args:
        settings: `SolverSettings`.
        flow_rate: for those that relax in time.
        symmetric: False for vector fields that are no gradients.

    Raises:
        SettingsError: it cannot do nonsymmetric Jacobians.
    """
    iterations, step_size = settings.eigensolver_iterations, settings.eigensolver_step_size
    makers: dict[str, Callable[[], Eigensolver]] = {
        "euler": lambda: Euler(flow_rate, iterations, step_size),
        "power": lambda: Power(iterations, step_size),
    }
    if not symmetric and settings.symmetric_part:
        return OfSymmetricPart(make_eigensolver(settings, flow_rate))
    if not symmetric:
        makers |= {"flow": lambda: Transport(flow_rate), "dense": lambda: Invariant(flow_rate)}
        if settings.eigensolver not in makers:
            raise SettingsError(
                f"eigensolver is {settings.eigensolver!r}, which needs a symmetric Jacobian; for this vector field use "
                f"one of {', '.join(sorted(makers))}"
            )
        return makers[settings.eigensolver]()
    makers |= {
        "flow": lambda: Flow(flow_rate, iterations),
        "lobpcg": lambda: Lobpcg(flow_rate, iterations),
        "sirqit": lambda: Sirqit(flow_rate, iterations),
        "dense": Dense,
    }
    return makers[settings.eigensolver]()
