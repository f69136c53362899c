"""Locally optimal block conjugate gradients for the directions."""

from __future__ import annotations

from typing import Any

from landscape_dist.eigensolvers.base import Curvature, Eigensolver, project_out
from landscape_dist.eigensolvers.subspace import basis, flow_angle, ritz, turned, without
from landscape_dist.numerics.linalg import orthonormalize


class Lobpcg(Eigensolver):
    """A few iterations of LOBPCG (Knyazev 2001) from the directions so far.

    Each iteration takes the k lowest Ritz vectors in the span of the directions, their residuals and the last
    changes, all kept orthogonal to `leave`.  Ritz vectors jump: from an eigenvector that is not among the lowest to
    one that is, on the strength of a rounding error.  Eq. 2.1b does not, so the outcome is a turn towards them, by no
    larger an angle than the flow would make at this rate in the same time.

    k products for each iteration and k to begin with.

    Args:
        rate: gamma of eq. 2.1b relative to beta.
        iterations: Rayleigh–Ritz steps for each step of x.
    """

    name = "lobpcg"

    def __init__(self, rate: float = 10.0, iterations: int = 2) -> None:
        self.rate = rate
        self.iterations = iterations

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        xp = curvature.xp
        k = V.shape[-1]
        start = V = orthonormalize(project_out(V, leave), xp)
        HV = curvature.product(V)
        limit = flow_angle(V, project_out(HV, leave), self.rate * time, xp)
        size = xp.max(xp.linalg.vector_norm(HV, axis=1), axis=-1)
        everywhere = xp.ones_like(V[:, 0, :], dtype=xp.bool)
        P = HP = None
        for _ in range(self.iterations):
            R = without(project_out(HV, leave), V)
            Q, _, there = basis(R, size, xp)
            # Without further projection the loss of orthogonality in short residuals would grow in P.
            Q = without(project_out(Q, leave), V)
            HQ = curvature.product(Q)
            if P is not None:
                P, HP, there = _joined(Q, HQ, there, without(P, V), HP - HV @ (V.mT @ P), xp)
            else:
                P, HP = Q, HQ
            S = xp.concat([V, P], axis=-1)
            HS = xp.concat([HV, HP], axis=-1)
            _, C = ritz(S.mT @ HS, xp.concat([everywhere, there], axis=-1), xp)
            C = C[:, :, :k]
            V, HV = S @ C, HS @ C
            P, HP = P @ C[:, k:, :], HP @ C[:, k:, :]
        V = turned(start, orthonormalize(V, xp), limit, xp)
        return orthonormalize(project_out(V, leave), xp)


def _joined(Q: Any, HQ: Any, there: Any, P: Any, HP: Any, xp: Any) -> tuple[Any, Any, Any]:
    """Basis of span(Q, P) with its products, from an orthonormal Q."""
    overlap = Q.mT @ P
    P, HP = P - Q @ overlap, HP - HQ @ overlap
    B, T, more = basis(P, xp.ones_like(P[:, 0, 0]), xp)
    return xp.concat([Q, B], axis=-1), xp.concat([HQ, HP @ T], axis=-1), xp.concat([there, more], axis=-1)
