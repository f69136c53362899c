"""Eigenvectors of the dense Hessian, matched by their overlap with the directions so far."""

from __future__ import annotations

from typing import Any

from landscape_dist.eigensolvers.base import Curvature, Eigensolver, project_out
from landscape_dist.numerics.linalg import orthonormalize


class Dense(Eigensolver):
    """The k eigenvectors that overlap most with the span of V; exact, one eigendecomposition a step.

    The eigenvectors are weighted by their overlap with span(V) after what `leave` covers has been taken out, and the
    k largest weights are kept, so that a direction crosses another's eigenvalue without changing its identity.  It
    follows as long as the steps are small enough that overlaps are clear; through broad avoided crossings the flow
    is the safer choice.
    """

    name = "dense"
    needs_hessian = True

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        xp = curvature.xp
        k = V.shape[-1]
        _, Q = xp.linalg.eigh(curvature.hessian)
        weight = xp.sum((Q.mT @ V) ** 2, axis=-1)
        if leave is not None:
            weight = weight - xp.sum(Q * leave[:, :, None], axis=1) ** 2
        order = xp.sort(xp.argsort(-weight, axis=-1)[:, :k], axis=-1)
        places = xp.arange(Q.shape[-1], device=Q.device)
        one = xp.ones_like(V)
        pick = xp.where(places[None, :, None] == order[:, None, :], one, 0 * one)
        return orthonormalize(project_out(Q @ pick, leave), xp)
