"""Frames and spectra of stationary points of vector fields, where the Jacobian is not symmetric.

Here H = -J, minus the Jacobian.  A direction is unstable when it belongs to an eigenvalue of J with positive real part;
the index counts them, a complex pair as two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.numerics.linalg import canonical_eigenbasis
from landscape_dist.records import FloatArray


def frames(H: FloatArray, nullity_rtol: float, nullity_atol: float = 0.0) -> FloatArray:
    """Orthonormal frames in the order of eigenvectors of a Hessian: unstable, neutral, stable directions.

    The first `index` columns span the unstable invariant subspace (ordered real Schur form), the next `nullity` ones
    complete it by the neutral one; the rest is orthogonal to them.  Within each of the three the columns are the
    eigenvectors of the symmetric part of H, ascending, with canonical signs: for a symmetric H the eigenvectors of H.

    Args:
        H: (p, d, d). nullity_rtol, nullity_atol: which real parts count as zero, as in `jacobian_spectrum`.

    Returns:
        (p, d, d).
    """
    from scipy.linalg import schur

    out = np.empty_like(H)
    for i, A in enumerate(H):
        zero = max(nullity_rtol * float(np.abs(np.linalg.eigvals(A)).max()), nullity_atol)
        column = 0
        for B in _blocks(A, zero, schur):
            width = B.shape[1]
            if width:
                S = B.T @ A @ B
                w, Q = np.linalg.eigh(0.5 * (S + S.T))
                out[i, :, column : column + width] = canonical_eigenbasis(w[None], (B @ Q)[None])[0]
            column += width
    return out


def _blocks(A: FloatArray, zero: float, schur: Any) -> list[FloatArray]:
    """Orthonormal bases of the unstable, neutral and stable part of A (d, d)."""
    T, Z, m = schur(A, output="real", sort=lambda re, im: re < -zero)
    if m == len(A):
        return [Z]
    _, Y, z = schur(T[m:, m:], output="real", sort=lambda re, im: abs(re) <= zero)
    rest = Z[:, m:] @ Y
    return [Z[:, :m], rest[:, :z], rest[:, z:]]


def jacobian_spectrum(
    H: FloatArray, nullity_rtol: float, n_eigenvalues: int, nullity_atol: float = 0.0
) -> tuple[FloatArray, NDArray[np.int32], NDArray[np.int32]]:
    """Eigenvalues of J = -H, index and nullity.

    Args:
        H: (p, d, d). nullity_rtol: a real part counts as zero up to this fraction of the largest eigenvalue's size.
        n_eigenvalues: how many of the most unstable to keep, m.
        nullity_atol: and up to this, in the unit of the Jacobian.

    Returns:
        (p, 2 m) real parts, descending, then the imaginary parts; index (p,); nullity (p,).
    """
    w = -np.asarray(np.linalg.eigvals(H), dtype=np.complex128)
    zero = np.abs(w.real) <= np.maximum(nullity_rtol * np.abs(w).max(axis=1, keepdims=True), nullity_atol)
    index = ((w.real > 0) & ~zero).sum(axis=1, dtype=np.int32)
    # Equal real parts (pairs) go by the imaginary part, so that machines agree on the order.
    order = np.lexsort((-w.imag, -np.round(w.real, 12)), axis=-1)
    w = np.take_along_axis(w, order, axis=1)[:, :n_eigenvalues]
    return np.concatenate([w.real, w.imag], axis=1), index, zero.sum(axis=1, dtype=np.int32)
