"""Stacks of matrices, the Hessians at n points, in whatever form they are kept."""

from __future__ import annotations

import abc
from typing import Any, Self

import numpy as np

from landscape_dist.numerics.linalg import frobenius, identity

# A matrix that is exactly singular is nudged by this part of its size.
NUDGE = 1e-13


class HessianStack(abc.ABC):
    """n matrices (d, d): all that steps and eigensolvers do with Hessians.

    Attributes:
        array: (n, d, d), or None where they are kept in another form.
    """

    array: Any = None

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def __getitem__(self, rows: Any) -> Self:
        """Those in an index array or mask (m,)."""

    @abc.abstractmethod
    def __matmul__(self, V: Any) -> Any:
        """Products: (n, d, k) -> (n, d, k)."""

    @abc.abstractmethod
    def __sub__(self, other: Self) -> Self: ...

    @property
    @abc.abstractmethod
    def mT(self) -> Self:
        """The transposes."""

    @abc.abstractmethod
    def less(self, left: Any, right: Any) -> Self:
        """These minus left right^T, (n, d, m) each."""

    @abc.abstractmethod
    def sizes(self) -> Any:
        """(n,) norms, the same one for all of a kind; not finite where a matrix is not."""

    @abc.abstractmethod
    def where(self, mask: Any, other: Self) -> Self:
        """These in the rows of the mask (n,), the others elsewhere."""

    @abc.abstractmethod
    def solve(self, shift: Any, B: Any, size: Any = None) -> Any:
        """(H + shift I)^-1 B: shift (n,), B (n, d, k) -> (n, d, k).

        Args:
            size: (n,) by a rounding part of which exactly singular matrices are nudged; None for their own.
        """


class DenseHessians(HessianStack):
    """Matrices as one array.

    Args:
        array: (n, d, d). xp: its namespace.
    """

    def __init__(self, array: Any, xp: Any = np) -> None:
        self.array = array
        self.xp = xp

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def __getitem__(self, rows: Any) -> DenseHessians:
        return DenseHessians(self.array[rows], self.xp)

    def __matmul__(self, V: Any) -> Any:
        return self.array @ V

    def __sub__(self, other: DenseHessians) -> DenseHessians:
        """The other stack may be one of NumPy."""
        return DenseHessians(self.array - self.xp.asarray(other.array), self.xp)

    @property
    def mT(self) -> DenseHessians:
        return DenseHessians(self.array.mT, self.xp)

    def less(self, left: Any, right: Any) -> DenseHessians:
        array = left @ right.mT
        array *= -1.0  # in place: where matrices are small, room for them costs more than the products
        array += self.array
        return DenseHessians(array, self.xp)

    def sizes(self) -> Any:
        """(n,) Frobenius norms."""
        return frobenius(self.array, self.xp)

    def where(self, mask: Any, other: DenseHessians) -> DenseHessians:
        return DenseHessians(self.xp.where(mask[:, None, None], self.array, other.array), self.xp)

    def solve(self, shift: Any, B: Any, size: Any = None) -> Any:
        xp = self.xp
        try:
            return xp.linalg.solve(self._shifted(shift), B)
        except (np.linalg.LinAlgError, RuntimeError):
            size = self.sizes() if size is None else size
            shift = shift + NUDGE * size + xp.where(size > 0, 0.0, 1.0)
            return xp.linalg.solve(self._shifted(shift), B)

    def _shifted(self, shift: Any) -> Any:
        """H + shift I, (n, d, d)."""
        if self.xp is not np:
            return self.array + shift[:, None, None] * identity(self.array, self.xp)
        shifted = self.array.copy()
        np.einsum("nii->ni", shifted)[...] += shift[:, None]
        return shifted
