"""Simultaneous minimisation of Rayleigh quotients for the directions."""

from __future__ import annotations

from typing import Any

from landscape_dist.eigensolvers.base import Curvature, Eigensolver, project_out
from landscape_dist.eigensolvers.subspace import DEPENDENT, flow_angle, turned, without
from landscape_dist.numerics.linalg import orthonormalize


class Sirqit(Eigensolver):
    """A few iterations of SIRQIT (Longsine and McCormick 1980) from the directions so far.

    Each direction makes conjugate-gradient steps on its Rayleigh quotient with exact line search, then all are
    made orthonormal in order.  They are kept orthogonal to `leave`, and as in `Lobpcg` they turn by no larger an
    angle than the flow of eq. 2.1b would at this rate in the same time.

    2 k products for each iteration.

    Args:
        rate: gamma of eq. 2.1b relative to beta.
        iterations: conjugate-gradient steps for each step of x.
    """

    name = "sirqit"

    def __init__(self, rate: float = 10.0, iterations: int = 2) -> None:
        self.rate = rate
        self.iterations = iterations

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        xp = curvature.xp
        start = V = orthonormalize(project_out(V, leave), xp)
        HV = project_out(curvature.product(V), leave)
        limit = flow_angle(V, HV, self.rate * time, xp)
        size = xp.max(xp.linalg.vector_norm(HV, axis=1), axis=-1)
        G = without(HV, V)
        P, square = -G, xp.sum(G * G, axis=1)
        for iteration in range(self.iterations):
            if iteration:
                HV = project_out(curvature.product(V), leave)
                G = without(HV, V)
                before, square = square, xp.sum(G * G, axis=1)
                # Fletcher–Reeves; the old directions are carried to the new tangent space by projection.
                ratio = square / xp.where(before > 0, before, xp.ones_like(before))
                P = -G + without(P, V) * xp.clip(ratio, None, 1.0)[:, None, :]
            V = orthonormalize(self._searched(curvature, V, HV, P, size, leave, xp), xp)
        V = turned(start, V, limit, xp)
        return orthonormalize(project_out(V, leave), xp)

    @staticmethod
    def _searched(curvature: Curvature, V: Any, HV: Any, P: Any, size: Any, leave: Any, xp: Any) -> Any:
        """Each column of V at the minimum of its Rayleigh quotient in the plane that it spans with that of P."""
        length = xp.linalg.vector_norm(P, axis=1)
        real = length > DEPENDENT * size[:, None]
        D = P * xp.where(real, 1 / xp.where(real, length, xp.ones_like(length)), xp.zeros_like(length))[:, None, :]
        D = project_out(D, leave)
        a = xp.sum(V * HV, axis=1)
        b = xp.sum(D * HV, axis=1)
        c = xp.sum(D * curvature.product(D), axis=1)
        # cos^2 a + 2 cos sin b + sin^2 c is lowest at this angle.
        angle = 0.5 * xp.atan2(-2 * b, c - a)
        angle = xp.where(real, angle, xp.zeros_like(angle))
        return V * xp.cos(angle)[:, None, :] + D * xp.sin(angle)[:, None, :]
