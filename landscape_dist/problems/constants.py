"""Constants in formulas from anywhere: exact while they are short, doubles when not, refused beyond doubles.

SymPy computes with fractions of any length, and asks about nested constants whether they are positive, zero or whole at
a price that doubles with each operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from landscape_dist.errors import ProblemError

_MAX_BITS = 256
"""Fractions with more bits than this above or below the line become doubles."""
_MAX_OPERATIONS = 24
"""Constants of more operations than this become doubles."""
_MAX_ROOT_BITS = 64
"""Constants of more bits under a root become doubles: SymPy multiplies what stands under equal roots."""
_MANY = 16
"""More constants than this in one sum or product are put together first, step by step, each result kept short."""


def bounded_sum(terms: list[Any]) -> Any:
    """The sum of SymPy expressions; of very many constants one that stays short.  Errors as `bounded`."""
    import sympy

    constants, others = _split(terms)
    if len(constants) > _MANY:
        total = sympy.Integer(0)
        for constant in constants:
            total = bounded(total + constant)
        terms = [total, *others]
    return bounded(sympy.Add(*terms))


def bounded_product(factors: list[Any]) -> Any:
    """The product of SymPy expressions, as `bounded_sum`."""
    constants, others = _split(factors)
    if len(constants) > _MANY:
        factors = [*constants, *others]
    product = factors[0]
    for factor in factors[1:]:
        product = bounded(product * factor)
    return product


def _split(parts: list[Any]) -> tuple[list[Any], list[Any]]:
    constants = [part for part in parts if part.is_number]
    return constants, [part for part in parts if not part.is_number]


def bounded(expression: Any) -> Any:
    """The same SymPy expression with a constant, or a constant factor, that is too long as a double.

    Raises:
        ProblemError: a constant that is no finite double.
    """
    import sympy

    if not expression.is_number:
        factor, rest = expression.as_coeff_Mul()
        kept = bounded(factor) if factor is not sympy.S.One else factor
        return expression if kept is factor else kept * rest
    if expression.is_Rational:
        if _bits(expression) <= _MAX_BITS:
            return expression
        value = _as_double(expression, lambda: int(expression.p) / int(expression.q))
    else:
        value = _as_double(expression, lambda: float(expression))
        short = expression.count_ops() <= _MAX_OPERATIONS and _root_bits(expression) <= _MAX_ROOT_BITS
        if expression.is_Float or short:
            return expression
    return sympy.Float(value)


def _bits(fraction: Any) -> int:
    return max(int(fraction.p).bit_length(), int(fraction.q).bit_length())


def _root_bits(constant: Any) -> int:
    """Bits of the longest fraction under a root, or to another power."""
    import sympy

    return max((_bits(power.base) for power in constant.atoms(sympy.Pow) if power.base.is_Rational), default=0)


def _as_double(expression: Any, convert: Callable[[], float]) -> float:
    try:
        value = convert()
    except (OverflowError, TypeError):  # too large; not real
        value = math.nan
    if not math.isfinite(value):
        raise ProblemError(f"the formula holds {shown(expression)}, which is not a finite real number")
    return value


def shown(expression: Any) -> str:
    """A SymPy expression in a message."""
    try:
        return repr(shortened(str(expression)))
    except ValueError:  # Python prints no numbers of many thousands of digits
        return "a number of thousands of digits"


def is_finite(value: float) -> bool:
    """Whether a number, also a whole one of any length, is a finite double."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def shortened(text: str, length: int = 60) -> str:
    """The text, or its beginning."""
    return text if len(text) <= length else text[: length - 3] + "..."
