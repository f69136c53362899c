"""What every eigensolver gets and gives: directions that follow a search along its path."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from landscape_dist.numerics.linalg import row_norm


@dataclass(slots=True)
class Curvature:
    """Hessians at n points, as matrices or as products with vectors.

    Attributes:
        hessian: (n, d, d), or None where only products (and `solve`) are to be had.
        product: maps (n, d, k) to (n, d, k).
        norm: (n,) size of the Hessian: its Frobenius norm where it is at hand, an estimate of its 2-norm otherwise.
        xp: array namespace.
        solve: maps shifts (n,) and B (n, d, k) to (H + shift I)^-1 B where Hessians are sparse; else None.
    """

    hessian: Any
    product: Callable[[Any], Any]
    norm: Any
    xp: Any = np
    solve: Callable[[Any, Any], Any] | None = None

    @classmethod
    def dense(cls, hessian: Any, xp: Any = np) -> Curvature:
        """From (n, d, d) matrices."""
        return cls(hessian, lambda V: hessian @ V, frobenius(hessian, xp), xp)


def frobenius(H: Any, xp: Any = np) -> Any:
    """(n, d, d) -> (n,)."""
    return row_norm(xp.reshape(H, (H.shape[0], -1)), xp)


class Eigensolver(abc.ABC):
    """Moves the directions V along with x, as eq. 2.1b of the NN-HiSD paper does.

    Attributes:
        name: as in the settings.
        follows: whether it keeps the directions that a search started with, so that a downward search cannot turn
            back onto the mode that it has just left.
        needs_hessian: whether `Curvature.hessian` must be there.
    """

    name: ClassVar[str]
    follows: ClassVar[bool] = True
    needs_hessian: ClassVar[bool] = False

    @abc.abstractmethod
    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        """Directions at the new points.

        Args:
            curvature: Hessians at the new points.
            V: (n, d, k) orthonormal directions so far, k >= 1.
            leave: (n, d) unit vectors along which the searches leave their parents, while they are still leaving;
                zero otherwise, and None where all are. The directions stay orthogonal to them.
            time: (n,) pseudo-time of the step of x just made.

        Returns:
            (n, d, k) orthonormal.
        """


def project_out(V: Any, leave: Any) -> Any:
    """Remove from each column of V (n, d, k) its part along the unit vectors `leave` (n, d) or None."""
    return V if leave is None else V - leave[:, :, None] * (leave[:, None, :] @ V)
