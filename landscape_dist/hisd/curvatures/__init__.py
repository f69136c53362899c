"""Strategies for curvature: where Hessians, their lowest eigenvectors and their index come from, in all parts alike."""

from __future__ import annotations

from landscape_dist.hisd.curvatures.base import Curvatures
from landscape_dist.hisd.curvatures.conditioned import ConditionedCurvatures
from landscape_dist.hisd.curvatures.dense import DenseCurvatures
from landscape_dist.hisd.curvatures.products import ProductCurvatures
from landscape_dist.hisd.curvatures.sparse import SparseCurvatures
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.problems.base import Problem
from landscape_dist.problems.on_space import OnSpace

__all__ = [
    "CURVATURES",
    "ConditionedCurvatures",
    "Curvatures",
    "DenseCurvatures",
    "ProductCurvatures",
    "SparseCurvatures",
    "curvatures_for",
]

CURVATURES: list[type[Curvatures]] = [DenseCurvatures, ConditionedCurvatures, SparseCurvatures, ProductCurvatures]
"""In the order in which they are asked whether they serve; the last one always does."""


def curvatures_for(problem: Problem, settings: SolverSettings) -> Curvatures:
    """The first strategy that serves the problem with these settings."""
    if not problem.space.flat:
        problem = OnSpace(problem)
    return next(kind for kind in CURVATURES if kind.serves(problem, settings))(problem, settings)
