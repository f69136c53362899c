"""How noisy a function's values are, from difference tables, and the lengths of differences that fit the noise.

J. J. Moré and S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33 (2011) 1292 (ECNoise).  Differences
of order k of a smooth function at points a small distance apart vanish quickly with k; those of noise, scaled so that
their weights have unit norm, stay at its standard deviation.  It does not matter whether the noise is random or, like
rounding, the same at every call.  Other than there the points are not quite equally spaced: what oscillates with the
spacing would look smooth.  (Then differences are divided ones.)

Example, in the unit of the values: the noise of a cosine in single precision is about 3e-8,

    noise_along(lambda X: np.cos(X[:, 0].astype(np.float32)), np.array([0.3]), np.array([1.0]), 1e-4).noise
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from landscape_dist.records import FloatArray

POINTS = 9
"""Values in a table: differences up to order 8."""
NODES = np.arange(POINTS) + 0.4 * (np.arange(POINTS) * 0.6180339887498949 % 1.0)
"""Where values of a table are, in units of the spacing."""
# Levels of three orders that agree within this factor are noise.
AGREE = 4.0
# Values that change by more than this part of themselves are too far apart.
FAR = 0.1
# The spacing is changed by this factor where it does not fit, at most so many times.
FACTOR, TRIES = 50.0, 6
# Components of a vector's values that are looked at.
COLUMNS = 16
EPS = float(np.finfo(np.float64).eps)
# What is less than so many units of rounding is no noise.
ROUNDING = 10.0
# A third difference is felt above so many standard deviations of its noise.
FELT = 10.0


@dataclass(frozen=True, slots=True)
class NoiseAlong:
    """Noise of a function near a point.

    Attributes:
        noise: standard deviation, in the unit of the values; of vectors the norm of those of the components.
        scale: what rounding errors are relative to: the size of the values, and of what x itself contributes.
    """

    noise: float
    scale: float

    @property
    def exact(self) -> bool:
        """Whether that is rounding in double precision."""
        return self.noise <= ROUNDING * EPS * self.scale


def _weights() -> list[FloatArray]:
    """For each order k = 1, ..., the (POINTS - k, POINTS) weights of divided differences at `NODES`, of unit norm."""
    orders = []
    for k in range(1, POINTS):
        W = np.zeros((POINTS - k, POINTS))
        for i in range(POINTS - k):
            t = NODES[i : i + k + 1]
            apart = t[:, None] - t + np.eye(k + 1)
            W[i, i : i + k + 1] = 1.0 / apart.prod(axis=1)
        orders.append(W / np.linalg.norm(W, axis=1, keepdims=True))
    return orders


WEIGHTS = _weights()


def table_noise(values: FloatArray, size: float) -> float | str:
    """Standard deviation of the noise of values (POINTS,) at `NODES`, in their unit.

    Args:
        size: of the values, or of the vectors whose components they are.

    Returns:
        it, or 'near' or 'far' where the points are too near or too far from one another to tell.
    """
    low, high = float(values.min()), float(values.max())
    if high == low:
        return "near"
    if high - low > FAR * size:
        return "far"
    if np.count_nonzero(np.diff(values) == 0.0) >= len(values) / 2:
        return "near"
    levels, signs = [], []
    for W in WEIGHTS:
        T = W @ (values - values[0])
        levels.append(float(np.sqrt(np.mean(T**2))))
        signs.append(bool(T.min() < 0.0 < T.max()))
    for k in range(len(levels) - 3):
        some = levels[k : k + 3]
        if max(some) <= AGREE * min(some) and signs[k]:
            return levels[k]
    # What the last orders leave is at most rounding: there is no more noise than that.
    return levels[-3] if levels[-3] <= ROUNDING * EPS * size else "far"


def noise_along(
    function: Callable[[FloatArray], FloatArray], x: FloatArray, u: FloatArray, spacing: float
) -> NoiseAlong | None:
    """Noise of a function near x (d,), from values along u (d,); None where none can be told from the function.

    Args:
        function: (n, d) -> (n,) or (n, ...). u: unit vector. spacing: of the points at first, in the unit of x.
    """
    h = spacing
    last = ""
    for _ in range(TRIES):
        points = x + (h * (NODES - NODES.mean()))[:, None] * u
        with np.errstate(all="ignore"):
            values = np.asarray(function(points), dtype=np.float64).reshape(POINTS, -1)
        if not np.isfinite(values).all():
            return None
        size = float(np.abs(values).max())
        slope = float(np.linalg.norm(values[-1] - values[0])) / ((POINTS - 1) * h)
        scale = float(np.linalg.norm(values, axis=1).max()) + float(np.linalg.norm(x)) * slope
        chosen = np.unique(np.linspace(0, values.shape[1] - 1, COLUMNS).astype(int))
        seen = [table_noise(values[:, j], size) for j in chosen]
        told = [s for s in seen if isinstance(s, float)]
        if "far" in seen and max(told, default=0.0) <= ROUNDING * EPS * size:
            way = "far"
        elif not told:
            way = "near"
        else:
            return NoiseAlong(float(np.sqrt(np.mean(np.square(told)) * values.shape[1])), scale)
        if last not in ("", way):
            return None
        last, h = way, h / FACTOR if way == "far" else h * FACTOR
        if h < 100 * EPS * float(np.abs(x).max()) or (way == "near" and h > 0.1 * max(1.0, float(np.abs(x).max()))):
            break
    return NoiseAlong(0.0, scale) if last == "near" else None


def third_derivative(
    function: Callable[[FloatArray], FloatArray], x: FloatArray, u: FloatArray, noise: float, reach: float
) -> float:
    """Size of the third derivative of a function along u (d,) at x (d,), or what it is at most, from third differences
    as near as they are felt through the noise.

    Args:
        function, u: as in `noise_along`. noise: of the values. reach: farthest points, in the unit of x.
    """
    h = reach / 3.0 ** np.arange(7.0)[::-1]
    points = x + (h[:, None] * np.array([-1.5, -0.5, 0.5, 1.5]) / 1.5).ravel()[:, None] * u
    with np.errstate(all="ignore"):
        values = np.asarray(function(points), dtype=np.float64).reshape(len(h), 4, -1)
        third = np.linalg.norm(values[:, 3] - 3 * values[:, 2] + 3 * values[:, 1] - values[:, 0], axis=1)
    least = FELT * np.sqrt(20.0) * noise
    felt = np.isfinite(third) & (third > least)
    i = int(np.argmax(felt)) if felt.any() else int(np.flatnonzero(np.isfinite(third))[-1:].sum())
    return max(float(third[i]) if np.isfinite(third[i]) else 0.0, least) / (h[i] / 1.5) ** 3


def central_length(noise: float, third: float) -> float:
    """Half the distance of two values whose central difference is best: noise / l + l^2 third / 6 is least."""
    return float((3.0 * noise / third) ** (1.0 / 3.0))
