"""Newton's step through the eigenvectors of the Hessian, which leaves out the modes that count as zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landscape_dist.records import IntArray

# Close to its end, each of a search's Newton steps must bring |g| down by this factor,
CONTRACTION = 0.5
# and so many must do.
MAX_ITERATIONS = 12


@dataclass(frozen=True, slots=True)
class NewtonEnds:
    """Where Newton's method has taken m searches.

    Attributes:
        done: which ended well. refused: which ended at a point of another index; both NumPy indices.
        x, g: (m, d) points and gradients. norm: (m,) sizes of the Hessians.
    """

    done: IntArray
    refused: IntArray
    x: Any
    g: Any
    norm: Any


def pseudo_inverse(w: Any, zero: float, xp: Any) -> Any:
    """1 / w where w is not small relative to the largest, else 0: (m, d) -> (m, d)."""
    size = xp.abs(w)
    real = size > xp.maximum(zero * xp.max(size, axis=-1, keepdims=True), xp.full_like(w[:, :1], 1e-300))
    return xp.where(real, 1 / xp.where(real, w, xp.ones_like(w)), xp.zeros_like(w))


def newton_step(Q: Any, inverse: Any, g: Any) -> Any:
    """Steps (m, d) from eigenvectors (m, d, d), pseudo-inverse eigenvalues (m, d) and gradients (m, d)."""
    return -(Q @ (inverse[:, :, None] * (Q.mT @ g[:, :, None])))[:, :, 0]
