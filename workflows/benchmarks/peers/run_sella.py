"""Sella: searches of order 0 and 1 from random starts; the variables are the coordinates of d / 3 atoms."""

from __future__ import annotations

import argparse

import numpy as np
from atoms import atoms_at
from lattice import START, CoupledLattice, Found, main
from sella import Sella


def search(lattice: CoupledLattice, found: Found, rng: np.random.Generator, arguments: argparse.Namespace) -> None:
    x = np.full(lattice.dim, START)
    while True:
        for order in (0, 1):
            if found.complete(order):
                continue
            atoms = atoms_at(x, lattice)
            # The energy is neither translation nor rotation invariant.
            optimizer = Sella(atoms, order=order, logfile=None, proj_trans=False, proj_rot=False)
            optimizer.run(fmax=1e-5, steps=200)
            found.add(atoms.positions)
        x = lattice.random_start(rng)


if __name__ == "__main__":
    main(search, "sella", __doc__)
