"""An energy on a surface in R^d, with the gradients and Hessians that belong to the surface."""

from __future__ import annotations

from typing import Any

from landscape_dist.problems.base import Problem


class OnSpace(Problem):
    """The Riemannian view of a problem whose space is not flat.

    Gradients are tangent.  Hessians are the Riemannian ones with, along the normals, more curvature than they have
    anywhere else: so the normals are never among the directions, nor counted in index or nullity, and a step solved
    for with them stays tangent.  Evaluations count in the counters of the original, and as such.

    Attributes:
        original: the problem in R^d.
    """

    def __init__(self, original: Problem) -> None:
        super().__init__()
        self.original = original
        self.counters = original.counters
        self.name, self.dim, self.domain = original.name, original.dim, original.domain
        self.euler_characteristic = original.euler_characteristic
        self.has_hessian, self.has_energy = original.has_hessian, original.has_energy
        self.symmetric = original.symmetric
        self.space = original.space

    @property
    def xp(self) -> Any:
        return self.original.xp

    def gradient_noise(self, X: Any) -> Any:
        return self.original.gradient_noise(X)

    def hessian_noise(self, X: Any) -> Any:
        return self.original.hessian_noise(X)

    @property
    def position_noise(self) -> float:
        return self.original.position_noise

    def fingerprint(self) -> str:
        return self.original.fingerprint()

    def _energy(self, X: Any) -> Any:
        return self.original._energy(X)

    def _gradient(self, X: Any) -> Any:
        return self.space.gradient(X, self.original._gradient(X))

    def _hessian(self, X: Any) -> Any:
        return self._gradient_hessian(X)[1]

    def _gradient_hessian(self, X: Any) -> tuple[Any, Any]:
        xp, space = self.xp, self.space
        g, H = self.original._gradient_hessian(X)
        H = space.hessian(X, g, H)
        N = space.normal(X)
        stiff = 2 * xp.sum(H * H, axis=(-2, -1)) ** 0.5 + 1e-300
        return space.gradient(X, g), H + stiff[:, None, None] * (N @ N.mT)

    def _hvp(self, X: Any, V: Any) -> Any:
        # One vector more: how far it is stretched tells how stiff the normals must be.
        xp, space = self.xp, self.space
        probe = xp.broadcast_to(xp.cos(xp.arange(1, self.dim + 1, dtype=X.dtype))[None, :, None], (len(X), self.dim, 1))
        T = space.projection(X, xp.concat([V, probe], axis=-1))
        self.counters.n_hvps += len(X)
        HT = space.hessian_product(X, self.original._gradient(X), T, self.original._hvp(X, T))
        size = xp.sum(T[:, :, -1] ** 2, axis=-1) / self.dim
        stretch = xp.sum(HT[:, :, -1] ** 2, axis=-1)
        stiff = 2 * (stretch / xp.where(size > 0, size, xp.ones_like(size))) ** 0.5 + 1e-300
        return HT[:, :, :-1] + stiff[:, None, None] * (V - T[:, :, :-1])
