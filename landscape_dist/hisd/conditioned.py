"""Matrix-free searches of problems that know well-conditioned coordinates for themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.linalg import canonical_signs, orthonormalize, row_norm, runs
from landscape_dist.problems.base import Problem
from landscape_dist.problems.conditioned import Conditioned
from landscape_dist.records import FloatArray, ResultBatch, SearchBatch

# Residuals, relative to the size of the Hessian in its well-conditioned coordinates; eigenvalues are off by their
# squares.
VALUES, VECTORS = 1e-5, 1e-9
MAX_ITERATIONS = 300
# Eigenvectors sought beyond those wanted, so that the last wanted one does not wait for its neighbours.
GUARD = 2
# Eigenvalues sought beyond the wanted index, so that the first positive one is among them.
SPARE = 4
# The subspace is restarted when it is this many times as wide as what is sought.
WIDTH = 5
TIED = 1e-6
# Searches of one parent, and the polish and the verification of one end, come one after the other.
REMEMBERED = 32
# Distance at which children start, as root-mean-square.
RADIUS = 1e-3
SKEW = 1e-3


def well_conditioned(problem: Any, settings: SolverSettings) -> Conditioned | None:
    """The problem in its well-conditioned coordinates, where these settings search there.

    Not up to `dense_limit` variables, where the implicit step does the same, and not with a fixed step size, which
    stands for the papers' schemes in the user's own coordinates.
    """
    fixed = settings.step_size is not None or settings.step not in ("auto", "explicit", "barzilai_borwein")
    if problem.dim <= settings.dense_limit or fixed:
        return None
    make = getattr(problem, "conditioned", None)
    return None if make is None else make()


def moved(batch: SearchBatch, problem: Conditioned) -> SearchBatch:
    """The batch with its points in the coordinates of `problem`."""
    towards = None if batch.towards is None else problem.from_original(batch.towards)
    return replace(batch, X=problem.from_original(batch.X), towards=towards)


def in_coordinates(settings: SolverSettings, problem: Conditioned) -> SolverSettings:
    """The settings as they read in the coordinates of `problem`: tolerance of the gradient, start directions."""
    # |g| is at most the largest weight times what it is here, and |H| about its square times.
    settings = replace(settings, gradient_rtol=settings.gradient_rtol * float(problem.weights.max()))
    if settings.start_directions is None:
        return settings
    V = problem.from_original(np.array(settings.start_directions).T).T
    V = orthonormalize(V[None])[0]
    return replace(settings, start_directions=tuple(map(tuple, V.tolist())))


def moved_back(result: ResultBatch, problem: Conditioned) -> ResultBatch:
    """The result with its points, and the norms of their gradients, in the original coordinates."""
    x = problem.to_original(result.x)
    finite = np.flatnonzero(np.isfinite(x).all(axis=1))
    norms = result.gradient_norm.copy()
    norms[finite] = row_norm(problem.original.gradient(x[finite]))
    paths = {slot: problem.to_original(path) for slot, path in result.trajectories.items()}
    return replace(result, x=x, gradient_norm=norms, trajectories=paths)


def perturbation_radius(Y: FloatArray, settings: SolverSettings) -> FloatArray:
    """(m, d) parents -> (m,) distances in y at which their children start."""
    if settings.perturbation_radius is not None:
        return np.full(len(Y), settings.perturbation_radius)
    return RADIUS * np.maximum(np.sqrt(Y.shape[1]), row_norm(Y))


def skewed(problem: Conditioned, offset: FloatArray) -> FloatArray:
    """Unit vectors `offset` (n, d) with a small generic part; those that are zero stay so.

    A search that starts along a mode with symmetry never leaves the fields of that symmetry but by rounding errors,
    and these need long to grow: it would pass by points of the wrong index on its way.
    """
    d = problem.dim
    generic = np.random.default_rng(d + 1).standard_normal(d) / problem.weights**2
    moved = offset + SKEW * (generic / np.linalg.norm(generic)) * offset.any(axis=1, keepdims=True)
    return np.asarray(moved / np.maximum(row_norm(moved), 1e-300)[:, None])


class _Memory:
    """The last few results by the content of what they were computed from."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Any] = {}

    def get(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        if key not in self._known:
            value = compute()
            while len(self._known) >= REMEMBERED:
                self._known.pop(next(iter(self._known)), None)
            self._known[key] = value
        return self._known[key]


_memories: WeakKeyDictionary[Problem, _Memory] = WeakKeyDictionary()


def _memory(problem: Conditioned) -> _Memory:
    """What is remembered of a problem, as long as it lives."""
    return _memories.setdefault(problem.original, _Memory())


def frames(problem: Conditioned, Y: FloatArray, m: int) -> FloatArray:
    """(p, d) points -> (p, d, m) lowest eigenvectors of the Hessians in these coordinates.

    Repeated eigenvalues have a basis that depends on their space alone and in which no vector is special: symmetric
    ones would keep searches in symmetric subspaces.
    """
    p, d = Y.shape
    out = np.zeros((p, d, m))
    memory = _memory(problem)
    for i in range(p if m else 0):
        y = Y[i : i + 1]
        key = ("frame", y.tobytes(), m)
        out[i] = memory.get(key, partial(_frame, problem, y, m))
    return out


def _frame(problem: Conditioned, y: FloatArray, m: int) -> FloatArray:
    d = problem.dim

    def product(V: FloatArray) -> FloatArray:
        return np.asarray(problem.hvp(y, V[None])[0])

    w, Q = lowest_pairs(product, lambda R: R, _smooth(problem, m + GUARD), m, VECTORS)
    generic = np.random.default_rng(d).standard_normal((d, m + GUARD)) / problem.weights[:, None]
    for start, stop in runs(np.diff(w) <= TIED * np.abs(w).max()):
        Q[:, start:stop] = Q[:, start:stop] @ (Q[:, start:stop].T @ generic[:, start:stop])
    return canonical_signs(orthonormalize(Q[None]))[0, :, :m]


def spectrum(problem: Conditioned, y: FloatArray, target_index: int, rtol: float) -> tuple[FloatArray, float]:
    """The lowest eigenvalues of the original Hessian at y (d,), and up to which size they count as zero.

    Ascending, those below a positive one complete as far as the eigensolver finds each.

    Args:
        target_index: the index that is expected.
        rtol: an eigenvalue counts as zero up to this part of the largest, that in these coordinates.
    """
    found: tuple[FloatArray, float] = _memory(problem).get(
        ("spectrum", y.tobytes(), target_index, rtol),
        lambda: _spectrum(problem, y[None], target_index + SPARE, rtol),
    )
    return found


def _spectrum(problem: Conditioned, y: FloatArray, m: int, rtol: float) -> tuple[FloatArray, float]:
    w = problem.weights[:, None]

    def product(V: FloatArray) -> FloatArray:
        return np.asarray(w * problem.hvp(y, (w * V)[None])[0])

    # In the original coordinates the largest eigenvalue is that of the finest grid's waves, which says nothing about
    # what is small among the others.
    stiffest = np.zeros((problem.dim, 1))
    stiffest[np.argmax(problem.weights)] = 1.0
    zero = rtol * float(np.linalg.norm(problem.hvp(y, stiffest[None])[0]))
    while True:
        values, _ = lowest_pairs(product, lambda R: R / (w * w), _smooth(problem, m + GUARD), m, VALUES)
        if values[m - 1] > zero or m >= problem.dim // 8:
            return values[:m], zero
        m *= 2


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
