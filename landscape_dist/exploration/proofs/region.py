"""The box in which the points of a problem are asked for."""

from __future__ import annotations

import numpy as np

from landscape_dist.exploration.proofs.infinity import outer_radius
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Ball, Box
from landscape_dist.problems.equations import Equations
from landscape_dist.records import FloatArray


def region_of(problem: Problem, equations: Equations) -> tuple[FloatArray, FloatArray] | None:
    """Lower and upper ends (d,) of a box that holds all points of the domain of a problem; None where none is known.

    That is the domain where it is a box, and what is around it where it is a ball; one period of a periodic
    coordinate; and where nothing bounds a coordinate, the cube that `outer_radius` proves to hold all points.
    """
    d = problem.dim
    lower, upper = np.full(d, -np.inf), np.full(d, np.inf)
    domain = problem.domain
    if isinstance(domain, Box):
        lower, upper = np.broadcast_to(domain.lower, d).astype(float), np.broadcast_to(domain.upper, d).astype(float)
    elif isinstance(domain, Ball):
        center = np.broadcast_to(domain.center, d).astype(float)
        lower, upper = center - domain.radius, center + domain.radius
    if problem.periods is not None:
        periods = np.asarray(problem.periods, dtype=np.float64)
        open_ = np.isfinite(periods) & ~(np.isfinite(lower) & np.isfinite(upper))
        lower, upper = np.where(open_, 0.0, lower), np.where(open_, periods, upper)
    bounded = np.isfinite(lower) & np.isfinite(upper)
    if bounded.all():
        return lower, upper
    if bounded.any():
        return None
    R = outer_radius(equations)
    return None if R is None else (np.full(d, -R), np.full(d, R))
