"""One kind of value of a problem at many points, with what it cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.records import Counters, FloatArray


def evaluate(problem: Any, kind: str, X: FloatArray) -> tuple[FloatArray, Counters]:
    """`problem.energy`, `gradient` or `hessian` at X (n, d) as NumPy arrays, and the evaluations made for it."""
    before = problem.counters.copy()
    values = getattr(problem, kind)(problem.xp.asarray(X))
    values = values if isinstance(values, np.ndarray) else values.cpu().numpy()
    return np.asarray(values, dtype=np.float64), problem.counters.minus(before)
