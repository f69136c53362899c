"""Wells and bumps: k |x|^2 / 2 + sum_j A_j exp(-|x - m_j|^2 / (2 w_j^2))."""

from __future__ import annotations

import itertools

import numpy as np

from workflows.completeness import flow
from workflows.completeness.instances import Derivatives, FloatArray, Instance, variables
from workflows.completeness.newton import certified

STIFFNESS = 0.3
"""k: what keeps everything together."""
DIMS = (2, 3, 4)
N_STARTS = {2: 3000, 3: 5000, 4: 8000}
HALF_BOX = 3.5
"""Starts are drawn in [-3.5, 3.5]^d; centres lie in [-2, 2]^d."""


def instance(rng: np.random.Generator, dim: int) -> Instance:
    """Ten of them (eight in four dimensions and more), |A| in 1..3 of either sign, widths w in 0.4..0.9."""
    n = 10 if dim < 4 else 8
    heights = rng.uniform(1, 3, n) * rng.choice([-1.0, 1.0], n)
    centres = rng.uniform(-2, 2, (n, dim))
    widths = rng.uniform(0.4, 0.9, n)
    start = rng.standard_normal(dim)
    derivatives = derivatives_of(heights, centres, widths)
    points, index = certified(
        derivatives, lambda more: starts(rng, centres, widths, more), N_STARTS.get(dim, 10_000), 1, float(widths.min())
    )
    return Instance(
        "gaussians", (formula(heights, centres, widths),), start, points, index, derivatives,
        flow.arrows(derivatives, points, index), euler_characteristic=1,
    )  # fmt: skip


def derivatives_of(heights: FloatArray, centres: FloatArray, widths: FloatArray) -> Derivatives:
    """Gradient and Hessian for heights (n,), centres (n, d), widths (n,)."""
    eye = np.eye(centres.shape[1])

    def derivatives(X: FloatArray) -> tuple[FloatArray, FloatArray]:
        U = (X[:, None] - centres) / widths[:, None]
        values = heights * np.exp(-0.5 * np.einsum("xnd,xnd->xn", U, U))
        g = STIFFNESS * X - np.einsum("xn,xnd->xd", values / widths, U)
        V = values / widths**2
        H = (U * V[:, :, None]).transpose(0, 2, 1) @ U + (STIFFNESS - V.sum(axis=1))[:, None, None] * eye
        return g, H

    return derivatives


def starts(rng: np.random.Generator, centres: FloatArray, widths: FloatArray, n: int) -> FloatArray:
    """Half of n in the box; as many around centres, between two and three of them, and beyond them.

    A bump far out has its maximum near the centre and a saddle of index d - 1 behind that: `beyond` looks for it.
    """
    n_centres, dim = centres.shape
    box = rng.uniform(-HALF_BOX, HALF_BOX, (n // 2 + 1, dim))
    which = rng.integers(n_centres, size=n // 4 + 1)
    direction = rng.standard_normal((len(which), dim))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    around = centres[which] + direction * (widths[which] * rng.uniform(0.0, 4.0, len(which)))[:, None]
    which = rng.integers(n_centres, size=n // 8 + 1)
    outward = centres[which] / np.linalg.norm(centres[which], axis=1)[:, None]
    beyond = centres[which] + outward * (widths[which] * rng.uniform(-1.0, 4.0, len(which)))[:, None]
    weights = rng.dirichlet(np.ones(3), n // 8 + 1)
    between = np.einsum("nk,nkd->nd", weights, centres[rng.integers(n_centres, size=(len(weights), 3))])
    pairs = list(itertools.combinations(range(n_centres), 2))
    middles = np.array([(centres[i] + centres[j]) / 2 for i, j in pairs])
    return np.concatenate([box, around, beyond, between, middles])


def formula(heights: FloatArray, centres: FloatArray, widths: FloatArray) -> str:
    names = variables(centres.shape[1])
    terms = [f"{STIFFNESS / 2!r}*{name}**2" for name in names]
    for height, centre, width in zip(heights.tolist(), centres.tolist(), widths.tolist(), strict=True):
        square = " + ".join(f"({name}-({m!r}))**2" for name, m in zip(names, centre, strict=True))
        terms.append(f"({height!r})*exp(-({square})/{2 * width**2!r})")
    return " + ".join(terms)
