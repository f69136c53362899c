"""The lower end of Hessians too large to be formed: index and nullity with a certificate, lowest eigenvectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.numerics.davidson import Block, RitzPairs, lowest_pairs
from landscape_dist.numerics.lanczos import FAILURE
from landscape_dist.numerics.linalg import canonical_eigenbasis, orthonormalize
from landscape_dist.records import FloatArray

# Residuals relative to the Hessian's size; eigenvalues are off by their squares.
VALUES, VECTORS = 1e-5, 1e-9
# and what rounding leaves of them.
ROUNDED = 1e-13
# Eigenvectors sought beyond those wanted, so that the last wanted one does not wait for its neighbours.
GUARD = 2
# Positive eigenvalues are waited for so many iterations after the last negative one: they may be in a dense band.
PATIENCE = 60
MAX_ITERATIONS = 300
# Each attempt has a wider block, or smaller residuals, than the one before.
ATTEMPTS, REFINE = 6, 0.03
# Subspaces that would fill this part of the space give way to the matrix itself.
SMALL = 8


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


def zero_threshold(low: float, high: float, settings: SolverSettings) -> float:
    """Size up to which eigenvalues count as zero, from both ends of the spectrum."""
    return max(settings.nullity_rtol * max(abs(low), abs(high)), settings.nullity_atol)


def residual(w: FloatArray, ends: tuple[float, float], stiff: float, soft: float) -> float:
    """Residual up to which pairs with the values w (b,) count as settled.

    Args:
        ends: of the spectrum. stiff: part of the largest eigenvalue. soft: part of the largest of w, where that is less
            and more than rounding.
    """
    size = max(map(abs, ends))
    return min(stiff * size, max(soft * float(np.abs(w).max()), ROUNDED * size))


def lowest_eigenvectors(
    product: Block, precondition: Block | None, ends: tuple[float, float], d: int, m: int, soft: float = np.inf
) -> FloatArray:
    """(d, m) lowest eigenvectors of a (d, d) operator, in a canonical basis.

    Args:
        ends: estimates of both ends of the spectrum. soft: of `residual`.
    """
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
            lambda w: residual(w, ends, VECTORS, soft),
            precondition=precondition,
            max_iterations=MAX_ITERATIONS,
        )
    Q = canonical_eigenbasis(pairs.values[None], pairs.vectors[None])[:, :, :m]
    return np.asarray(orthonormalize(Q)[0])


def eigenvalues(product: Block, d: int) -> FloatArray:
    """(d,) all of a (d, d) operator, from its matrix."""
    return np.asarray(np.linalg.eigvalsh(_matrix(product, d)), dtype=np.float64)


def _matrix(product: Block, d: int) -> FloatArray:
    H = product(np.eye(d))
    return np.asarray(0.5 * (H + H.T))


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
