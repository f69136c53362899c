"""Gradients on periodic grids, recognised as such: a translation-invariant linear part and a pointwise one.

For g(x) = L x + f(x) with a circulant L and (f(x))_i = f(x_i), as of most phase fields, the Hessian is L + diag(p(x))
with p(x) = H(x) 1 - L 1: one difference of gradients gives all of it, and the Fourier basis makes it well-conditioned.
Where f is a polynomial, the same at all grid points, a few gradients give f itself to rounding error, and the search
need not call the user's function, one point at a time, again; what it finds is still verified by that function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.problems.callables import CallableProblem
from landscape_dist.problems.conditioned import Conditioned, PeriodicGrid
from landscape_dist.records import FloatArray

# Half the difference of the coordinates in a difference of gradients.
LENGTH = 1e-5
# How well differences of gradients must agree with the form, relative to their size.
FORM_RTOL = 1e-5
# How well gradients must agree with the form and a polynomial: rounding errors only.
POLYNOMIAL_RTOL = 1e-11
HIGHEST_DEGREE = 9
# The polynomial is tested, and used, for values up to this many times the largest of the start, or of 1.
REACH = 4.0
LEAST_SIDE = 4
N_TESTS = 2

Gradient = Callable[[FloatArray], FloatArray]


def derivative(gradient: Gradient, X: FloatArray, V: FloatArray) -> FloatArray:
    """(n, d), (n, d) -> (n, d): central differences along V, whose entries are of order one."""
    return (gradient(X + LENGTH * V) - gradient(X - LENGTH * V)) / (2 * LENGTH)


class PolynomialReaction:
    """f(u) as a polynomial.

    Attributes:
        coefficients: (m,) lowest power first. reach: f is known to be this for |u| <= reach.
    """

    def __init__(self, coefficients: FloatArray, reach: float) -> None:
        polynomial = np.polynomial.polynomial
        self.coefficients = coefficients
        self.reach = reach
        self._slope = np.asarray(polynomial.polyder(coefficients), dtype=np.float64)
        self._integral = np.asarray(polynomial.polyint(coefficients), dtype=np.float64)

    def covers(self, U: FloatArray) -> bool:
        """Whether all values are finite and within reach."""
        return bool(np.abs(U).max(initial=0.0) <= self.reach)

    def value(self, U: FloatArray) -> FloatArray:
        """f(u), entry by entry."""
        return _horner(self.coefficients, U)

    def slope(self, U: FloatArray) -> FloatArray:
        """f'(u), entry by entry."""
        return _horner(self._slope, U)

    def integral(self, U: FloatArray) -> FloatArray:
        """The integral of f from 0 to u, entry by entry."""
        return _horner(self._integral, U)

    def stiffest_phase(self) -> float | None:
        """The largest f'(u) at stable constant fields: f(u) = 0, f'(u) > 0, within reach.  None without any."""
        roots = np.polynomial.polynomial.polyroots(self.coefficients)
        real = np.sort(roots.real[np.abs(roots.imag) <= 1e-6 * self.reach])
        slopes = self.slope(real[np.abs(real) <= self.reach])
        return float(slopes.max()) if (slopes > 0).any() else None


def _horner(coefficients: FloatArray, U: FloatArray) -> FloatArray:
    out = np.full_like(U, coefficients[-1])
    for c in coefficients[-2::-1].tolist():
        out *= U
        if c:
            out += c
    return out


class GridForm:
    """L as its eigenvalues in the packed real Fourier basis along each axis.

    Attributes:
        shape: of the grid. symbol: (*shape) eigenvalues of L, the lowest zero.
        size: of p where fields mostly are: in the pure phases if f is known, else near the start.
        reaction: f, where it is known in closed form.
    """

    def __init__(self, shape: tuple[int, ...], symbol: FloatArray) -> None:
        self.shape = shape
        packed = np.ix_(*[(np.arange(n) + 1) // 2 for n in shape])
        self.symbol = symbol[packed]
        self._half = symbol[..., : shape[-1] // 2 + 1]
        self._axes = tuple(range(1, len(shape) + 1))
        self.constant = float(self.symbol[(0,) * len(shape)])
        self.size = 1.0
        self.reaction: PolynomialReaction | None = None

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
            form = _with_polynomial(gradient, start, form.shape) or form
            pure = None if form.reaction is None else form.reaction.stiffest_phase()
            typical = float(np.sqrt(np.mean(p * p))) if pure is None else pure
            form.size = max(typical, 1e-6 * float(form.symbol.max()), 1e-12)
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


def _with_polynomial(gradient: Gradient, start: FloatArray, shape: tuple[int, ...]) -> GridForm | None:
    """The form of a gradient with f a polynomial, None where it is something else."""
    d = len(start)
    one = np.zeros((1, d))
    one[0, 0] = 1.0
    # What the value at one grid point adds elsewhere is L's alone, so this step may be long, and is exact.  Its part
    # at the point itself, f's and L's, becomes f's by fixing the lowest eigenvalue of L.
    there, here = gradient(start + one), gradient(start[None])
    if not np.isfinite(there).all():
        return None
    form = _form((there - here)[0].reshape(shape))
    if form is None:
        return None
    rng = np.random.default_rng(d)
    reach = REACH * max(1.0, float(np.abs(start).max()))
    nodes = rng.permutation(np.cos(np.pi * (np.arange(d) + 0.5) / d))
    with np.errstate(all="ignore"):
        values = (gradient(reach * nodes[None]) - form.linear(reach * nodes[None]))[0]
    if not np.isfinite(values).all():
        return None
    chebyshev = np.polynomial.chebyshev
    # Chebyshev polynomials are orthogonal on these nodes.
    c = chebyshev.chebvander(nodes, HIGHEST_DEGREE).T @ values * (2 / d)
    c[0] /= 2
    c[np.abs(c) <= POLYNOMIAL_RTOL * np.abs(c).max()] = 0.0
    powers = chebyshev.cheb2poly(chebyshev.chebtrim(c))
    form.reaction = PolynomialReaction(powers / reach ** np.arange(len(powers)), reach)
    X = reach * rng.uniform(-1, 1, size=(N_TESTS, d))
    wanted = gradient(X)
    off = np.abs(form.linear(X) + form.reaction.value(X) - wanted).max()
    return form if off <= POLYNOMIAL_RTOL * np.abs(wanted).max() else None


class GridProblem(CallableProblem):
    """An energy with a gradient of this form; made from a `CallableProblem` and its form.

    `gradient` is the user's.  Where f is known, energies come from it (if `origin` is set) and so do Hessian products,
    which count as such; otherwise they count as the gradients that they take.
    """

    form: GridForm
    origin: FloatArray | None
    _last: list[tuple[bytes, FloatArray]]

    @classmethod
    def of(cls, problem: CallableProblem, form: GridForm, origin: FloatArray | None = None) -> GridProblem:
        """The same problem with the form made use of.

        Args:
            origin: (d,) where the energy is zero, if the user has given no energy.
        """
        grid = cls.__new__(cls)
        grid.__dict__.update(problem.__dict__)
        grid.form = form
        grid.origin = origin
        grid._last = []
        return grid

    def knows(self, X: FloatArray) -> bool:
        """Whether f is known in closed form at all of these points."""
        return self.form.reaction is not None and self.form.reaction.covers(X)

    def reaction(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, d): p(x); where it is not known, by differences, remembered for the last few arrays."""
        if self.form.reaction is not None and self.knows(X):
            return self.form.reaction.slope(X)
        key = X.tobytes()
        for known, p in self._last:
            if known == key:
                return p
        p = self.form.pointwise(self.gradient, np.asarray(X))
        self._last = [(key, p), *self._last[:3]]
        return p

    def _energy(self, X: FloatArray) -> FloatArray:
        if self.origin is None or not self.knows(X):
            return super()._energy(X)
        self.counters.n_energies += len(X)
        return self._integral(X) - self._integral(self.origin[None])

    def _integral(self, X: FloatArray) -> FloatArray:
        assert self.form.reaction is not None
        return np.sum(0.5 * X * self.form.linear(X) + self.form.reaction.integral(X), axis=1)

    def _hvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        self.counters.n_hvps += len(X) * V.shape[2] if self.knows(X) else 0
        p = self.reaction(X)
        W = np.ascontiguousarray(V.mT).reshape(-1, self.dim)
        linear = self.form.linear(W).reshape(len(X), V.shape[2], self.dim)
        return linear.mT + p[:, :, None] * V

    def conditioned(self) -> Conditioned:
        """The energy in Fourier coefficients, weighted by the linear part."""
        return SpectralGrid(self)


class SpectralGrid(PeriodicGrid):
    """y = w T x: T the packed real Fourier transform along every axis, w^2 = 1 + L's eigenvalue / size of p."""

    original: GridProblem

    def __init__(self, original: GridProblem) -> None:
        form = original.form
        super().__init__(original, form.shape, form.symbol, form.size)

    def _pointwise(self, U: FloatArray) -> FloatArray:
        assert self.original.form.reaction is not None
        return self.original.form.reaction.value(U)

    def _slope(self, U: FloatArray) -> FloatArray:
        return self.original.reaction(U)

    def gradient(self, X: Any) -> FloatArray:
        """(n, d) -> (n, d); from the closed form where f is known, else by the user's function, which counts itself."""
        U = self.to_original(X)
        if not self.original.knows(U):
            return np.asarray(self._transform(self.original.gradient(U)) * self._forward)
        return super().gradient(X)

    def hvp(self, X: Any, V: Any) -> FloatArray:
        """(n, d), (n, d, k) -> (n, d, k); where f is not known, what it costs are gradients, which are counted."""
        if self.original.form.reaction is None:
            return self._hvp(X, V)
        return np.asarray(super().hvp(X, V))
