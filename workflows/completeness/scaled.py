"""Quartics and rotated lattices in unfamiliar units: each coordinate times 10^-3..3, or all by 1e-5, 1e3 or 1e6."""

from __future__ import annotations

import numpy as np

from workflows.completeness import flow
from workflows.completeness.instances import Derivatives, FloatArray, Instance, variables
from workflows.completeness.lattices import Lattice
from workflows.completeness.quartics import Quartic

DIMS = (2, 3)
UNITS = (1e-5, 1e3, 1e6)


def instance(rng: np.random.Generator, dim: int) -> Instance:
    """One of either kind in units of one of the kinds, and a start from the standard normal distribution times them.

    Arrows are known where all coordinates have one unit: others change the gradient flow.
    """
    if rng.random() < 0.5:
        lattice = Lattice.drawn(rng, dim)
        points, index = lattice.points()
        derivatives: Derivatives = lattice.derivatives
        formula = lattice.formula
    else:
        quartic = Quartic.drawn(rng, dim)
        points, index = quartic.points(rng)
        derivatives, formula = quartic.derivatives, quartic.formula
    same = rng.random() < 0.5
    units = np.full(dim, rng.choice(UNITS)) if same else 10 ** rng.uniform(-3, 3, dim)
    names = [f"({name}/{unit!r})" for name, unit in zip(variables(dim), units.tolist(), strict=True)]
    return Instance(
        "scaled", (formula(names),), units * rng.standard_normal(dim), units * points, index,
        in_units(derivatives, units), flow.arrows(derivatives, points, index) if same else None,
        euler_characteristic=1,
    )  # fmt: skip


def in_units(derivatives: Derivatives, units: FloatArray) -> Derivatives:
    """Of z -> those of x = units z."""

    def scaled(X: FloatArray) -> tuple[FloatArray, FloatArray]:
        g, H = derivatives(X / units)
        return g / units, H / (units[:, None] * units)

    return scaled
