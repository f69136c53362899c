"""What every kind of surrogate offers: value, gradient and curvature over its features, in standardised units."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Self

import numpy as np

from landscape_dist.records import Array, FloatArray


class Model(abc.ABC):
    """A smooth function of features a (f,), fitted to data; `Surrogate` makes an energy of the user's x of it.

    Arrays belong to the namespace that `to` was last called with, NumPy at first.
    """

    _xp: Any = np

    kind: ClassVar[str]
    """Name in the file that describes a stored surrogate."""

    @property
    @abc.abstractmethod
    def n_features(self) -> int:
        """f, the number of features."""

    @abc.abstractmethod
    def value(self, A: Array) -> Array:
        """(n, f) -> (n,)."""

    @abc.abstractmethod
    def gradient(self, A: Array) -> Array:
        """(n, f) -> (n, f)."""

    def gradient_rounding(self, A: Array) -> Array | None:
        """(n, f) -> (n, f) sizes below which the gradient is rounding; None where that is no concern."""
        return None

    @abc.abstractmethod
    def gradient_curvature(self, A: Array, J: Array) -> tuple[Array, Array]:
        """(n, f), (n, d, f) -> gradient (n, f) and J H J^T (n, d, d), H the matrix of second derivatives."""

    @abc.abstractmethod
    def curvature_products(self, A: Array, T: Array) -> tuple[Array, Array]:
        """(n, f), (n, k, f) -> gradient (n, f) and T H (n, k, f), without forming H."""

    @abc.abstractmethod
    def to(self, xp: Any) -> Self:
        """The same model with its arrays in a namespace."""

    def __reduce__(self) -> Any:  # a namespace is a module, which does not travel
        return type(self).from_arrays, (self.arrays(),)

    @abc.abstractmethod
    def arrays(self) -> dict[str, FloatArray]:
        """Its NumPy arrays by name, all that `from_arrays` needs."""

    @classmethod
    @abc.abstractmethod
    def from_arrays(cls, arrays: dict[str, FloatArray]) -> Self:
        """The model of these arrays.

        Raises:
            ProblemError: an array is missing or of another shape than it should be.
        """
