"""The noise of a problem's functions as measured when it is built, and the difference lengths that fit it.

What is exact to rounding has no noise here (None), and everything stays as it is without measuring.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from landscape_dist.numerics.noise import NoiseAlong, central_length, noise_along, third_derivative
from landscape_dist.problems.domain import Ball, Box, Domain
from landscape_dist.records import FloatArray

# Spacing of a difference table, and the farthest that derivatives are looked at, relative to `reach`.
SPACING, WIDE = 1.234e-4, 0.1
# Points at which a table is made before anything is found.
FIRST = 2
# Noise relative to the values up to which it is that of single precision, whatever type the numbers are returned as.
SINGLE = 20 * float(np.finfo(np.float32).eps)
LEAST_SINGLE = 0.01 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True)
class PartNoise:
    """Noise of one function.

    Attributes:
        relative: to the size of the values; 0 where the noise is the same everywhere.
        least: standard deviation (of vectors and matrices the norm) at least, in the unit of the values.
        single: whether it is that of single precision.
    """

    relative: float
    least: float
    single: bool

    def at(self, size: Any) -> Any:
        """Standard deviation where values are of this size."""
        return self.least + self.relative * size

    def text(self) -> str:
        """In a few words."""
        about = f"about {self.least:.1g}"
        return f"{about} (single precision)" if self.single else about


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of a problem's functions, None of those that are exact.

    Attributes:
        energy, gradient: of the functions as the problem evaluates them.
        hessian: standard deviation of the error of a Hessian, spectral norm, in its unit; of products with unit vectors
            as well.
        position: by how much points may differ from one search to the next, in the unit of x.
        gradient_length, dimer_length: half the lengths of differences; None where those are as without noise.
    """

    energy: PartNoise | None = None
    gradient: PartNoise | None = None
    hessian: float = 0.0
    position: float = 0.0
    gradient_length: float | None = None
    dimer_length: float | None = None

    def text(self) -> str:
        """One line for users: what is noisy, and how exact points are because of it."""
        parts = [
            f"{name} noise {part.text()}"
            for name, part in (("energy", self.energy), ("gradient", self.gradient))
            if part is not None
        ]
        end = f"; points to {self.position:.1g}" if self.position else ""
        return ", ".join(parts) + end


def reach(domain: Domain, x: FloatArray) -> float:
    """How far is far near x (d,): the size of the coordinates, or of a smaller domain."""
    size = max(1.0, float(np.abs(x).max(initial=0.0)))
    if isinstance(domain, Box):
        size = min(size, float((np.asarray(domain.upper) - np.asarray(domain.lower)).min()))
    if isinstance(domain, Ball):
        size = min(size, 2 * float(domain.radius))
    return size


def oblique(dim: int, i: int) -> FloatArray:
    """(dim,) unit vectors that are no axes."""
    u = np.cos(np.arange(1.0, dim + 1.0) * (1.3 + 0.7 * i) + i) + 0.1
    return np.asarray(u / np.linalg.norm(u))


def measured(function: Callable[[FloatArray], Any], X: FloatArray, domain: Domain, single: bool) -> PartNoise | None:
    """Noise of a function (n, d) -> (n, ...) from tables at points X (m, d); None where it is rounding.

    Args:
        single: whether the numbers are float32.
    """
    seen: list[NoiseAlong] = []
    for i, x in enumerate(X):
        along = noise_along(function, x, oblique(len(x), i), SPACING * reach(domain, x))
        seen += [] if along is None else [along]
        if i + 1 == FIRST and not single and all(s.exact for s in seen):
            return None
    if not seen or np.median([s.exact for s in seen]) > 0.5:
        return None
    noise, scale = np.array([[s.noise, s.scale] for s in seen]).T
    keep = noise > 0
    if not keep.any():
        return None
    noise, scale = noise[keep], scale[keep]
    relative = float(np.median(noise / scale))
    looks_single = single or (LEAST_SINGLE <= relative <= SINGLE and _spread(noise / scale) <= _spread(noise))
    if _spread(noise / scale) < _spread(noise) or single:
        # Where values are near zero, their terms are not: between the least and what is usual.
        usual = float(np.sqrt(scale.min() * np.median(scale)))
        return PartNoise(relative, relative * usual, looks_single)
    return PartNoise(0.0, float(np.median(noise)), looks_single)


def _spread(a: FloatArray) -> float:
    return float(np.ptp(np.log(a)))


def best_length(function: Callable[[FloatArray], Any], X: FloatArray, domain: Domain, noise: PartNoise) -> float:
    """Half the length of differences of a noisy function (n, d) -> (n, ...) that suits most of the points X (m, d)."""
    lengths = []
    for i, x in enumerate(X):
        size = float(np.linalg.norm(np.asarray(function(x[None]))[0]))
        third = third_derivative(function, x, oblique(len(x), i + 1), float(noise.at(size)), WIDE * reach(domain, x))
        lengths.append(central_length(float(noise.at(size)), third))
    return float(np.median(lengths))


def with_position(noise: Noise, H: FloatArray) -> Noise:
    """The noise with what it means for points, from Hessians (m, d, d) at some."""
    if noise.gradient is None:
        return noise
    size = np.abs(np.linalg.eigvalsh(0.5 * (H + H.mT)))
    soft = float(np.median(size.min(axis=1)))
    return replace(noise, position=noise.gradient.least / max(soft, noise.hessian, 1e-300))
