"""Extreme eigenpairs of Hessians too large to form, by Lanczos on Hessian-vector products (ARPACK)."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.hisd.state import to_numpy
from landscape_dist.linalg import canonical_signs, orthonormalize
from landscape_dist.records import FloatArray

TOLERANCE = 1e-8


def hessian_operator(problem: Any, x: FloatArray) -> Any:
    """The Hessian at x (d,) as a SciPy LinearOperator; every product is a counted `hvp`."""
    from scipy.sparse.linalg import LinearOperator

    d = len(x)
    at = problem.xp.asarray(x[None])

    def product(v: FloatArray) -> Any:
        V = problem.xp.asarray(np.ascontiguousarray(v.reshape(1, d, -1)))
        return to_numpy(problem.hvp(at, V))[0].reshape(v.shape)

    return LinearOperator((d, d), matvec=product, matmat=product, dtype=np.float64)


def _eigsh(operator: Any, m: int, which: str, vectors: bool) -> Any:
    from scipy.sparse.linalg import eigsh

    d = operator.shape[0]
    m = max(1, min(m, d - 1))
    start = np.random.default_rng(d).standard_normal(d)  # fixed, so that every machine gets the same
    ncv = min(d, max(4 * m + 1, 40))
    return eigsh(
        operator, k=m, which=which, v0=start, tol=TOLERANCE, ncv=ncv, maxiter=20 * d, return_eigenvectors=vectors
    )


def extreme_eigenvalues(operator: Any, m: int, which: str) -> FloatArray:
    """m eigenvalues, ascending: the lowest ('SA') or those of largest size ('LM')."""
    return np.sort(_eigsh(operator, m, which, False))


def lowest_eigenvectors(problem: Any, X: FloatArray, m: int) -> FloatArray:
    """(p, d) points -> (p, d, m) lowest eigenvectors of their Hessians."""
    p, d = X.shape
    frames = np.zeros((p, d, m))
    for i in range(p if m else 0):
        w, Q = _eigsh(hessian_operator(problem, X[i]), m, "SA", True)
        frames[i, :, : len(w)] = canonical_signs(Q[None, :, np.argsort(w)])[0]
    return orthonormalize(frames)
