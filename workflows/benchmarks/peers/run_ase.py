"""ASE: BFGS to minima and dimer searches for transition states from random starts."""

from __future__ import annotations

import argparse

import numpy as np
from ase.mep import DimerControl, MinModeAtoms, MinModeTranslate
from ase.optimize import BFGS
from atoms import atoms_at
from lattice import START, CoupledLattice, Found, main


def search(lattice: CoupledLattice, found: Found, rng: np.random.Generator, arguments: argparse.Namespace) -> None:
    x = np.full(lattice.dim, START)
    while True:
        if not found.complete(0):
            atoms = atoms_at(x, lattice)
            BFGS(atoms, logfile=None).run(fmax=1e-5, steps=200)
            found.add(atoms.positions)
        atoms = atoms_at(x, lattice)
        with DimerControl(initial_eigenmode_method="gauss", logfile=None, eigenmode_logfile=None) as control:
            dimer = MinModeAtoms(atoms, control, random_seed=int(rng.integers(2**31)))
            MinModeTranslate(dimer, logfile=None).run(fmax=1e-5, steps=200)
        found.add(atoms.positions)
        x = lattice.random_start(rng)


if __name__ == "__main__":
    main(search, "ase", __doc__)
