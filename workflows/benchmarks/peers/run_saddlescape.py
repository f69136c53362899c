"""SaddleScape: downward searches from the start; --checkout says where it is, --options are its keywords."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from lattice import START, CoupledLattice, Found, main, user_seconds


def formula(lattice: CoupledLattice) -> str:
    wells = [f"{a!r}*(x{i + 1}**2-1)**2" for i, a in enumerate(lattice.a.tolist())]
    return "+".join(wells + [f"{lattice.coupling}*x{i}*x{i + 1}" for i in range(1, lattice.dim)])


def search(
    lattice: CoupledLattice, found: Found, rng: np.random.Generator, arguments: argparse.Namespace
) -> dict[str, Any]:
    sys.path.insert(0, str(Path(arguments.checkout) / "saddlescape-1.0"))
    from saddlescape import Landscape

    options = dict(arguments.options)
    counting = options.pop("counting", False)
    energy = options.pop("EnergyFunction", None) or formula(lattice)
    landscape = Landscape(
        MaxIndex=lattice.dim, AutoDiff=True, EnergyFunction=energy, InitialPoint=np.full(lattice.dim, START), **options
    )
    if counting:
        gradient = landscape.calHiSD.Grad

        def counted(x: Any) -> Any:
            lattice.calls["gradients"] += 1
            return gradient(x)

        landscape.calHiSD.Grad = counted
    began = user_seconds()
    landscape.Run()
    seconds = user_seconds() - began
    rows = landscape.SaddleList
    by_index = [sum(int(row[2]) == k for row in rows) for k in range(lattice.dim + 1)]
    arrows = len({(parent, row[0]) for row in rows for parent in row[4] if parent >= 0 and parent != row[0]})
    return {"seconds": seconds, "points": by_index, "arrows": arrows}


if __name__ == "__main__":
    main(search, "saddlescape", __doc__)
