"""Hessians of a problem as operators: products, and their size from a few of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray

POWER_STEPS = 6


def hessian_operator(problem: Problem, x: FloatArray) -> Any:
    """The Hessian at x (d,) as a SciPy LinearOperator; every product is a counted `hvp`."""
    from scipy.sparse.linalg import LinearOperator

    d = len(x)
    at = problem.xp.asarray(x[None])

    def product(v: FloatArray) -> Any:
        V = problem.xp.asarray(np.ascontiguousarray(v.reshape(1, d, -1)))
        return to_numpy(problem.hvp(at, V))[0].reshape(v.shape)

    return LinearOperator((d, d), matvec=product, matmat=product, dtype=np.float64)


def finite(array: Any, xp: Any) -> Any:
    """Zeros for what is not finite: eigensolvers then stand still; the gradient will tell."""
    return xp.where(xp.isfinite(array), array, xp.zeros_like(array))


def power_norm(problem: Problem, x: Any, g: Any) -> Any:
    """Estimates (n,) of the size of the Hessians at x (n, d), from below, by a few power iterations from g (n, d)."""
    xp = problem.xp
    v = finite(g, xp)
    # Not exactly along g, which may be an eigenvector of a small eigenvalue.
    v = v + 0.1 * xp.max(xp.abs(v), axis=-1, keepdims=True) * xp.cos(xp.arange(1, v.shape[-1] + 1, dtype=v.dtype))
    for _ in range(POWER_STEPS):
        length = xp.linalg.vector_norm(v, axis=-1, keepdims=True)
        v = problem.hvp(x, (v / xp.where(length > 0, length, xp.ones_like(length)))[:, :, None])[:, :, 0]
    return xp.linalg.vector_norm(v, axis=-1)
