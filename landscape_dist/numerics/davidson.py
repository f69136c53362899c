"""Lowest eigenpairs of a symmetric operator that is known by its products: block Davidson iterations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape_dist.records import FloatArray

Block = Callable[[FloatArray], FloatArray]
"""(d, k) -> (d, k), each column by itself."""

# The subspace is restarted when it is this many times as wide as the block.
WIDTH = 5


@dataclass(slots=True)
class RitzPairs:
    """Approximate lowest eigenpairs.

    Attributes:
        values: (b,) ascending; each is an upper bound of the eigenvalue of the same number.
        vectors: (d, b) orthonormal. residuals: (b,) 2-norms of H v - value v. settled: (b,) which are accurate.
    """

    values: FloatArray
    vectors: FloatArray
    residuals: FloatArray
    settled: NDArray[np.bool_]

    @property
    def leading(self) -> int:
        """How many are accurate without a gap, counted from the lowest."""
        return len(self.settled) if self.settled.all() else int(np.argmin(self.settled))


def lowest_pairs(
    product: Block,
    start: FloatArray,
    enough: Callable[[RitzPairs], bool],
    tolerance: Callable[[FloatArray], float],
    *,
    precondition: Block | None = None,
    in_preconditioned: bool = False,
    max_iterations: int = 300,
) -> RitzPairs:
    """Lowest eigenpairs of a symmetric operator, by block Davidson iterations (block Lanczos where there is no
    preconditioner).

    A block finds an eigenvalue as often as it is repeated, up to the block's width.  Memory: 2 (WIDTH + 1) blocks.

    Args:
        product: the operator. start: (d, b) guesses.
        enough: whether the pairs so far will do.
        tolerance: from the Ritz values (b,), the residual up to which a pair counts as settled.
        precondition: an approximate inverse of the operator, positive definite.
        in_preconditioned: whether residuals are measured after the preconditioner.
        max_iterations: pairs that are not settled by then are returned as they are.
    """
    Q = np.linalg.qr(start)[0]
    b = Q.shape[1]
    HQ = product(Q)
    A = Q.T @ HQ
    for _ in range(max_iterations):
        w, U = np.linalg.eigh(0.5 * (A + A.T))
        X = Q @ U[:, :b]
        W = HQ @ U[:, :b] - X * w[:b]
        residuals = np.linalg.norm(W, axis=0)
        if precondition is not None:
            W = precondition(W)
        measured = np.linalg.norm(W, axis=0) if in_preconditioned else residuals
        pairs = RitzPairs(w[:b], X, residuals, measured <= tolerance(w[:b]))
        if pairs.settled.all() or enough(pairs):
            break
        if Q.shape[1] + b > WIDTH * b:
            keep = 2 * b
            Q, HQ, A = Q @ U[:, :keep], HQ @ U[:, :keep], np.diag(w[:keep])
        W = W[:, ~pairs.settled]
        W /= np.maximum(np.linalg.norm(W, axis=0), 1e-300)
        for _ in range(2):
            W = np.linalg.qr(W - Q @ (Q.T @ W))[0]
        HW = product(W)
        cross = Q.T @ HW
        A = np.block([[A, cross], [cross.T, W.T @ HW]])
        Q, HQ = np.concatenate([Q, W], axis=1), np.concatenate([HQ, HW], axis=1)
    return pairs
