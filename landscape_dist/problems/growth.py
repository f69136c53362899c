"""Whether a formula grows in every direction, so that Morse theory says what its points add up to."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from landscape_dist.problems.expressions import Vocabulary, parse
from landscape_dist.problems.programs import Algebra, read
from landscape_dist.problems.programs.algebra import Function, Product, Sum
from landscape_dist.problems.programs.growth import Monomial, Polynomial, polynomial_of

# Of more variables, or of formulas of more characters, the question is not asked.
MOST_VARIABLES, LONGEST = 64, 20_000
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
    algebra = Algebra()
    energy = read(parse(formula, Vocabulary(None, None)), algebra)
    node = algebra.nodes[energy]
    terms = node.terms if isinstance(node, Sum) else ((energy, Fraction(1)),)
    polynomial: Polynomial = {}
    for term, c in terms:
        part = polynomial_of(algebra, term)
        if part is None:
            if not _bounded(algebra, term):
                return False
            continue
        for monomial, value in part.items():
            polynomial[monomial] = polynomial.get(monomial, Fraction(0)) + c * value
    found = {m: float(value) for m, value in polynomial.items() if value}
    return bool(found) and _dominated(found, dim)


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


def _dominated(polynomial: dict[Monomial, float], dim: int) -> bool:
    """Whether pure even powers dominate among monomials, by their coefficients."""
    powers = np.zeros((len(polynomial), dim), dtype=np.int64)
    for row, monomial in zip(powers, polynomial, strict=True):
        for variable, e in monomial:
            row[variable] = e
    c = np.array(list(polynomial.values()))
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


def _bounded(algebra: Algebra, expression: int) -> bool:
    """Whether an expression is smooth and bounded on R^d, as far as it is seen."""
    node = algebra.nodes[expression]
    if not algebra.depends[expression]:
        return True
    if isinstance(node, Sum):
        return all(_bounded(algebra, term) for term, _ in node.terms)
    if isinstance(node, Product):
        return all(exponent > 0 and _bounded(algebra, factor) for factor, exponent in node.factors)
    if not isinstance(node, Function):
        return False
    inner = node.arguments[0]
    if node.name in ("sin", "cos", "tanh", "atan", "erf"):
        # Of what has no poles: sin(1 / x) is bounded and has points without end.
        return polynomial_of(algebra, inner) is not None or _bounded(algebra, inner)
    return node.name == "exp" and _no_greater(polynomial_of(algebra, inner))


def _no_greater(polynomial: Polynomial | None) -> bool:
    """Whether a polynomial of second degree is bounded above: minus a sum of squares, but for constants."""
    if polynomial is None or max(sum(e for _, e in m) for m in polynomial) > 2:
        return False
    variables = sorted({i for m in polynomial for i, _ in m})
    place = {i: k for k, i in enumerate(variables)}
    H, slope = np.zeros((len(variables), len(variables))), np.zeros(len(variables))
    for m, value in polynomial.items():
        which = [place[i] for i, e in m for _ in range(e)]
        if len(which) == 2:
            H[which[0], which[1]] += float(value)
            H[which[1], which[0]] += float(value)
        elif which:
            slope[which[0]] += float(value)
    w, Q = np.linalg.eigh(H)
    size = max(float(np.abs(w).max()), 1e-300)
    rounding = len(w) * np.finfo(np.float64).eps * size
    flat = np.abs(w) <= rounding
    return bool((w <= rounding).all() and (np.abs(Q.T @ slope)[flat] <= ROUNDING * np.abs(slope).max()).all())
