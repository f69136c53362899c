"""What intervals are held against: operands of every kind, exact values by arb (python-flint) at 200 bits, and the
checks that count what is wrong.

The checks take functions, not modules, and look them up when they are called: the same ones find the faults of mutants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from landscape_dist.numerics import interval_functions as functions
from landscape_dist.numerics import intervals

try:
    import flint
except ImportError:
    flint = None
needs_flint = pytest.mark.skipif(flint is None, reason="python-flint, which says what values are, is not installed")
INF = np.inf
LARGEST = np.finfo(float).max
PI = np.pi


@dataclass(frozen=True)
class Operation:
    """`enclose` of interval arrays and `exact` of as many arbs.

    Attributes:
        domain: of the operand. critical: where a function of one operand has an extremum, up to a `period`.
    """

    enclose: Callable[..., Any]
    exact: Callable[..., Any]
    operands: int = 1
    domain: tuple[float, float] = (-INF, INF)
    critical: tuple[float, ...] = ()
    period: float = 0.0


def unary(name: str, method: str = "", **rest: Any) -> Operation:
    module = intervals if hasattr(intervals, name) else functions
    domain = functions.DOMAINS.get(name, (-INF, INF))
    return Operation(lambda a: getattr(module, name)(a), lambda x: getattr(x, method or name)(), 1, domain, **rest)


def integer_power(n: int) -> Operation:
    return Operation(
        lambda a: functions.power(a, n), lambda x: x**n if n >= 0 else 1 / x**-n, critical=() if n % 2 else (0.0,)
    )


def real_power(low: float, high: float, exponent: float) -> Operation:
    return Operation(
        lambda a: functions.real_power(a, (low, high)), lambda x: x ** flint.arb(exponent), domain=(0.0, INF)
    )


def binary(name: str, exact: Callable[[Any, Any], Any]) -> Operation:
    module = intervals if hasattr(intervals, name) else functions
    return Operation(lambda a, b: getattr(module, name)(a, b), exact, 2)


OPERATIONS = {
    "add": binary("add", lambda x, y: x + y),
    "sub": binary("sub", lambda x, y: x - y),
    "mul": binary("mul", lambda x, y: x * y),
    "div": binary("div", lambda x, y: x / y),
    **{f"scale{kind}": binary("scale", lambda x, y: x * y) for kind in ("", " positive", " negative", " any")},
    "atan2": binary("atan2", lambda y, x: flint.arb.atan2(y, x)),
    "neg": Operation(lambda a: intervals.neg(a), lambda x: -x),
    "absolute": Operation(lambda a: intervals.absolute(a), abs, critical=(0.0,)),
    "sign": unary("sign", "sgn"),
    "sqr": Operation(lambda a: intervals.sqr(a), lambda x: x * x, critical=(0.0,)),
    **{f"power {n}": integer_power(n) for n in (-7, -4, -2, -1, 0, 1, 2, 3, 4, 7, 16, 17, 40)},
    **{f"real_power {p}": real_power(p, p, p) for p in (1.5, -0.5, 1 / 3, -1.0, 2.0)},
    **{f"real_power {p} to 2": real_power(p, 2.0, q) for p, q in ((-1.5, 2.0), (-1.5, -1.5), (0.5, 0.7), (0.0, 0.0))},
    "sin": unary("sin", critical=(PI / 2, -PI / 2), period=2 * PI),
    "cos": unary("cos", critical=(0.0, PI), period=2 * PI),
    "cosh": unary("cosh", critical=(0.0,)),
    **{name: unary(name) for name in ("sqrt", "exp", "log", "tan", "asin", "acos", "atan", "sinh", "tanh")},
    **{name: unary(name) for name in ("asinh", "acosh", "atanh", "erf")},
}


def operands_of(name: str, rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """Operands (2, n) of an operation: all kinds, half of them such that their values are in its domain."""
    operation = OPERATIONS[name]
    given = [operands(rng, n) for _ in range(operation.operands)]
    half = rng.random(n) < 0.5
    if operation.domain[0] >= 0.0:
        moved = intervals.absolute(given[0])
        moved += operation.domain[0] * np.array([[-1.0], [1.0]])
        given[0] = np.where(half, moved, given[0])
    elif operation.domain[0] == -1.0:
        size = np.abs(given[0]).max(axis=0) * rng.uniform(1.0, 2.0, n)
        given[0] = np.where(
            half & (size > 0.0) & np.isfinite(size), given[0] / np.where(size > 0.0, size, 1.0), given[0]
        )
    if name.startswith("scale") and name != "scale any":
        given[1] = np.where(intervals.holds_zero(given[1]), intervals.point(np.full(n, 0.1)), given[1])
    if name in ("scale positive", "scale negative"):
        given[1] = intervals.absolute(given[1])
    return [given[0], *(intervals.neg(b) if name == "scale negative" else b for b in given[1:])]


def operands(rng: np.random.Generator, n: int) -> np.ndarray:
    """(2, n) intervals: thin, narrow and wide ones, tiny and huge ones, at 0 and at extrema, unbounded ones."""
    sign = rng.choice([-1.0, 1.0], n)
    centre = np.choose(
        rng.integers(0, 10, n),
        [
            10 * rng.standard_normal(n),
            rng.uniform(-2.0, 2.0, n),
            rng.uniform(-1.0, 1.0, n),
            sign * 10 ** rng.uniform(-3, 3, n),
            sign * 10 ** rng.uniform(-320, -290, n),
            sign * 10 ** rng.uniform(290, 308.2, n),
            sign * 10 ** rng.uniform(3, 10, n),
            rng.integers(-20, 21, n).astype(float),
            rng.integers(-50, 51, n) * (PI / 2),
            sign * (1 + sign * 10 ** rng.uniform(-17, 0, n)),
        ],
    )
    # Up to four floats next to an extremum, a zero or an integer.
    centre *= 1 + rng.integers(-4, 5, n) * 2.0**-52
    size = np.abs(centre)
    wide = np.choose(
        rng.integers(0, 6, n),
        [
            np.zeros(n),
            rng.integers(1, 5, n) * 2.0**-52 * size,
            10 ** rng.uniform(-12, 0, n) * size,
            rng.uniform(0.0, 5.0, n),
            rng.uniform(0.0, 0.5, n),
            rng.uniform(0.0, 2.0, n) * np.minimum(size, 5e307),
        ],
    )
    part = rng.choice([0.0, 0.5, 1.0], n)
    with np.errstate(over="ignore"):
        low, high = centre - part * wide, centre + (1 - part) * wide
    touching = rng.random(n)
    low, high = np.where(touching < 0.05, np.minimum(low, 0.0), low), np.where(touching < 0.05, 0.0, high)
    low, high = np.where(touching > 0.95, 0.0, low), np.where(touching > 0.95, np.maximum(high, 0.0), high)
    low, high = np.minimum(low, high), np.maximum(low, high)
    unbounded = rng.random(n)
    low[unbounded < 0.02], high[unbounded > 0.98] = -INF, INF
    high[unbounded < 0.005] = INF
    return intervals.interval(low, high)


def points(rng: np.random.Generator, a: np.ndarray, domain: tuple[float, float]) -> list[np.ndarray]:
    """Three times (n,) doubles in a and in the domain, its ends there and one between; NaN where there are none."""
    low, high = np.maximum(-a[0], max(domain[0], -LARGEST)), np.minimum(a[1], min(domain[1], LARGEST))
    some = rng.choice([0.5, 0.1, 1e-9, 0.999], low.shape)
    between = np.clip(low * (1 - some) + high * some, low, high)
    nothing = low > high
    return [np.where(nothing, np.nan, x) for x in (low, high, between)]


def arbs(x: np.ndarray) -> list[Any]:
    return [flint.arb(value) for value in x.tolist()]


def violations(operation: Operation, *given: np.ndarray, rng: np.random.Generator) -> list[str]:
    """Points in operands (2, n) whose exact values are surely not in the enclosures.  A NaN promises nothing."""
    flint.ctx.prec = 200
    with np.errstate(all="ignore"):
        result = operation.enclose(*given)
        chosen = [points(rng, a, operation.domain) for a in given]
    assert result.shape == given[0].shape
    low, high = arbs(-result[0]), arbs(result[1])
    if len(given) == 2:
        (a, b, c), (d, e, f) = chosen
        chosen = [[a, b, c, a, b, c], [d, e, f, e, d, d]]
    found = []
    for selected in zip(*chosen, strict=True):
        for i, x in enumerate(zip(*(arbs(s) for s in selected), strict=True)):
            value = operation.exact(*x)
            if value < low[i] or value > high[i]:
                where = [float(part[i]) for part in selected], [a[:, i].tolist() for a in given]
                found.append(f"{where[0]} in {where[1]}: {value} is not in {result[:, i].tolist()}")
    return found


def excess(operation: Operation, *given: np.ndarray) -> np.ndarray:
    """How far the ends (2, n) of enclosures are beyond the range, relative to its ends; the range from values at the
    corners and at extrema inside."""
    flint.ctx.prec = 200
    with np.errstate(all="ignore"):
        result = operation.enclose(*given)
    corners = [(-a[0], a[1]) for a in given]
    if len(given) == 1:
        low, high = corners[0]
        places = [(low,), (high,)]
        for x in operation.critical:
            if operation.period:
                x = x + operation.period * np.ceil((low - x) / operation.period)
            places.append((np.where((low <= x) & (x <= high), x, low),))
    else:
        places = [(x, y) for x in corners[0] for y in corners[1]]
    values = [[operation.exact(*x) for x in zip(*map(arbs, place), strict=True)] for place in places]
    out = np.empty(result.shape)
    for i, some in enumerate(zip(*values, strict=True)):
        for j, (end, true) in enumerate(((result[0, i], -min(some)), (result[1, i], max(some)))):
            out[j, i] = float((flint.arb(float(end)) - true) / (abs(true) + flint.arb(1e-285)))
    return out


def uncovered(a: np.ndarray, middle: np.ndarray, radius: np.ndarray) -> int:
    """How many bounded intervals (2, n) are not within `radius` of `middle`, in exact arithmetic."""
    return sum(
        Fraction(m) - Fraction(r) > -Fraction(minus_low) or Fraction(m) + Fraction(r) < Fraction(high)
        for minus_low, high, m, r in zip(*a.tolist(), middle.tolist(), radius.tolist(), strict=True)
    )
