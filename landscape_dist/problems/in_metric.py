"""The same energy in coordinates in which an inner product is the usual one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Image, Unbounded
from landscape_dist.records import FloatArray, SparseHessian


class InMetric(Problem):
    """The same energy as a function of y = C^T x, see `Mass`; evaluations count in the counters of the original.

    So directions, steps, eigenvalues (of H v = w M v) and the gradient flow M x' = -g are those of the inner product.

    Args:
        original: the problem in x, with a `mass`.
    """

    def __init__(self, original: Problem) -> None:
        super().__init__()
        assert original.mass is not None
        self.original, self._inner = original, original.mass
        self.counters = original.counters
        self.name, self.dim, self.xp_ = original.name, original.dim, original.xp
        self.has_hessian, self.has_energy = original.has_hessian, original.has_energy
        self.has_sparse_hessian = original.has_sparse_hessian and self._inner.diagonal
        self._roots = original.xp.asarray(self._inner.roots) if self._inner.diagonal else None
        self.domain = original.domain if isinstance(original.domain, Unbounded) else Image(self)
        if self._roots is None and original.xp is not np:
            raise ProblemError("mass is a matrix, which only NumPy problems take; give its diagonal (a lumped mass)")

    @property
    def xp(self) -> Any:
        return self.xp_

    def to_original(self, Y: Any) -> Any:
        """(n, d) y -> x."""
        return self._inner.from_metric(Y) if self._roots is None else Y / self._roots

    def from_original(self, X: FloatArray) -> FloatArray:
        """(n, d) x -> y, NumPy."""
        return self._inner.to_metric(X)

    def _dual(self, G: Any) -> Any:
        return self._inner.dual(G) if self._roots is None else G / self._roots

    def _columns(self, function: Callable[[Any], Any], V: Any) -> Any:
        """A function of vectors (n, d) of each column of V (n, d, k)."""
        n, d, k = V.shape
        flat = self.xp.reshape(V.mT, (n * k, d))
        return self.xp.reshape(function(flat), (n, k, d)).mT

    def gradient_noise(self, X: Any) -> Any:
        noise = self.original.gradient_noise(self.to_original(X))
        return None if noise is None else noise / self._inner.extent[0]

    def hessian_noise(self, X: Any) -> Any:
        noise = self.original.hessian_noise(self.to_original(X))
        return None if noise is None else noise / self._inner.extent[0] ** 2

    @property
    def position_noise(self) -> float:
        return self.original.position_noise * self._inner.extent[1]

    def fingerprint(self) -> str:
        return self.original.fingerprint()

    def _energy(self, X: Any) -> Any:
        return self.original._energy(self.to_original(X))

    def _gradient(self, X: Any) -> Any:
        return self._dual(self.original._gradient(self.to_original(X)))

    def _hessian(self, X: Any) -> Any:
        return self._in_metric(self.original._hessian(self.to_original(X)))

    def _gradient_hessian(self, X: Any) -> tuple[Any, Any]:
        g, H = self.original._gradient_hessian(self.to_original(X))
        return self._dual(g), self._in_metric(H)

    def _in_metric(self, H: Any) -> Any:
        """C^-1 H C^-T."""
        H = self._columns(self._dual, self._columns(self._dual, H).mT)
        return 0.5 * (H + H.mT)

    def _hvp(self, X: Any, V: Any) -> Any:
        HV = self.original._hvp(self.to_original(X), self._columns(self.to_original, V))
        return self._columns(self._dual, HV)

    def _sparse_hessian(self, x: FloatArray) -> SparseHessian:
        from scipy.sparse import diags_array

        weights = diags_array(np.broadcast_to(1 / self._inner.roots, (self.dim,)))
        return (weights @ self.original._sparse_hessian(self.to_original(x[None])[0]) @ weights).tocsc()

    def preconditioner(self, x: FloatArray) -> Callable[[FloatArray], FloatArray] | None:
        inner = self.original.preconditioner(self.to_original(x[None])[0])
        if inner is None:
            return None
        # C^T P C is to C^-1 H C^-T what P is to H.
        mass = self._inner

        def approximate_inverse(R: FloatArray) -> FloatArray:
            back = mass.from_metric(np.ascontiguousarray(R.T))
            weighted = np.asarray((mass.matrix @ back.T) if not mass.diagonal else (back * mass.matrix).T)
            return np.ascontiguousarray(mass.to_metric(np.asarray(inner(weighted)).T).T)

        return approximate_inverse
