"""Phase fields: Allen–Cahn energies on periodic grids of one, two or three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.problems.conditioned import Conditioned, PeriodicGrid
from landscape_dist.problems.domain import Domain, Unbounded
from landscape_dist.problems.systems.named import NamedSystem, real_number, register
from landscape_dist.records import FloatArray, SparseHessian

SCHEMES = ("stencil", "spectral")
# Beyond this many grid points a dense Hessian is refused.
LARGEST_DENSE = 2048
# Well-conditioned coordinates are those of the metric 1 + kappa |k|^2 / SHIFT. The reaction term 3 u^2 - 1 is SHIFT in
# the pure phases, so there the Hessian is SHIFT times the identity.
SHIFT = 2.0


class AllenCahn(NamedSystem):
    """E(u) = sum over the grid of kappa/2 |grad u|^2 + (1 - u^2)^2 / 4, periodic.

    A point is the field in C order, d the number of grid points.  Times the cell's volume (1 / d for the unit box)
    the energy is the integral over the box; the gradient is minus SaddleScape's field
    F = kappa Laplacian(u) + u - u^3, so eigenvalues are those of -dF/du.

    Nothing is ever formed that has d^2 entries: a product with the Hessian costs as much as a gradient.

    Attributes:
        shape: grid points along each axis. kappa: as above. lengths: sides of the box. scheme: 'stencil' or 'spectral'.
    """

    def __init__(
        self,
        parameters: dict[str, Any],
        shape: tuple[int, ...],
        kappa: float,
        lengths: tuple[float, ...],
        domain: Domain | None,
    ) -> None:
        d = math.prod(shape)
        self.shape = shape
        self.kappa = kappa
        self.lengths = lengths
        self.scheme = str(parameters["scheme"])
        self._axes = tuple(range(1, len(shape) + 1))
        super().__init__(
            "allen_cahn",
            d,
            parameters,
            domain=domain,
            default_domain=Unbounded(),
            euler_characteristic=None,  # where a translation moves a point, its whole orbit is stationary
            start=np.zeros(d),
            max_index=max(1, int((self.stiffness < 1.0).sum())),
        )
        self.has_hessian = d <= LARGEST_DENSE
        self.has_sparse_hessian = self.scheme == "stencil"

    @cached_property
    def stiffness(self) -> FloatArray:
        """Eigenvalues of -kappa Laplacian, (*shape), in the packed real Fourier basis of each axis."""
        total: FloatArray = np.zeros(self.shape)
        for axis, (n, length) in enumerate(zip(self.shape, self.lengths, strict=True)):
            k = ((np.arange(n) + 1) // 2).astype(np.float64)
            if self.scheme == "stencil":
                symbol = (2 * n / length * np.sin(np.pi * k / n)) ** 2
            else:
                symbol = (2 * np.pi * k / length) ** 2
            total += symbol.reshape([-1 if a == axis else 1 for a in range(len(self.shape))])
        return self.kappa * total

    @cached_property
    def _half_symbol(self) -> FloatArray:
        """The same in the layout of `rfftn`."""
        symbol = np.zeros((*self.shape[:-1], self.shape[-1] // 2 + 1))
        for axis, (n, length) in enumerate(zip(self.shape, self.lengths, strict=True)):
            k = np.arange(symbol.shape[axis])
            squares = (2 * np.pi / length * np.minimum(k, n - k)) ** 2
            symbol += squares.reshape([-1 if a == axis else 1 for a in range(len(self.shape))])
        return self.kappa * symbol

    def formulas_of_equations(self) -> list[str] | None:
        if self.scheme != "stencil":
            return None
        at = np.arange(1, self.dim + 1).reshape(self.shape)
        terms = [f"(1 - x{i}^2)^2/4" for i in at.ravel().tolist()]
        for axis, (n, length) in enumerate(zip(self.shape, self.lengths, strict=True)):
            pairs = np.stack([at, np.roll(at, -1, axis)]).reshape(2, -1).T.tolist()
            terms += [f"{self.kappa * (n / length) ** 2 / 2!r}*(x{i} - x{j})^2" for i, j in pairs]
        return [" + ".join(terms)]

    # -- evaluations --------------------------------------------------------------------------------------------
    def _grid(self, X: FloatArray) -> FloatArray:
        return X.reshape(len(X), *self.shape, *X.shape[2:])

    def _stiff(self, U: FloatArray) -> FloatArray:
        """-kappa Laplacian of fields (n, *shape, ...)."""
        if self.scheme == "spectral":
            symbol = self._half_symbol.reshape(*self._half_symbol.shape, *([1] * (U.ndim - 1 - len(self.shape))))
            transformed = np.fft.rfftn(U, axes=self._axes)
            return np.asarray(np.fft.irfftn(symbol * transformed, s=self.shape, axes=self._axes))
        out = np.zeros_like(U)
        for axis, n, length in zip(self._axes, self.shape, self.lengths, strict=True):
            weight = self.kappa * (n / length) ** 2
            out += weight * (2 * U - np.roll(U, 1, axis) - np.roll(U, -1, axis))
        return out

    def _energy(self, X: FloatArray) -> FloatArray:
        U = self._grid(X)
        wells = (1 - X * X) ** 2
        stiff = self._stiff(U).reshape(X.shape)
        return np.asarray(0.5 * np.sum(X * stiff, axis=1) + 0.25 * np.sum(wells, axis=1))

    def _gradient(self, X: FloatArray) -> FloatArray:
        return self._stiff(self._grid(X)).reshape(X.shape) + X * (X * X - 1)

    def _hvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        return self._stiff(self._grid(V)).reshape(V.shape) + (3 * X * X - 1)[:, :, None] * V

    def _hessian(self, X: FloatArray) -> FloatArray:
        if not self.has_hessian:
            raise ProblemError(
                f"{self.name} has {self.dim} variables, too many for a dense Hessian; use hvp, or a coarser grid"
            )
        H = np.broadcast_to(self._linear, (len(X), self.dim, self.dim)).copy()
        H.reshape(len(X), self.dim**2)[:, :: self.dim + 1] += 3 * X * X - 1
        return H

    def _sparse_hessian(self, x: FloatArray) -> SparseHessian:
        from scipy.sparse import diags_array

        if not self.has_sparse_hessian:
            raise ProblemError(
                f"{self.name} with scheme {self.scheme!r} couples all grid points; use hvp, or scheme='stencil'"
            )
        return (self._sparse_linear + diags_array(3 * x * x - 1)).tocsc()

    @cached_property
    def _sparse_linear(self) -> SparseHessian:
        """(d, d) sparse matrix of -kappa Laplacian, of neighbours' differences."""
        from scipy.sparse import csr_array, eye_array, kron

        total = csr_array((self.dim, self.dim))
        for axis, (n, length) in enumerate(zip(self.shape, self.lengths, strict=True)):
            here = np.arange(n)
            ahead = csr_array((np.ones(n), (here, (here + 1) % n)), shape=(n, n))
            along = self.kappa * (n / length) ** 2 * (2 * eye_array(n) - ahead - ahead.T)
            before, after = math.prod(self.shape[:axis]), math.prod(self.shape[axis + 1 :])
            total = total + kron(kron(eye_array(before), along), eye_array(after))
        return total.tocsr()

    def preconditioner(self, x: FloatArray) -> Callable[[FloatArray], FloatArray]:
        """Inverse of SHIFT - kappa Laplacian, by Fourier transforms."""
        grid = _Spectral(self)
        scale = 1 / (SHIFT * grid.weights**2)
        return lambda R: np.ascontiguousarray(grid.rotate_back(grid.rotate(np.ascontiguousarray(R.T)) * scale).T)

    @cached_property
    def _linear(self) -> FloatArray:
        """(d, d) matrix of -kappa Laplacian."""
        return np.asarray(self._stiff(np.eye(self.dim).reshape(self.dim, *self.shape)).reshape(self.dim, self.dim))

    def conditioned(self) -> Conditioned:
        """The energy in Fourier coefficients, in the metric 1 + kappa |k|^2 / 2: condition numbers of order one."""
        return _Spectral(self)


class _Spectral(PeriodicGrid):
    """y = w T u: T the packed real Fourier transform along every axis, w^2 = 1 + kappa |k|^2 / SHIFT."""

    def __init__(self, original: AllenCahn) -> None:
        super().__init__(original, original.shape, original.stiffness, SHIFT, constant=-1.0)

    def _pointwise(self, U: FloatArray) -> FloatArray:
        return U * U * U

    def _slope(self, U: FloatArray) -> FloatArray:
        return 3 * U * U


@register(
    formula="sum over the grid of kappa/2 |grad u|^2 + (1 - u^2)^2 / 4, periodic",
    source="SaddleScape-1.0 gallery, example 4",
    dim="any",
    known="64 x 64, kappa = 0.02, modulo translation: index 0: 2, index 1 (one zero mode): 2, index 2 (two): 1, "
    "index 5: 1; kappa = 0.01: nine found by SaddleScape",
)
def allen_cahn(
    shape: Sequence[int] = (64, 64),
    kappa: float = 0.02,
    scheme: str = "stencil",
    length: Sequence[float] | float = 1.0,
    *,
    domain: Domain | None = None,
) -> AllenCahn:
    """Allen–Cahn phase field on a periodic grid of one, two or three dimensions.

    E(u) = sum over the grid of kappa/2 |grad u|^2 + (1 - u^2)^2 / 4.  The number of grid points is the number of
    variables; divide the energy by it for the mean over the box (SaddleScape's number, for the unit square).
    Translations of a solution are solutions: it has a zero mode for each axis along which it varies, and
    `landscape_dist.Translations` counts them as one.

    Args:
        shape: grid points along each axis.
        kappa: squared width of interfaces; u = 0 has as many unstable modes as kappa |k|^2 < 1 for wave vectors k.
        scheme: 'stencil' (differences of neighbours) or 'spectral' (exact derivatives of the Fourier interpolant).
        length: side of the box, or one for each axis.
        domain: default everywhere; all stationary points have |u| <= 1.
    """
    try:
        sizes = tuple(int(n) for n in np.atleast_1d(np.asarray(shape)).tolist() if n == int(n))
        sides = tuple(np.broadcast_to(np.asarray(length, dtype=float), len(sizes)).tolist())
    except (TypeError, ValueError) as error:
        raise ProblemError(
            f"allen_cahn: shape {shape!r} and length {length!r} do not fit; give one for each axis"
        ) from error
    if not 1 <= len(sizes) <= 3 or len(sizes) != np.size(shape) or min(sizes) < 3:
        raise ProblemError(f"allen_cahn: shape is {shape!r}; give 1 to 3 whole numbers of at least 3")
    if not all(side > 0 and np.isfinite(side) for side in sides):
        raise ProblemError(f"allen_cahn: length is {length!r}; give a positive number, or one for each axis")
    if scheme not in SCHEMES:
        raise ProblemError(f"allen_cahn: scheme is {scheme!r}; use one of {', '.join(map(repr, SCHEMES))}")
    k = real_number("allen_cahn", "kappa", kappa)
    if not k > 0:
        raise ProblemError(f"allen_cahn: kappa is {kappa!r}; give a positive number")
    parameters = {"shape": list(sizes), "kappa": k, "scheme": scheme, "length": list(sides)}
    return AllenCahn(parameters, sizes, k, sides, domain)
