"""Derivatives of a problem at NumPy points, as NumPy arrays, whatever its own namespace."""

from __future__ import annotations

import numpy as np

from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray


def gradients(problem: Problem, X: FloatArray) -> FloatArray:
    """(n, d) points -> (n, d)."""
    return np.asarray(to_numpy(problem.gradient(problem.xp.asarray(X))))


def hessians(problem: Problem, X: FloatArray) -> FloatArray:
    """(n, d) points -> (n, d, d)."""
    return np.asarray(to_numpy(problem.hessian(problem.xp.asarray(X))))
