"""The same energy in linear coordinates in which its Hessian is well-conditioned."""

from __future__ import annotations

import abc
import math
from typing import Any

import numpy as np

from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Image
from landscape_dist.records import Energies, FloatArray, Hessians, Points


class Conditioned(Problem):
    """An energy as a function of y = w T x with an orthonormal T and weights w > 0.

    A metric for the dynamics: stationary points, their indices and nullities are those of the original (Sylvester's
    law of inertia), while steps, eigensolvers and Krylov solvers need as many iterations as for the Hessian
    w^-1 T H T^T w^-1.  Its evaluations count in the counters of the original, and as such.

    Attributes:
        original: the problem in x.
        weights: (d,) w, NumPy.
    """

    has_hessian = False

    def __init__(self, original: Problem, weights: FloatArray) -> None:
        super().__init__()
        self.original = original
        self.counters = original.counters
        self.name = original.name
        self.dim = original.dim
        self.domain = Image(self)
        self.weights = weights

    @property
    def xp(self) -> Any:
        return self.original.xp

    @abc.abstractmethod
    def rotate(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): T x of each row."""

    @abc.abstractmethod
    def rotate_back(self, Z: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): T^T z of each row."""

    def from_original(self, X: FloatArray) -> FloatArray:
        """(n, d) x -> (n, d) y."""
        return self.weights * self.rotate(X)

    def to_original(self, Y: FloatArray) -> FloatArray:
        """(n, d) y -> (n, d) x."""
        return self.rotate_back(Y / self.weights)

    def _energy(self, X: Points) -> Energies:
        return self.original._energy(self.to_original(X))

    def _hessian(self, X: Points) -> Hessians:
        eye = self.xp.eye(self.dim)
        return self._hvp(X, self.xp.broadcast_to(eye, (X.shape[0], self.dim, self.dim)))

    def fingerprint(self) -> str:
        return self.original.fingerprint()


class PeriodicGrid(Conditioned):
    """A field u on a periodic grid with gradient L u + f(u), L a circulant and f pointwise, in Fourier coefficients.

    y = w T u with T the packed real Fourier transform along every axis and w^2 = 1 + stiffness / shift.  The Hessian
    in y is diagonal but for f'(u), at two transforms a product.

    Args:
        original: the problem in u, its points in C order.
        shape: of the grid.
        stiffness: (*shape) eigenvalues of L - constant in the packed basis, none negative.
        shift: typical size of constant + f'(u), in whose metric the Hessian is of order one.
        constant: part of L that multiplies u itself.
    """

    def __init__(
        self, original: Problem, shape: tuple[int, ...], stiffness: FloatArray, shift: float, constant: float = 0.0
    ) -> None:
        super().__init__(original, np.sqrt(1 + stiffness / shift).ravel())
        self._shape = shape
        self._linear = (stiffness.ravel() + constant) / self.weights**2
        # The transform of scipy is not orthonormal; its scale goes into the weights.
        scale = np.ones(shape)
        for axis, n in enumerate(shape):
            factor = np.full(n, np.sqrt(2 / n))
            factor[0] = np.sqrt(1 / n)
            if n % 2 == 0:
                factor[-1] = np.sqrt(1 / n)
            scale *= factor.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        self._scale = scale.ravel()
        self._forward = self._scale / self.weights
        self._backward = 1 / (self._scale * self.weights)

    @abc.abstractmethod
    def _pointwise(self, U: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): f(u)."""

    @abc.abstractmethod
    def _slope(self, U: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): f'(u)."""

    def _transform(self, U: FloatArray) -> FloatArray:
        """(..., d) -> (..., d), along the last axes."""
        from scipy.fftpack import rfft

        Z = U.reshape(math.prod(U.shape[:-1]), *self._shape)
        for axis in range(len(self._shape), 0, -1):
            Z = rfft(Z, axis=axis, overwrite_x=axis < len(self._shape))
        return np.asarray(Z.reshape(U.shape))

    def _transform_back(self, Z: FloatArray) -> FloatArray:
        from scipy.fftpack import irfft

        U = Z.reshape(math.prod(Z.shape[:-1]), *self._shape)
        for axis in range(1, len(self._shape) + 1):
            U = irfft(U, axis=axis, overwrite_x=axis > 1)
        return np.asarray(U.reshape(Z.shape))

    def rotate(self, X: FloatArray) -> FloatArray:
        return self._transform(X) * self._scale

    def rotate_back(self, Z: FloatArray) -> FloatArray:
        return self._transform_back(Z / self._scale)

    def to_original(self, Y: FloatArray) -> FloatArray:
        return self._transform_back(Y * self._backward)

    def _gradient(self, X: FloatArray) -> FloatArray:
        U = self.to_original(X)
        return self._linear * X + self._transform(self._pointwise(U)) * self._forward

    def _hvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        slope = self._slope(self.to_original(X))
        W = np.ascontiguousarray(V.mT)
        product = self._transform_back(W * self._backward)
        product *= slope[:, None, :]
        product = self._transform(product)
        product *= self._forward
        product += W * self._linear
        return product.mT
