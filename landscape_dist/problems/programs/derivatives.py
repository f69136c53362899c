"""First and second derivatives of expressions of many variables, where they are not zero everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from landscape_dist.problems.programs.algebra import Algebra, Number, Sum
from landscape_dist.problems.programs.instructions import IntArray

ZERO = Number(Fraction(0))


@dataclass(frozen=True)
class Entries:
    """The entries of a matrix of expressions that are not zero everywhere, by rows.

    Attributes:
        expressions: each that stands somewhere, once; those of a symmetric matrix stand in two places.
        rows, columns: (m,) places. which: (m,) which of the expressions stands there.
    """

    expressions: tuple[int, ...]
    rows: IntArray
    columns: IntArray
    which: IntArray


def gradient(algebra: Algebra, expression: int) -> dict[int, int]:
    """Derivatives by 0-based variable, of those that the expression depends on.

    Of a sum each term is differentiated by its own variables alone: of many terms of few variables that is far less
    than each of all variables.

    Example:
        >>> from landscape_dist.problems.programs import Algebra, read_text
        >>> a = Algebra()
        >>> {i: a.show(g) for i, g in gradient(a, read_text("x1^2 + 3*x1*x3", a)).items()}
        {0: '(2)*x1 + (3)*x3', 2: '(3)*x1'}
    """
    node = algebra.nodes[expression]
    terms = node.terms if isinstance(node, Sum) else ((expression, Fraction(1)),)
    parts: dict[int, list[tuple[Fraction, int]]] = {}
    for term, c in terms:
        for i in algebra.depends[term]:
            parts.setdefault(i, []).append((c, algebra.derivative(term, i)))
    return {i: algebra.sum(parts[i]) for i in sorted(parts)}


def components(algebra: Algebra, expression: int, dim: int) -> list[int]:
    """All `dim` derivatives, in their order."""
    of, zero = gradient(algebra, expression), algebra.number(0)
    return [of.get(i, zero) for i in range(dim)]


def jacobian(algebra: Algebra, components: Sequence[int], *, symmetric: bool) -> Entries:
    """Derivatives of d components; of those of a gradient, `symmetric`, each above the diagonal once."""
    places: list[tuple[int, int, int]] = []
    expressions: list[int] = []
    for i, component in enumerate(components):
        for j, entry in gradient(algebra, component).items():
            if (symmetric and j < i) or algebra.nodes[entry] == ZERO:
                continue
            places.append((i, j, len(expressions)))
            if symmetric and j > i:
                places.append((j, i, len(expressions)))
            expressions.append(entry)
    table = np.array(sorted(places), dtype=np.intp).reshape(-1, 3).T
    return Entries(tuple(expressions), table[0], table[1], table[2])
