"""An inner product of points, such as the one of the fields that a grid stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import ProblemError
from landscape_dist.records import FloatArray, SparseHessian


class Mass:
    """<u, v> = u^T M v with a symmetric, positive definite M = C C^T.

    Args:
        value: M as a number (the volume of a cell of a uniform grid), as d numbers (those of the cells of another one,
            or atoms' masses), or as a (d, d) matrix, dense or one of SciPy's sparse ones (of finite elements).
        dim: number of variables d.

    Raises:
        ProblemError: it is neither, or not positive definite.

    Example:
        >>> Mass([1.0, 4.0], 2).to_metric(np.array([[1.0, 1.0]]))
        array([[1., 2.]])
    """

    def __init__(self, value: Any, dim: int) -> None:
        from scipy.sparse import csc_array, issparse

        self.dim = dim
        self._factor: tuple[Any, Any] | None = None
        if issparse(value):
            self.matrix: Any = csc_array(value, dtype=np.float64)
            self._factor = _cholesky(self.matrix, dim)
            return
        try:
            M = np.array(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise ProblemError(f"mass is {value!r}; give a number, {dim} numbers, or a ({dim}, {dim}) matrix") from None
        if M.ndim == 2:
            self.matrix = csc_array(M)
            self._factor = _cholesky(self.matrix, dim)
            return
        if M.shape not in ((), (dim,)):
            raise ProblemError(f"mass has shape {M.shape}; give a number, {dim} numbers, or a ({dim}, {dim}) matrix")
        if not (np.isfinite(M).all() and (M > 0).all()):
            raise ProblemError("mass has numbers that are not positive; an inner product needs positive ones")
        self.matrix = M

    def __getstate__(self) -> dict[str, Any]:
        return {"dim": self.dim, "matrix": self.matrix}  # decompositions do not travel

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["matrix"], state["dim"])  # type: ignore[misc]

    @property
    def diagonal(self) -> bool:
        """Whether coordinates are at right angles."""
        return self._factor is None

    @property
    def roots(self) -> FloatArray:
        """Square roots of the diagonal of M, () or (d,)."""
        return np.sqrt(np.asarray(self.matrix) if self.diagonal else self.matrix.diagonal())

    @property
    def typical(self) -> float:
        """Geometric mean of the square roots of the diagonal."""
        return float(np.exp(np.mean(np.log(self.roots))))

    @property
    def extent(self) -> tuple[float, float]:
        """The least and the largest of the square roots of the diagonal."""
        return float(np.min(self.roots)), float(np.max(self.roots))

    def to_metric(self, X: FloatArray) -> FloatArray:
        """(n, d) x -> y = C^T x, whose usual inner product this one is."""
        if self._factor is None:
            return np.asarray(X * self.roots)
        C, _ = self._factor
        return np.asarray((C.T @ X.T).T)

    def from_metric(self, Y: FloatArray) -> FloatArray:
        """(n, d) y -> x."""
        if self._factor is None:
            return np.asarray(Y / self.roots)
        C, solve = self._factor
        return np.asarray(solve(np.ascontiguousarray(C @ Y.T)).T)

    def dual(self, G: FloatArray) -> FloatArray:
        """(n, d) derivatives with respect to x -> those with respect to y, C^-1 g."""
        if self._factor is None:
            return np.asarray(G / self.roots)
        C, solve = self._factor
        return np.asarray((C.T @ solve(np.ascontiguousarray(G.T))).T)

    def as_plain(self) -> Any:
        """Plain JSON form: a number, d numbers, or an object with the rows, columns and values of a matrix."""
        if self._factor is None:
            return np.asarray(self.matrix).tolist()
        entries = self.matrix.tocoo()
        return {"rows": entries.row.tolist(), "columns": entries.col.tolist(), "values": entries.data.tolist()}

    @classmethod
    def from_plain(cls, plain: Any, dim: int) -> Mass:
        """The inverse of `as_plain`."""
        if not isinstance(plain, dict):
            return cls(plain, dim)
        from scipy.sparse import coo_array

        entries = plain["values"], (plain["rows"], plain["columns"])
        return cls(coo_array(entries, shape=(dim, dim)), dim)


def _cholesky(M: Any, dim: int) -> tuple[Any, Callable[[FloatArray], FloatArray]]:
    """C with C C^T = M, sparse, and the function that solves with M."""
    from scipy.sparse import csc_array, diags_array
    from scipy.sparse.linalg import splu

    if M.shape != (dim, dim):
        raise ProblemError(f"mass has shape {M.shape}; give a number, {dim} numbers, or a ({dim}, {dim}) matrix")
    if not np.isfinite(M.data).all():
        raise ProblemError("mass has numbers that are not finite; give finite ones")
    if abs(M - M.T).max() > 1e-12 * abs(M).max():
        raise ProblemError("mass is not symmetric; an inner product is, so give (M + M.T) / 2 if that is rounding")
    wrong = ProblemError("mass is not positive definite; an inner product needs that")
    try:
        lu = splu(M, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError:  # exactly singular
        raise wrong from None
    pivots, least = lu.U.diagonal(), dim * np.finfo(np.float64).eps * abs(M).max()
    if not np.array_equal(lu.perm_r, lu.perm_c) or not (pivots > least).all():
        raise wrong
    # SuperLU: row perm[i] of L U is row i of M.
    L = csc_array(lu.L @ diags_array(np.sqrt(pivots)))
    return csc_array(L[lu.perm_r]), lu.solve


def mass_of(value: ArrayLike | SparseHessian | Mass | None, dim: int) -> Mass | None:
    """The inner product that a user gave, or None."""
    return value if value is None or isinstance(value, Mass) else Mass(value, dim)
