"""landscape_dist: the whole landscape from the start, several times in a row in one process.

--options are settings of `explore`, and besides "repeats" (runs, 5) and "system" (a named one instead of the lattice).
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import numpy as np
from lattice import START, CoupledLattice, Found, main, user_seconds

import landscape_dist as ld


def search(
    lattice: CoupledLattice, found: Found, rng: np.random.Generator, arguments: argparse.Namespace
) -> dict[str, Any]:
    options = dict(arguments.options)
    repeats = options.pop("repeats", 5)
    name = options.pop("system", None)
    seconds = []
    for _ in range(repeats):
        if name is None:
            problem = ld.systems.coupled_lattice(dim=lattice.dim, coupling=lattice.coupling)
        else:
            problem = getattr(ld.systems, name)(dim=lattice.dim)
        began = user_seconds()
        landscape = ld.explore(problem, start=[START] * lattice.dim, max_index=lattice.dim, **options)
        n_points, n_arrows = len(landscape.points), len(landscape.connections)
        seconds.append(user_seconds() - began)
    counters = landscape.counters
    n_searches = len(landscape.searches.slot)
    return {
        # What is imported and compiled for the first time in a process counts in `first`.
        "seconds": statistics.median(seconds[1:] or seconds),
        "first": seconds[0],
        "points": [landscape.counts_by_index.get(k, 0) for k in range(lattice.dim + 1)],
        "arrows": n_arrows,
        "n_points": n_points,
        "searches": n_searches,
        "calls": {name: counters[f"n_{name}"] for name in ("energies", "gradients", "hessians")},
    }


if __name__ == "__main__":
    main(search, "landscape-dist", __doc__)
