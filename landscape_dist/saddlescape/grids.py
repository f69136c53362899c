"""Gradients on periodic grids, recognised as such: a translation-invariant linear part and a pointwise one.

For g(x) = L x + f(x) with a circulant L and (f(x))_i = f(x_i), as of most phase fields, the Hessian is L + diag(p(x))
with p(x) = H(x) 1 - L 1: one difference of gradients gives all of it, and the Fourier basis makes it well-conditioned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.problems.callables import CallableProblem
from landscape_dist.problems.conditioned import Conditioned
from landscape_dist.records import FloatArray

# Half the difference of the coordinates in a difference of gradients.
LENGTH = 1e-5
# How well differences of gradients must agree with the form, relative to their size.
FORM_RTOL = 1e-5
LEAST_SIDE = 4
N_TESTS = 2

Gradient = Callable[[FloatArray], FloatArray]


def derivative(gradient: Gradient, X: FloatArray, V: FloatArray) -> FloatArray:
    """(n, d), (n, d) -> (n, d): central differences along V, whose entries are of order one."""
    return (gradient(X + LENGTH * V) - gradient(X - LENGTH * V)) / (2 * LENGTH)


class GridForm:
    """L as its eigenvalues in the packed real Fourier basis along each axis.

    Attributes:
        shape: of the grid. symbol: (*shape) eigenvalues of L, the lowest zero. size: of p at a few points.
    """

    def __init__(self, shape: tuple[int, ...], symbol: FloatArray) -> None:
        self.shape = shape
        packed = np.ix_(*[(np.arange(n) + 1) // 2 for n in shape])
        self.symbol = symbol[packed]
        self._half = symbol[..., : shape[-1] // 2 + 1]
        self._axes = tuple(range(1, len(shape) + 1))
        self.constant = float(self.symbol[(0,) * len(shape)])
        self.size = 1.0

    def linear(self, V: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): L v of each row."""
        Z = np.fft.rfftn(V.reshape(len(V), *self.shape), axes=self._axes)
        return np.asarray(np.fft.irfftn(self._half * Z, s=self.shape, axes=self._axes)).reshape(V.shape)

    def pointwise(self, gradient: Gradient, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): p(x), by two gradients a row."""
        return derivative(gradient, X, np.ones_like(X)) - self.constant


def recognise(gradient: Gradient, start: FloatArray) -> GridForm | None:
    """The form of a gradient (n, d) -> (n, d) on a periodic grid of one to three equal sides, None for any other.

    Tested at two points near the start, along random directions.
    """
    d = len(start)
    rng = np.random.default_rng(d)
    X = start + 0.5 * rng.standard_normal((N_TESTS, d))
    V = rng.standard_normal((N_TESTS, d))
    first = np.zeros((1, d))
    first[0, 0] = 1.0
    column = derivative(gradient, start[None], first)[0]
    wanted = derivative(gradient, X, V)
    if not (np.isfinite(column).all() and np.isfinite(wanted).all()):
        return None
    for axes in (1, 2, 3):
        side = round(d ** (1 / axes))
        if side**axes != d or side < LEAST_SIDE:
            continue
        form = _form(column.reshape((side,) * axes))
        if form is None:
            continue
        p = form.pointwise(gradient, X)
        if np.linalg.norm(form.linear(V) + p * V - wanted) <= FORM_RTOL * np.linalg.norm(wanted):
            form.size = max(float(np.abs(p).max()), 1e-3 * float(form.symbol.max()), 1e-12)
            return form
    return None


def _form(column: FloatArray) -> GridForm | None:
    """The circulant with this column, if it is symmetric along each axis."""
    for axis in range(column.ndim):
        mirrored = np.roll(np.flip(column, axis), 1, axis)
        if np.abs(column - mirrored).max() > FORM_RTOL * np.abs(column).max():
            return None
        column = 0.5 * (column + mirrored)
    symbol = np.fft.fftn(column).real
    return GridForm(column.shape, symbol - symbol.min())


class GridProblem(CallableProblem):
    """An energy with a gradient of this form; made from a `CallableProblem` and its form."""

    form: GridForm
    _last: list[tuple[bytes, FloatArray]]

    @classmethod
    def of(cls, problem: CallableProblem, form: GridForm) -> GridProblem:
        """The same problem with the form made use of."""
        grid = cls.__new__(cls)
        grid.__dict__.update(problem.__dict__)
        grid.form = form
        grid._last = []
        return grid

    def reaction(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): p(x), remembered for the last few arrays."""
        key = X.tobytes()
        for known, p in self._last:
            if known == key:
                return p
        p = self.form.pointwise(self.gradient, np.asarray(X))
        self._last = [(key, p), *self._last[:3]]
        return p

    def _hvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        p = self.reaction(X)
        W = np.ascontiguousarray(V.mT).reshape(-1, self.dim)
        linear = self.form.linear(W).reshape(len(X), V.shape[2], self.dim)
        return linear.mT + p[:, :, None] * V

    def conditioned(self) -> Conditioned:
        """The energy in Fourier coefficients, weighted by the linear part."""
        return SpectralGrid(self)


class SpectralGrid(Conditioned):
    """y = w T x: T the packed real Fourier transform along every axis, w^2 = 1 + L's eigenvalue / size of p."""

    original: GridProblem

    def __init__(self, original: GridProblem) -> None:
        form = original.form
        super().__init__(original, np.sqrt(1 + form.symbol / form.size).ravel())
        self._shape = form.shape
        self._linear = form.symbol.ravel() / self.weights**2
        scale = np.ones(form.shape)
        for axis, n in enumerate(form.shape):
            factor = np.full(n, np.sqrt(2 / n))
            factor[0] = np.sqrt(1 / n)
            if n % 2 == 0:
                factor[-1] = np.sqrt(1 / n)
            scale *= factor.reshape([-1 if a == axis else 1 for a in range(len(form.shape))])
        self._scale = scale.ravel()

    def rotate(self, X: FloatArray) -> FloatArray:
        """(..., d) -> (..., d): T x."""
        from scipy.fftpack import rfft

        Z = X.reshape(math.prod(X.shape[:-1]), *self._shape)
        for axis in range(len(self._shape), 0, -1):
            Z = rfft(Z, axis=axis)
        return np.asarray(Z.reshape(X.shape) * self._scale)

    def rotate_back(self, Z: FloatArray) -> FloatArray:
        """(..., d) -> (..., d): T^T z."""
        from scipy.fftpack import irfft

        U = (Z / self._scale).reshape(math.prod(Z.shape[:-1]), *self._shape)
        for axis in range(1, len(self._shape) + 1):
            U = irfft(U, axis=axis)
        return np.asarray(U.reshape(Z.shape))

    def _gradient(self, X: Any) -> FloatArray:
        return self.gradient(X)

    def gradient(self, X: Any) -> FloatArray:
        """(n, d) -> (n, d); counted by the original."""
        return self.rotate(self.original.gradient(self.to_original(X))) / self.weights

    def _hvp(self, X: Any, V: Any) -> FloatArray:
        p = self.original.reaction(self.to_original(X))
        W = np.ascontiguousarray(V.mT)
        product = self.rotate(self.rotate_back(W / self.weights) * p[:, None, :]) / self.weights
        return np.asarray((product + W * self._linear).mT)

    def hvp(self, X: Any, V: Any) -> FloatArray:
        """(n, d), (n, d, k) -> (n, d, k); what it costs are gradients, which are counted."""
        return self._hvp(X, V)
