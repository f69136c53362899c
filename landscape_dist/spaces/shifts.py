"""Fields on a periodic grid that are equal up to a translation: by Fourier transforms, after cheaper bounds."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray
from landscape_dist.spaces.judgement import SameJudgement

NEWTON_STEPS = 8
# Numbers in a block of fields that are compared together; so many fit in the cache.
BLOCK = 1 << 19
# Part of a sum of squares by which rounding may change it, in double and in single precision.
ROUNDING, SINGLE_ROUNDING = 1e-12, 1e-5


class Shifts(SameJudgement):
    """Equal when the least 2-norm of the difference over all translations is at most `atol`."""

    def __init__(self, shape: tuple[int, ...], atol: float, subgrid: bool) -> None:
        self.shape = shape
        self.atol = atol
        self.subgrid = subgrid
        self.fingerprint_atol = np.full(3, atol)
        self._axes = tuple(range(1, len(shape) + 1))
        half = (*shape[:-1], shape[-1] // 2 + 1)
        # How often each mode of the half spectrum counts in a sum over the whole.
        self._count = np.broadcast_to(_counts(shape[-1]), half)
        invariant = np.ones(half)
        for axis, n in enumerate(shape):
            # Between grid points the highest mode of an even grid changes its size.
            if subgrid and n % 2 == 0:
                np.moveaxis(invariant, axis, 0)[n // 2] = 0.0
        self._invariant = self._count * invariant
        # Squares of derivatives along the axes, per unit of the grid spacing, as sums over squares of the modes.
        rates = [(2 * np.pi / n * _waves(n, m)) ** 2 for n, m in zip(shape, half, strict=True)]
        grids = np.meshgrid(*rates, indexing="ij")
        self._slopes = np.stack([(self._count * grid).ravel() for grid in grids], axis=1)
        # Within half a spacing of a maximum between grid points the correlation falls by no more than these sums over
        # the sizes of its modes; for the grid, and for the sums along each axis.
        frequency = sum(np.sqrt(grid) for grid in grids)
        self._fall = (self._invariant * frequency**2).ravel() / 8 * subgrid
        # By wave number across the axis, then by axis: with wave 0 the sums are real, with wave 1 complex.
        self._along: list[list[tuple[FloatArray, FloatArray]]] = [[], []]
        for n in shape:
            for along, count in zip(self._along, (_counts(n), np.full(n, 2.0)), strict=True):
                if subgrid and n % 2 == 0:
                    count[n // 2] = 0.0
                along.append((count, count * (2 * np.pi / n * _waves(n, len(count))) ** 2 / 8 * subgrid))
        # Two fixed combinations of the sizes of the modes, of unit norm, most of it on the long waves.
        wave = np.sqrt(sum(np.meshgrid(*[_waves(n, m) ** 2 for n, m in zip(shape, half, strict=True)], indexing="ij")))
        weight = np.random.default_rng(20_11).standard_normal((2, *half)) * invariant / (1 + wave)
        weight[(slice(None), *([0] * len(half)))] = 0.0
        weight /= np.sqrt(np.sum(self._count * weight**2, axis=self._axes, keepdims=True)).clip(1e-300)
        self._weight = (self._count * weight).reshape(2, -1).T

    def check(self, dim: int) -> None:
        if math.prod(self.shape) != dim:
            raise SettingsError(
                f"translations of a grid of shape {self.shape} are for {math.prod(self.shape)} variables, the "
                f"problem has {dim}; give its shape"
            )

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        """Mean, and two combinations of the sizes of the modes: (n, 3)."""
        spectrum = self._spectrum(X).reshape(len(X), len(self._weight))
        return np.column_stack([spectrum[:, 0].real, np.abs(spectrum) @ self._weight])

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        X = np.ascontiguousarray(X)
        block = max(1, BLOCK // max(1, X.shape[1]))
        return np.concatenate(
            [self._same(x[i : i + block], X[i : i + block]) for i in range(0, len(X), block)]
            or [np.zeros(0, dtype=bool)]
        )

    def _same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        """One block: the cheaper the step, the sooner it is made, and each is for the pairs that are still open."""
        out = np.zeros(len(X), dtype=bool)
        norms = np.sqrt(np.einsum("ij,ij->i", x, x)), np.sqrt(np.einsum("ij,ij->i", X, X))
        rows = np.arange(len(X))
        if not self.subgrid:
            rows = np.flatnonzero(np.abs(norms[0] - norms[1]) <= self.atol)
        if len(self.shape) > 1:
            rows = self._by_marginals(x, X, rows, 0, out)
        if len(self.shape) > 1 and min(self.shape) > 2:
            rows = self._by_marginals(x, X, rows, 1, out)
        rows = self._in_single_precision(x, X, rows, norms, out)
        if not len(rows):
            return out
        a, b = self._spectrum(_taken(x, rows)), self._spectrum(X[rows])
        a = np.broadcast_to(a, b.shape)
        # No translation changes the size of a mode.
        power = [_power(f) for f in (a, b)]
        near = (np.sqrt(power[0]) - np.sqrt(power[1])) ** 2 @ self._invariant.ravel() <= self.atol**2
        if not near.all():
            rows, a, b, power = rows[near], a[near], b[near], [p[near] for p in power]
        if len(rows):
            out[rows] = self._least_distance(a, b, power) <= self.atol
        return out

    def _by_marginals(
        self, x: FloatArray, X: FloatArray, rows: NDArray[np.int64], wave: int, out: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Settle most pairs by the sums over all axes but one: these are no further apart than the fields are.

        With `wave` 1 the sums are weighted by the longest wave along the other axes, of which a translation along
        these changes the phase alone.

        Sets `out` where the translation that they suggest will do, and returns the rows that are left open.
        """
        from scipy.fft import fft, ifft, irfft, rfft

        if not len(rows):
            return rows
        a, b = (_taken(u, rows).reshape(-1, *self.shape) for u in (x, X))
        shift = np.zeros((len(rows), len(self.shape)), dtype=np.int64)
        near = np.ones(len(rows), dtype=bool)
        for axis, n in enumerate(self.shape):
            transform = fft if wave else rfft
            f, g = (transform(_marginal(u, axis, wave), axis=1, norm="ortho") for u in (a, b))
            count, fall = self._along[wave][axis]
            product = np.conj(f) * g
            if self.subgrid and n % 2 == 0:
                product[:, n // 2] = 0.0
            if wave:
                correlation = 2 * np.abs(ifft(product, axis=1, norm="forward"))
            else:
                correlation = irfft(product, n=n, axis=1, norm="forward")
            shift[:, axis] = correlation.argmax(axis=1)
            highest = correlation.max(axis=1, initial=-np.inf) + np.abs(product) @ fall
            squares = _power(f) @ count + _power(g) @ count
            near &= (1 - ROUNDING) * squares - 2 * highest <= self.atol**2
        left = np.flatnonzero(near)
        out[rows[left]] = self._translated(x, X, rows[left], shift[left])
        return rows[left[~out[rows[left]]]]

    def _in_single_precision(
        self,
        x: FloatArray,
        X: FloatArray,
        rows: NDArray[np.int64],
        norms: tuple[FloatArray, FloatArray],
        out: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """The correlation at less than half of the price; sets `out` and returns rows as `_by_marginals` does."""
        from scipy.fft import irfftn, rfftn

        if not len(rows):
            return rows
        # Of unit norm, so that no square leaves the range of single precision.
        fields = []
        for u, norm in zip((x, X), norms, strict=True):
            some = _taken(u, rows)
            unit = np.empty(some.shape, dtype=np.float32)
            np.divide(some, np.maximum(norm[rows[: len(some)]], 1e-150)[:, None], out=unit, casting="same_kind")
            fields.append(unit.reshape(-1, *self.shape))
        a, b = (rfftn(u, axes=self._axes, norm="ortho") for u in fields)
        product = np.conj(a) * b
        if self.subgrid:
            product *= (self._invariant > 0).astype(np.float32)
        correlation = irfftn(product, s=self.shape, axes=self._axes, norm="forward").reshape(len(rows), -1)
        best = correlation.argmax(axis=1)
        highest = correlation[np.arange(len(rows)), best].astype(float)
        counts = self._count
        if self.subgrid:
            counts = self._invariant
            highest += np.abs(product).reshape(len(rows), -1) @ self._fall
        norm_x, norm_X = norms[0][rows], norms[1][rows]
        squares = norm_x**2 * (_power(a) @ counts.ravel()) + norm_X**2 * (_power(b) @ counts.ravel())
        apart = squares - 2 * norm_x * norm_X * highest
        left = np.flatnonzero(apart <= self.atol**2 + SINGLE_ROUNDING * (norm_x**2 + norm_X**2))
        shift = np.stack(np.unravel_index(best[left], self.shape), axis=1)
        out[rows[left]] = self._translated(x, X, rows[left], shift)
        return rows[left[~out[rows[left]]]]

    def _translated(
        self, x: FloatArray, X: FloatArray, rows: NDArray[np.int64], shift: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """(n, d), (n, d), (m,), (m, axes) -> (m,): whether those rows of x, translated by `shift`, are those of X."""
        if not len(rows):
            return np.zeros(0, dtype=bool)
        a, b = x.reshape(-1, *self.shape), X.reshape(-1, *self.shape)
        # One layer of all pairs first: a wrong translation is wrong there, too.
        layer = b[rows, shift[:, 0]]
        for axis, n in enumerate(self.shape[1:], 1):
            where = (np.arange(n) + shift[:, axis, None]) % n
            where = where.reshape(len(rows), *[n if i == axis else 1 for i in self._axes[:-1]])
            layer = np.take_along_axis(layer, where, axis)
        difference = (a[rows, 0] - layer).reshape(len(rows), -1)
        out = np.einsum("ij,ij->i", difference, difference) <= self.atol**2
        for i in np.flatnonzero(out).tolist():
            out[i] = _rolled_square(a[rows[i]], b[rows[i]], shift[i].tolist()) <= self.atol**2
        return out

    def _spectrum(self, X: FloatArray) -> NDArray[np.complex128]:
        """(n, d) -> (n, *half) with the norm of X: its squares, counted, sum to |x|^2."""
        from scipy.fft import rfftn

        return np.asarray(rfftn(X.reshape(len(X), *self.shape), axes=self._axes, norm="ortho"))

    def _least_distance(
        self, a: NDArray[np.complex128], b: NDArray[np.complex128], power: list[FloatArray]
    ) -> FloatArray:
        """Spectra of m pairs, and the squares of their sizes, -> (m,) least distances over all translations.

        Infinite where they are larger than `atol` beyond doubt.
        """
        from scipy.fft import irfftn

        correlation = irfftn(np.conj(a) * b, s=self.shape, axes=self._axes, norm="forward").reshape(len(a), -1)
        best = correlation.argmax(axis=1)
        squares = (power[0] + power[1]) @ self._count.ravel()
        on_grid = np.sqrt(np.maximum(squares - 2 * correlation[np.arange(len(a)), best], 0.0))
        # The best translation of all is within half a spacing of a grid point along each axis.
        allowance = self.atol + 1e-6 * np.sqrt(squares)
        if self.subgrid:
            allowance = allowance + 0.5 * np.sqrt(power[0] @ self._slopes).sum(axis=1)
        distance = np.full(len(a), np.inf)
        left = np.flatnonzero(on_grid <= allowance)
        if len(left):
            shift = np.stack(np.unravel_index(best[left], self.shape), axis=1).astype(float)
            distance[left] = self._distance(a[left], b[left], shift)
            open_ = distance[left] > self.atol
            if self.subgrid and open_.any():
                between = left[open_]
                distance[between] = self._between(a[between], b[between], shift[open_])
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

    def orbit_size(self, X: FloatArray) -> None:
        return None  # a continuous family, or not worth counting: such energies declare no Euler characteristic

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "translations", "shape": list(self.shape), "atol": self.atol, "subgrid": self.subgrid}


def _taken(x: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
    """Some rows, or the only one where all are the same: what is looked up is often one point against many."""
    if len(x) > 1 and x.strides[0] == 0:
        return x[:1]
    return x if len(rows) == len(x) else x[rows]


def _power(spectrum: NDArray[Any]) -> Any:
    """(m, ...) -> (m, modes): squares of the sizes."""
    return (spectrum.real**2 + spectrum.imag**2).reshape(len(spectrum), -1)


def _marginal(U: FloatArray, axis: int, wave: int) -> Any:
    """(m, *shape) -> (m, n): sums over all other axes, divided by the root of how many are summed.

    Args:
        wave: 0, or 1 for weights exp(-2 pi i j / n) along each of the other axes.
    """
    shape = U.shape[1:]
    before, after = shape[:axis], shape[axis + 1 :]
    V: Any = U.reshape(len(U), math.prod(before), -1)
    # Sine and cosine apart: a complex weight would make a complex copy of the field.
    V = _weights(before, wave) @ V if before else V
    V = V.reshape(len(U), -1, shape[axis], math.prod(after)) @ _weights(after, wave).T
    if not wave:
        return V[:, 0, :, 0]
    if not before:
        return V[:, 0, :, 0] + 1j * V[:, 0, :, 1]
    if not after:
        return V[:, 0, :, 0] + 1j * V[:, 1, :, 0]
    return V[:, 0, :, 0] - V[:, 1, :, 1] + 1j * (V[:, 0, :, 1] + V[:, 1, :, 0])


@functools.cache
def _weights(shape: tuple[int, ...], wave: int) -> FloatArray:
    """(1 or 2, product of `shape`) weights of unit norm (both together), real and imaginary part."""
    if not shape:
        return np.ones((1, 1))
    phase = np.sum(np.meshgrid(*[np.arange(n) / n for n in shape], indexing="ij"), axis=0).ravel()
    weights = np.exp(-2j * np.pi * wave * phase) / math.sqrt(math.prod(shape))
    return np.stack([weights.real, weights.imag][: 1 + wave])


def _rolled_square(a: FloatArray, b: FloatArray, shift: list[int]) -> float:
    """|roll(a, shift) - b|^2 of two fields, by the blocks that a roll moves as a whole."""
    rolled = np.empty(b.shape)
    pairs = [
        [(slice(0, n - s), slice(s, n)), (slice(n - s, n), slice(0, s))][: 2 if s else 1]
        for n, s in zip(a.shape, shift, strict=True)
    ]
    for block in itertools.product(*pairs):
        source, target = zip(*block, strict=True)
        rolled[target] = a[source]
    rolled -= b
    difference = rolled.ravel()
    return float(difference @ difference)


def _counts(n: int) -> FloatArray:
    """How often each mode of the half spectrum of n real numbers counts in a sum over the whole."""
    count = np.full(n // 2 + 1, 2.0)
    count[0] = 1.0
    if n % 2 == 0:
        count[-1] = 1.0
    return count


def _waves(n: int, m: int) -> FloatArray:
    """Wave numbers 0 .. of the first m of n modes in the order of the FFT, without signs."""
    k = np.arange(m)
    return np.minimum(k, n - k).astype(float)
