"""Where the true energy is asked next: around points, along arrows, and where the surrogate knows least."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Box, Domain, Unbounded
from landscape_dist.problems.fingerprint import digest
from landscape_dist.records import FloatArray
from landscape_dist.spaces.flat import Torus
from landscape_dist.surrogates.data import TrainingData

GRID = 1e-7
"""New points are rounded to this fraction of the widths: then the last digits of a search, which depend on who found
a point first, do not change where the true energy is asked."""
CENTERS = 1e-5
"""And what they lie around to this one."""

CANDIDATES = 2048


class Frame:
    """The box in which the energy is asked, with lengths as fractions of its widths.

    Args:
        box: of d variables.
        period: (d,) in the unit of x, inf where not periodic; None where no coordinate is.  Of a box that is wider
            a period is taken; a coordinate of which the box has less than one is like those that are not periodic.
    """

    def __init__(self, box: Box, dim: int, period: Any = None) -> None:
        self.dim = dim
        self.lower = np.broadcast_to(np.asarray(box.lower, dtype=np.float64), dim)
        period = np.broadcast_to(np.asarray(np.inf if period is None else period, dtype=np.float64), dim)
        width = np.broadcast_to(np.asarray(box.upper, dtype=np.float64), dim) - self.lower
        whole = width >= period * (1.0 - 1e-9)
        self.width = np.where(whole, period, width)
        self.period = np.where(whole, period, np.inf)
        self.space = Torus(self.period)

    @property
    def domain(self) -> Domain:
        """Where a surrogate is searched: the box, and around where a coordinate is periodic."""
        periodic = np.isfinite(self.period)
        if periodic.all():
            return Unbounded()
        room = np.where(periodic, 0.5 * self.width, 0.0)
        return Box(tuple((self.lower - room).tolist()), tuple((self.lower + self.width + room).tolist()))

    def inward(self, X: FloatArray) -> FloatArray:
        """x to fractions."""
        return (X - self.lower) / self.width

    def outward(self, U: FloatArray) -> FloatArray:
        """Fractions, rounded to the grid and moved into the box, to x."""
        U = np.round(U / GRID) * GRID
        wrapped = np.where(np.isfinite(self.period), U - np.floor(U), np.clip(U, 0.0, 1.0))
        return np.asarray(self.lower + wrapped * self.width)

    def difference(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """A - B in x, the shortest way round where a coordinate is periodic."""
        return np.asarray(self.space.log(B, A))

    def distance(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """Distances of (..., d) points as fractions of the widths."""
        with np.errstate(over="ignore"):  # steps from where a surrogate knows nothing may be as long as they like
            return np.asarray(np.linalg.norm(self.difference(A, B) / self.width, axis=-1))


def low_discrepancy(n: int, dim: int, seed: int) -> FloatArray:
    """(n, d) points of the Halton sequence in the unit cube, moved by a random shift modulo 1."""
    from scipy.stats import qmc

    shift = np.random.default_rng([seed, 0x5A17]).random(dim)
    return np.asarray((qmc.Halton(dim, scramble=False).random(n) + shift) % 1.0)


def around(center: FloatArray, radius: float, n: int, frame: Frame) -> FloatArray:
    """(n, d) points at a distance of `radius`, or the nearest power of two, from a point, the first d + 1 the corners
    of a simplex; turned at random, the same way for the same point."""
    d = frame.dim
    middle = np.round(frame.inward(center) / CENTERS) * CENTERS + 0.0
    radius = float(2.0 ** np.round(np.log2(radius)))
    rng = np.random.default_rng(int(digest("around", middle, radius)[:12], 16))
    corners = np.eye(d + 1) - 1.0 / (d + 1)
    simplex = np.linalg.svd(corners)[0][:, :d] * np.sqrt((d + 1) / d)  # unit vectors, as far apart as can be
    simplex = simplex @ np.linalg.qr(rng.standard_normal((d, d)))[0]
    more = rng.standard_normal((max(0, n - d - 1), d))
    more /= np.linalg.norm(more, axis=1, keepdims=True)
    return frame.outward(middle + radius * np.concatenate([simplex, more])[:n])


def along(path: FloatArray, n: int, frame: Frame) -> FloatArray:
    """(n, d) points that divide a path (t, d) into n + 1 parts of equal length."""
    U = frame.inward(path)
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(U, axis=0), axis=1))])
    at = lengths[-1] * np.arange(1, n + 1) / (n + 1)
    return frame.outward(np.stack([np.interp(at, lengths, column) for column in U.T], axis=1))


def infill(
    n: int, known: FloatArray, frame: Frame, spread: Callable[[FloatArray], FloatArray], slope: Any, seed: int,
    least: float = 0.0, holes: FloatArray | None = None,
) -> FloatArray:  # fmt: skip
    """(n, d) points where the surrogate knows least, as far as a stationary point could be there.

    The score is s^2 / (s + |g| / 10): s the spread, g the gradient by fractions of the widths.  Where the energy is as
    steep as that it is not level whatever the surrogate does not know.

    Args:
        known: (m, d) points where the energy is known.
        spread: (n, d) -> (n,) in the energy's unit. slope: (n, d) -> (n, d) gradients.
        seed: of the candidates. least: spread that is taken for none: below there may be only rounding in it.
        holes: (h, d) points where it is known that the energy cannot be known.
    """
    if not n:
        return np.zeros((0, frame.dim))
    X = frame.outward(low_discrepancy(CANDIDATES, frame.dim, seed))
    s = np.maximum(spread(X), least)
    g = np.linalg.norm(slope(X) * frame.width, axis=1)
    score = s * s / np.maximum(s + 0.1 * g, 1e-300)
    # The last digits depend on where it was computed; of equal ones the first is taken.
    score = np.array([float(f"{value:.2e}") for value in np.where(np.isfinite(score), score, 0.0).tolist()])
    # The typical distance of evenly spread points: two new ones nearer than that would tell the same.
    room = 0.5 * (len(known) + n) ** (-1.0 / frame.dim)
    for hole in () if holes is None else holes:
        score = score * (1.0 - np.exp(-0.5 * (frame.distance(X, hole) / room) ** 2))
    chosen: list[int] = []
    for _ in range(n):
        best = int(score.argmax())
        chosen.append(best)
        near = frame.distance(X, X[best])
        score = score * (1.0 - np.exp(-0.5 * (near / room) ** 2))
    return X[chosen]


def unique(X: FloatArray, known: FloatArray, frame: Frame, apart: float) -> FloatArray:
    """The rows of X (n, d) that are further than `apart` from known points (m, d) and from those kept before them."""
    kept = list(known)
    rows = []
    for i, x in enumerate(X):
        if not kept or frame.distance(np.array(kept), x).min() > apart:
            kept.append(x)
            rows.append(i)
    return X[rows]


def frame_of(problem: Problem, data: TrainingData | None) -> Frame:
    """Where to ask: the problem's box, or that of the data.

    Raises:
        SettingsError: neither is there, or the data are not of this problem.
    """
    if data is not None and data.parameters is not None:
        raise SettingsError(
            f"data have parameters {', '.join(data.parameter_names)}; a correction is of one energy, give values of one"
        )
    period = problem.space.periods if isinstance(problem.space, Torus) else None
    if data is not None:
        if data.dim != problem.dim:
            raise SettingsError(f"data have {data.dim} variables and {problem.name} has {problem.dim}; give as many")
        if period is not None and not np.array_equal(data.input_periods, period):
            raise SettingsError(
                f"data have period {data.period} and {problem.name} has {tuple(period.tolist())}; give data of the "
                "same period"
            )
        period = data.input_periods
    if isinstance(problem.domain, Box):
        return Frame(problem.domain, problem.dim, period)
    if data is not None:
        return Frame(data.domain(), problem.dim, period)
    raise SettingsError(
        f"{problem.name} has no box as domain, so there is nowhere to ask for values; give the problem a domain, "
        "or values to begin with, as data="
    )
