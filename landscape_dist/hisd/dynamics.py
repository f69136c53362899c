"""The reflected force of index-k saddle dynamics, pure functions."""

from __future__ import annotations

from typing import Any

from landscape_dist.numerics.linalg import column_dot


def reflect(V: Any, f: Any) -> Any:
    """(I - 2 V V^T) f, right-hand side of eq. 2.1a of the NN-HiSD paper.

    Args:
        V: (n, d, k) orthonormal columns; k may be 0.
        f: (n, d) forces, minus the gradient.

    Returns:
        (n, d): the force that climbs along V and descends elsewhere.
    """
    if V.shape[-1] == 0:
        return f
    return f - 2 * (V @ (V.mT @ f[:, :, None]))[:, :, 0]


def rayleigh(V: Any, HV: Any, xp: Any) -> Any:
    """Rayleigh quotients of the columns: (n, d, k), (n, d, k) -> (n, k)."""
    return column_dot(V, HV, xp)
