"""The lower end of Hessians too large to be formed: index and nullity with a certificate, lowest eigenvectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from landscape_dist.hisd.memory import memory_of
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.numerics.davidson import Block, RitzPairs, lowest_pairs
from landscape_dist.numerics.lanczos import FAILURE, ends_of_spectrum, hessian_operator, lowest_outside
from landscape_dist.numerics.linalg import canonical_eigenbasis, orthonormalize
from landscape_dist.numerics.sparse import below_spectrum, count_below
from landscape_dist.records import FloatArray

# Residuals relative to the Hessian's size; eigenvalues are off by their squares.
VALUES, VECTORS = 1e-5, 1e-9
# Eigenvectors sought beyond those wanted, so that the last wanted one does not wait for its neighbours.
GUARD = 2
# Positive eigenvalues are waited for so many iterations after the last negative one: they may be in a dense band.
PATIENCE = 60
MAX_ITERATIONS = 300
# Each attempt has a wider block, or smaller residuals, than the one before.
ATTEMPTS, REFINE = 6, 0.03
# Subspaces that would fill this part of the space give way to the matrix itself.
SMALL = 8
# With a sparse factorisation, what it may be off by, relative to the Hessian's size, where nothing counts as zero.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class LowestSpectrum:
    """What is known of a Hessian's lowest eigenvalues.

    Attributes:
        values: (m,) the lowest eigenvalues, ascending. zero: size up to which they count as zero.
        index, nullity: numbers of negative ones and of zeros.
        doubt: why index or nullity may be wrong; empty where they are certain.
    """

    values: FloatArray
    zero: float
    index: int
    nullity: int
    doubt: str = ""


def uses_sparse(problem: Any, settings: SolverSettings) -> bool:
    """Whether sparse Hessians stand in for dense ones."""
    return bool(problem.has_sparse_hessian and settings.sparse_hessians and problem.dim > settings.dense_limit)


def lowest_spectrum(problem: Any, x: FloatArray, target_index: int, settings: SolverSettings) -> LowestSpectrum:
    """Index, nullity and the lowest eigenvalues of the Hessian at x (d,), whose index is expected to be `target_index`.

    From a sparse Hessian by the inertia of two factorisations, else from products alone: eigenvalues by block
    Davidson iterations, and that none was overlooked by the bound of `lanczos.lowest_outside`.
    """
    compute = _by_factors if uses_sparse(problem, settings) else _by_products
    key = ("spectrum", x.tobytes(), target_index, settings.nullity_rtol, settings.nullity_atol, compute.__name__)
    found: LowestSpectrum = memory_of(problem).get(key, lambda: compute(problem, x, target_index, settings))
    return found


def lowest_eigenvectors(problem: Any, X: FloatArray, m: int, settings: SolverSettings) -> FloatArray:
    """(p, d) points -> (p, d, m) lowest eigenvectors of their Hessians, in canonical bases."""
    p, d = X.shape
    out = np.zeros((p, d, m))
    for i in range(p if m else 0):
        key = ("frame", X[i].tobytes(), m, uses_sparse(problem, settings))
        out[i] = memory_of(problem).get(key, partial(_frame, problem, X[i], m, settings))
    return out


def _frame(problem: Any, x: FloatArray, m: int, settings: SolverSettings) -> FloatArray:
    d = len(x)
    product, precondition, low, high = _operator(problem, x, settings)
    b = min(d, m + GUARD)
    if SMALL * b >= d:
        w, Q = np.linalg.eigh(_matrix(product, d))
        pairs = RitzPairs(w[:b], Q[:, :b], np.zeros(b), np.ones(b, dtype=bool))
    else:
        start = np.random.default_rng(d).standard_normal((d, b))
        pairs = lowest_pairs(
            product,
            start,
            lambda pairs: pairs.leading >= m,
            lambda w: VECTORS * max(abs(low), abs(high)),
            precondition=precondition,
            max_iterations=MAX_ITERATIONS,
        )
    Q = canonical_eigenbasis(pairs.values[None], pairs.vectors[None])[:, :, :m]
    return np.asarray(orthonormalize(Q)[0])


def _operator(problem: Any, x: FloatArray, settings: SolverSettings) -> tuple[Block, Block | None, float, float]:
    """Products, preconditioner, and estimates of both ends of the spectrum."""
    if uses_sparse(problem, settings):
        H = problem.sparse_hessian(x)
        low, high = ends_of_spectrum(H.__matmul__, len(x))
        return H.__matmul__, below_spectrum(H, low, high)[0], low, high
    product = hessian_operator(problem, x).matmat
    return product, problem.preconditioner(x), *ends_of_spectrum(product, len(x))


def _matrix(product: Block, d: int) -> FloatArray:
    H = product(np.eye(d))
    return np.asarray(0.5 * (H + H.T))


def _eigenvalues(product: Block, d: int) -> FloatArray:
    return np.asarray(np.linalg.eigvalsh(_matrix(product, d)), dtype=np.float64)


def _threshold(low: float, high: float, settings: SolverSettings) -> float:
    return max(settings.nullity_rtol * max(abs(low), abs(high)), settings.nullity_atol)


# -- sparse -------------------------------------------------------------------------------------------------------
def _by_factors(problem: Any, x: FloatArray, target_index: int, settings: SolverSettings) -> LowestSpectrum:
    d = len(x)
    H = problem.sparse_hessian(x)
    low, high = ends_of_spectrum(H.__matmul__, d)
    zero = _threshold(low, high, settings)
    negative, upto = count_below(H, -zero), count_below(H, zero)
    off = max(negative.error, upto.error)
    doubt = ""
    if not off <= max(0.5 * zero, ROUNDING * max(abs(low), abs(high))):
        doubt = f"the sparse factorisation is off by {off:.2e}, and eigenvalues count as zero up to {zero:.2e}"
    m = max(1, min(upto.n_below + 1, settings.n_eigenvalues, d))
    if SMALL * (m + GUARD) >= d:
        values = np.linalg.eigvalsh(H.toarray())[:m]
    else:
        pairs = lowest_pairs(
            H.__matmul__,
            np.random.default_rng(d).standard_normal((d, m + GUARD)),
            lambda pairs: pairs.leading >= m,
            lambda w: VALUES * max(abs(low), abs(high)),
            precondition=below_spectrum(H, low, high)[0],
            max_iterations=MAX_ITERATIONS,
        )
        values = pairs.values[: pairs.leading]
    return LowestSpectrum(values, zero, negative.n_below, upto.n_below - negative.n_below, doubt)


# -- products -----------------------------------------------------------------------------------------------------
def _by_products(problem: Any, x: FloatArray, target_index: int, settings: SolverSettings) -> LowestSpectrum:
    d = len(x)
    product, precondition, low, high = _operator(problem, x, settings)
    zero = _threshold(low, high, settings)
    if SMALL * (target_index + 1 + GUARD) >= d:
        return counted(_eigenvalues(product, d), zero)

    def solve(start: FloatArray, rtol: float, wanted: int) -> RitzPairs:
        return lowest_pairs(
            product,
            start,
            patient(wanted, zero),
            lambda w: rtol * max(abs(low), abs(high)),
            precondition=precondition,
            max_iterations=MAX_ITERATIONS,
        )

    def outside(pairs: RitzPairs) -> tuple[float, float]:
        found = lowest_outside(product, pairs.vectors[:, : pairs.leading], 2.0 * zero)
        return found.lowest, found.failure

    start = np.random.default_rng(d).standard_normal((d, target_index + 1 + GUARD))
    spectrum = certified(solve, outside, start, zero)
    return spectrum if spectrum is not None else counted(_eigenvalues(product, d), zero)


def patient(wanted: int, zero: float) -> Callable[[RitzPairs], bool]:
    """Stop when `wanted` pairs and all that are not positive have settled, or `PATIENCE` after the latter have.

    And where no Ritz value is positive: then there are at least as many such eigenvalues, and the block is too narrow.
    """
    since = 0

    def enough(pairs: RitzPairs) -> bool:
        nonlocal since
        low_ones = int((pairs.values <= 2.0 * zero).sum())
        if low_ones == len(pairs.values):
            return True
        if pairs.leading < low_ones:
            since = 0
            return False
        since += 1
        return pairs.leading >= wanted or since > PATIENCE

    return enough


def counted(w: FloatArray, zero: float, doubt: str = "") -> LowestSpectrum:
    """Index and nullity from eigenvalues."""
    return LowestSpectrum(w, zero, int((w < -zero).sum()), int((np.abs(w) <= zero).sum()), doubt)


def certified(
    solve: Callable[[FloatArray, float, int], RitzPairs],
    outside: Callable[[RitzPairs], tuple[float, float]],
    start: FloatArray,
    zero: float,
) -> LowestSpectrum | None:
    """Lowest eigenvalues with the evidence that they are all, from wider and wider blocks.

    Ritz values are upper bounds (Cauchy), so as many eigenvalues are negative as Ritz values are.  That no more
    are is what `outside` says about the complement; the settled pairs' residuals R shift eigenvalues by no more than
    |R|, and by no more than |R|^2 over the distance to those outside (Kato–Temple).

    Args:
        solve: pairs from a start, a relative tolerance, and how many are wanted.
        outside: from pairs, the lowest eigenvalue in the complement of those that have settled, and the probability
            that there is one which is not positive.
        start: (d, b) first guesses; `GUARD` less are wanted. zero: size up to which eigenvalues count as zero.

    Returns:
        the spectrum, with its doubts; None where the blocks would outgrow the space.
    """
    doubt = "no eigenvalue was computed"
    d = len(start)
    rtol, wanted = VALUES, start.shape[1] - GUARD
    for _ in range(ATTEMPTS):
        if SMALL * start.shape[1] >= d:
            return None
        pairs = solve(start, rtol, wanted)
        w = pairs.values[: pairs.leading]
        low_ones = int((pairs.values <= 2.0 * zero).sum())
        if pairs.leading < low_ones:
            doubt = f"{low_ones - pairs.leading} of {low_ones} eigenvalues that are negative or zero did not converge"
            start, wanted = _wider(pairs.vectors, len(pairs.values)), low_ones
            continue
        if low_ones == len(pairs.values):
            doubt = f"all of the {low_ones} lowest eigenvalues are negative or zero"
            start, wanted = _wider(pairs.vectors, len(pairs.values)), low_ones
            continue
        lowest, failure = outside(pairs)
        if failure > FAILURE:
            doubt = (
                f"beyond the {len(w)} lowest eigenvalues, others of {lowest:.2e} or less cannot be told from zero, "
                f"which is up to {zero:.2e}"
            )
            start, wanted = _wider(pairs.vectors, GUARD), len(w) + GUARD
            continue
        squares = float(np.sum(pairs.residuals[: pairs.leading] ** 2))
        error = np.minimum(np.sqrt(squares), squares / np.maximum(lowest - w, 1e-300))
        # Between them and their bounds from below there must be no border.
        crossing = ((w >= -zero) & (w - error < -zero)) | ((w > zero) & (w - error <= zero))
        if not crossing.any():
            return counted(w, zero)
        doubt = f"an eigenvalue of {w[crossing][0]:.2e} is within its error of the border of what counts as zero"
        start, rtol = pairs.vectors, REFINE * rtol
    return counted(w, zero, doubt)


def _wider(X: FloatArray, more: int) -> FloatArray:
    """(d, b) -> (d, b + more), with random columns."""
    return np.concatenate([X, np.random.default_rng(len(X) + X.shape[1]).standard_normal((len(X), more))], axis=1)
