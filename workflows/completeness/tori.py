"""Random trigonometric polynomials sum_k a_k cos(k . x + p_k) on a torus of periods 2 pi."""

from __future__ import annotations

import numpy as np

from workflows.completeness import flow
from workflows.completeness.instances import Derivatives, FloatArray, Instance, IntArray, sum_of, variables
from workflows.completeness.newton import certified

DIMS = (2, 3)
PERIOD = 2 * np.pi
N_WAVES = {2: 4, 3: 6}
"""Beside one wave along each coordinate."""
N_STARTS = {2: 4000, 3: 8000}


def instance(rng: np.random.Generator, dim: int) -> Instance:
    """Waves k of whole numbers from -2 to 2 with |k| up to 2.5, a in 0.3..1.5, any phases; any start."""
    waves, heights, phases = drawn(rng, dim)
    derivatives = derivatives_of(waves, heights, phases)
    points, index = certified(derivatives, lambda n: grid(rng, dim, n), N_STARTS.get(dim, 10_000), 0, 1.0, PERIOD)
    inside = [f"({sum_of(k, variables(dim))} + ({p!r}))" for k, p in zip(waves, phases.tolist(), strict=True)]
    formula = " + ".join(f"({a!r})*cos{argument}" for a, argument in zip(heights.tolist(), inside, strict=True))
    return Instance(
        "tori", (formula,), rng.uniform(0, PERIOD, dim), points, index, derivatives,
        flow.arrows(derivatives, points, index, PERIOD), euler_characteristic=0, period=PERIOD,
    )  # fmt: skip


def drawn(rng: np.random.Generator, dim: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Waves (n, d), heights (n,), phases (n,)."""
    every: IntArray = np.indices((5,) * dim).reshape(dim, -1).T - 2
    length = np.linalg.norm(every, axis=1)
    every = every[(length > 1) & (length <= 2.5)]
    more = every[rng.choice(len(every), N_WAVES.get(dim, 8), replace=False)]
    waves = np.concatenate([np.eye(dim), more.astype(np.float64)])
    return waves, rng.uniform(0.3, 1.5, len(waves)), rng.uniform(0, PERIOD, len(waves))


def derivatives_of(waves: FloatArray, heights: FloatArray, phases: FloatArray) -> Derivatives:
    def derivatives(X: FloatArray) -> tuple[FloatArray, FloatArray]:
        angles = X @ waves.T + phases
        H = np.einsum("xn,ni,nj->xij", -heights * np.cos(angles), waves, waves, optimize=True)
        return -(heights * np.sin(angles)) @ waves, H

    return derivatives


def grid(rng: np.random.Generator, dim: int, n: int) -> FloatArray:
    """(about n, d): a grid over the cell, shifted as a whole by a random vector."""
    side = max(1, round(n ** (1 / dim)))
    corners = np.indices((side,) * dim).reshape(dim, -1).T
    shifted: FloatArray = (corners + rng.random(dim)) * (PERIOD / side)
    return shifted
