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
# Numbers in a block of fields that are compared together; so many fit in the cache.
BLOCK = 1 << 20
# A root-mean-square difference of fields up to which they are the same, by default.
SAME_RMS = 1e-3


class _Shifts(SameJudgement):
    """Equal when the least 2-norm of the difference over all translations is at most `atol`."""

    def __init__(self, shape: tuple[int, ...], atol: float, subgrid: bool) -> None:
        self.shape = shape
        self.atol = atol
        self.subgrid = subgrid
        self.fingerprint_atol = np.full(3, atol)
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
        # Squares of derivatives along the axes, per unit of the grid spacing, as sums over squares of the modes.
        rates = [(2 * np.pi / n * _waves(n, m)) ** 2 for n, m in zip(shape, half, strict=True)]
        grids = np.meshgrid(*rates, indexing="ij")
        self._slopes = np.stack([(self._count * grid).ravel() for grid in grids], axis=1)
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
        block = max(1, BLOCK // max(1, X.shape[1]))
        return np.concatenate(
            [self._same(x[i : i + block], X[i : i + block]) for i in range(0, len(X), block)]
            or [np.zeros(0, dtype=bool)]
        )

    def _same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        out = np.zeros(len(X), dtype=bool)
        rows = np.arange(len(X))
        if not self.subgrid:
            # Norms rule out most pairs for the price of reading them once.
            apart = np.sqrt(np.einsum("ij,ij->i", x, x)) - np.sqrt(np.einsum("ij,ij->i", X, X))
            rows = np.flatnonzero(np.abs(apart) <= self.atol)
        if len(self.shape) > 1:
            rows = self._by_marginals(x, X, rows, out)
        if not len(rows):
            return out
        # What is looked up is often one point against many.
        a = self._spectrum(x[:1] if len(x) > 1 and x.strides[0] == 0 else x[rows])
        b = self._spectrum(X[rows])
        a = np.broadcast_to(a, b.shape)
        # No translation changes the size of a mode.
        power = [(f.real**2 + f.imag**2).reshape(len(f), -1) for f in (a, b)]
        near = (np.sqrt(power[0]) - np.sqrt(power[1])) ** 2 @ self._invariant.ravel() <= self.atol**2
        if not near.all():
            rows, a, b, power = rows[near], a[near], b[near], [p[near] for p in power]
        if len(rows):
            out[rows] = self._least_distance(a, b, power) <= self.atol
        return out

    def _by_marginals(
        self, x: FloatArray, X: FloatArray, rows: NDArray[np.int64], out: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Settle most pairs by the sums over all axes but one: their sizes, and the translation that they suggest.

        Sets `out` where a translation is found and returns the rows that are left open.
        """
        from scipy.fft import irfft, rfft

        if len(rows) < len(X):
            x, X = x[rows], X[rows]
        a, b = x.reshape(len(X), *self.shape), X.reshape(len(X), *self.shape)
        shift = np.zeros((len(rows), len(self.shape)), dtype=np.int64)
        near = np.ones(len(rows), dtype=bool)
        for axis, n in enumerate(self.shape):
            f, g = (rfft(_marginal(u, axis), axis=1, norm="ortho") for u in (a, b))
            sizes = np.abs(f) - np.abs(g)
            if self.subgrid and n % 2 == 0:
                sizes[:, -1] = 0.0
            # Each size counts at least once in the norm.
            near &= np.einsum("ij,ij->i", sizes, sizes) <= self.atol**2
            shift[:, axis] = irfft(np.conj(f) * g, n=n, axis=1).argmax(axis=1)
        for i in np.flatnonzero(near).tolist():
            first, *others = shift[i].tolist()
            # One layer first: a wrong translation is wrong there, too.
            if _rolled_square(a[i, 0], b[i, first], others) <= self.atol**2:
                out[rows[i]] = _rolled_square(a[i], b[i], [first, *others]) <= self.atol**2
        return rows[near & ~out[rows]]

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

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "translations", "shape": list(self.shape), "atol": self.atol, "subgrid": self.subgrid}


def _marginal(U: FloatArray, axis: int) -> FloatArray:
    """(m, *shape) -> (m, n): sums over all other axes, divided by the root of how many are summed."""
    shape = U.shape[1:]
    before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    V = U.reshape(len(U), before, shape[axis] * after)
    V = (V.sum(axis=1) if before > 1 else V).reshape(len(U), shape[axis], after)
    return np.asarray(V @ np.full(after, 1 / math.sqrt(before * after)))


def _rolled_square(a: FloatArray, b: FloatArray, shift: list[int]) -> float:
    """|roll(a, shift) - b|^2 of two fields, by the blocks that a roll moves as a whole."""
    total = 0.0
    pairs = [
        [(slice(0, n - s), slice(s, n)), (slice(n - s, n), slice(0, s))] for n, s in zip(a.shape, shift, strict=True)
    ]
    for block in itertools.product(*pairs):
        source, target = zip(*block, strict=True)
        difference = (a[source] - b[target]).ravel()
        total += float(difference @ difference)
    return total


def _waves(n: int, m: int) -> FloatArray:
    """Wave numbers 0 .. of the first m of n modes in the order of the FFT, without signs."""
    k = np.arange(m)
    return np.minimum(k, n - k).astype(float)


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
    where = np.flip(where, tuple(axis for axis, flip in enumerate(flips) if flip)).ravel()
    return lambda X: X[:, where]
