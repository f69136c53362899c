"""Sparse Hessians: stacks of them, systems with low-rank corrections, and inertia by Sylvester's law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.numerics.davidson import Block
from landscape_dist.numerics.hessians import NUDGE, HessianStack
from landscape_dist.records import FloatArray

# A shift is moved towards the lowest eigenvalues while its distance falls to this part, at most so many times.
CLOSER, SHIFTS = 0.3, 12
# What is below this part of a matrix's size need not be told apart.
NOTHING = 1e-10
# Pivots stay on the diagonal, where fill is least, unless they are this much smaller than others of their column.
PIVOT = 0.1


def factorized(H: Any, shift: float, pivot: float = PIVOT) -> Any:
    """Sparse LU decomposition of H + shift I, with `solve`.

    Args:
        H: (d, d) symmetric `csc_array`. pivot: 0 keeps all pivots on the diagonal, so that L U = L D L^T.
    """
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    d = H.shape[0]
    for nudge in (0.0, NUDGE, 1e3 * NUDGE):
        size = infinity_norm(H) or 1.0
        A = H + (shift + nudge * size) * eye_array(d, format="csc")
        try:
            return splu(A, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=pivot, options={"SymmetricMode": True})
        except RuntimeError as error:
            if "singular" not in str(error):
                raise
            singular = error
    raise singular


def infinity_norm(H: Any) -> float:
    """Largest sum of sizes along a row, an upper bound of the 2-norm."""
    return float(abs(H).sum(axis=0).max(initial=0.0))


@dataclass(frozen=True, slots=True)
class Inertia:
    """Eigenvalues of a sparse symmetric matrix below a number.

    Attributes:
        n_below: how many, exactly, of a matrix that differs from the given one by at most `error` (2-norm).
        error: infinite where the factorisation had to leave the diagonal.
    """

    n_below: int
    error: float


def count_below(H: Any, sigma: float) -> Inertia:
    """How many eigenvalues of H lie below sigma: negative pivots of H - sigma I = L D L^T (Sylvester's law of inertia).

    The factors are multiplied out again, so rounding in the factorisation (there is no pivoting) does not go unseen.
    """
    from scipy.sparse import diags_array, eye_array

    lu = factorized(H, -sigma, pivot=0.0)
    pivots = lu.U.diagonal()
    if not np.array_equal(lu.perm_r, lu.perm_c) or not np.isfinite(pivots).all():
        return Inertia(-1, np.inf)
    order = np.argsort(lu.perm_c)
    A = H - sigma * eye_array(H.shape[0], format="csc")
    wrong = lu.L @ diags_array(pivots) @ lu.L.T - A[order][:, order]
    return Inertia(int((pivots < 0).sum()), infinity_norm(wrong))


def nearest_pairs(H: Any, sigma: float, m: int) -> tuple[FloatArray, FloatArray]:
    """The m eigenvalues of H nearest to sigma, with eigenvectors (d, m), by Lanczos's method for (H - sigma)^-1.

    Fewer where it does not converge.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    d = H.shape[0]
    if d <= max(4 * m, 32):
        w, Q = np.linalg.eigh(H.toarray())
        nearest = np.sort(np.argsort(np.abs(w - sigma))[:m])
        return w[nearest], Q[:, nearest]
    inverse = LinearOperator((d, d), matvec=factorized(H, -sigma).solve, dtype=np.float64)
    try:
        w, Q = eigsh(H, k=m, sigma=sigma, OPinv=inverse, v0=np.random.default_rng(d).standard_normal(d))
    except ArpackNoConvergence as error:
        w, Q = error.eigenvalues, error.eigenvectors
    return np.asarray(w), np.asarray(Q)


class SparseHessians(HessianStack):
    """H - left right^T at n points with sparse H.

    Args:
        matrices: n symmetric (d, d) `csc_array`s H. left, right: (n, d, m), or None for H itself.
    """

    def __init__(
        self, matrices: Sequence[Any], left: FloatArray | None = None, right: FloatArray | None = None
    ) -> None:
        self.matrices = list(matrices)
        self.left, self.right = left, right

    def __len__(self) -> int:
        return len(self.matrices)

    def __getitem__(self, rows: Any) -> SparseHessians:
        matrices = [self.matrices[i] for i in np.arange(len(self.matrices))[rows].tolist()]
        if self.left is None or self.right is None:
            return SparseHessians(matrices)
        return SparseHessians(matrices, self.left[rows], self.right[rows])

    @property
    def mT(self) -> SparseHessians:
        """The transposes; H itself is symmetric."""
        return SparseHessians(self.matrices, self.right, self.left)

    def less(self, left: FloatArray, right: FloatArray) -> SparseHessians:
        """These minus left right^T, (n, d, m) each."""
        if self.left is not None and self.right is not None:
            left, right = np.concatenate([self.left, left], axis=2), np.concatenate([self.right, right], axis=2)
        return SparseHessians(self.matrices, left, right)

    def __matmul__(self, V: FloatArray) -> FloatArray:
        """(n, d, k) -> (n, d, k)."""
        out = np.empty_like(V)
        for i, H in enumerate(self.matrices):
            out[i] = H @ V[i]
        return out if self.left is None or self.right is None else out - self.left @ (self.right.mT @ V)

    def __sub__(self, other: SparseHessians) -> SparseHessians:
        return SparseHessians([A - B for A, B in zip(self.matrices, other.matrices, strict=True)])

    def sizes(self) -> FloatArray:
        """(n,) infinity norms of H."""
        return np.array([infinity_norm(H) for H in self.matrices])

    def where(self, mask: Any, other: SparseHessians) -> SparseHessians:
        """These in the rows of the mask (n,), the others elsewhere."""
        pairs = zip(mask.tolist(), self.matrices, other.matrices, strict=True)
        return SparseHessians([mine if take else theirs for take, mine, theirs in pairs])

    def solve(self, shift: FloatArray, B: FloatArray, size: FloatArray | None = None) -> FloatArray:
        """(H - left right^T + shift I)^-1 B: shift (n,), B (n, d, k) -> (n, d, k).

        By the Sherman–Morrison–Woodbury formula, refined once; singular matrices are nudged by parts of their own size.
        """
        out = np.empty_like(B)
        for i, H in enumerate(self.matrices):
            if self.left is None or self.right is None:
                out[i] = factorized(H, float(shift[i])).solve(B[i])
            else:
                out[i] = _solve_corrected(H, self.left[i], self.right[i], float(shift[i]), B[i])
        return out


def _solve_corrected(H: Any, U: FloatArray, W: FloatArray, shift: float, B: FloatArray) -> FloatArray:
    inverse = factorized(H, shift).solve
    Z = inverse(np.ascontiguousarray(U))
    small = np.eye(U.shape[1]) - W.T @ Z

    def solve(R: FloatArray) -> FloatArray:
        Y = inverse(np.ascontiguousarray(R))
        return np.asarray(Y + Z @ np.linalg.lstsq(small, W.T @ Y, rcond=None)[0])

    X = solve(B)
    # H + shift I may be close to singular where its sum with the correction is not.
    return np.asarray(X + solve(B - (H @ X + shift * X - U @ (W.T @ X))))


def below_spectrum(H: Any, low: float, high: float) -> tuple[Block, float]:
    """A positive definite preconditioner for the lowest eigenvalues, (H - sigma I)^-1 with sigma below all of them.

    Args:
        low, high: estimates of the ends of the spectrum, from within.

    Returns:
        the function, and sigma.
    """
    offset = 0.02 * max(high - low, abs(low), abs(high), 1e-300)
    while True:
        sigma = low - offset
        counted = count_below(H, sigma)
        if counted.n_below == 0 or not np.isfinite(counted.error):
            break
        offset *= 4.0
    return factorized(H, -sigma).solve, sigma


def close_below_spectrum(H: Any, low: float, high: float, m: int) -> Block:
    """The same with sigma close to the m lowest eigenvalues, on their scale, however small a part of the largest it is.

    From far away all soft modes look alike; inverse iterations with one shift show how they spread, for the next.
    """
    solve, sigma = below_spectrum(H, low, high)
    size, X = max(abs(low), abs(high)), np.random.default_rng(len(H.indptr)).standard_normal((H.shape[0], m))
    for _ in range(SHIFTS):
        for _ in range(2):
            X = np.linalg.qr(solve(X))[0]
        w = np.linalg.eigvalsh(X.T @ (H @ X))
        if max(abs(w[0]), abs(w[-1])) <= NOTHING * size:
            break
        closer, at = below_spectrum(H, w[0], w[-1])
        if w[0] - at > CLOSER * (w[0] - sigma) or count_below(H, at).n_below:
            break
        solve, sigma = closer, at
    return solve
