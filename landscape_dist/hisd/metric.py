"""Searches in the metric of an inner product that the problem gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.hisd.settings import SolverSettings, checked_directions
from landscape_dist.hisd.units import in_original
from landscape_dist.problems.base import Problem
from landscape_dist.problems.in_metric import InMetric
from landscape_dist.records import ResultBatch
from landscape_dist.spaces.flat import Euclidean


def check(problem: Problem, settings: SolverSettings) -> None:
    """Raise `SettingsError` where an inner product has no meaning, or two metrics are given."""
    if not problem.symmetric:
        raise SettingsError(
            f"{problem.name} is a vector field with a mass; multiply the field by the inverse of the mass instead"
        )
    if type(problem.space) is not Euclidean:
        raise SettingsError(
            f"{problem.name} has a mass and lives on {problem.space!r}; a mass needs the flat space without periods"
        )
    assert problem.mass is not None
    if not problem.mass.diagonal and problem.xp is not np:
        raise SettingsError(
            f"the mass of {problem.name} is a matrix, which only NumPy problems take; give its diagonal (a lumped mass)"
        )
    if settings.lengths is not None:
        raise SettingsError(f"{problem.name} has a mass, and lengths are given, another metric; give one of them")


def view(problem: Problem, settings: SolverSettings) -> tuple[InMetric, SolverSettings]:
    """The problem in coordinates whose usual inner product the mass is, and the settings for these."""
    weighted = InMetric(problem)
    unit = weighted.unit
    changes = {
        "perturbation_radius": 1 / unit,
        "step_size": unit**-2,
        "gradient_atol": unit,
        "nullity_atol": unit**2,
    }
    given = {name: getattr(settings, name) for name in changes}
    settings = replace(settings, **{n: v * changes[n] for n, v in given.items() if v is not None})
    if settings.start_directions is not None:
        V = np.array(settings.start_directions)
        orthonormal = np.linalg.qr(weighted.from_original(V.T).T)[0]
        settings = replace(settings, start_directions=checked_directions(orthonormal))
    return weighted, settings


def moved_back(result: ResultBatch, weighted: InMetric) -> ResultBatch:
    """The result with points and paths in the user's coordinates; gradients and eigenvalues stay in the metric.

    The flow of y = C^T x / unit is that of M x' = -g in a time that is longer by unit^2.
    """
    unit = weighted.unit
    return replace(
        result,
        x=in_original(weighted, result.x),
        gradient_norm=result.gradient_norm / unit,
        eigenvalues=result.eigenvalues / unit**2,
        trajectories={slot: in_original(weighted, path) for slot, path in result.trajectories.items()},
        trajectory_times={slot: unit**2 * times for slot, times in result.trajectory_times.items()},
    )
