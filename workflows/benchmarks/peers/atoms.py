"""The coupled lattice as an ASE calculator: three variables an atom."""

from __future__ import annotations

from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from lattice import CoupledLattice


class LatticeCalculator(Calculator):
    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, lattice: CoupledLattice) -> None:
        super().__init__()
        self.lattice = lattice

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        energy, gradient = self.lattice.energy_gradient(self.atoms.positions.ravel())
        self.results = {"energy": energy, "forces": -gradient.reshape(-1, 3)}


def atoms_at(x: Any, lattice: CoupledLattice) -> Atoms:
    """Hydrogen atoms at the coordinates x (d,), d a multiple of three."""
    if lattice.dim % 3:
        raise ValueError(f"dim is {lattice.dim}; atoms have three coordinates, so give a multiple of 3")
    atoms = Atoms(f"H{lattice.dim // 3}", positions=x.reshape(-1, 3))
    atoms.calc = LatticeCalculator(lattice)
    return atoms
