"""The families by name, and the instance that a seed and a number stand for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workflows.completeness import gaussians, lattices, lotka_volterra, scaled, tori
from workflows.completeness.instances import Instance, NotCertain

Make = Callable[[np.random.Generator, int], Instance]
FAMILIES: dict[str, tuple[Make, tuple[int, ...]]] = {
    "gaussians": (gaussians.instance, gaussians.DIMS),
    "lotka_volterra": (lotka_volterra.instance, lotka_volterra.DIMS),
    "scaled": (scaled.instance, scaled.DIMS),
    "rotated_lattices": (lattices.instance, lattices.DIMS),
    "tori": (tori.instance, tori.DIMS),
}
"""Name -> how to make one from a generator and a dimension, and the dimensions that are usual."""
MOST_DRAWS = 50


def name_of(family: str, dim: int, seed: int, number: int) -> str:
    return f"{family}-{dim}d-{seed}-{number}"


def make(family: str, dim: int, seed: int, number: int) -> Instance:
    """The instance of that number; draws whose points are not certain are passed over.

    Raises:
        NotCertain: that happened too often.
    """
    function, _ = FAMILIES[family]
    place = list(FAMILIES).index(family)
    for draw in range(MOST_DRAWS):
        try:
            instance = function(np.random.default_rng([seed, place, dim, number, draw]), dim)
        except NotCertain:
            continue
        return instance.named(name_of(family, dim, seed, number))
    raise NotCertain(f"{MOST_DRAWS} draws of {family} in {dim} dimensions were not certain")
