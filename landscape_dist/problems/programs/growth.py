"""How expressions grow: a form of the highest degree, and bounds of the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from landscape_dist.problems.programs.algebra import Algebra, Function, Number, Product, Sum, Variable
from landscape_dist.records import FloatArray

# A polynomial of more terms than these, multiplied out, is not looked at.
MOST_TERMS = 5_000
BOUNDED = {
    **dict.fromkeys(("sin", "cos", "tanh", "erf", "sign"), 1.0),
    "atan": 1.6,
    "asin": 1.6,
    "atan2": 3.2,
    "acos": 3.2,
}
"""Functions that are bounded by these numbers."""
SLACK = 1 + 1e-6

Monomial = tuple[tuple[int, int], ...]
"""Pairs of a variable and its exponent."""
Polynomial = dict[Monomial, Fraction]


@dataclass
class Growth:
    """An expression as a polynomial plus parts of which each is at most C |x|^k, in the largest norm |x| >= 1.

    Attributes:
        polynomial: coefficients by monomials. bounds: C by degree k.
    """

    polynomial: Polynomial = field(default_factory=dict)
    bounds: dict[int, float] = field(default_factory=dict)

    @property
    def degree(self) -> int:
        """Degree of the polynomial; -1 where it is 0."""
        return max((sum(e for _, e in m) for m, c in self.polynomial.items() if c), default=-1)

    def leading(self, algebra: Algebra, dim: int) -> int | None:
        """The form of the highest degree; None where it is constant or the rest grows as fast."""
        D = self.degree
        if D < 1 or max(self.bounds, default=-1) >= D:
            return None
        return algebra.sum(
            (c, algebra.product([(algebra.variable(i), e) for i, e in m]))
            for m, c in self.polynomial.items()
            if sum(e for _, e in m) == D
        )

    def dominates_from(self, mu: FloatArray) -> FloatArray:
        """For lower bounds mu of the form, about the least t >= 1 from which on mu t^D is more than the rest can be;
        inf where there is none."""
        D = self.degree
        rest = dict(self.bounds)
        for m, c in self.polynomial.items():
            k = sum(e for _, e in m)
            if k < D:
                rest[k] = rest.get(k, 0.0) + _size(c) * SLACK
        t = 1.2 ** np.arange(150)
        needed = sum((C * t ** float(k - D) for k, C in rest.items()), np.zeros(len(t))) * SLACK
        # it falls with t
        first = np.searchsorted(-needed, -mu, side="right")
        return np.where((mu > 0) & (first < len(t)), t[np.minimum(first, len(t) - 1)], np.inf)


def growth_of(algebra: Algebra, expression: int) -> Growth | None:
    """The growth of an expression of variables in all of R^d; None where it is not known."""
    node = algebra.nodes[expression]
    terms = node.terms if isinstance(node, Sum) else ((expression, Fraction(1)),)
    growth = Growth()
    if isinstance(node, Sum) and node.constant:
        growth.polynomial[()] = node.constant
    for term, c in terms:
        expanded = polynomial_of(algebra, term)
        if expanded is not None:
            for m, value in expanded.items():
                growth.polynomial[m] = growth.polynomial.get(m, Fraction(0)) + c * value
            continue
        parts = _bounded_parts(algebra, term)
        if parts is None:
            return None
        for k, C in parts.items():
            growth.bounds[k] = growth.bounds.get(k, 0.0) + _size(c) * C * SLACK
    return growth


def polynomial_of(algebra: Algebra, expression: int) -> Polynomial | None:
    """An expression multiplied out; None where it is no polynomial, or a long one."""
    node = algebra.nodes[expression]
    if isinstance(node, Number):
        return {(): node.value}
    if isinstance(node, Variable):
        return {((node.index, 1),): Fraction(1)}
    if isinstance(node, Sum):
        total: Polynomial = {(): node.constant}
        for term, c in node.terms:
            part = polynomial_of(algebra, term)
            if part is None:
                return None
            for m, value in part.items():
                total[m] = total.get(m, Fraction(0)) + c * value
        return total if len(total) <= MOST_TERMS else None
    if isinstance(node, Product):
        product: Polynomial = {(): Fraction(1)}
        for factor, exponent in node.factors:
            part = polynomial_of(algebra, factor)
            if part is None or exponent < 0:
                return None
            for _ in range(exponent):
                if len(product) * len(part) > 20 * MOST_TERMS:
                    return None
                product = _times(product, part)
        return product if len(product) <= MOST_TERMS else None
    return None


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for m, c in a.items():
        for n, e in b.items():
            powers = dict(m)
            for i, k in n:
                powers[i] = powers.get(i, 0) + k
            key = tuple(sorted(powers.items()))
            result[key] = result.get(key, Fraction(0)) + c * e
    return result


def _bounded_parts(algebra: Algebra, term: int) -> dict[int, float] | None:
    """Of a product of polynomials and bounded functions, bounds C of parts C |x|^k by k."""
    node = algebra.nodes[term]
    factors = node.factors if isinstance(node, Product) else ((term, 1),)
    polynomial: Polynomial = {(): Fraction(1)}
    bell: Polynomial | None = None
    bound = 1.0
    for factor, exponent in factors:
        part = polynomial_of(algebra, factor)
        if part is not None and exponent > 0:
            for _ in range(exponent):
                polynomial = _times(polynomial, part)
            continue
        size = _bound(algebra, factor, exponent)
        if size is not None:
            bound *= size
            continue
        inner = algebra.nodes[factor]
        if not (isinstance(inner, Function) and inner.name == "exp" and exponent > 0):
            return None
        q = polynomial_of(algebra, inner.arguments[0])
        if q is None:
            return None
        bell = {m: exponent * c + (bell or {}).get(m, Fraction(0)) for m, c in q.items()} | {
            m: c for m, c in (bell or {}).items() if m not in q
        }
    if bell is not None:
        peak = bell_bound(polynomial, bell)
        return None if peak is None else {0: peak * bound * SLACK}
    result: dict[int, float] = {}
    for m, c in polynomial.items():
        k = sum(e for _, e in m)
        result[k] = result.get(k, 0.0) + _size(c) * bound * SLACK
    return result


def _bound(algebra: Algebra, factor: int, exponent: int) -> float | None:
    """A bound of |factor ** exponent| on R^d."""
    node = algebra.nodes[factor]
    if not algebra.depends[factor]:
        return None if (value := _constant(algebra, factor)) is None else value**exponent * SLACK
    if exponent > 0 and isinstance(node, Function) and node.name in BOUNDED:
        return BOUNDED[node.name] ** exponent
    # 1 / (c + squares)
    if not isinstance(node, Sum) or node.constant <= 0 or exponent > 0:
        return None
    positive = all(c > 0 and _never_negative(algebra, term) for term, c in node.terms)
    return float(node.constant) ** exponent * SLACK if positive else None


def _constant(algebra: Algebra, expression: int) -> float | None:
    """Size of a constant that is no rational number, nearly."""
    from landscape_dist.problems.programs.instructions import program_of
    from landscape_dist.problems.programs.on_floats import evaluate

    value = abs(float(evaluate(program_of(algebra, [expression], 0), np.empty((0, 1)))[0, 0]))
    return value if 0 < value < math.inf else None


def _never_negative(algebra: Algebra, expression: int) -> bool:
    node = algebra.nodes[expression]
    if isinstance(node, Product):
        return all(e % 2 == 0 or _never_negative(algebra, f) for f, e in node.factors)
    return isinstance(node, Function) and node.name in ("exp", "absolute", "cosh", "sqrt")


def bell_bound(polynomial: Polynomial, q: Polynomial) -> float | None:
    """A bound of |P(x)| exp(q(x)) on R^d for q of degree two that falls in every direction that P and q depend on.

    With x = x0 + y, q = q0 - y^T A y / 2 and A >= lambda:
    |y^a| exp(-lambda |y|^2 / 2) <= (k / (lambda e))^(k/2) with k = |a|.
    """
    variables = sorted({i for m in [*q, *polynomial] for i, _ in m})
    place = {i: k for k, i in enumerate(variables)}
    d = len(variables)
    A = [[Fraction(0)] * d for _ in range(d)]
    slope = [Fraction(0)] * d
    q0 = Fraction(0)
    for m, c in q.items():
        degree = sum(e for _, e in m)
        if degree > 2 and c:
            return None
        which = [place[i] for i, e in m for _ in range(e)]
        if degree == 2:
            A[which[0]][which[1]] -= c
            A[which[1]][which[0]] -= c
        elif degree == 1:
            slope[which[0]] += c
        else:
            q0 += c
    least = _least_eigenvalue(A)
    if least is None:
        return None
    x0 = _solved(A, slope)
    q0 += sum((s * x for s, x in zip(slope, x0, strict=True)), Fraction(0)) / 2
    shifted: Polynomial = {}
    for m, c in polynomial.items():
        part: Polynomial = {(): c}
        for i, e in m:
            for _ in range(e):
                part = _times(part, {((i, 1),): Fraction(1), (): x0[place[i]]})
        for key, value in part.items():
            shifted[key] = shifted.get(key, Fraction(0)) + value
    if q0 > 700:
        return None
    total = 0.0
    for m, c in shifted.items():
        k = sum(e for _, e in m)
        total += _size(c) * (1.0 if k == 0 else (k / (least * math.e)) ** (k / 2))
    return total * math.exp(max(q0, Fraction(-700))) * SLACK


def _size(c: Fraction) -> float:
    """|c| as a double; infinite where it is larger than all of them, and not 0 where c is not."""
    try:
        return max(abs(float(c)), 5e-324) if c else 0.0
    except OverflowError:
        return math.inf


def _least_eigenvalue(A: list[list[Fraction]]) -> float | None:
    """A positive number that is below all eigenvalues of A, shown by exact pivots of A less it; None where none is."""
    d = len(A)
    if d == 0:
        return 1.0
    if max(_size(a) for row in A for a in row) == math.inf:
        return None
    w = np.linalg.eigvalsh(np.array([[float(a) for a in row] for row in A]))
    guess = 0.99 * float(w[0])
    if not guess > 0:
        return None
    B = [[A[i][j] - (Fraction(guess) if i == j else 0) for j in range(d)] for i in range(d)]
    for k in range(d):
        if B[k][k] <= 0:
            return None
        for i in range(k + 1, d):
            ratio = B[i][k] / B[k][k]
            for j in range(k, d):
                B[i][j] -= ratio * B[k][j]
    return guess


def _solved(A: list[list[Fraction]], b: list[Fraction]) -> list[Fraction]:
    """A^-1 b, exactly, of a positive definite A."""
    d = len(A)
    M = [[*row, value] for row, value in zip(A, b, strict=True)]
    for k in range(d):
        for i in range(d):
            if i != k and M[i][k]:
                ratio = M[i][k] / M[k][k]
                M[i] = [x - ratio * y for x, y in zip(M[i], M[k], strict=True)]
    return [M[k][d] / M[k][k] for k in range(d)]
