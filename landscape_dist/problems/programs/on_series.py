"""Programs on power series whose coefficients are intervals: what an expression is along a curve.

Of a curve x(t) = x_0 + x_1 t + ... + x_K t^K the coefficients of f(x(t)) follow from those of x, operation by operation
(R. E. Moore, Interval Analysis, 1966, chapter 11; A. Griewank and A. Walther, Evaluating Derivatives, 2008, section
13.2).  With x_0, ..., x_K thin they are the derivatives at t = 0; with the ranges over |t| <= 1 of the coefficients of
the same curve about t, they are those about all t, so that the last is the remainder of Taylor's formula.

A function that has a kink or a jump somewhere in its operand has no further coefficients: they are the whole line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.numerics import intervals
from landscape_dist.problems.programs.instructions import Program, Step
from landscape_dist.problems.programs.on_intervals import PI, Enclosure, operate
from landscape_dist.records import FloatArray

# Bytes that the slots of a batch may take.
BATCH_BYTES = 2**23
FEWEST = 64


def enclose_series(program: Program, X: FloatArray) -> Enclosure:
    """Coefficients of the expressions of a program along n curves.

    Args:
        X: (2, K + 1, d, n) minus lower and upper ends of the coefficients of the variables.

    Returns:
        With values (2, K + 1, k, n).

    Example: of 1 / x along x = 1 + t / 2
        >>> from landscape_dist.numerics.intervals import midpoint, point
        >>> from landscape_dist.problems.programs import Algebra, program_of, read_text
        >>> a = Algebra()
        >>> X = point([[[1.0]], [[0.5]], [[0.0]], [[0.0]]])
        >>> midpoint(enclose_series(program_of(a, [read_text("1/x1", a)], 1), X).values).ravel().round(6).tolist()
        [1.0, -0.5, 0.25, -0.125]
    """
    orders, d, n = X.shape[1:]
    size = max(FEWEST, BATCH_BYTES // (16 * orders * program.n_slots))
    values = np.empty((2, orders, len(program.outputs), n))
    partly, nowhere = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    with np.errstate(all="ignore"):
        for start in range(0, n, size):
            here = slice(start, start + size)
            box = X[..., here]
            w = np.zeros((2, orders, program.n_slots, box.shape[3]))
            w[:, :, :d] = box
            w[:, 0, d : d + program.constants.shape[1]] = program.constants[:, :, None]
            for step in program.steps:
                first = operate(step, w[:, 0], partly[here], nowhere[here])
                w[:, :, step.results[0] : step.results[1]] = _series(step, first, w)
            values[..., here] = w[:, :, program.outputs]
    values[np.isnan(values)] = np.inf
    return Enclosure(values, partly, nowhere)


def _series(step: Step, first: FloatArray, w: FloatArray) -> FloatArray:
    """(2, K + 1, m, n) of a step's results, whose (2, m, n) of order 0 are known."""
    name = step.operation
    operands = [w[:, :, slots] for slots in step.arguments]
    n = w.shape[3]
    out = np.zeros((2, w.shape[1], step.results[1] - step.results[0], n))
    out[:, 0] = first
    if w.shape[1] == 1 or name == "pi":
        return out
    if name == "scale":
        assert step.constants is not None
        out[:, 1:] = intervals.scale(operands[0][:, 1:], step.constants[:, None, :, None])
    elif name in ("add", "sub"):
        out[:, 1:] = getattr(intervals, name)(*(a[:, 1:] for a in operands))
    elif name == "power":
        _power(out, operands[0], step.exponent)
    elif name == "real_power":
        _real_power(out, operands[0], step.exponent)
    else:
        RULES[name](out, *operands)
    return out


def _sum(terms: FloatArray) -> FloatArray:
    """(2, k, m, n) -> (2, m, n): sums of intervals."""
    k = terms.shape[1]
    return np.asarray(terms.sum(axis=1) + np.abs(terms).sum(axis=1) * ((k + 2) * intervals.ROUNDING))


def _convolved(a: FloatArray, b: FloatArray, k: int, first: int = 0, last: int | None = None) -> FloatArray:
    """sum_i a_i b_(k - i) over first <= i <= last, by default to k."""
    last = k if last is None else last
    terms = a[:, first : last + 1], b[:, k - last : k - first + 1][:, ::-1]
    return _sum(intervals.mul(*terms)) if last >= first else np.zeros_like(a[:, 0])


def _by_index(a: FloatArray) -> FloatArray:
    """i a_i: the coefficients of t a'."""
    return intervals.outward(a * np.arange(a.shape[1])[:, None, None], intervals.ROUNDING)


def _divided(a: FloatArray, k: float) -> FloatArray:
    return intervals.outward(a / k, intervals.ROUNDING, intervals.TINY)


def _mul(out: FloatArray, a: FloatArray, b: FloatArray) -> None:
    for k in range(1, out.shape[1]):
        out[:, k] = _convolved(a, b, k)


def _square(out: FloatArray, a: FloatArray) -> None:
    for k in range(1, out.shape[1]):
        half = (k - 1) // 2
        twice = 2.0 * _convolved(a, a, k, 0, half)
        out[:, k] = intervals.add(twice, intervals.sqr(a[:, k // 2])) if k % 2 == 0 else twice


def _div(out: FloatArray, a: FloatArray, b: FloatArray) -> None:
    """q b = a"""
    for k in range(1, out.shape[1]):
        out[:, k] = intervals.div(intervals.sub(a[:, k], _convolved(out, b, k, 0, k - 1)), b[:, 0])


def _sqrt(out: FloatArray, a: FloatArray) -> None:
    """s^2 = a"""
    for k in range(1, out.shape[1]):
        rest = intervals.sub(a[:, k], _convolved(out, out, k, 1, k - 1))
        out[:, k] = intervals.div(rest, 2.0 * out[:, 0])


def _exp(out: FloatArray, a: FloatArray) -> None:
    """e' = a' e"""
    ia = _by_index(a)
    for k in range(1, out.shape[1]):
        out[:, k] = _divided(_convolved(ia, out, k, 1), k)


def _log(out: FloatArray, a: FloatArray) -> None:
    """l' a = a'"""
    _integrated(out, a, _reciprocal(a))


def _circular(name: str, sign: int) -> Callable[..., None]:
    """s' = a' c and c' = +- a' s, of which one is asked for."""
    functions = {-1: ("sin", "cos"), 1: ("sinh", "cosh")}[sign]

    def rule(out: FloatArray, a: FloatArray) -> None:
        s, c = np.zeros_like(out), np.zeros_like(out)
        for part, which in zip((s, c), functions, strict=True):
            part[:, 0] = operate(_alone(which, a), a[:, 0], *_nowhere(a))
        ia = _by_index(a)
        for k in range(1, out.shape[1]):
            s[:, k] = _divided(_convolved(ia, c, k, 1), k)
            other = _divided(_convolved(ia, s, k, 1), k)
            c[:, k] = other if sign > 0 else intervals.neg(other)
        out[:, 1:] = (s if name == functions[0] else c)[:, 1:]

    return rule


def _alone(name: str, a: FloatArray) -> Step:
    """A function of all slots of a."""
    m = a.shape[2]
    return Step(name, (0, m), (np.arange(m),))


def _nowhere(a: FloatArray) -> tuple[Any, Any]:
    """What nobody asks: sines and exponentials have values everywhere."""
    return np.zeros(a.shape[3], dtype=bool), np.zeros(a.shape[3], dtype=bool)


def _tangent(sign: int) -> Callable[..., None]:
    """y' = (1 +- y^2) a'"""

    def rule(out: FloatArray, a: FloatArray) -> None:
        ia = _by_index(a)
        slope = np.zeros_like(out)
        for k in range(out.shape[1]):
            if k:
                out[:, k] = _divided(_convolved(ia, slope, k, 1), k)
            square = _convolved(out, out, k) if k else intervals.sqr(out[:, 0])
            if sign < 0:
                square = intervals.neg(square)
            slope[:, k] = square if k else intervals.add(square, intervals.point(np.ones_like(square[0])))

    return rule


def _integrated(out: FloatArray, a: FloatArray, slope: FloatArray) -> None:
    """y' = slope a'"""
    ia = _by_index(a)
    for k in range(1, out.shape[1]):
        out[:, k] = _divided(_convolved(ia, slope, k, 1), k)


def _one(a: FloatArray) -> FloatArray:
    one = np.zeros_like(a)
    one[0, 0], one[1, 0] = -1.0, 1.0
    return one


def _whole(rule: Callable[..., None], first: FloatArray, *operands: Any) -> FloatArray:
    """All coefficients by a rule, of which the first is known."""
    out = np.zeros_like(operands[0])
    out[:, 0] = first
    rule(out, *operands)
    return out


def _squared(a: FloatArray) -> FloatArray:
    return _whole(_square, intervals.sqr(a[:, 0]), a)


def _reciprocal(a: FloatArray) -> FloatArray:
    one = _one(a)
    return _whole(_div, intervals.div(one[:, 0], a[:, 0]), one, a)


def _inverse(constant: int, sign: int, root: bool, minus: bool = False) -> Callable[..., None]:
    """Of functions with the derivative 1 / (constant +- a^2), or that of its root."""

    def rule(out: FloatArray, a: FloatArray) -> None:
        square = _squared(a)
        w = square if sign > 0 else square[::-1].copy()
        w[:, 0] = intervals.add(w[:, 0], _one(a)[::constant, 0])
        slope = _reciprocal(_whole(_sqrt, intervals.sqrt(w[:, 0]), w) if root else w)
        _integrated(out, a, slope[::-1].copy() if minus else slope)

    return rule


def _atan2(out: FloatArray, y: FloatArray, x: FloatArray) -> None:
    """The angle turns by (x y' - y x') / (x^2 + y^2)."""
    iy, ix = _by_index(y), _by_index(x)
    turned, size = np.zeros_like(out), intervals.add(_squared(x), _squared(y))
    for k in range(1, out.shape[1]):
        turned[:, k] = intervals.sub(_convolved(iy, x, k, 1), _convolved(ix, y, k, 1))
    slope = _whole(_div, turned[:, 0], turned, size)
    for k in range(1, out.shape[1]):
        out[:, k] = _divided(slope[:, k], k)


def _erf(out: FloatArray, a: FloatArray) -> None:
    """y' = 2 / sqrt(pi) exp(-a^2) a'"""
    minus = _squared(a)[::-1].copy()
    slope = _whole(_exp, operate(_alone("exp", a), minus[:, 0], *_nowhere(a)), minus)
    factor = intervals.div(intervals.point(2.0), intervals.sqrt(PI))
    _integrated(out, a, intervals.mul(slope, factor[:, None, None, None]))


def _power(out: FloatArray, a: FloatArray, n: int) -> None:
    """a^n by repeated multiplication, as a may hold 0."""
    product, base, left = None, a, abs(n)
    while left:
        if left % 2:
            product = base if product is None else _whole(_mul, intervals.mul(product[:, 0], base[:, 0]), product, base)
        left //= 2
        if left:
            base = _squared(base)
    if product is not None:
        out[:, 1:] = (product if n > 0 else _reciprocal(product))[:, 1:]


def _real_power(out: FloatArray, a: FloatArray, exponent: tuple[float, float, float]) -> None:
    """a p' = r a' p"""
    low, high = -exponent[0], exponent[1]
    r = np.array([-low, high])[:, None, None, None]
    for k in range(1, out.shape[1]):
        i = np.arange(1.0, k + 1)[:, None, None]
        factors = intervals.sub(intervals.mul(r, intervals.point(i)), intervals.point(k - i))
        terms = intervals.mul(factors, intervals.mul(a[:, 1 : k + 1], out[:, :k][:, ::-1]))
        out[:, k] = _divided(intervals.div(_sum(terms), a[:, 0]), k)


def _constant(out: FloatArray, a: FloatArray) -> None:
    """Of a sign and of its derivative: no more, and nothing is known where it changes."""
    changes = ~((a[0, 0] < 0) | (a[1, 0] < 0))
    out[:, 1:] = np.where(changes, np.inf, 0.0)


def _absolute(out: FloatArray, a: FloatArray) -> None:
    negative, changes = a[1, 0] < 0, ~((a[0, 0] < 0) | (a[1, 0] < 0))
    out[:, 1:] = np.where(changes, np.inf, np.where(negative, a[::-1, 1:], a[:, 1:]))


RULES: dict[str, Callable[..., None]] = {
    "mul": _mul,
    "mul_nonnegative": _mul,
    "div": _div,
    "square": _square,
    "sqrt": _sqrt,
    "exp": _exp,
    "log": _log,
    "sin": _circular("sin", -1),
    "cos": _circular("cos", -1),
    "tan": _tangent(1),
    "asin": _inverse(1, -1, True),
    "acos": _inverse(1, -1, True, minus=True),
    "atan": _inverse(1, 1, False),
    "atan2": _atan2,
    "sinh": _circular("sinh", 1),
    "cosh": _circular("cosh", 1),
    "tanh": _tangent(-1),
    "asinh": _inverse(1, 1, True),
    "acosh": _inverse(-1, 1, True),
    "atanh": _inverse(1, -1, False),
    "absolute": _absolute,
    "sign": _constant,
    "jump": _constant,
    "erf": _erf,
}
