"""The coupled lattice with an energy that misbehaves near one point."""

from __future__ import annotations

import ctypes
import time

import numpy as np

from landscape_dist.problems.systems.chains import _QuarticChain


class PoisonedLattice(_QuarticChain):
    """Raises, hangs or crashes wherever it is asked within 0.1 of `point`."""

    how = "raise"
    point = np.full(1, np.nan)

    def _gradient_hessian(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if (np.linalg.norm(X - self.point, axis=1) < 0.1).any():
            if self.how == "hang":
                time.sleep(1e6)
            if self.how == "crash":
                ctypes.string_at(0)
            raise ValueError("no energy here")
        return super()._gradient_hessian(X)


def poisoned_lattice(dim: int, point: np.ndarray, how: str) -> PoisonedLattice:
    problem = PoisonedLattice("coupled_lattice", {"dim": dim, "coupling": 0.2}, 1.0 + 0.3 * np.arange(dim), 0.2, None)
    problem.point, problem.how = point, how
    return problem
