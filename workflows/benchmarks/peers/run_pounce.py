"""pounce-solver: `find_minima`, then `find_saddles` for each index, all its searches in the box of the points."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pounce
from lattice import HALF_WIDTH, START, CoupledLattice, Found, SearchEnds, known, main

# Searches allowed: so many times the points there are, more than the default eight and six.
PATIENCE = 40


def search(lattice: CoupledLattice, found: Found, rng: np.random.Generator, arguments: argparse.Namespace) -> None:
    common: dict[str, Any] = {"hess": lattice.hessian, "bounds": [(-HALF_WIDTH, HALF_WIDTH)] * lattice.dim}
    start, solves = np.full(lattice.dim, START), 0
    for index in range(found.max_index + 1):
        n = known(lattice.dim, index)
        budget = {"max_solves": PATIENCE * n, "patience": PATIENCE * n, "seed": arguments.seed}
        if index == 0:
            result = pounce.find_minima(
                lattice.energy, start, jac=lattice.gradient, n_minima=n, method="multistart",
                options={"print_level": 0}, **common, **budget,
            )  # fmt: skip
            points = [getattr(minimum, "x", minimum) for minimum in result.minima]
        else:
            result = pounce.find_saddles(
                lattice.energy, start, grad=lattice.gradient, index=index, n_saddles=n, **common, **budget
            )
            points = [point.x for point in result.points]
        solves += result.n_solves
        try:
            for x in points:
                found.add(x)
        except SearchEnds:
            break
    found.n_searches = solves


if __name__ == "__main__":
    main(search, "pounce-solver", __doc__)
