"""SameJudgement up to translations of a periodic grid, by Fourier transforms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.explore.judgement import SameJudgement
from landscape_dist.explore.symmetry import Map, UpTo, positive
from landscape_dist.records import FloatArray

NEWTON_STEPS = 8
# A root-mean-square difference of fields up to which they are the same, by default.
SAME_RMS = 1e-3


class _Shifts(SameJudgement):
    """Equal when the least 2-norm of the difference over all translations is at most `atol`."""

    def __init__(self, shape: tuple[int, ...], atol: float, subgrid: bool) -> None:
        self.shape = shape
        self.atol = atol
        self.subgrid = subgrid
        self.fingerprint_atol = np.array([atol, atol])
        self._axes = tuple(range(1, len(shape) + 1))
        half = (*shape[:-1], shape[-1] // 2 + 1)
        # How often each mode of the half spectrum counts in a sum over the whole.
        self._count = np.full(half, 2.0)
        self._count[..., 0] = 1.0
        if shape[-1] % 2 == 0:
            self._count[..., -1] = 1.0
        invariant = np.ones(half)
        for axis, n in enumerate(shape):
            # Between grid points the highest mode of an even grid changes its size.
            if subgrid and n % 2 == 0:
                np.moveaxis(invariant, axis, 0)[n // 2] = 0.0
        self._invariant = self._count * invariant
        weight = np.random.default_rng(20_11).uniform(0.3, 1.0, half) ** 2
        weight.flat[0] = 0.0
        self._weight = (weight * self._invariant).ravel()

    def check(self, dim: int) -> None:
        if math.prod(self.shape) != dim:
            raise SettingsError(
                f"translations of a grid of shape {self.shape} are for {math.prod(self.shape)} variables, the "
                f"problem has {dim}; give its shape"
            )

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        """Mean, and a norm of the spectrum in which each mode has its own weight: (n, 2)."""
        spectrum = self._spectrum(X).reshape(len(X), self._weight.size)
        power = spectrum.real**2 + spectrum.imag**2
        return np.column_stack([spectrum[:, 0].real, np.sqrt(power @ self._weight)])

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        out = np.zeros(len(X), dtype=bool)
        rows = np.arange(len(X))
        if not self.subgrid:
            # Norms rule out most pairs for the price of reading them once.
            apart = np.sqrt(np.einsum("ij,ij->i", x, x)) - np.sqrt(np.einsum("ij,ij->i", X, X))
            rows = np.flatnonzero(np.abs(apart) <= self.atol)
        if not len(rows):
            return out
        # What is looked up is often one point against many.
        a = self._spectrum(x[:1] if len(x) > 1 and x.strides[0] == 0 else x[rows])
        b = self._spectrum(X[rows])
        a = np.broadcast_to(a, b.shape)
        # No translation changes the size of a mode.
        least = np.sum(self._invariant * (np.abs(a) - np.abs(b)) ** 2, axis=self._axes)
        near = least <= self.atol**2
        rows, a, b = rows[near], a[near], b[near]
        if len(rows):
            out[rows] = self._least_distance(a, b) <= self.atol
        return out

    def _spectrum(self, X: FloatArray) -> NDArray[np.complex128]:
        """(n, d) -> (n, *half) with the norm of X: its squares, counted, sum to |x|^2."""
        from scipy.fft import rfftn

        return np.asarray(rfftn(X.reshape(len(X), *self.shape), axes=self._axes, norm="ortho"))

    def _least_distance(self, a: NDArray[np.complex128], b: NDArray[np.complex128]) -> FloatArray:
        """Spectra of m pairs -> (m,) least distances over all translations."""
        from scipy.fft import irfftn

        correlation = irfftn(np.conj(a) * b, s=self.shape, axes=self._axes)
        best = correlation.reshape(len(a), -1).argmax(axis=1)
        shift = np.stack(np.unravel_index(best, self.shape), axis=1).astype(float)
        distance = self._distance(a, b, shift)
        left = np.flatnonzero(distance > self.atol)
        if self.subgrid and len(left):
            distance[left] = self._between(a[left], b[left], shift[left])
        return distance

    def _phases(self, shift: FloatArray, order: int = 0) -> list[list[Any]]:
        """For each axis the factors by which a translation by `shift` (m, axes) multiplies the modes.

        With their derivatives up to `order`, each of a shape to broadcast: result[axis][derivative].
        """
        out: list[list[Any]] = []
        for axis, n in enumerate(self.shape):
            last = axis == len(self.shape) - 1
            k = np.arange(n // 2 + 1) if last else np.fft.fftfreq(n, 1 / n)
            rate = -2j * np.pi * k / n
            phase = np.exp(rate * shift[:, axis, None])
            factors = [phase * rate**o for o in range(order + 1)]
            if n % 2 == 0:
                # The interpolant's highest mode is a cosine.
                s = shift[:, axis]
                waves = [np.cos(np.pi * s), -np.pi * np.sin(np.pi * s), -(np.pi**2) * np.cos(np.pi * s)]
                for o, factor in enumerate(factors):
                    factor[:, n // 2] = waves[o]
            ones = [1] * len(self.shape)
            ones[axis] = len(k)
            out.append([f.reshape(len(shift), *ones) for f in factors])
        return out

    def _distance(self, a: NDArray[np.complex128], b: NDArray[np.complex128], shift: FloatArray) -> FloatArray:
        moved = a
        for phase in self._phases(shift):
            moved = moved * phase[0]
        difference = moved - b
        return np.sqrt(np.sum(self._count * (difference.real**2 + difference.imag**2), axis=self._axes))

    def _between(self, a: NDArray[np.complex128], b: NDArray[np.complex128], start: FloatArray) -> FloatArray:
        """Newton's method on the correlation of the trigonometric interpolants, from the best grid point."""
        axes = len(self.shape)
        product = self._count * a * np.conj(b)
        shift = start.copy()
        for _ in range(NEWTON_STEPS):
            phases = self._phases(shift, 2)
            slope = np.zeros((len(a), axes))
            curve = np.zeros((len(a), axes, axes))
            for i, j in itertools.combinations_with_replacement(range(axes), 2):
                orders = [(i == axis) + (j == axis) for axis in range(axes)]
                curve[:, i, j] = curve[:, j, i] = self._sum(product, phases, orders)
            for i in range(axes):
                slope[:, i] = self._sum(product, phases, [int(i == axis) for axis in range(axes)])
            w, Q = np.linalg.eigh(curve)
            # Along axes that nothing varies along the curvature is zero, and so is the slope: there is nothing to do.
            size = np.abs(w).max(axis=1, keepdims=True)
            steep = np.abs(w) > 1e-10 * size
            inverse = np.where(steep, 1 / np.where(steep, np.abs(w), 1.0), 0.0)
            step = (Q @ (inverse[:, :, None] * (Q.mT @ slope[:, :, None])))[:, :, 0]
            shift = start + np.clip(shift + step - start, -1.0, 1.0)
        return self._distance(a, b, shift)

    def _sum(self, product: NDArray[np.complex128], phases: list[list[Any]], orders: list[int]) -> FloatArray:
        terms: Any = product
        for phase, order in zip(phases, orders, strict=True):
            terms = terms * phase[order]
        return np.asarray(np.sum(terms.real, axis=self._axes))

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "translations", "shape": list(self.shape), "atol": self.atol, "subgrid": self.subgrid}


class Translations(UpTo):
    """Fields on a periodic grid are equal when some translation of one is within `atol` of the other (2-norm).

    All translations at once by FFT cross-correlation, on grids of one, two or three dimensions.

    Args:
        shape: of the grid; a point is the field in C order.
        atol: default `SAME_RMS` times the root of the number of grid points.
        subgrid: whether translations by parts of a grid spacing count, too (of the trigonometric interpolant). The
            solutions of a discretised equation need it: each has a continuous family of translates.
        sign: whether -u equals u.
        mirrors: whether mirror images and, where sides are equal, exchanges of axes are equal: on a square grid, all
            eight symmetries of the square.
    """

    def __init__(
        self,
        shape: Sequence[int] | int,
        atol: float | None = None,
        *,
        subgrid: bool = True,
        sign: bool = False,
        mirrors: bool = False,
    ) -> None:
        sizes = tuple(int(n) for n in np.atleast_1d(np.asarray(shape)).tolist())
        if not 1 <= len(sizes) <= 3 or min(sizes) < 1:
            raise SettingsError(f"shape is {shape!r}; give the sizes of a grid of one, two or three dimensions")
        d = math.prod(sizes)
        tolerance = SAME_RMS * math.sqrt(d) if atol is None else positive("atol", atol)
        self.shape, self.sign, self.mirrors = sizes, sign, mirrors
        maps = _mirrors(sizes) if mirrors else {}
        if sign:
            maps |= {f"minus {name}": _negated(transform) for name, transform in maps.items()}
            maps["minus"] = np.negative
        super().__init__(_Shifts(sizes, tolerance, subgrid), maps)

    def as_dict(self) -> dict[str, Any]:
        return self.inner.as_dict() | {"sign": self.sign, "mirrors": self.mirrors}


def _negated(transform: Map) -> Map:
    return lambda X: -transform(X)


def _mirrors(shape: tuple[int, ...]) -> dict[str, Map]:
    """Reflections and exchanges of axes of equal length, the identity left out."""
    axes = range(len(shape))
    out: dict[str, Map] = {}
    for order in itertools.permutations(axes):
        if tuple(shape[a] for a in order) != shape:
            continue
        for flips in itertools.product((False, True), repeat=len(shape)):
            if order == tuple(axes) and not any(flips):
                continue
            name = "".join(("-" if flip else "") + "xyz"[a] for a, flip in zip(order, flips, strict=True))
            out[name] = _mirror(shape, order, flips)
    return out


def _mirror(shape: tuple[int, ...], order: tuple[int, ...], flips: tuple[bool, ...]) -> Map:
    where = np.arange(math.prod(shape)).reshape(shape).transpose(order)
    where = np.flip(where, [axis for axis, flip in enumerate(flips) if flip]).ravel()
    return lambda X: X[:, where]
