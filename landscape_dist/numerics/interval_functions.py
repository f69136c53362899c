"""Elementary functions of interval arrays (2, ...), as rigorous as the arithmetic of `intervals`.

Functions are evaluated where they are defined: log([-1, 2]) is [-inf, log 2].  Where a holds nothing of their domain an
end is NaN; `undefined` says for which a that is so, and for which in part.  NaN is never made a finite end.

Errors of the library functions are bounded by `LIBM`.  S. M. Rump, Rigorous and portable standard functions, BIT 41
(2001) 540, on enclosures from functions that are not correctly rounded.

Example:
    >>> from landscape_dist.numerics.intervals import interval, upper
    >>> float(upper(sin(interval(1.0, 2.0))))
    1.0
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.numerics.intervals import LARGEST, ROUNDING, TINY, absolute, div, outward, point, sqr
from landscape_dist.records import BoolArray, FloatArray

# NumPy's functions are within 4 units in the last place (its SIMD versions; most are within 1), `scipy.special.erf` is
# within 2: 8 units are allowed for, and `TINY` for what underflows.
LIBM = 2.0**-49
DOMAINS: dict[str, tuple[float, float]] = {
    "sqrt": (0.0, np.inf),
    "log": (0.0, np.inf),
    "asin": (-1.0, 1.0),
    "acos": (-1.0, 1.0),
    "acosh": (1.0, np.inf),
    "atanh": (-1.0, 1.0),
    "real_power": (0.0, np.inf),
}
"""Where functions are defined, closed; at an end log, atanh and powers of negative exponent are infinite."""
# Doubles next to pi and pi / 2, above; math.pi is below.
PI_UP, HALF_PI_UP = math.nextafter(math.pi, 4.0), math.nextafter(math.pi / 2, 4.0)
# Sines of arguments beyond are not looked at.
FAR = 1e8
# Turns x / (2 pi) of arguments up to `FAR` are wrong by less than 1.5 * 2^-52 * FAR / (2 pi) < 2^-27; so near to an
# extremum a sine differs from it by less than what `LIBM` adds.
SLACK = 2.0**-27
# Powers up to this one are products: each of fewer than n roundings adds half of `ROUNDING`.
PRODUCTS = 16


def _rounded(out: FloatArray) -> FloatArray:
    """Values of library functions, in place; -`LARGEST` bounds minus a lower end that overflows."""
    return outward(np.maximum(out, -LARGEST, out=out), LIBM, TINY)


def _ends(a: FloatArray, least: float = -np.inf) -> FloatArray:
    """A copy of the ends themselves (2, ...), the lower one `least` or more, and no negative zeros."""
    out = a.copy()
    low = out[0, ...]
    np.negative(low, out=low)
    np.maximum(low, least, out=low)
    out += 0.0
    return out


def _increasing(function: Any, ends: FloatArray, least: float = -np.inf) -> FloatArray:
    """Of ends, in place; values are not below `least`."""
    function(ends, out=ends)
    low = ends[0, ...]
    np.negative(low, out=low)
    _rounded(ends)
    np.minimum(low, 0.0 - least, out=low)
    return ends


def _odd(function: Callable[[FloatArray], Any], a: FloatArray, most: float = np.inf) -> FloatArray:
    """Of an odd and increasing function: minus its value at the lower end is its value at a[0]."""
    out = _rounded(function(a))
    return np.minimum(out, most, out=out) if most < np.inf else out


def exp(a: FloatArray) -> FloatArray:
    """Exponentials, not negative.

    Example:
        >>> exp(interval(-np.inf, 0.0)).round(6).tolist()
        [0.0, 1.0]
    """
    return _increasing(np.exp, _ends(a), 0.0)


def log(a: FloatArray) -> FloatArray:
    """Natural logarithms of what is not negative in a.

    Example:
        >>> log(interval(1.0, np.e)).round(6).tolist()
        [0.0, 1.0]
    """
    return _increasing(np.log, _ends(a, 0.0))


def _counts(turns: FloatArray, phases: list[float], slack: float) -> Any:
    """(k, ...), for k phases and intervals (2, ...): how many numbers, a phase plus an integer, each holds, minus 1."""
    shifts = np.array([[slack + phase, slack - phase] for phase in phases])
    ends = turns + shifts.reshape(-1, 2, *[1] * (turns.ndim - 1))
    np.floor(ends, out=ends)
    return ends[:, 0] + ends[:, 1]


def _wave(ends: FloatArray, a: FloatArray, phase: float) -> FloatArray:
    """Range of a sine with values (2, ...) at the ends of a, whose maxima are at `phase` turns."""
    out = np.empty_like(ends)
    np.negative(np.minimum(ends[0], ends[1], out=out[0, ...]), out=out[0, ...])
    np.maximum(ends[0], ends[1], out=out[1, ...])
    outward(out, LIBM, TINY, ends)
    np.minimum(out, 1.0, out=out)
    turns = a * (0.5 / math.pi)
    np.copyto(out, 1.0, where=_counts(turns, [phase + 0.5, phase], SLACK) >= 0.0)
    far = np.maximum(a[0], a[1]) > FAR
    if far.any():
        np.copyto(out, 1.0, where=far)
    return out


def sin(a: FloatArray) -> FloatArray:
    """Sines, within [-1, 1], and all of it for arguments beyond `FAR`.

    Example:
        >>> sin(interval(0.0, 2.0)).round(6).tolist()
        [0.0, 1.0]
    """
    ends = np.sin(a)
    np.negative(ends[0, ...], out=ends[0, ...])
    return _wave(ends, a, 0.25)


def cos(a: FloatArray) -> FloatArray:
    """Cosines, within [-1, 1], and all of it for arguments beyond `FAR`.

    Example:
        >>> cos(interval(-1.0, 4.0)).tolist()
        [1.0, 1.0]
    """
    return _wave(np.cos(a), a, 0.0)


def _pole(a: FloatArray) -> BoolArray:
    """Whether a tangent may have a pole in a: also where an end is NaN, and beyond `FAR`."""
    turns = outward(a * (1.0 / math.pi), 4 * ROUNDING, 4 * ROUNDING)
    return np.asarray(~((_counts(turns, [0.5], 0.0)[0] < 0.0) & (np.maximum(a[0], a[1]) <= FAR)))


def tan(a: FloatArray) -> FloatArray:
    """Tangents; the whole line where there may be a pole in a.

    Example:
        >>> tan(interval(1.0, 2.0)).tolist()
        [inf, inf]
    """
    out = _odd(np.tan, a)
    pole = _pole(a)
    if pole.any():
        np.copyto(out, np.inf, where=pole)
    return out


def asin(a: FloatArray) -> FloatArray:
    """Inverse sines of what is in [-1, 1], in [-pi / 2, pi / 2].

    Example:
        >>> asin(interval(0.0, 2.0)).round(6).tolist()
        [0.0, 1.570796]
    """
    return _odd(np.arcsin, np.minimum(a, 1.0), HALF_PI_UP)


def acos(a: FloatArray) -> FloatArray:
    """Inverse cosines of what is in [-1, 1], in [0, pi].

    Example:
        >>> acos(interval(-2.0, 0.0)).round(6).tolist()
        [-1.570796, 3.141593]
    """
    # It decreases: ends in reverse.
    ends = np.minimum(a[::-1], 1.0)
    np.negative(ends[1, ...], out=ends[1, ...])
    out = _increasing(np.arccos, ends, 0.0)
    return np.minimum(out, PI_UP, out=out)


def atan(a: FloatArray) -> FloatArray:
    """Inverse tangents, in [-pi / 2, pi / 2].

    Example:
        >>> atan(interval(-1.0, np.inf)).round(6).tolist()
        [0.785398, 1.570796]
    """
    return _odd(np.arctan, a, HALF_PI_UP)


def atan2(y: FloatArray, x: FloatArray) -> FloatArray:
    """Angles of the points (x, y), in [-pi, pi]; all of it where 0 is among them, or some on either side of the cut.

    Of other boxes the angles are largest and smallest at corners.  On the cut, y = 0 and x < 0, the angle is pi.

    Example:
        >>> atan2(interval(1.0, 2.0), interval(-1.0, 1.0)).round(6).tolist()
        [-0.785398, 2.356194]
    """
    top_x = np.where(y[1] > 0.0, -x[0], x[1])
    top_y = np.where(top_x >= 0.0, y[1], -y[0])
    bottom_x = np.where(y[0] <= 0.0, x[1], -x[0])
    bottom_y = np.where(bottom_x >= 0.0, -y[0], y[1])
    # No negative zeros, whose angles may be -pi.
    out = np.stack([-np.arctan2(bottom_y + 0.0, bottom_x), np.arctan2(top_y + 0.0, top_x)])
    _rounded(out)
    np.minimum(out, PI_UP, out=out)
    cut = (x[0] >= 0.0) & (y[1] >= 0.0) & ((y[0] > 0.0) | ((y[0] >= 0.0) & (x[1] >= 0.0)))
    np.copyto(out, PI_UP, where=cut)
    np.copyto(out, np.nan, where=np.isnan(y[0] + y[1] + x[0] + x[1]))
    return out


def sinh(a: FloatArray) -> FloatArray:
    """Hyperbolic sines.

    Example:
        >>> sinh(interval(0.0, 1.0)).round(6).tolist()
        [0.0, 1.175201]
    """
    return _odd(np.sinh, a)


def cosh(a: FloatArray) -> FloatArray:
    """Hyperbolic cosines, 1 or more.

    Example:
        >>> cosh(interval(-1.0, 0.5)).round(6).tolist()
        [-1.0, 1.543081]
    """
    return _increasing(np.cosh, absolute(a), 1.0)


def tanh(a: FloatArray) -> FloatArray:
    """Hyperbolic tangents, within [-1, 1].

    Example:
        >>> tanh(interval(0.0, np.inf)).round(6).tolist()
        [0.0, 1.0]
    """
    return _odd(np.tanh, a, 1.0)


def asinh(a: FloatArray) -> FloatArray:
    """Inverse hyperbolic sines.

    Example:
        >>> asinh(interval(0.0, 1.0)).round(6).tolist()
        [0.0, 0.881374]
    """
    return _odd(np.arcsinh, a)


def acosh(a: FloatArray) -> FloatArray:
    """Inverse hyperbolic cosines of what is 1 or more in a, not negative.

    Example:
        >>> acosh(interval(0.0, 2.0)).round(6).tolist()
        [0.0, 1.316958]
    """
    return _increasing(np.arccosh, _ends(a, 1.0), 0.0)


def atanh(a: FloatArray) -> FloatArray:
    """Inverse hyperbolic tangents of what is in [-1, 1].

    Example:
        >>> atanh(interval(0.5, 2.0)).round(6).tolist()
        [-0.549306, inf]
    """
    return _odd(np.arctanh, np.minimum(a, 1.0))


def erf(a: FloatArray) -> FloatArray:
    """Error functions, within [-1, 1].

    Example:
        >>> erf(interval(0.0, 1.0)).round(6).tolist()
        [0.0, 0.842701]
    """
    from scipy.special import erf as function

    return _odd(function, a, 1.0)


def power(a: FloatArray, n: int) -> FloatArray:
    """a^n for integers n; even powers are not negative, and a^0 is 1.

    Negative powers of a that holds 0 are the whole line for odd n, and not bounded above for even n.

    Example:
        >>> power(interval(-2.0, 1.0), 4).round(6).tolist()
        [0.0, 16.0]
    """
    if n < 0:
        return _reciprocal(power(a, -n), positive=n % 2 == 0)
    if n == 0:
        out = np.ones_like(a)
        np.negative(out[0, ...], out=out[0, ...])
        np.copyto(out, np.nan, where=np.isnan(a))
        return out
    if n <= 2:
        return a.copy() if n == 1 else sqr(a)
    even = n % 2 == 0
    base = absolute(a) if even else a
    out = _product(base, n) if n <= PRODUCTS else np.power(base, float(n))
    low = out[0, ...]
    # (-x)^n is -(x^n) by itself for odd n.
    if even:
        np.negative(low, out=low)
    np.maximum(out, -LARGEST, out=out)
    outward(out, n * ROUNDING if n <= PRODUCTS else LIBM, TINY)
    if even:
        np.minimum(low, 0.0, out=low)
    return out


def _product(x: FloatArray, n: int) -> Any:
    """x^n, n > 1, by repeated squaring: a product of n factors in some order, so n - 1 roundings at most count."""
    out = None
    while True:
        if n % 2:
            out = x if out is None else out * x
        n //= 2
        if not n:
            return out
        x = x * x


def _reciprocal(a: FloatArray, positive: bool) -> FloatArray:
    """1 / a; where that is `positive`, a may have 0 as its lower end."""
    if not positive:
        return div(point(np.ones_like(a[0])), a)
    out = 1.0 / _ends(a)[::-1]
    low = out[0, ...]
    np.negative(low, out=low)
    outward(out, ROUNDING, TINY)
    np.minimum(low, 0.0, out=low)
    return out


def real_power(a: FloatArray, p: tuple[float, float]) -> FloatArray:
    """x^q for the x of a that are not negative and all q in the interval p, finite floats (lower, upper).

    x^q is monotone in x and in q, so the ends decide.  NumPy's 0^0 is 1.

    Example:
        >>> real_power(interval(-1.0, 4.0), (1.5, 1.5)).round(6).tolist()
        [0.0, 8.0]
    """
    ends = _ends(a, 0.0)
    np.copyto(ends, np.nan, where=a[1] < 0.0)
    least = most = np.power(ends, p[0])
    if p[0] != p[1]:
        other = np.power(ends, p[1])
        least, most = np.minimum(least, other), np.maximum(most, other)
    if p[0] > 0.0:
        out = np.stack([-least[0], most[1]])
    elif p[1] < 0.0:
        out = np.stack([-least[1], most[0]])
    else:
        out = np.stack([-least.min(axis=0), most.max(axis=0)])
        # NaN^0 is 1 for NumPy, and 1^NaN.
        np.copyto(out, np.nan, where=np.isnan(ends[0] + ends[1]) | math.isnan(p[0] + p[1]))
    _rounded(out)
    np.minimum(out[0, ...], 0.0, out=out[0, ...])
    return out


def undefined(name: str, a: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Where a function is undefined in a (2, ...): in some of it, perhaps, and in all of it, surely.

    Args:
        name: of a function here (those that are not in `DOMAINS` are defined everywhere, but for poles of 'tan'), or
            'div' with the denominator a, to ask for negative powers, too.

    Returns:
        (...) whether a, or a NaN, is not wholly inside the closed domain, and whether it is wholly outside.

    Example:
        >>> [some.tolist() for some in undefined("log", interval([1.0, -1.0, -2.0], [2.0, 2.0, -1.0]))]
        [[False, True, True], [False, False, True]]
    """
    if name == "div":
        zero = ~((a[0] < 0.0) | (a[1] < 0.0))
        return np.asarray(zero), np.asarray((a[0] == 0.0) & (a[1] == 0.0))
    if name == "tan":
        return _pole(a), np.zeros(a.shape[1:], dtype=np.bool_)
    least, most = DOMAINS.get(name, (-np.inf, np.inf))
    within = (a[0] <= -least) & (a[1] <= most)
    return np.asarray(~within), np.asarray((a[1] < least) | (-a[0] > most))
