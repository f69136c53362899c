"""A run slow enough to be killed: python killed_run.py STORE WORKERS SECONDS_PER_EVALUATION DIM [LEASE [steal]]."""

from __future__ import annotations

import sys
import time

import numpy as np

import landscape_dist as ld
from landscape_dist.problems.systems.chains import _QuarticChain


class SlowLattice(_QuarticChain):
    """The coupled lattice with an evaluation that takes `seconds` a point."""

    seconds = 0.0

    def _gradient_hessian(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        time.sleep(self.seconds * len(X))
        return super()._gradient_hessian(X)


def slow_lattice(dim: int, seconds: float) -> SlowLattice:
    problem = SlowLattice("coupled_lattice", {"dim": dim, "coupling": 0.2}, 1.0 + 0.3 * np.arange(dim), 0.2, None)
    problem.seconds = seconds
    return problem


if __name__ == "__main__":
    store, workers, seconds, dim = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    lease = {"lease_seconds": float(sys.argv[5])} if len(sys.argv) > 5 else {}
    landscape = ld.explore(
        slow_lattice(dim, seconds),
        max_index=dim,
        store=store,
        workers=workers or None,
        serial=None if workers else True,
        steal="steal" in sys.argv,
        **lease,
    )
    print(len(landscape.points), len(landscape.connections), landscape.finished, flush=True)
