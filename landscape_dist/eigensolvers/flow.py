"""The relaxed flow of the directions, eq. 2.1b of the NN-HiSD paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from landscape_dist.eigensolvers.base import Curvature, Eigensolver, project_out
from landscape_dist.eigensolvers.subspace import basis, ritz, without
from landscape_dist.numerics.arrays import nonzero
from landscape_dist.numerics.linalg import column_dot, frobenius, identity, orthonormalize

# Curvatures below this part of the Hessian's size are rounding errors.
ROUNDING = 1e-12


class Flow(Eigensolver):
    """One step of eq. 2.1b, dv = -gamma (I - ...) H v, over the pseudo-time that x has moved.

    With a Hessian the step is linearly implicit, V <- orth((I + gamma t (H - c))^-1 V) with c just below the lowest
    Rayleigh quotient: for a small t it is the flow, for a large one (close to a stationary point) inverse iteration.
    Without one, the same step in the block Krylov space of V.

    At equal rates (gamma = beta) this flow is the transport of tangent vectors by the linearised gradient flow, so
    the directions stay tangent to the unstable manifold that the search came from.  What the linear theory does not
    give is protection from the mode just left, which grows fastest where it is the lowest: hence `leave`.

    Args:
        rate: gamma relative to beta.
        iterations: blocks of that space, at least 2; each costs k products for each step of x.
    """

    name = "flow"

    def __init__(self, rate: float = 10.0, iterations: int = 2) -> None:
        self.rate = rate
        self.iterations = iterations

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        if curvature.solve is not None:
            return self._solved(curvature, curvature.solve, V, leave, time)
        if curvature.hessian is None:
            return self._projected(curvature, V, leave, time)
        xp, H, norm = curvature.xp, curvature.hessian, curvature.norm
        shift = _below(V, H @ V, norm, xp)
        pace = self.rate * time
        scale = 1 / (1 + pace * norm)
        weight = pace * scale
        A = H * weight[:, None, None] + identity(H, xp) * (scale - weight * shift)[:, None, None]
        return orthonormalize(project_out(xp.linalg.solve(A, V), leave), xp)

    def _solved(self, curvature: Curvature, solve: Callable[[Any, Any], Any], V: Any, leave: Any, time: Any) -> Any:
        """The implicit step, over the pace, by sparse systems."""
        xp = curvature.xp
        shift = _below(V, curvature.product(V), curvature.norm, xp)
        return orthonormalize(project_out(solve(1 / (self.rate * time) - shift, V), leave), xp)

    def _projected(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        """The same step with H projected on the block Krylov space of V, of V and H V (or more)."""
        xp = curvature.xp
        k = V.shape[-1]
        Q = V
        HQ = W = curvature.product(V)
        size = xp.max(xp.linalg.vector_norm(W, axis=1), axis=-1)
        there = xp.ones_like(V[:, 0, :], dtype=xp.bool)
        for _ in range(max(1, self.iterations - 1)):
            block, _, real = basis(without(project_out(W, leave), Q), size, xp)
            block = without(project_out(block, leave), Q)
            W = curvature.product(block)
            Q, HQ = xp.concat([Q, block], axis=-1), xp.concat([HQ, W], axis=-1)
            there = xp.concat([there, real], axis=-1)
        A = Q.mT @ HQ
        norm = frobenius(A, xp)[:, None]
        w, U = ritz(A, there, xp)
        lowest = w[:, :1]
        margin = xp.minimum(0.01 * norm, 0.1 * xp.abs(lowest) + ROUNDING * norm)
        shift = xp.where(lowest < 0, lowest, xp.zeros_like(lowest)) - margin
        pace = self.rate * time[:, None]
        relaxed = (1 + pace * norm) / (1 + pace * (w - shift))
        C = (U * relaxed[:, None, :]) @ U[:, :k, :].mT
        return orthonormalize(project_out(Q @ C, leave), xp)


def _below(V: Any, HV: Any, norm: Any, xp: Any) -> Any:
    """(n,) a shift below the lowest Rayleigh quotient of V (n, d, k), by a part of the Hessian's size or less.

    Where a grid is fine that size is one of modes which have no part in all this: seen from a part of it, the modes
    that are followed are all the same.  What they are off by, and their own curvature, are a measure then.
    """
    rayleigh = column_dot(V, HV, xp)
    lowest = rayleigh[:, 0] if rayleigh.shape[1] == 1 else xp.min(rayleigh, axis=-1)
    margin, soft = 0.01 * norm, 0.1 * xp.abs(lowest) + ROUNDING * norm
    rows = nonzero(soft < margin, xp)
    if len(rows):
        off = xp.linalg.vector_norm(HV[rows] - V[rows] * rayleigh[rows][:, None, :], axis=1)
        margin[rows] = xp.minimum(margin[rows], soft[rows] + xp.max(off, axis=-1))
    return xp.minimum(lowest, 0.0) - margin
