"""From SymPy's expressions, and from the text of formulas of our own, to exact ones."""

from __future__ import annotations

import ast
from fractions import Fraction
from typing import Any

from landscape_dist.errors import ProblemError
from landscape_dist.problems.constants import shown
from landscape_dist.problems.expressions import KNOWN_FUNCTIONS
from landscape_dist.problems.programs.algebra import Algebra, Number

FUNCTIONS = {name: name for name in (*KNOWN_FUNCTIONS.values(), "sign") if name != "sqrt"} | {"Abs": "absolute"}
"""SymPy's names of functions, and ours."""


def read(expression: Any, algebra: Algebra, *, powers: bool = True) -> int:
    """A SymPy expression in x1..xd as an expression of `algebra`.

    Numbers with a point mean the double that they are read as, exactly; whole numbers and fractions are exact, too, and
    pi and E are themselves.

    Args:
        powers: whether powers whose exponents are no rational numbers are read, as exp(e log b). Evaluated, that is
            worse than the power of a library, and needs b > 0.

    Raises:
        ProblemError: a function that is not among `FUNCTIONS`, or something that is no real number.
    """
    return _Reader(algebra, powers).read(expression)


class _Reader:
    def __init__(self, algebra: Algebra, powers: bool) -> None:
        self._algebra = algebra
        self._powers = powers
        self._known: dict[Any, int] = {}

    def read(self, e: Any) -> int:
        if e not in self._known:
            self._known[e] = self._read(e)
        return self._known[e]

    def _read(self, e: Any) -> int:
        import sympy

        a = self._algebra
        if e.is_Symbol:
            return a.variable(int(str(e)[1:]) - 1)
        if e.is_Number:
            return a.number(_exact(e))
        if e is sympy.pi:
            return a.function("pi")
        if e is sympy.E:
            return a.function("exp", a.number(1))
        if e.is_Add:
            return a.sum([(1, self.read(part)) for part in e.args])
        if e.is_Mul:
            return self._product(e)
        if e.is_Pow:
            return self._power(e)
        name = FUNCTIONS.get(type(e).__name__)
        if name is None or len(e.args) != (2 if name == "atan2" else 1):
            raise ProblemError(
                f"the formula holds {shown(e)}, of which no enclosures are known; known are + - * / **, sqrt, "
                f"{', '.join(FUNCTIONS)}"
            )
        return a.function(name, *(self.read(part) for part in e.args))

    def _product(self, e: Any) -> int:
        try:
            return self._algebra.product([(self.read(part), 1) for part in e.args])
        except ZeroDivisionError:
            raise ProblemError(f"the formula divides by zero in {shown(e)}") from None

    def _power(self, e: Any) -> int:
        import sympy

        a = self._algebra
        base, exponent = e.args
        if exponent.is_Number:
            try:
                return a.power(self.read(base), _exact(exponent))
            except ZeroDivisionError:
                raise ProblemError(f"the formula divides by zero in {shown(e)}") from None
        if base is sympy.E:
            return a.function("exp", self.read(exponent))
        if not self._powers:
            raise ProblemError(f"the formula holds {shown(e)}, which programs do not evaluate")
        # defined where the base is positive, as a real power is
        return a.function("exp", a.product([(self.read(exponent), 1), (a.function("log", self.read(base)), 1)]))


def read_text(formula: str, algebra: Algebra) -> int:
    """A formula in x1..xd as an expression of `algebra`, without SymPy, whose import takes longer than many a proof.

    For formulas that this package writes: what comes from anybody is read by `problems.expressions`.  Numbers as in
    `read`.
    """
    return _of_syntax(ast.parse(formula.replace("^", "**"), mode="eval").body, algebra)


def _of_syntax(node: ast.expr, a: Algebra) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return a.number(node.value)
    if isinstance(node, ast.Name):
        return a.function("pi") if node.id == "pi" else a.variable(int(node.id[1:]) - 1)
    if isinstance(node, ast.UnaryOp):
        return a.sum([(-1 if isinstance(node.op, ast.USub) else 1, _of_syntax(node.operand, a))])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return a.function(FUNCTIONS[node.func.id], *(_of_syntax(argument, a) for argument in node.args))
    assert isinstance(node, ast.BinOp), f"{ast.unparse(node)} is not read"
    # long sums are left-deep: down the left edge instead of recursing
    chain = [node]
    while isinstance(chain[-1].left, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        if not isinstance(chain[-1].left.op, ast.Add | ast.Sub):
            break
        chain.append(chain[-1].left)
    left = _of_syntax(chain[-1].left, a)
    if isinstance(node.op, ast.Add | ast.Sub):
        terms = [(1, left)]
        terms += [(1 if isinstance(link.op, ast.Add) else -1, _of_syntax(link.right, a)) for link in reversed(chain)]
        return a.sum(terms)
    right = _of_syntax(node.right, a)
    if isinstance(node.op, ast.Pow):
        exponent = a.nodes[right]
        assert isinstance(exponent, Number)
        return a.power(left, exponent.value)
    return a.product([(left, 1), (right, -1 if isinstance(node.op, ast.Div) else 1)])


def _exact(value: Any) -> Fraction:
    if value.is_Rational:
        return Fraction(int(value.p), int(value.q))
    if value.is_Float and value.is_finite:
        sign, mantissa, exponent, _ = value._mpf_
        return (-1) ** sign * Fraction(int(mantissa)) * Fraction(2) ** exponent
    raise ProblemError(f"the formula holds {shown(value)}, which is not a finite real number")
