"""What every eigensolver gets and gives: directions that follow a search along its path."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from landscape_dist.numerics.linalg import frobenius
from landscape_dist.numerics.plain_json import plain_parameters


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


class Eigensolver(abc.ABC):
    """Moves the directions V along with x, as eq. 2.1b of the NN-HiSD paper does.

    An instance may stand in the settings instead of a name.  Each batch of searches works on a copy of its own, so what
    it keeps between steps belongs to that batch; where a run is distributed it must be picklable.

    Attributes:
        name: as in the settings, and in the header of a store.
        follows: whether it keeps the directions that a search started with, so that a downward search cannot turn
            back onto the mode that it has just left.
        needs_hessian: whether `Curvature.hessian` must be there.
        nonsymmetric: whether it can do Jacobians of vector fields that are no gradients.
    """

    name: ClassVar[str]
    follows: ClassVar[bool] = True
    needs_hessian: ClassVar[bool] = False
    nonsymmetric: ClassVar[bool] = False

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

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form for the header of a store: the name and the parameters."""
        return {"name": self.name} | plain_parameters(self)


def project_out(V: Any, leave: Any) -> Any:
    """Remove from each column of V (n, d, k) its part along the unit vectors `leave` (n, d) or None."""
    return V if leave is None else V - leave[:, :, None] * (leave[:, None, :] @ V)
