"""Matrix-free searches of problems that know well-conditioned coordinates for themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.linalg import canonical_signs, orthonormalize, row_norm, runs
from landscape_dist.problems.conditioned import Conditioned
from landscape_dist.records import FloatArray, ResultBatch, SearchBatch

# Residuals, relative to the size of the Hessian in its well-conditioned coordinates. Eigenvalues are off by their squares.
VALUES, VECTORS = 1e-6, 1e-9
MAX_ITERATIONS = 300
# Eigenvectors sought beyond those wanted, so that the last wanted one does not wait for its neighbours.
GUARD = 2
# The subspace is restarted when it is this many times as wide as what is sought.
WIDTH = 5
TIED = 1e-6


def well_conditioned(problem: Any, settings: SolverSettings) -> Conditioned | None:
    """The problem in its well-conditioned coordinates, where these settings search there.

    Not up to `dense_limit` variables, where the implicit step does the same, and not with a fixed step size, which stands
    for the papers' schemes in the user's own coordinates.
    """
    if problem.dim <= settings.dense_limit or settings.step_size is not None or settings.step == "implicit":
        return None
    make = getattr(problem, "conditioned", None)
    return None if make is None else make()


def moved(batch: SearchBatch, problem: Conditioned) -> SearchBatch:
    """The batch with its points in the coordinates of `problem`."""
    towards = None if batch.towards is None else problem.from_original(batch.towards)
    return replace(batch, X=problem.from_original(batch.X), towards=towards)


def moved_back(result: ResultBatch, problem: Conditioned) -> ResultBatch:
    """The result with its points, and the norms of their gradients, in the original coordinates."""
    x = problem.to_original(result.x)
    finite = np.flatnonzero(np.isfinite(x).all(axis=1))
    norms = result.gradient_norm.copy()
    norms[finite] = row_norm(problem.original.gradient(x[finite]))
    paths = {slot: problem.to_original(path) for slot, path in result.trajectories.items()}
    return replace(result, x=x, gradient_norm=norms, trajectories=paths)


def frames(problem: Conditioned, Y: FloatArray, m: int) -> FloatArray:
    """(p, d) points -> (p, d, m) lowest eigenvectors of the Hessians in these coordinates.

    Repeated eigenvalues have a basis that depends on their space alone and in which no vector is special: symmetric ones
    would keep searches in symmetric subspaces.
    """
    p, d = Y.shape
    out = np.zeros((p, d, m))
    generic = np.random.default_rng(d).standard_normal((d, m + GUARD)) / problem.weights[:, None]
    for i in range(p if m else 0):

        def product(V: FloatArray, y: FloatArray = Y[i : i + 1]) -> FloatArray:
            return np.asarray(problem.hvp(y, V[None])[0])

        w, Q = lowest_pairs(product, lambda R: R, _smooth(problem, m + GUARD), m, VECTORS)
        for start, stop in runs(np.diff(w) <= TIED * np.abs(w).max()):
            Q[:, start:stop] = Q[:, start:stop] @ (Q[:, start:stop].T @ generic[:, start:stop])
        out[i] = canonical_signs(orthonormalize(Q[None]))[0, :, :m]
    return out


def spectrum(problem: Conditioned, y: FloatArray, m: int) -> tuple[FloatArray, float]:
    """The m lowest eigenvalues of the original Hessian at y (d,), ascending, and the size of the largest."""
    w = problem.weights[:, None]
    at = y[None]

    def product(V: FloatArray) -> FloatArray:
        return np.asarray(w * problem.hvp(at, (w * V)[None])[0])

    stiffest = np.zeros((problem.dim, 1))
    stiffest[np.argmax(problem.weights)] = 1.0
    largest = float(np.linalg.norm(product(stiffest)))
    values, _ = lowest_pairs(product, lambda R: R / (w * w), _smooth(problem, m + GUARD), m, VALUES)
    return values[:m], largest


def _smooth(problem: Conditioned, m: int) -> FloatArray:
    """(d, m): the m coordinates of least weight, with a little of all others, so that no symmetry hides anything."""
    d = problem.dim
    start = np.random.default_rng(d).standard_normal((d, m)) / problem.weights[:, None] ** 2
    start *= 0.1 / np.linalg.norm(start, axis=0)
    start[np.argsort(problem.weights, kind="stable")[:m], np.arange(m)] += 1.0
    return start


def lowest_pairs(
    product: Callable[[FloatArray], FloatArray],
    precondition: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    m: int,
    rtol: float,
) -> tuple[FloatArray, FloatArray]:
    """Lowest eigenpairs of a symmetric operator, by block Davidson iterations.

    Args:
        product: (d, k) -> (d, k). precondition: the same, an approximate inverse on residuals.
        start: (d, b) guesses, b >= m. m: how many must be accurate.
        rtol: accepted residual of a preconditioned kind, relative to the largest Ritz value's size (at least 1).

    Returns:
        (b,) values ascending and (d, b) orthonormal vectors.
    """
    Q = np.linalg.qr(start)[0]
    b = Q.shape[1]
    HQ = product(Q)
    A = Q.T @ HQ
    for _ in range(MAX_ITERATIONS):
        w, U = np.linalg.eigh(0.5 * (A + A.T))
        X = Q @ U[:, :b]
        R = precondition(HQ @ U[:, :b] - X * w[:b])
        open_ = np.linalg.norm(R, axis=0) > rtol * max(1.0, float(np.abs(w[:b]).max()))
        if not open_[:m].any():
            break
        if Q.shape[1] + b > WIDTH * b:
            keep = 2 * b
            Q, HQ, A = Q @ U[:, :keep], HQ @ U[:, :keep], np.diag(w[:keep])
        W = R[:, open_]
        W /= np.linalg.norm(W, axis=0)
        for _ in range(2):
            W = np.linalg.qr(W - Q @ (Q.T @ W))[0]
        HW = product(W)
        cross = Q.T @ HW
        A = np.block([[A, cross], [cross.T, W.T @ HW]])
        Q, HQ = np.concatenate([Q, W], axis=1), np.concatenate([HQ, HW], axis=1)
    return w[:b], X
