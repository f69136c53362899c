"""What callers of `explore` give, sorted and checked: starts, the highest index, settings by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.records import FloatArray
from landscape_dist.toml_file import nearest

if TYPE_CHECKING:
    from landscape_dist.problems.base import Problem


def split_settings(
    settings: dict[str, Any], solver: SolverSettings | None = None, *, also: Iterable[str] = (), **explore: Any
) -> tuple[ExploreSettings, SolverSettings]:
    """Sort single settings by name into those of the policy and those of the solver.

    Args:
        settings: by name. solver: settings of the solver that they change.
        also: names that the caller knows besides, for the message where one is misspelt.
        explore: settings of the policy that are no single ones.

    Raises:
        SettingsError: a name that neither knows, with the nearest one.
    """
    explore_names = {f.name for f in dataclasses.fields(ExploreSettings)}
    solver_names = {f.name for f in dataclasses.fields(SolverSettings)}
    unknown = [name for name in settings if name not in explore_names | solver_names]
    if unknown:
        raise SettingsError(
            f"no setting named {unknown[0]!r}{nearest(unknown[0], {*explore_names, *solver_names, *also})}"
        )
    mine = {name: value for name, value in settings.items() if name in solver_names}
    solver = solver or SolverSettings()
    if mine:
        solver = dataclasses.replace(solver, **mine)
    rest = {name: value for name, value in settings.items() if name in explore_names}
    return ExploreSettings(**explore, **rest), solver


def starts_of(problem: Problem, start: Any) -> FloatArray:
    """(s, d) where to start: (d,) or (s, d) numbers that the caller gave, else what the problem suggests.

    Raises:
        SettingsError: there is none, or one that is not of the problem, not finite or outside of the domain.
    """
    if start is None:
        start = problem.suggested_start
        if start is None:
            raise SettingsError(
                f"no start given, and {problem.name} suggests none; give start=, a list of {problem.dim} numbers"
            )
    try:
        starts = np.atleast_2d(np.asarray(start, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise SettingsError(f"start is {start!r}; give a list of {problem.dim} numbers") from error
    if starts.ndim != 2 or starts.shape[1] != problem.dim or not len(starts):
        raise SettingsError(
            f"start has dimension {starts.shape[-1]} but {problem.name} has {problem.dim} variables; give "
            f"{problem.dim} numbers"
        )
    if not np.isfinite(starts).all():
        raise SettingsError(f"start is {start!r}; all numbers must be finite")
    if not problem.space.flat:
        starts = np.asarray(problem.space.retract(starts, np.zeros_like(starts)))
    outside = ~problem.domain.contains(starts)
    if outside.any():
        raise SettingsError(
            f"start {starts[outside][0].tolist()} lies outside of the domain {problem.domain}; move it inside or "
            "enlarge the domain"
        )
    return starts


def highest_index(problem: Problem, max_index: int | None) -> int:
    """The highest index to look for: given, suggested by the problem, or that of the space and 6 at most."""
    if max_index is None:
        max_index = problem.suggested_max_index
    return min(problem.space.dim, 6) if max_index is None else max_index
