"""Small batched subspaces: bases of uneven rank, Rayleigh–Ritz blocks, and turns of limited angle."""

from __future__ import annotations

from typing import Any

# Directions that keep less than this part of their length are rounding noise and are left out of a basis.
DEPENDENT = 1e-10


def without(W: Any, V: Any) -> Any:
    """Remove from W (n, d, m) its parts in the span of the orthonormal V (n, d, k); twice, against cancellation."""
    for _ in range(2):
        W = W - V @ (V.mT @ W)
    return W


def basis(W: Any, size: Any, xp: Any) -> tuple[Any, Any, Any]:
    """Orthonormal basis of span(W), where columns may be dependent or vanish.

    Args:
        W: (n, d, m). size: (n,) length below `DEPENDENT` of which a column counts as zero.

    Returns:
        Q (n, d, m) = W T with orthonormal columns, zero ones where the rank is below m; T (n, m, m); and
        there (n, m) bool, the columns that are not zero.
    """
    length = xp.linalg.vector_norm(W, axis=1)
    real = length > DEPENDENT * size[:, None]
    scale = xp.where(real, 1 / xp.where(real, length, xp.ones_like(length)), xp.zeros_like(length))
    N = W * scale[:, None, :]
    # Eigenvalues of the Gram matrix are squares: below 1e-10 of the largest, a direction has lost half its digits.
    w, U = xp.linalg.eigh(N.mT @ N)
    there = w > 1e-10
    shrink = xp.where(there, 1 / xp.sqrt(xp.where(there, w, xp.ones_like(w))), xp.zeros_like(w))
    T = scale[:, :, None] * U * shrink[:, None, :]
    return W @ T, T, there


def ritz(A: Any, there: Any, xp: Any) -> tuple[Any, Any]:
    """Eigenvalues and -vectors of the projected Hessians A (n, m, m); columns that are not `there` come last."""
    A = 0.5 * (A + A.mT)
    top = 1 + 2 * xp.max(xp.sum(xp.abs(A), axis=-1), axis=-1)
    blank = xp.where(there, xp.zeros_like(top)[:, None], top[:, None])
    return xp.linalg.eigh(A + blank[:, :, None] * xp.eye(A.shape[-1], dtype=A.dtype, device=A.device))


def residual(V: Any, HV: Any) -> Any:
    """(I - V V^T) H V: what turns span(V) under the flow of the directions; all (n, d, k)."""
    return HV - V @ (V.mT @ HV)


def turned(V: Any, W: Any, limit: Any, xp: Any) -> Any:
    """Turn the frame V towards span(W), each principal angle by at most `limit`.

    Args:
        V, W: (n, d, k) orthonormal columns. limit: (n,) radians.

    Returns:
        (n, d, k): a frame of span(W) where no angle is larger than the limit. Among the frames of its span it is the
        one closest to V, so columns keep their identity.
    """
    U, cosine, Zt = xp.linalg.svd(V.mT @ W, full_matrices=False)
    cosine = xp.clip(cosine, 0.0, 1.0)
    mine = V @ U
    away = without(W @ Zt.mT, V)
    sine = xp.linalg.vector_norm(away, axis=1)
    angle = xp.atan2(sine, cosine)
    angle = xp.where(angle < limit[:, None], angle, limit[:, None])
    away = away / xp.where(sine > 0, sine, xp.ones_like(sine))[:, None, :]
    return (mine * xp.cos(angle)[:, None, :] + away * xp.sin(angle)[:, None, :]) @ U.mT


def flow_angle(V: Any, HV: Any, rate_time: Any, xp: Any) -> Any:
    """(n,) radians by which the flow, dV = -(I - V V^T) H V per unit of `rate_time` (n,), could turn span(V)."""
    flat = xp.reshape(residual(V, HV), (V.shape[0], -1))
    angle = rate_time * xp.linalg.vector_norm(flat, axis=-1)
    return xp.clip(angle, None, 1.6)
