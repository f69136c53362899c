"""The tests that every eigensolver must pass; shipped, so that a new one can be checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.eigensolvers.base import Curvature, Eigensolver, project_out
from landscape_dist.numerics.linalg import frobenius, orthonormalize, subspace_overlap
from landscape_dist.records import FloatArray

N, D, K = 5, 7, 2


def check_eigensolver(make: Callable[[], Eigensolver], xp: Any = np) -> None:
    """Assert that an eigensolver keeps the contract of `Eigensolver`, on Hessians and on products.

    Orthonormal directions, orthogonal to `leave`, whatever their number; the lowest eigenvectors of a fixed Hessian
    in the end, from directions near them, and the lowest of those orthogonal to `leave`; eigenvectors that are not the
    lowest left where they are when hardly any time has passed; single searches as in a batch; arguments not written to.

    Args:
        make: gives the eigensolver to check.
        xp: array namespace to check it in.

    Raises:
        AssertionError: what does not hold, with the numbers.
    """
    for matrix_free in (False, True):
        if matrix_free and make().needs_hessian:
            continue
        _check_shapes(make(), xp, matrix_free)
        _check_convergence(make(), xp, matrix_free)
        _check_following(make(), xp, matrix_free)
        _check_batches(make(), xp, matrix_free)


def _spectra(n: int = N, d: int = D) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Hessians with well separated eigenvalues (n, d, d), the eigenvalues (n, d) and eigenvectors (n, d, d)."""
    rng = np.random.default_rng(5)
    w = np.tile(np.arange(d, dtype=np.float64) - 2.5, (n, 1)) * (1 + np.arange(n)[:, None])
    Q = orthonormalize(rng.standard_normal((n, d, d)))
    return (Q * w[:, None, :]) @ Q.mT, w, Q


def _follow(
    solver: Eigensolver,
    H: FloatArray,
    V: FloatArray,
    leave: FloatArray | None,
    time: float,
    xp: Any,
    matrix_free: bool,
) -> FloatArray:
    """One call, with arrays of the namespace in and NumPy out; `time` is relative to the Hessian's size."""
    matrices, directions = xp.asarray(H.copy()), xp.asarray(V.copy())
    away = None if leave is None else xp.asarray(leave.copy())
    norm = frobenius(matrices, xp)
    curvature = Curvature(None if matrix_free else matrices, lambda W: matrices @ W, norm, xp)
    result = solver.follow(curvature, directions, away, time / norm)
    for before, after, name in ((V, directions, "V"), (leave, away, "leave"), (H, matrices, "the Hessian")):
        assert before is None or np.array_equal(before, np.asarray(after)), f"{solver.name} wrote to {name}"
    assert type(result) is type(directions), f"{solver.name} returned {type(result)}, not {type(directions)}"
    out = np.asarray(result)
    assert out.shape == V.shape, f"{solver.name} returned shape {out.shape}, not {V.shape}"
    assert out.dtype == np.float64, f"{solver.name} returned {out.dtype}, not float64"
    return out


def _check_shapes(solver: Eigensolver, xp: Any, matrix_free: bool) -> None:
    rng = np.random.default_rng(1)
    shapes = [(2, 1, True), (2, 2, False), (3, 2, True), (D, 1, False), (D, 3, True), (D, D - 1, True), (D, D, False)]
    for d, k, leaving in shapes:
        H, _, _ = _spectra(N, d)
        frame = orthonormalize(rng.standard_normal((N, d, d)))
        V = frame[:, :, :k]
        leave = frame[:, :, -1] * (np.arange(N) % 2 == 0)[:, None] if leaving else np.zeros((N, d))
        for time in (1e-8, 0.3, 1e6):
            out = _follow(solver, H, V, leave, time, xp, matrix_free)
            gram = np.abs(out.mT @ out - np.eye(k)).max()
            what = f"{solver.name}: directions (d={d}, k={k}, time={time})"
            assert gram < 1e-10, f"{what} are not orthonormal by {gram:.3g}"
            along = np.abs(leave[:, None, :] @ out).max()
            assert along < 1e-10, f"{what} contain {along:.3g} of leave"


def _check_convergence(solver: Eigensolver, xp: Any, matrix_free: bool) -> None:
    H, _, Q = _spectra()
    rng = np.random.default_rng(2)
    for leave, lowest in ((None, Q[:, :, :K]), (Q[:, :, 0], Q[:, :, 1 : K + 1])):
        V = lowest + 0.2 * rng.standard_normal((N, D, K))
        V = orthonormalize(project_out(V, leave))
        for _ in range(100):
            V = _follow(solver, H, V, leave, 10.0, xp, matrix_free)
        overlap = subspace_overlap(V, lowest).min()
        assert overlap > 1 - 1e-8, f"{solver.name}: overlap with the lowest eigenvectors is {overlap} after 100 calls"


def _check_following(solver: Eigensolver, xp: Any, matrix_free: bool) -> None:
    H, _, Q = _spectra()
    V = Q[:, :, [1, 3]]
    for leave in (np.zeros((N, D)), Q[:, :, 0]):
        out = _follow(solver, H, V, leave, 1e-6, xp, matrix_free)
        overlap = subspace_overlap(out, V).min()
        assert overlap > 1 - 1e-8, f"{solver.name}: overlap with the eigenvectors it was on is {overlap} after no time"


def _check_batches(solver: Eigensolver, xp: Any, matrix_free: bool) -> None:
    H, _, Q = _spectra()
    V = orthonormalize(Q[:, :, :K] + 0.3 * np.random.default_rng(3).standard_normal((N, D, K)))
    leave = np.zeros((N, D))
    whole = _follow(solver, H, V, leave, 0.3, xp, matrix_free)
    none = _follow(solver, H, V, None, 0.3, xp, matrix_free)
    assert np.abs(none - whole).max() < 1e-10, f"{solver.name}: leave=None and leave=0 differ"
    for i in range(N):
        one = _follow(solver, H[i : i + 1], V[i : i + 1], leave[i : i + 1], 0.3, xp, matrix_free)
        difference = np.abs(one[0] - whole[i]).max()
        assert difference < 1e-8, f"{solver.name}: a search alone and in a batch differ by {difference:.3g}"
