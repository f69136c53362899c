"""Interval arithmetic in batches, rigorous: every result holds what real arithmetic gives anywhere in the operands.

An interval array is a float64 array `a` of shape (2, ...): a[0] is MINUS the lower end and a[1] the upper end.  Both
entries are upper bounds, so whatever is done to them is rounded one way: up.  Operands have equally many axes, and
those after the first broadcast: (2, m, 1) with (2, m, n).

* NaN in an entry: nothing is known of that end.  It is handed on or becomes an infinite end, never a finite one.
  0 * inf, inf / inf, and the lower end of what overflows altogether are NaN, too.
* Infinite ends are ends of what is unbounded: the whole line is (inf, inf).
* Empty is whatever has its lower end above its upper one, as an intersection may.  Nothing is computed with that.
* Nothing here sets `np.errstate`: who calls does, once for many operations, and ignores all.
* Doubles are IEEE ones, rounded to nearest and with denormal numbers, as they are unless somebody changed that.

R. E. Moore, R. B. Kearfott and M. J. Cloud, Introduction to Interval Analysis, SIAM 2009; S. M. Rump, Verification
methods: rigorous results using floating-point arithmetic, Acta Numerica 19 (2010) 287, whose bounds of rounding errors
replace directed rounding, which NumPy has not.  Elementary functions are in `interval_functions`.

Example: a third lies in
    >>> third = div(point(1.0), point(3.0))
    >>> float(lower(third)), float(upper(third))
    (0.33333333333333326, 0.33333333333333337)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.records import BoolArray, FloatArray

ROUNDING = 2.0**-52
"""Of +, -, *, / and the square root, relative: IEEE rounds by half of it; adding it moves on by one float at least."""
TINY = 1e-300
"""Added where products or quotients may underflow: far above the spacing of denormal numbers, and itself not one."""
LARGEST = float(np.finfo(np.float64).max)


def outward(r: Any, factor: Any, tiny: float = 0.0, work: Any = None) -> Any:
    """Upper bounds r (2, ...), in place: up by `factor` of their size, and by `tiny`.  `work` is overwritten.

    With a factor of 2^-52, the sum, which is rounded itself, is the next float at least.
    """
    t = np.abs(r, out=work)
    t *= factor
    if tiny:
        t += tiny
    r += t
    return r


def interval(lower: ArrayLike, upper: ArrayLike) -> FloatArray:
    """(...), (...) -> (2, ...): intervals between doubles, that are taken as they are.

    Example:
        >>> interval([1.0, -2.0], 3.0).tolist()
        [[-1.0, 2.0], [3.0, 3.0]]
    """
    low, high = np.broadcast_arrays(np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64))
    return np.stack([-low, high])


def point(x: ArrayLike) -> FloatArray:
    """(...) -> (2, ...): intervals that hold one double each; `point(0.1)` does not hold a tenth.

    Example:
        >>> point(0.5).tolist()
        [-0.5, 0.5]
    """
    return interval(x, x)


def whole(shape: int | tuple[int, ...]) -> FloatArray:
    """The whole line, `shape` times: (2, *shape).

    Example:
        >>> whole(2).tolist()
        [[inf, inf], [inf, inf]]
    """
    return np.full((2, *((shape,) if isinstance(shape, int) else shape)), np.inf)


def lower(a: FloatArray) -> Any:
    """(2, ...) -> (...): lower ends.  `lower(interval(1.0, 2.0))` is 1."""
    return -a[0]


def upper(a: FloatArray) -> Any:
    """(2, ...) -> (...): upper ends, a view.  `upper(interval(1.0, 2.0))` is 2."""
    return a[1]


def midpoint(a: FloatArray) -> Any:
    """(2, ...) -> (...): a double of the interval, near its middle; finite, and 0 for the whole line.

    Example:
        >>> float(midpoint(interval(1.0, 2.0)))
        1.5
    """
    low, high = np.minimum(a, LARGEST)
    # Halves of denormal numbers are rounded; the middle stays inside nevertheless.
    return np.maximum(np.minimum(0.5 * high - 0.5 * low, high), -low)


def radius(a: FloatArray) -> Any:
    """(2, ...) -> (...): rounded up, so that the interval lies within `radius` of `midpoint`.

    Example:
        >>> bool(1.0 <= radius(interval(1.0, 3.0)) < 1.0 + 1e-15)
        True
    """
    middle = midpoint(a)
    return outward(np.asarray(np.maximum(a[1] - middle, a[0] + middle)), ROUNDING)


def width(a: FloatArray) -> Any:
    """(2, ...) -> (...): upper end minus lower end, rounded up; negative or NaN for what is empty."""
    return outward(np.asarray(a[0] + a[1]), ROUNDING)


def empty(a: FloatArray) -> BoolArray:
    """(2, ...) -> (...): whether nothing lies between the ends, lower > upper.

    Example:
        >>> bool(empty(intersection(interval(0.0, 1.0), interval(2.0, 3.0))))
        True
    """
    return np.asarray(a[0] + a[1] < 0.0)


def holds_zero(a: FloatArray) -> BoolArray:
    """(2, ...) -> (...): whether 0 is in the interval; False where an end is NaN."""
    return np.asarray((a[0] >= 0.0) & (a[1] >= 0.0))


def contains(a: FloatArray, x: ArrayLike) -> BoolArray:
    """(2, ...), (...) -> (...): whether doubles are in intervals; False where either is NaN.

    Example:
        >>> contains(interval(0.0, 1.0), [0.0, 0.5, 2.0]).tolist()
        [True, True, False]
    """
    x = np.asarray(x, dtype=np.float64)
    return np.asarray((-x <= a[0]) & (x <= a[1]))


def inside(a: FloatArray, b: FloatArray) -> BoolArray:
    """(2, ...), (2, ...) -> (...): whether a is not empty and in the interior of b, as proofs of existence ask.

    False where an end is NaN; infinite ends of both are not inside.

    Example:
        >>> bool(inside(interval(0.0, 1.0), interval(-1.0, 2.0))), bool(inside(interval(0.0, 1.0), interval(0.0, 2.0)))
        (True, False)
    """
    return np.asarray((a[0] < b[0]) & (a[1] < b[1]) & (a[0] + a[1] >= 0.0))


def intersection(a: FloatArray, b: FloatArray) -> FloatArray:
    """What both hold; where that is nothing, the lower end is above the upper one, and `empty` says so.

    Example:
        >>> intersection(interval(0.0, 2.0), interval(1.0, 3.0)).tolist()
        [-1.0, 2.0]
    """
    return np.minimum(a, b)


def hull(a: FloatArray, b: FloatArray) -> FloatArray:
    """The smallest intervals that hold both.

    Example:
        >>> hull(interval(-1.0, 0.0), interval(2.0, 3.0)).tolist()
        [1.0, 3.0]
    """
    return np.maximum(a, b)


def neg(a: FloatArray) -> FloatArray:
    """-a: the entries change places.

    Example:
        >>> neg(interval(1.0, 2.0)).tolist()
        [2.0, -1.0]
    """
    return a[::-1].copy()


def add(a: FloatArray, b: FloatArray) -> FloatArray:
    """a + b.  Sums do not underflow: denormal ones are exact.

    Example:
        >>> bool(contains(add(point(0.1), point(0.2)), 0.1 + 0.2))
        True
    """
    return outward(a + b, ROUNDING)


def sub(a: FloatArray, b: FloatArray) -> FloatArray:
    """a - b, of operands that know nothing of each other: `sub(a, a)` is as wide as a twice.

    Example:
        >>> width(sub(interval(0.0, 1.0), interval(0.0, 1.0))).round(6).item()
        2.0
    """
    return outward(a + b[::-1], ROUNDING)


def _corners(w: Any) -> FloatArray:
    """From products or quotients w (2, 2, ...) of all entries.

    w[0, 0] and w[1, 1] are those of two ends of a kind, the others minus those of two different ones: the largest of
    these two and minus the others is the upper end; the other way round it is minus the lower one.
    """
    out = np.maximum(w[0, ::-1], w[1])
    least, work = w[0], w[1]
    np.minimum(least, work[::-1], out=least)
    np.maximum(out, np.negative(least, out=least), out=out)
    return outward(out, ROUNDING, TINY, work)


def mul(a: FloatArray, b: FloatArray) -> FloatArray:
    """a * b, from the products of the ends.

    Example:
        >>> midpoint(mul(interval(-1.0, 2.0), interval(3.0, 4.0))).round(6).item()
        2.0
    """
    return _corners(a[:, None] * b[None])


def mul_nonnegative(a: FloatArray, b: FloatArray) -> FloatArray:
    """a * b for what is known to be 0 or more in a, whatever rounding has made of its lower end: a third of `mul`.

    Example:
        >>> midpoint(mul_nonnegative(interval(1.0, 2.0), interval(-3.0, 4.0))).round(6).item()
        1.0
    """
    least = np.maximum(-a[0], 0.0)
    out = outward(np.where(b > 0.0, a[1], least) * b, ROUNDING, TINY)
    # what both are, the product is
    low = out[0, ...]
    np.minimum(low, 0.0, out=low, where=b[0] <= 0.0)
    return out


def div(a: FloatArray, b: FloatArray) -> FloatArray:
    """a / b; the whole line where b holds 0 (`extended_division` says more).

    Example:
        >>> div(point(1.0), interval(-1.0, 1.0)).tolist()
        [inf, inf]
    """
    out = _corners(a[:, None] / b[None])
    zero = holds_zero(b)
    if zero.any():
        np.copyto(out, np.inf, where=zero)
    return out


def extended_division(n: FloatArray, d: FloatArray) -> tuple[FloatArray, FloatArray]:
    """All x with x * d' = n' for some d' in d and n' in n, in two intervals, the first below the second.

    Where d holds 0 and n does not, the solutions are two half lines, (-inf, u] and [v, inf): the first and the second,
    either of them empty where d has nothing of the sign that it needs, both for d = 0.  Elsewhere the second is empty:
    the first is n / d, or where both hold 0, or an end is NaN, the whole line.  Empty ones are (-inf, -inf), on which
    `empty`, `intersection` and `hull` are right.  (Moore, Kearfott and Cloud, section 8.1: interval Newton's method.)

    Example:
        >>> below, above = extended_division(point(1.0), interval(-1.0, 2.0))
        >>> float(upper(below)) + 0.0, float(lower(above))
        (-0.9999999999999998, 0.4999999999999999)
    """
    first = div(n, d)
    second = np.full_like(first, -np.inf)
    unknown = np.isnan(n[0] + n[1] + d[0] + d[1])
    split = holds_zero(d) & ~holds_zero(n) & ~unknown
    if split.any():
        positive = n[0] < 0.0
        near = np.where(positive, -n[0], n[1])
        divisors = np.stack(np.broadcast_arrays(np.where(positive, d[1], -d[0]), np.where(positive, -d[0], d[1])))
        ends = near / divisors
        np.negative(ends[0, ...], out=ends[0, ...])
        outward(np.maximum(ends, -LARGEST, out=ends), ROUNDING, TINY)
        ends[divisors == 0.0] = -np.inf
        line = np.where(divisors == 0.0, -np.inf, np.inf)
        np.copyto(first, np.stack([line[1], ends[1]]), where=split)
        np.copyto(second, np.stack([ends[0], line[0]]), where=split)
    np.copyto(first, np.inf, where=unknown)
    return first, second


def scale(a: FloatArray, c: FloatArray) -> FloatArray:
    """a * c for few and narrow c, such as constants (2, m, 1): by their middles, and what they are wide as an error.

    Half the products of `mul`, which does it where some c may be 0.

    Example:
        >>> midpoint(scale(interval([[1.0, 2.0]], 3.0), point([[-2.0]]))).round(6).tolist()
        [[-4.0, -5.0]]
    """
    if not ((c[0] < 0.0) | (c[1] < 0.0)).all():
        return mul(a, c)
    middle = midpoint(c)
    size = np.abs(middle)
    # Relative radius, rounded up by the last factor; twice the rounding, as the sum need not reach the next float.
    factor = 2 * ROUNDING + np.maximum(c[1] - middle, c[0] + middle) / size * (1 + 2.0**-50)
    positive = middle > 0.0
    if positive.all():
        out = a * size
    elif positive.any():
        out = np.where(positive, a, a[::-1]) * size
    else:
        out = a[::-1] * size
    return outward(out, factor, TINY)


def absolute(a: FloatArray) -> FloatArray:
    """|a|, exactly.

    Example:
        >>> absolute(interval(-3.0, 2.0)).tolist()
        [0.0, 3.0]
    """
    out = np.empty_like(a)
    low, high = out[0, ...], out[1, ...]
    np.maximum(a[0], a[1], out=high)
    np.minimum(a[0], a[1], out=low)
    np.minimum(low, 0.0, out=low)
    return out


def sign(a: FloatArray) -> FloatArray:
    """1 or -1; [-1, 1] where 0 is in a, as a derivative of `absolute` that is right on either side of 0.

    Example:
        >>> sign(interval([-2.0, 0.0, 1.0], [-1.0, 0.0, 2.0])).tolist()
        [[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]]
    """
    out = np.sign(a)
    np.copyto(out, 1.0, where=a == 0.0)
    return out


def sqr(a: FloatArray) -> FloatArray:
    """a^2, whose lower end is not negative; `mul(a, a)` does not know that the operands are the same.

    Example:
        >>> sqr(interval(-1.0, 2.0)).round(6).tolist()
        [0.0, 4.0]
    """
    out = absolute(a)
    out *= out
    low = out[0, ...]
    np.negative(low, out=low)
    outward(out, ROUNDING, TINY)
    np.minimum(low, 0.0, out=low)
    return out


def sqrt(a: FloatArray) -> FloatArray:
    """Square roots of what is not negative in a; NaN where all of a is.

    Example:
        >>> sqrt(interval(-1.0, 4.0)).round(6).tolist()
        [0.0, 2.0]
    """
    out = a.copy()
    low = out[0, ...]
    np.minimum(low, 0.0, out=low)
    np.negative(low, out=low)
    np.sqrt(out, out=out)
    np.negative(low, out=low)
    return outward(out, ROUNDING)
