"""Whether a formula grows in every direction, so that Morse theory says what its points add up to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from landscape_dist.problems.expressions import Vocabulary, canonical_symbol, parse

# Of more variables, or of formulas of more characters, the question is not asked.
MOST_VARIABLES, LONGEST = 64, 20_000
# nor of those that have more terms, multiplied out.
MOST_TERMS = 5_000
# A part of a coefficient that rounding might have taken away.
ROUNDING = 1e-9


def grows(formula: str, dim: int) -> bool:
    """Whether the energy x1..xd of a formula is known to grow without bound in every direction of R^d.

    It is where the formula is a polynomial plus bounded terms, and in the polynomial the pure powers c_i x_i^D_i, D_i
    even and c_i > 0, dominate: of every other monomial |x^a| <= sum_i w_i |x_i|^D_i with w_i = a_i / D_i, if these add
    up to 1 (weighted means), and less than any part of that, far out, if they add up to less.  Quadratic polynomials
    are asked for their eigenvalues.

    Returns:
        False where it does not grow, and where that cannot be told this way.

    Example:
        >>> grows("(x1**2 - 1)**2 + x2**2 - x1*x2 + 5*sin(x1)", 2)
        True
    """
    if dim > MOST_VARIABLES or len(formula) > LONGEST:
        return False
    import sympy

    variables = [canonical_symbol(i) for i in range(dim)]
    energy = parse(formula, Vocabulary(None, None))
    if _n_terms(energy) > MOST_TERMS:
        return False
    energy = sympy.expand(energy, power_exp=False)
    polynomial = []
    for term in sympy.Add.make_args(energy):
        if term.is_polynomial(*variables):
            polynomial.append(term)
        elif not _bounded(term, variables):
            return False
    if not polynomial:
        return False
    return _dominated(sympy.Poly(sympy.Add(*polynomial), *variables).terms(), dim)


@lru_cache(maxsize=64)
def _asked(formula: str, dim: int) -> bool:
    try:
        return grows(formula, dim)
    except Exception:  # whatever SymPy makes of a formula, a landscape can be read without this
        return False


def euler_characteristic_of(about: dict[str, Any]) -> int | None:
    """What a problem declares, or else 1 where it is a formula that grows in every direction of R^d; else None.

    Args:
        about: the problem's part of a header.
    """
    declared: int | None = about["euler_characteristic"]
    definition = about.get("definition")
    if declared is not None or not isinstance(definition, dict) or definition.get("kind") != "symbolic":
        return declared
    if "space" in about or about["domain"]["kind"] != "unbounded" or not isinstance(definition.get("formula"), str):
        return declared
    return 1 if _asked(definition["formula"], about["dim"]) else None


def _dominated(terms: Sequence[tuple[tuple[int, ...], Any]], dim: int) -> bool:
    """Whether pure even powers dominate among monomials, each with its exponents and its coefficient."""
    powers = np.array([exponents for exponents, _ in terms], dtype=np.int64).reshape(-1, dim)
    c = np.array([float(coefficient) for _, coefficient in terms])
    pure = np.count_nonzero(powers, axis=1) == 1
    highest = np.where(pure[:, None], powers, 0).max(axis=0)
    if (highest == 0).any() or (highest % 2 == 1).any():
        return False
    if (highest == 2).all() and powers.sum(axis=1).max() <= 2:
        H = np.zeros((dim, dim))
        for exponents, value in zip(powers, c, strict=True):
            if exponents.sum() == 2:
                i, j = np.repeat(np.arange(dim), exponents)
                H[i, j] += value
                H[j, i] += value
        w = np.linalg.eigvalsh(H)
        return bool(w[0] > ROUNDING * np.abs(w).max())
    weights = powers / highest
    total = weights.sum(axis=1)
    leading = pure & np.isclose(total, 1.0)
    kept = np.zeros(dim)
    for exponents, value in zip(powers[leading], c[leading], strict=True):
        kept[np.flatnonzero(exponents)[0]] = value
    positive = (powers % 2 == 0).all(axis=1) & (c > 0)  # they only help
    others = ~leading & ~positive
    if (total[others] > 1 + ROUNDING).any():
        return False
    tied = others & (total > 1 - ROUNDING)
    left = kept - np.abs(c[tied]) @ weights[tied]
    return bool((left > ROUNDING * np.abs(c).max()).all())


def _bounded(term: Any, variables: Sequence[Any]) -> bool:
    """Whether an expression is smooth and bounded on R^d, as far as it is seen."""
    import sympy

    if not term.free_symbols.intersection(variables):
        return True
    if isinstance(term, sympy.Mul | sympy.Add):
        return all(_bounded(part, variables) for part in term.args)
    if isinstance(term, sympy.sin | sympy.cos | sympy.tanh | sympy.atan | sympy.erf):
        # Of what has no poles: sin(1 / x) is bounded and has points without end.
        inner = term.args[0]
        return bool(inner.is_polynomial(*variables)) or _bounded(inner, variables)
    if isinstance(term, sympy.exp):
        return _no_greater(term.args[0], variables)
    if isinstance(term, sympy.Pow) and term.exp.is_Integer and term.exp > 0:
        return _bounded(term.base, variables)
    return False


def _no_greater(exponent: Any, variables: Sequence[Any]) -> bool:
    """Whether a polynomial of second degree is bounded above: minus a sum of squares, but for constants."""
    import sympy

    if not exponent.is_polynomial(*variables):
        return False
    polynomial = sympy.Poly(exponent, *variables)
    if polynomial.total_degree() > 2:
        return False
    H = np.array(sympy.hessian(exponent, variables), dtype=np.float64)
    slope = np.array([float(polynomial.coeff_monomial(x)) for x in variables])
    w, Q = np.linalg.eigh(H)
    size = max(float(np.abs(w).max()), 1e-300)
    rounding = len(w) * np.finfo(np.float64).eps * size
    flat = np.abs(w) <= rounding
    return bool((w <= rounding).all() and (np.abs(Q.T @ slope)[flat] <= ROUNDING * np.abs(slope).max()).all())


def _n_terms(expression: Any) -> int:
    """How many terms an expression has at most when it is multiplied out, in what it is made of, too."""
    import sympy

    parts = [_n_terms(part) for part in expression.args]
    if isinstance(expression, sympy.Add):
        return sum(parts)
    if isinstance(expression, sympy.Mul):
        return math.prod(parts)
    if isinstance(expression, sympy.Pow) and expression.exp.is_Integer and expression.exp > 0:
        return math.comb(parts[0] + int(expression.exp) - 1, int(expression.exp))
    return max(parts, default=1)
