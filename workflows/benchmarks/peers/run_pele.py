"""pele: basin hopping from the start, then hybrid eigenvector following out of each minimum, by turns."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from lattice import START, CoupledLattice, Found, main
from pele.basinhopping import BasinHopping
from pele.optimize import mylbfgs
from pele.potentials import BasePotential
from pele.takestep import RandomDisplacement
from pele.transition_states import FindTransitionState

# Wells are two apart: a hop of this size along a coordinate can reach the next one.
HOP, NUDGE = 1.5, 0.8


class Potential(BasePotential):
    def __init__(self, lattice: CoupledLattice) -> None:
        self.lattice = lattice

    def getEnergy(self, coords: Any) -> float:
        return self.lattice.energy(coords)

    def getEnergyGradient(self, coords: Any) -> tuple[float, Any]:
        return self.lattice.energy_gradient(coords)


def search(lattice: CoupledLattice, found: Found, rng: np.random.Generator, arguments: argparse.Namespace) -> None:
    potential = Potential(lattice)
    minima: list[Any] = []

    def keep(energy: float, coords: Any) -> None:
        before = len(found.places[0])
        found.add(coords)
        if len(found.places[0]) > before:
            minima.append(coords.copy())

    hopping = BasinHopping(
        np.full(lattice.dim, START), potential, RandomDisplacement(stepsize=HOP), storage=keep, temperature=10.0,
        quench=lambda x: mylbfgs(x, potential, tol=1e-6), insert_rejected=True, outstream=None,
    )  # fmt: skip
    while True:
        if not found.complete(0):
            hopping.run(lattice.dim)
        for _ in range(lattice.dim):
            x = minima[rng.integers(len(minima))] + rng.uniform(-NUDGE, NUDGE, lattice.dim)
            end = FindTransitionState(x, potential, tol=1e-6, orthogZeroEigs=None, verbosity=0).run()
            found.add(end.coords)


if __name__ == "__main__":
    main(search, "pele", __doc__)
