"""The relaxed flow of the directions, eq. 2.1b of the NN-HiSD paper."""

from __future__ import annotations

from typing import Any

from landscape_dist.eigensolvers.base import Curvature, Eigensolver, project_out
from landscape_dist.linalg import orthonormalize


class Flow(Eigensolver):
    """One step of eq. 2.1b, dv = -gamma (I - ...) H v, over the pseudo-time that x has moved.

    With a Hessian the step is linearly implicit, V <- orth((I + gamma t (H - c))^-1 V) with c just below the lowest
    Rayleigh quotient: for a small t it is the flow, for a large one (close to a stationary point) inverse iteration.
    Without one, explicit steps on the Rayleigh quotients, as long as stability allows.

    At equal rates (gamma = beta) this flow is the transport of tangent vectors by the linearised gradient flow, so
    the directions stay tangent to the unstable manifold that the search came from.  What the linear theory does not
    give is protection from the mode just left, which grows fastest where it is the lowest: hence `leave`.

    Args:
        rate: gamma relative to beta.
        iterations: explicit steps for each step of x, at most.
    """

    name = "flow"

    def __init__(self, rate: float = 10.0, iterations: int = 2) -> None:
        self.rate = rate
        self.iterations = iterations

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        if curvature.hessian is None:
            return self._explicit(curvature, V, leave, time)
        xp, H, norm = curvature.xp, curvature.hessian, curvature.norm
        lowest = xp.min(xp.sum(V * (H @ V), axis=1), axis=-1)
        shift = xp.where(lowest < 0, lowest, xp.zeros_like(lowest)) - 0.01 * norm
        scale = 1 / (1 + self.rate * time * norm)
        weight = self.rate * time * scale
        A = H * weight[:, None, None] + xp.eye(H.shape[-1], dtype=H.dtype) * (scale - weight * shift)[:, None, None]
        return orthonormalize(project_out(xp.linalg.solve(A, V), leave), xp)

    def _explicit(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        xp = curvature.xp
        safe = 1 / xp.where(curvature.norm > 0, curvature.norm, xp.ones_like(curvature.norm))
        left = self.rate * time
        for _ in range(self.iterations):
            step = xp.where(left < safe, left, safe)
            HV = curvature.product(V)
            V = V - step[:, None, None] * (HV - V @ (V.mT @ HV))
            V = orthonormalize(project_out(V, leave), xp)
            left = left - step
            if not bool(xp.any(left > 0)):
                break
        return V
