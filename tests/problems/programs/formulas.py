"""Random formulas, and what they are by SymPy's derivatives and arb (python-flint), which share no code with ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

from landscape_dist.problems.expressions import Vocabulary, canonical_symbol, parse

try:
    import flint
except ImportError:
    flint = None
needs_flint = pytest.mark.skipif(flint is None, reason="python-flint, which says what values are, is not installed")

LEAVES = ("1", "2", "-3", "0.7", "-0.2", "1/3", "1000", "0.001", "pi")
POWERS = ("2", "3", "4", "-1", "-2", "0.5", "1.5", "(-0.5)", "(-1.5)", "(1/3)", "2.5", "0.1")
FUNCTIONS = (
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    *("exp", "log", "abs", "erf"),
)
# What arb calls otherwise.
ARB = {"Abs": "__abs__", "sign": "sgn"}


def random_formula(rng: np.random.Generator, dim: int, depth: int) -> str:
    """A formula in x1..x_dim of all kinds of operations; it may have a value nowhere."""
    if depth == 0 or rng.random() < 0.15:
        return f"x{rng.integers(1, dim + 1)}" if rng.random() < 0.75 else str(rng.choice(LEAVES))
    kind = rng.random()
    a = random_formula(rng, dim, depth - 1)
    if kind < 0.55:
        b = random_formula(rng, dim, depth - 1)
        return f"({a}){rng.choice(['+', '+', '-', '*', '/'])}({b})"
    if kind < 0.72:
        return f"({a})^{rng.choice(POWERS)}"
    if kind < 0.76:
        return f"atan2({a}, {random_formula(rng, dim, depth - 1)})"
    return f"{rng.choice(FUNCTIONS)}({a})"


def random_expressions(rng: np.random.Generator, n: int, dim: int, depth: int = 4) -> list[Any]:
    """n of them that SymPy reads as formulas of real numbers."""
    found: list[Any] = []
    while len(found) < n:
        try:
            expression = parse(random_formula(rng, dim, depth), Vocabulary(None, None))
        except Exception:
            continue
        if expression.free_symbols and not expression.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I):
            found.append(expression)
    return found


def gradient(expression: Any, dim: int) -> list[Any]:
    """Derivatives by SymPy."""
    return [_smooth(sympy.diff(expression, canonical_symbol(i))) for i in range(dim)]


def _smooth(expression: Any) -> Any:
    """Without the deltas at kinks."""
    return expression.replace(lambda t: isinstance(t, sympy.DiracDelta), lambda t: sympy.Integer(0))


def exact(expression: Any, x: Any) -> Any:
    """What an expression is at doubles x (d,), as an arb; nan where it has no value."""
    known: dict[Any, Any] = {}

    def value(e: Any) -> Any:
        if e not in known:
            known[e] = of(e)
        return known[e]

    def of(e: Any) -> Any:
        if e.is_Symbol:
            return flint.arb(float(x[int(str(e)[1:]) - 1]))
        if e.is_Rational:
            return flint.arb(int(e.p)) / int(e.q)
        if e.is_Float:
            return flint.arb(float(e))
        if e is sympy.pi:
            return flint.arb.pi()
        if e is sympy.E:
            return flint.arb(1).exp()
        if e.is_Add:
            return sum(map(value, e.args), flint.arb(0))
        if e.is_Mul:
            product = flint.arb(1)
            for factor in e.args:
                product *= value(factor)
            return product
        if e.is_Pow:
            base, exponent = e.args
            return value(base) ** int(exponent) if exponent.is_Integer else value(base) ** value(exponent)
        arguments = [value(part) for part in e.args]
        name = type(e).__name__
        return getattr(flint.arb, ARB.get(name, name))(*arguments)

    flint.ctx.prec = 200
    return value(expression)
