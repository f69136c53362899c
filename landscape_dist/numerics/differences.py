"""Derivatives by central differences, in batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from landscape_dist.records import FloatArray

ENERGY_STEP = float(np.finfo(np.float64).eps) ** (1.0 / 3.0)
"""Half the distance of two energies, relative to the coordinate: balances truncation and rounding."""
_MAX_NUMBERS = 1 << 22  # numbers in one batch of difference points


def dimer_products(
    gradient: Callable[[FloatArray], FloatArray], X: FloatArray, V: FloatArray, length: float
) -> FloatArray:
    """Products with the derivative of a map of rows by the dimer formula, for each column v of V (n, d, k).

    H v = [g(x + l v/|v|) - g(x - l v/|v|)] |v| / (2 l)  (NN-HiSD, section 2): 2 n k gradients.
    """
    n, d, k = V.shape
    Y = np.zeros((n, d, k))
    if k == 0:
        return Y
    rows = max(1, _MAX_NUMBERS // (2 * d * k))
    for start in range(0, n, rows):
        block = slice(start, start + rows)
        W = V[block].transpose(0, 2, 1)  # (m, k, d)
        norms = np.linalg.norm(W, axis=2, keepdims=True)
        shift = W * (length / np.where(norms > 0.0, norms, 1.0))
        points = np.stack((X[block, None, :] + shift, X[block, None, :] - shift))
        g = gradient(points.reshape(-1, d)).reshape(points.shape)
        Y[block] = ((g[0] - g[1]) * (norms / (2.0 * length))).transpose(0, 2, 1)
    return Y


def central_gradient(
    energy: Callable[[FloatArray], FloatArray], X: FloatArray, length: float | None = None
) -> FloatArray:
    """(n, d) gradients from 2 d energies each; steps of `length`, or eps^(1/3) relative to each coordinate, at least
    that."""
    n, d = X.shape
    g = np.zeros((n, d))
    rows = max(1, _MAX_NUMBERS // max(1, 2 * d * d))
    diagonal = np.arange(d)
    for start in range(0, n, rows):
        block = X[start : start + rows]
        step = ENERGY_STEP * np.maximum(1.0, np.abs(block)) if length is None else np.full_like(block, length)
        points = np.repeat(block[None, :, None, :], 2, axis=0).repeat(d, axis=2)  # (2, m, d, d)
        points[0, :, diagonal, diagonal] += step.T
        points[1, :, diagonal, diagonal] -= step.T
        width = points[0][:, diagonal, diagonal] - points[1][:, diagonal, diagonal]  # what the step really was
        E = energy(points.reshape(-1, d)).reshape(2, len(block), d)
        g[start : start + rows] = (E[0] - E[1]) / width
    return g
