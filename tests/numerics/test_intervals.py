"""Intervals hold what they must, by exact values of arb, and little more; the same checks find faults put in."""

from __future__ import annotations

import doctest
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.numerics import interval_functions as functions
from landscape_dist.numerics import intervals
from landscape_dist.numerics.intervals import interval, lower, point, upper, whole
from tests.numerics.interval_oracle import (
    OPERATIONS,
    excess,
    needs_flint,
    operands,
    operands_of,
    uncovered,
    violations,
)

INF, NAN = np.inf, np.nan
# Of each of some fifty operations; 100,000 in the long run.
ENCLOSURES = 3_000
ONE = {name: operation for name, operation in OPERATIONS.items() if operation.operands == 1}


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


def sound(name: str, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = violations(OPERATIONS[name], *operands_of(name, rng, n), rng=rng)
    assert not found, f"{len(found)} violations, the first of them {found[0]}"


@needs_flint
@pytest.mark.parametrize("name", OPERATIONS)
def test_exact_values_are_enclosed(name):
    sound(name, ENCLOSURES, 1)


@needs_flint
@pytest.mark.long
@pytest.mark.parametrize("name", OPERATIONS)
def test_many_exact_values_are_enclosed(name):
    sound(name, 100_000, 2)


# Faults of the implementation, and an operation in which each must be found.
FAULTS = {
    "no outward rounding of sums": ("add", intervals, "ROUNDING", 0.0),
    "no outward rounding of differences": ("sub", intervals, "ROUNDING", 0.0),
    "no outward rounding of products": ("mul", intervals, "ROUNDING", 0.0),
    "no outward rounding of quotients": ("div", intervals, "ROUNDING", 0.0),
    "no outward rounding of squares": ("sqr", intervals, "ROUNDING", 0.0),
    "no outward rounding of roots": ("sqrt", intervals, "ROUNDING", 0.0),
    "no outward rounding of constants' products": ("scale", intervals, "ROUNDING", 0.0),
    "no outward rounding of powers": ("power 7", functions, "ROUNDING", 0.0),
    "no outward rounding of reciprocals": ("power -2", functions, "ROUNDING", 0.0),
    "no room for underflow in products": ("mul", intervals, "TINY", 0.0),
    "no room for underflow in powers": ("power 4", functions, "TINY", 0.0),
    "no extremum of sin": ("sin", functions, "_counts", lambda turns, phases, slack: -np.ones_like(turns)),
    "extrema of cos for sin": (
        "sin", functions, "_wave", lambda ends, a, phase, wave=functions._wave: wave(ends, a, 0.0)
    ),
    "an extremum of sin missed by rounding": ("sin", functions, "SLACK", -1e-3),
    "even powers like odd ones": ("power 4", functions, "absolute", lambda a: a.copy()),
    "squares like odd powers": ("sqr", intervals, "absolute", lambda a: a.copy()),
    **{
        f"no allowance for the library's {name}": (name, functions, "LIBM", 0.0)
        for name in (
            "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh",
            "atanh", "erf", "atan2", "real_power 1.5", "power 17",
        )
    },
    "quotients by what holds 0": ("div", intervals, "holds_zero", lambda a: np.zeros(a.shape[1:], bool)),
    "tangents across poles": ("tan", functions, "_pole", lambda a: np.zeros(a.shape[1:], bool)),
    "an angle that is pi rounded down": ("acos", functions, "PI_UP", np.pi),
    "constants that are not as wide as they are": (
        "scale", intervals, "scale", lambda a, c: intervals.mul(a, point(intervals.midpoint(c)))
    ),
}  # fmt: skip


def faulty_operands(name: str, rng: np.random.Generator) -> list[np.ndarray]:
    """As everywhere, and thin ones of sizes for which no result is exact."""
    given = operands_of(name, rng, 3_000)
    if name.startswith("power") or name == "sqr":
        extra = [operands_of("sqrt", rng, 3_000)[0]]
    else:
        extra = [point(rng.uniform(1.0, 1.9, 1_000) / (2 if name in ("asin", "acos", "atanh") else 1)) for _ in given]
    return [np.concatenate(pair, axis=1) for pair in zip(given, extra, strict=True)]


@needs_flint
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(fault, monkeypatch):
    name, module, attribute, wrong = FAULTS[fault]
    given = faulty_operands(name, np.random.default_rng(3))
    assert not violations(OPERATIONS[name], *given, rng=np.random.default_rng(4))
    monkeypatch.setattr(module, attribute, wrong)
    assert violations(OPERATIONS[name], *given, rng=np.random.default_rng(4))


@needs_flint
def test_a_tenth_and_a_fifth_without_rounding(monkeypatch):
    rng = np.random.default_rng(0)
    tenth, fifth = point([0.1]), point([0.2])
    assert not violations(OPERATIONS["add"], tenth, fifth, rng=rng)
    assert np.all(Fraction(upper(intervals.add(tenth, fifth))[0]) >= Fraction(0.1) + Fraction(0.2))
    monkeypatch.setattr(intervals, "ROUNDING", 0.0)
    assert violations(OPERATIONS["add"], tenth, fifth, rng=rng)


def bounded(rng: np.random.Generator, n: int) -> np.ndarray:
    a = operands(rng, n)
    return a[:, np.isfinite(a).all(axis=0)]


def test_radii_cover():
    a = bounded(np.random.default_rng(5), 20_000)
    middle = intervals.midpoint(a)
    assert not uncovered(a, middle, intervals.radius(a))
    assert intervals.contains(a, middle).all()
    # Not more than is needed.
    exact = np.maximum(a[1] - middle, a[0] + middle)
    assert (intervals.radius(a) <= exact * (1 + 1e-15)).all()


@pytest.mark.parametrize("wrong", [0.0, -(2.0**-52)])
def test_radii_rounded_down_are_found(wrong, monkeypatch):
    a = bounded(np.random.default_rng(5), 2_000)
    monkeypatch.setattr(intervals, "ROUNDING", wrong)
    assert uncovered(a, intervals.midpoint(a), intervals.radius(a))


def usual(name: str, rng: np.random.Generator, wide: float) -> list[np.ndarray]:
    """Operands (2, 400) of usual size inside the domain and away from poles."""
    operation = OPERATIONS[name]
    given = []
    for i in range(operation.operands):
        x = rng.choice([-1.0, 1.0], 400) * 10 ** rng.uniform(-3, 0.9, 400)
        if name == "tan":
            x = np.sign(x) * rng.uniform(1e-3, 1.5, 400)
        if name in ("div", "atan2", "power -1", "power -2", "power -4", "power -7") or operation.domain[0] >= 0.0:
            x = np.abs(x) + 1e-3
        if operation.domain == (-1.0, 1.0):
            x = x / (10.0 if name == "atanh" else 8.0)
        if name == "acosh":
            x = x + 1.0
        if name.startswith("scale") and i == 1:
            x = {"scale positive": np.abs(x), "scale negative": -np.abs(x)}.get(name, x)
        w = np.zeros(400)
        if wide and not (name.startswith("scale") and i == 1):
            w = rng.uniform(0.0, wide, 400) * (np.abs(x) if name in ("div", "tan") or operation.domain[0] > -INF else 1)
        if name in ("div", "atan2", "log", "atanh") or "power -" in name:
            w = np.minimum(w, 0.4 * np.abs(x))
        if name == "tan":
            w = np.minimum(w, 1.5 - np.abs(x)) / 2
        low, high = x - w / 2, x + w / 2
        given.append(interval(np.clip(low, *operation.domain), np.clip(high, *operation.domain)))
    return given


TIGHT = [name for name in OPERATIONS if not (name == "sign" or "to 2" in name)]


@needs_flint
@pytest.mark.parametrize("wide", [0.0, 0.1, 3.0], ids=["thin", "narrow", "wide"])
@pytest.mark.parametrize("name", TIGHT)
def test_enclosures_are_tight(name, wide):
    found = excess(OPERATIONS[name], *usual(name, np.random.default_rng(6), wide))
    assert (found >= 0.0).all()
    assert found.max() <= 1e-14


@needs_flint
def test_enclosures_that_are_not_tight_are_found(monkeypatch):
    monkeypatch.setattr(intervals, "mul", lambda a, b: whole(a.shape[1]))
    assert excess(OPERATIONS["mul"], *usual("mul", np.random.default_rng(6), 1.0)).min() > 1e-14
    monkeypatch.setattr(functions, "LIBM", 1e-13)
    assert excess(OPERATIONS["exp"], *usual("exp", np.random.default_rng(6), 1.0)).max() > 1e-14


def test_real_powers_of_uncertain_exponents_are_those_of_the_ends():
    a = interval([0.5, 2.0, 0.0], [2.0, 3.0, 1.0])
    found = functions.real_power(a, (-1.0, 2.0))
    assert lower(found) == pytest.approx([0.25, 1 / 3, 0.0])
    assert upper(found).tolist()[2] == INF
    assert upper(found)[:2] == pytest.approx([4.0, 9.0])


def test_ends_of_ranges():
    a = interval(np.array([-INF, -1e-3, 0.0, -3.0, 1e5, 1e9]), np.array([INF, 1e-3, 0.0, 200.0, 1e5, 1e9]))
    for name in ("sin", "cos", "tanh", "erf"):
        found = getattr(functions, name)(a)
        assert (found <= 1.0).all(), name
    assert functions.sin(a)[:, 5].tolist() == [1.0, 1.0]
    for name in ("exp", "cosh", "acosh"):
        assert (lower(getattr(functions, name)(a)) >= float(name == "cosh")).all(), name
    assert lower(intervals.sqr(a)[:, :4]).tolist() == lower(functions.power(a, 4)[:, :4]).tolist() == [0.0] * 4
    assert (lower(functions.power(a, -2)) >= 0.0).all()
    assert (lower(intervals.sqrt(a)) >= 0.0).all()
    assert (lower(functions.real_power(a, (-0.5, 1.5))) >= 0.0).all()
    for name, most in (("atan", np.pi / 2), ("asin", np.pi / 2), ("acos", np.pi)):
        found = getattr(functions, name)(a)
        assert not (found > np.nextafter(most, 4.0)).any(), name
    assert functions.power(interval(0.0, 2.0), -2).tolist() == [pytest.approx(-0.25), INF]


def test_functions_are_evaluated_where_they_are_defined():
    assert upper(functions.log(interval(-1.0, 2.0))) == pytest.approx(np.log(2.0))
    assert lower(functions.log(interval(-1.0, 2.0))) == -INF
    assert functions.acos(interval(-2.0, 2.0)).tolist() == [0.0, functions.PI_UP]
    assert functions.tan(interval([1.0, 4.0], [2.0, 4.5])).tolist()[0][0] == INF
    outside = {"sqrt": -1.0, "log": -1.0, "asin": 2.0, "acos": -2.0, "acosh": 0.5, "atanh": 2.0}
    for name, x in outside.items():
        assert np.isnan(getattr(intervals if name == "sqrt" else functions, name)(point(x))).any(), name
    assert np.isnan(functions.real_power(point(-1.0), (2.0, 2.0))).any()


def test_undefined():
    for name, (least, most) in functions.DOMAINS.items():
        a = interval([least, least - 1, least - 2, NAN], [least + 0.5, least + 0.5, least - 1, 1.0])
        partly, nowhere = functions.undefined(name, a)
        assert partly.tolist() == [False, True, True, True], name
        assert nowhere.tolist() == [False, False, True, False], name
        if most < INF:
            assert [x.tolist() for x in functions.undefined(name, point([most, most + 1]))] == [[False, True]] * 2
    partly, nowhere = functions.undefined("div", interval([0.0, -1.0, 1.0, 0.0], [0.0, 1.0, 2.0, 1.0]))
    assert (partly.tolist(), nowhere.tolist()) == ([True, True, False, True], [True, False, False, False])
    partly, nowhere = functions.undefined("tan", interval([0.0, 1.0, 4.0], [1.5, 2.0, 4.5]))
    assert (partly.tolist(), nowhere.any()) == ([False, True, False], False)
    assert not functions.undefined("exp", interval([0.0, -INF], [0.0, INF]))[0].any()


@pytest.mark.parametrize("name", OPERATIONS)
def test_nan_never_becomes_a_finite_end(name):
    """Operands with one unknown end: an end that is finite must be what it is with that end at infinity."""
    operation = OPERATIONS[name]
    others = [] if operation.operands == 1 else [point([2.0, 2.0, 2.0])]
    unknown = operation.enclose(np.array([[NAN, -0.25, NAN], [0.5, NAN, NAN]]), *others)
    known = operation.enclose(np.array([[INF, -0.25, INF], [0.5, INF, INF]]), *others)
    # Exact values and natural bounds are known whatever the operand is.
    assert (np.isnan(unknown) | (unknown >= known) | np.isnan(known)).all()
    assert not np.isfinite(unknown[:, 2]).any()
    if others:
        swapped = operation.enclose(*others, np.array([[NAN, -0.25, NAN], [0.5, NAN, NAN]]))
        assert not np.isfinite(swapped[:, 2]).any()


def test_sets():
    a, b = interval([0.0, 0.0, 2.0], [1.0, 3.0, 3.0]), interval([-1.0, 1.0, 0.0], [2.0, 2.0, 1.0])
    assert intervals.inside(a, b).tolist() == [True, False, False]
    assert intervals.empty(intervals.intersection(a, b)).tolist() == [False, False, True]
    assert intervals.hull(a, b).tolist() == interval([-1.0, 0.0, 0.0], [2.0, 3.0, 3.0]).tolist()
    assert not intervals.inside(intervals.intersection(a, b), whole(3))[2]
    assert intervals.contains(a, NAN).tolist() == [False] * 3
    assert intervals.midpoint(interval([-INF, 1.0, -INF], [INF, INF, 2.0])).tolist()[0] == 0.0
    assert intervals.contains(interval(1.0, INF), intervals.midpoint(interval(1.0, INF)))
    assert np.isnan(intervals.midpoint(np.array([NAN, 1.0])))
    assert (intervals.width(interval([0.1, -INF], [0.3, 0.0])) >= [0.3 - 0.1, INF]).all()
    assert intervals.radius(whole(1)) == INF


@pytest.mark.parametrize("name", OPERATIONS)
def test_shapes(name):
    """Single intervals and stacks, also those that broadcast, give the same; operands stay as they are."""
    operation = OPERATIONS[name]
    rng = np.random.default_rng(7)
    given = [operands_of(name, rng, 6)[i].reshape(2, 2, 3) for i in range(operation.operands)]
    before = [a.copy() for a in given]
    found = operation.enclose(*given)
    assert found.shape == (2, 2, 3)
    assert not any(np.shares_memory(found, a) for a in given)
    single = np.stack([operation.enclose(*(a[:, i, j] for a in given)) for i in range(2) for j in range(3)], axis=1)
    if not name.startswith("scale"):
        np.testing.assert_array_equal(single.reshape(2, 2, 3), found)
    if len(given) == 2:
        broadcast = operation.enclose(given[0], given[1][:, :, :1])
        np.testing.assert_array_equal(broadcast, operation.enclose(given[0], np.repeat(given[1][:, :, :1], 3, axis=2)))
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_examples():
    names = {name: getattr(intervals, name) for name in ("interval", "upper", "lower", "point")}
    for module in (intervals, functions):
        found = doctest.testmod(module, extraglobs=names)
        assert found.attempted > 15
        assert not found.failed


finite = st.floats(allow_nan=False, allow_infinity=False)
usual_size = st.one_of(finite, st.floats(-10.0, 10.0), st.integers(-3, 3).map(float))
nested = st.lists(usual_size, min_size=4, max_size=4).map(sorted)


@settings(max_examples=300, deadline=None)
@given(nested, nested, st.sampled_from(sorted(OPERATIONS)))
def test_narrower_operands_have_narrower_results(x, y, name):
    operation = OPERATIONS[name]
    with np.errstate(all="ignore"):
        some = [interval([z[1]], [z[2]]) for z in (x, y)[: operation.operands]]
        all_of = [interval([z[0]], [z[3]]) for z in (x, y)[: operation.operands]]
        if name.startswith("scale"):
            # By the middle and the radius of constants: the same ones, and narrow.
            some[1] = all_of[1] = point([y[3]])
        narrow, wide = operation.enclose(*some), operation.enclose(*all_of)
        # Library functions are monotone up to their errors only.
        room = intervals.outward(wide.copy(), 2.0**-47, 1e-299)
    assert (np.isnan(narrow) | np.isnan(wide) | (narrow <= room)).all()


def between(z: list[float], part: float) -> float:
    return min(max(z[0] * (1 - part) + z[1] * part, z[0]), z[1])


pair = st.lists(usual_size, min_size=2, max_size=2).map(sorted)
share = st.floats(0.0, 1.0)


def holds(a: np.ndarray, x: Fraction) -> bool:
    """Whether a (2,), that promises something, holds x exactly."""
    low, high = float(lower(a)), float(upper(a))
    return not (
        (low > -INF and (low == INF or Fraction(low) > x)) or (high < INF and (high == -INF or Fraction(high) < x))
    )


@settings(max_examples=300, deadline=None)
@given(pair, pair, share, share)
def test_sums_and_products_commute_and_hold(x, y, s, t):
    p, q = Fraction(between(x, s)), Fraction(between(y, t))
    with np.errstate(all="ignore"):
        a, b = interval(*x), interval(*y)
        for function, exact in ((intervals.add, p + q), (intervals.mul, p * q)):
            one, other = function(a, b), function(b, a)
            np.testing.assert_array_equal(one, other)
            assert np.isnan(one).any() or holds(one, exact)


@settings(max_examples=400, deadline=None)
@given(pair, pair, share, share)
def test_extended_division_covers(n, d, s, t):
    p, q = Fraction(between(n, s)), Fraction(between(d, t))
    with np.errstate(all="ignore"):
        first, second = intervals.extended_division(interval(*n), interval(*d))
    if q:
        assert np.isnan(first).any() or holds(first, p / q) or holds(second, p / q)
    if n[0] <= 0 <= n[1] and d[0] <= 0 <= d[1]:
        assert first.tolist() == [INF, INF]


def test_extended_division():
    n = interval([1.0, 1.0, 1.0, -2.0, 1.0, -1.0, 1.0, 1.0], [2.0, 2.0, 2.0, -1.0, 2.0, 1.0, NAN, 2.0])
    d = interval([-1.0, 0.0, -4.0, -1.0, 0.0, 0.0, -1.0, 2.0], [4.0, 4.0, 0.0, 4.0, 0.0, 0.0, 1.0, 4.0])
    first, second = intervals.extended_division(n, d)
    ends = np.array([lower(first), upper(first), lower(second), upper(second)]).T
    nothing = [INF, -INF]
    expected = np.array([
        [-INF, -1.0, 0.25, INF],
        [*nothing, 0.25, INF],
        [-INF, -0.25, *nothing],
        [-INF, -0.25, 1.0, INF],
        [*nothing, *nothing],
        [-INF, INF, *nothing],
        [-INF, INF, *nothing],
        [0.25, 1.0, *nothing],
    ])  # fmt: skip
    np.testing.assert_allclose(ends, expected, rtol=1e-15)
    assert intervals.empty(second).tolist() == [False, False, True, False, True, True, True, True]
    # Clear of what is no solution.
    assert not intervals.contains(first, 0.0)[:5].any()
    assert not intervals.contains(second, 0.0)[:5].any()
