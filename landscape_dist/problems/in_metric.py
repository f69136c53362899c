"""The same energy in coordinates in which an inner product is the usual one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.problems.base import Problem
from landscape_dist.problems.elsewhere import Elsewhere
from landscape_dist.records import FloatArray, SparseHessian


class InMetric(Elsewhere):
    """The same energy as a function of y = C^T x / unit, see `Mass`.

    So directions, steps, eigenvalues (of H v = w M v, times the square of the unit) and the gradient flow M x' = -g are
    those of the inner product.  The unit makes the numbers of y like those of x: a mass of 1e6 is no other landscape.

    Args:
        original: the problem in x, with a `mass`.

    Attributes:
        unit: geometric mean of the square roots of the mass's diagonal.
    """

    def __init__(self, original: Problem) -> None:
        super().__init__(original)
        assert original.mass is not None
        self._inner = original.mass
        self.unit = self._inner.typical
        self.has_sparse_hessian = original.has_sparse_hessian and self._inner.diagonal
        self._roots = original.xp.asarray(self._inner.roots / self.unit) if self._inner.diagonal else None

    def to_original(self, Y: Any) -> Any:
        return self._inner.from_metric(Y * self.unit) if self._roots is None else Y / self._roots

    def from_original(self, X: FloatArray) -> FloatArray:
        return self._inner.to_metric(X) / self.unit

    def gradient_noise(self, X: Any) -> Any:
        noise = self.original.gradient_noise(self.to_original(X))
        return None if noise is None else noise * self.unit / self._inner.extent[0]

    def hessian_noise(self, X: Any) -> Any:
        noise = self.original.hessian_noise(self.to_original(X))
        return None if noise is None else noise * (self.unit / self._inner.extent[0]) ** 2

    @property
    def position_noise(self) -> float:
        return self.original.position_noise * self._inner.extent[1] / self.unit

    def _covector(self, G: Any) -> Any:
        return self._inner.dual(G) * self.unit if self._roots is None else G / self._roots

    def _columns(self, function: Callable[[Any], Any], V: Any) -> Any:
        """A function of vectors (n, d) of each column of V (n, d, k)."""
        n, d, k = V.shape
        flat = self.xp.reshape(V.mT, (n * k, d))
        return self.xp.reshape(function(flat), (n, k, d)).mT

    def _matrix(self, H: Any) -> Any:
        """C^-1 H C^-T."""
        H = self._columns(self._covector, self._columns(self._covector, H).mT)
        return 0.5 * (H + H.mT)

    def _vectors(self, V: Any) -> Any:
        return self._columns(self.to_original, V)

    def _covectors(self, HV: Any) -> Any:
        return self._columns(self._covector, HV)

    def sparse_hessian(self, x: FloatArray) -> SparseHessian:
        return self._sparse_hessian(x)

    def _sparse_hessian(self, x: FloatArray) -> SparseHessian:
        from scipy.sparse import diags_array

        H = self.original.sparse_hessian(self.to_original(x[None])[0])
        weights = diags_array(np.broadcast_to(self.unit / self._inner.roots, (self.dim,)))
        return (weights @ H @ weights).tocsc()

    def preconditioner(self, x: FloatArray) -> Callable[[FloatArray], FloatArray] | None:
        inner = self.original.preconditioner(self.to_original(x[None])[0])
        if inner is None:
            return None
        # C^T P C is to C^-1 H C^-T what P is to H.
        mass, unit = self._inner, self.unit

        def approximate_inverse(R: FloatArray) -> FloatArray:
            back = mass.from_metric(np.ascontiguousarray(R.T))
            weighted = np.asarray((mass.matrix @ back.T) if not mass.diagonal else (back * mass.matrix).T)
            return np.ascontiguousarray(mass.to_metric(np.asarray(inner(weighted)).T).T) / unit**2

        return approximate_inverse
