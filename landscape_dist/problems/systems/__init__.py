"""Named systems with known stationary points."""

from __future__ import annotations

from typing import Any

from landscape_dist.errors import ProblemError
from landscape_dist.problems.systems.chains import coupled_lattice, rosenbrock, separable_cosine, weighted_cubic
from landscape_dist.problems.systems.named import REGISTRY, NamedSystem, SystemInfo, nearest
from landscape_dist.problems.systems.phase_field import allen_cahn
from landscape_dist.problems.systems.planar import (
    arctan_2d,
    arctan_3d,
    butterfly,
    modified_muller_brown,
    muller_brown,
)

__all__ = [
    "NamedSystem",
    "SystemInfo",
    "allen_cahn",
    "arctan_2d",
    "arctan_3d",
    "butterfly",
    "coupled_lattice",
    "describe",
    "get",
    "modified_muller_brown",
    "muller_brown",
    "names",
    "rosenbrock",
    "separable_cosine",
    "weighted_cubic",
]


def names() -> list[str]:
    """Names of all systems, in alphabetical order."""
    return sorted(REGISTRY)


def get(name: str, **parameters: Any) -> NamedSystem:
    """The system of that name.

    Args:
        name: one of `names()`.
        parameters: its parameters (see `describe`), and `domain`.

    Raises:
        ProblemError: unknown name or parameter, with the nearest known one; bad value.
    """
    if name not in REGISTRY:
        raise ProblemError(f"no system named {name!r}: {nearest(name, names())}")
    info = REGISTRY[name]
    allowed = [*info.parameters, "domain"]
    for key in parameters:
        if key not in allowed:
            raise ProblemError(f"{name} has no parameter {key!r}: {nearest(key, allowed)}")
    system = info.factory(**parameters)
    assert isinstance(system, NamedSystem)
    return system


def describe(name: str | None = None) -> list[SystemInfo]:
    """What there is to know about one system, or about all in alphabetical order."""
    if name is not None and name not in REGISTRY:
        raise ProblemError(f"no system named {name!r}: {nearest(name, names())}")
    return [REGISTRY[key] for key in (names() if name is None else [name])]
