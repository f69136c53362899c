"""Eigensolvers: how the directions of a search follow along its path."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol

from landscape_dist.eigensolvers.base import Curvature, Eigensolver
from landscape_dist.eigensolvers.dense import Dense
from landscape_dist.eigensolvers.flow import Flow
from landscape_dist.eigensolvers.lobpcg import Lobpcg
from landscape_dist.eigensolvers.nonsymmetric import Euler, Invariant, OfSymmetricPart, Power, Transport
from landscape_dist.eigensolvers.sirqit import Sirqit
from landscape_dist.errors import SettingsError

__all__ = [
    "EIGENSOLVERS",
    "NONSYMMETRIC_EIGENSOLVERS",
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


class Options(Protocol):
    """What `SolverSettings` say about eigensolvers."""

    @property
    def eigensolver(self) -> str | Eigensolver: ...

    @property
    def eigensolver_iterations(self) -> int: ...

    @property
    def eigensolver_step_size(self) -> float | None: ...

    @property
    def symmetric_part(self) -> bool: ...


Maker = Callable[[Options, float], Eigensolver]
"""(settings, flow rate) -> eigensolver."""

EIGENSOLVERS: dict[str, Maker] = {
    "flow": lambda options, rate: Flow(rate, options.eigensolver_iterations),
    "lobpcg": lambda options, rate: Lobpcg(rate, options.eigensolver_iterations),
    "sirqit": lambda options, rate: Sirqit(rate, options.eigensolver_iterations),
    "dense": lambda options, rate: Dense(),
    "euler": lambda options, rate: Euler(rate, options.eigensolver_iterations, options.eigensolver_step_size),
    "power": lambda options, rate: Power(options.eigensolver_iterations, options.eigensolver_step_size),
}
"""By name, as in the settings."""

NONSYMMETRIC_EIGENSOLVERS: dict[str, Maker] = {
    "flow": lambda options, rate: Transport(rate),
    "dense": lambda options, rate: Invariant(rate),
    "euler": EIGENSOLVERS["euler"],
    "power": EIGENSOLVERS["power"],
}
"""The same for vector fields that are no gradients."""


def make_eigensolver(settings: Options, flow_rate: float, symmetric: bool = True) -> Eigensolver:
    """The eigensolver that `settings.eigensolver` names, or a copy of the one that it is.

    Args:
        settings: `SolverSettings`.
        flow_rate: for those that relax in time; an instance has its own.
        symmetric: False for vector fields that are no gradients.

    Raises:
        SettingsError: it cannot do nonsymmetric Jacobians.
    """
    if not symmetric and settings.symmetric_part:
        return OfSymmetricPart(make_eigensolver(settings, flow_rate))
    chosen = settings.eigensolver
    makers = EIGENSOLVERS if symmetric else NONSYMMETRIC_EIGENSOLVERS
    if isinstance(chosen, Eigensolver):
        fits, name = symmetric or chosen.nonsymmetric, chosen.name
    else:
        fits, name = chosen in makers, chosen
    if not fits:
        raise SettingsError(
            f"eigensolver is {name!r}, which needs a symmetric Jacobian; for this vector field use one of "
            f"{', '.join(sorted(makers))}"
        )
    return copy.deepcopy(chosen) if isinstance(chosen, Eigensolver) else makers[chosen](settings, flow_rate)
