"""What g and its derivative are along polynomials: Taylor's formula in t, -1 <= t <= 1, with its remainder enclosed."""

from __future__ import annotations

import math

import numpy as np

from landscape_dist.exploration.proofs.contraction import EPS, matrices
from landscape_dist.problems.equations import Equations
from landscape_dist.problems.programs.on_series import enclose_series
from landscape_dist.records import FloatArray


def _series(a: FloatArray, order: int, r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Series (2, order + 1, d, n) of sum_j a_j t^j + e for all |e| <= r: about t = 0, and about any t."""
    n, m, d = a.shape
    about = np.zeros((max(order + 1, m), d, n))
    about[:m] = a.transpose(1, 2, 0)
    wide = np.broadcast_to(r.T, (d, n))
    reach = np.zeros_like(about)
    for j in range(m):
        for i in range(j + 1, m):
            reach[j] += math.comb(i, j) * np.abs(about[i])
    reach *= 1 + 64 * EPS
    middle, over = np.stack([-about, about]), np.stack([reach - about, reach + about])
    for series in (middle, over):
        series[:, 0] += wide
    # sums are rounded, and where nothing is added they are none
    over += 4 * EPS * (np.abs(about) + reach + wide)
    middle[:, 0] += np.where(wide > 0, 4 * EPS * (np.abs(about[0]) + wide), 0.0)
    return middle[:, : order + 1], over[:, : order + 1]


def along(equations: Equations, a: FloatArray, order: int, r: FloatArray, derivatives: bool = False) -> FloatArray:
    """Coefficients of g along curves, or of g and the entries of its derivative.

    Args:
        a: (n, m, d) coefficients of the curves. r: (n, d) or (n, 1), how far beside them, the same for all t.

    Returns:
        (2, order + 1, k, n), the last order that of the remainder; the whole line where a part has no value.
    """
    program = equations.both if derivatives else equations.gradient
    middle, over = _series(a, order, r)
    rest = enclose_series(program, over)
    known = enclose_series(program, middle[:, :order]).values
    values = np.concatenate([known, rest.values[:, order:]], axis=1)
    values[..., rest.partly] = np.inf
    return values


def derivatives_along(equations: Equations, a: FloatArray, order: int, r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Middles and spreads (order + 1, n, d, d) of the coefficients of the derivative of g, infinite where one is not
    known; see `along`."""
    J = along(equations, a, order, r, True)[:, :, equations.dim :][:, :, equations.entries]
    middle, spread = zip(*(matrices(equations, J[:, k]) for k in range(order + 1)), strict=True)
    return np.stack(middle), np.stack(spread)
