"""Starting points and sample points: given by a user, or spread over a domain."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import ProblemError
from landscape_dist.problems.domain import Ball, Box, Domain
from landscape_dist.records import FloatArray


def checked_start(start: ArrayLike | None, dim: int) -> FloatArray | None:
    """A (dim,) float64 copy of a user's start; None stays None.

    Raises:
        ProblemError: wrong shape, not numbers, not finite.
    """
    if start is None:
        return None
    try:
        x = np.array(start, dtype=np.float64)
    except (TypeError, ValueError):
        raise ProblemError(f"suggested_start is {start!r}; give {dim} numbers") from None
    if x.shape != (dim,):
        raise ProblemError(f"suggested_start has shape {x.shape} for {dim} variables; give {dim} numbers")
    if not np.all(np.isfinite(x)):
        raise ProblemError(f"suggested_start {x.tolist()} is not finite; give {dim} finite numbers")
    return x


def sample_points(dim: int, domain: Domain, start: FloatArray | None, count: int = 5) -> FloatArray:
    """(count, dim) points inside the domain, always the same: near the start where there is one.

    The spread is an additive recurrence with irrational steps, so that coordinates differ from one another and no
    special value (0, 1, a lattice point) is hit.
    """
    steps = np.sqrt(np.arange(2.0, dim + 2.0)) * 0.6180339887498949
    U = (0.5 + np.arange(1.0, count + 1.0)[:, None] * steps) % 1.0  # in [0, 1)
    if start is not None:
        X = start + 0.1 * np.maximum(1.0, np.abs(start)) * (2.0 * U - 1.0)
        inside = domain.contains(X)
        X[~inside] = start + 1e-3 * (X[~inside] - start)
        return X
    if isinstance(domain, Box):
        lower = np.asarray(domain.lower, dtype=float)
        upper = np.asarray(domain.upper, dtype=float)
        return lower + (upper - lower) * (0.1 + 0.8 * U)
    if isinstance(domain, Ball):
        center = np.asarray(domain.center, dtype=float)
        return center + domain.radius * (2.0 * U - 1.0) / np.sqrt(dim)
    return 2.0 * U - 1.0
