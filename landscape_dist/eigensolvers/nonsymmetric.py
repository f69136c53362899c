"""Directions of generalised saddle dynamics (GHiSD), where the Jacobian is not symmetric.

Throughout H = -J, minus the Jacobian of dx/dt = F(x), so that for F = -grad E it is the Hessian.  The unstable
directions of J are those of H with negative real part.  They need not be eigenvectors: V is an orthonormal basis of an
invariant subspace, in which a complex pair takes two columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.eigensolvers.base import Curvature, Eigensolver, project_out
from landscape_dist.numerics.linalg import orthonormalize

# The exponent of one step, at most, relative to the size of H: beyond it the columns become parallel in rounding.
LONGEST = 8.0
TERMS = 8
SQUARINGS = 4
# Weights of the two eigenvectors of a pair differ by rounding, relative to their size.
TIED = 1e-9


class Transport(Eigensolver):
    """V <- orth(exp(-gamma t H) V): the exact flow of the subspace over the pseudo-time t that x has moved.

    It is how the linearised dynamics carry tangent vectors, whatever the spectrum; complex pairs stay together.

    Args:
        rate: gamma relative to the rate of x.
    """

    name = "flow"
    needs_hessian = True
    nonsymmetric = True

    def __init__(self, rate: float = 10.0) -> None:
        self.rate = rate

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        xp, H, norm = curvature.xp, curvature.hessian, curvature.norm
        size = xp.where(norm > 0, norm, xp.ones_like(norm))
        exponent = xp.clip(self.rate * time * size, None, LONGEST)
        # Taylor series of a 2^-s part of it, squared s times.
        A = H * (-exponent / (size * 2.0**SQUARINGS))[:, None, None]
        eye = xp.eye(H.shape[-1], dtype=H.dtype)
        E = eye + A / TERMS
        for n in range(TERMS - 1, 0, -1):
            E = eye + (A @ E) / n
        for _ in range(SQUARINGS):
            E = E @ E
            E = E / xp.max(xp.abs(E), axis=(1, 2), keepdims=True)
        return orthonormalize(project_out(E @ V, leave), xp)


class Euler(Eigensolver):
    """Explicit Euler steps of v' = -(I - v v^T) H v with orthonormalisation, as SaddleScape's 'euler'.

    Args:
        rate: gamma relative to the rate of x.
        iterations: steps for each step of x.
        step_size: their length; None takes what stability allows, up to the pseudo-time that x has moved.
    """

    name = "euler"
    nonsymmetric = True

    def __init__(self, rate: float = 10.0, iterations: int = 2, step_size: float | None = None) -> None:
        self.rate = rate
        self.iterations = iterations
        self.step_size = step_size

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        xp = curvature.xp
        step = self.step(curvature, time)[:, None, None]
        for _ in range(self.iterations):
            HV = curvature.product(V)
            V = orthonormalize(project_out(V - step * (HV - V @ (V.mT @ HV)), leave), xp)
        return V

    def step(self, curvature: Curvature, time: Any) -> Any:
        """(n,) length of one step."""
        xp, norm = curvature.xp, curvature.norm
        if self.step_size is not None:
            return xp.full_like(norm, self.step_size)
        stable = 1 / xp.where(norm > 0, norm, xp.ones_like(norm))
        wanted = self.rate * time / self.iterations
        return xp.where(wanted < stable, wanted, stable)


class Power(Euler):
    """Power iterations V <- orth((I - a H) V), as SaddleScape's 'power'.

    They are not bound to the pace of x; only `leave` keeps them from turning back.

    Args:
        iterations: of them for each step of x.
        step_size: a; None is one over the size of H.
    """

    name = "power"

    def __init__(self, iterations: int = 2, step_size: float | None = None) -> None:
        super().__init__(rate=float("inf"), iterations=iterations, step_size=step_size)

    def step(self, curvature: Curvature, time: Any) -> Any:
        xp, norm = curvature.xp, curvature.norm
        if self.step_size is not None:
            return xp.full_like(norm, self.step_size)
        return 1 / xp.where(norm > 0, norm, xp.ones_like(norm))


class Invariant(Eigensolver):
    """The invariant subspace of the dense Jacobian that the flow of V comes closest to; an eigendecomposition a step.

    V is written in the eigenvectors and moved by exp(-gamma t H), as `Transport` does; the k eigenvectors of which the
    result has most are kept.  Without that motion it would not follow: the orthogonal directions that a search starts
    with are no invariant subspaces one by one, and the one that each has most in common with may be the same for two of
    them.  Complex pairs have equal weights and stay together; where only one of two fits in, V keeps its part in both.

    It follows where steps are small enough for the choice to be clear.  On the rotational cubic of dimension 6 it finds
    2,909 of the 2,916 arrows, and all 729 points; the flow finds all of both.

    Args:
        rate: gamma relative to the rate of x.
    """

    name = "dense"
    needs_hessian = True
    nonsymmetric = True

    def __init__(self, rate: float = 10.0) -> None:
        self.rate = rate

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        xp, norm = curvature.xp, curvature.norm
        w, X = xp.linalg.eig(curvature.hessian)
        # Coordinates in the (not orthogonal) eigenvectors: zero outside of the subspace where V spans one exactly.
        try:
            parts = xp.linalg.solve(X, V + 0j)
        except (np.linalg.LinAlgError, RuntimeError):  # a defective Jacobian
            parts = xp.linalg.pinv(X) @ (V + 0j)
        size = xp.where(norm > 0, norm, xp.ones_like(norm))
        # Relative to the most unstable one, so that nothing overflows.
        lead = w - xp.min(xp.real(w), axis=-1, keepdims=True)
        moved = parts * xp.exp(-lead * (xp.clip(self.rate * time * size, None, LONGEST) / size)[:, None])[:, :, None]
        weight = xp.sum(xp.abs(moved) ** 2, axis=-1)
        least = xp.sort(weight, axis=-1)[:, -V.shape[-1]][:, None]
        kept = (weight >= least * (1 - TIED))[:, :, None]
        return orthonormalize(project_out(xp.real(X @ xp.where(kept, moved, 0 * moved)), leave), xp)


class OfSymmetricPart(Eigensolver):
    """Directions of (H + H^T) / 2, by a solver for symmetric matrices.

    Args:
        solver: what follows them.
    """

    needs_hessian = True
    nonsymmetric = True

    def __init__(self, solver: Eigensolver) -> None:
        self.solver = solver
        self.name = solver.name  # type: ignore[misc]

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        H = curvature.hessian
        return self.solver.follow(Curvature.dense(0.5 * (H + H.mT), curvature.xp), V, leave, time)
