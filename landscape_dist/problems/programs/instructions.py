"""Expressions as a list of operations, ordered so that many of a kind are done at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.problems.programs.algebra import Algebra, Function, Number, Product, Sum, Variable, parts_of
from landscape_dist.records import FloatArray

IntArray = NDArray[np.intp]
LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Step:
    """Operations of one kind that do not need one another.

    Attributes:
        operation: 'add', 'sub', 'mul', 'mul_nonnegative' (whose first operand is never negative), 'div', 'scale',
            'square', 'power', 'real_power', 'jump' or a function's name.
        results: slots first to last + 1 that are written.
        arguments: of each operand the (m,) slots that are read.
        exponent: of a 'power', or (minus lower, upper, nearest) of a 'real_power'; None of others.
        constants: (2, m) minus lower and upper ends of the factors of 'scale'; None of others.
        values: (m,) nearest doubles of these.
    """

    operation: str
    results: tuple[int, int]
    arguments: tuple[IntArray, ...]
    exponent: Any = None
    constants: FloatArray | None = None
    values: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Program:
    """What computes some expressions of d variables.

    A slot is a value; the first d are the variables, then come the constants.

    Attributes:
        dim: d. n_slots: how many there are. constants: (2, m) minus lower and upper ends of the constants.
        values: (m,) nearest doubles of these. steps: what is done, in this order. outputs: (k,) slots of the
            expressions.
    """

    dim: int
    n_slots: int
    constants: FloatArray
    values: FloatArray
    steps: tuple[Step, ...]
    outputs: IntArray

    @cached_property
    def n_beyond_doubles(self) -> int:
        """How many of its constants are not 0, or finite, and their nearest doubles are."""
        tables = [(self.constants, self.values)]
        tables += [(s.constants, s.values) for s in self.steps if s.constants is not None and s.values is not None]
        return sum(
            int((~np.isfinite(values) | ((values == 0) & (ends != 0).any(axis=0))).sum()) for ends, values in tables
        )

    @cached_property
    def n_operations(self) -> int:
        """How many operations there are."""
        return sum(step.results[1] - step.results[0] for step in self.steps)


def program_of(algebra: Algebra, expressions: Sequence[int], dim: int) -> Program:
    """The program of expressions of x1..x_dim."""
    return _Writer(algebra, dim).write(expressions)


def enclosed(value: Fraction) -> tuple[float, float, float]:
    """Minus the lower and the upper end of the narrowest interval of doubles that holds a number, and the nearest."""
    try:
        nearest = value.numerator / value.denominator
    except OverflowError:
        return (-LARGEST, math.inf, math.inf) if value > 0 else (math.inf, -LARGEST, -math.inf)
    exact = Fraction(nearest)
    low = nearest if exact <= value else math.nextafter(nearest, -math.inf)
    high = nearest if exact >= value else math.nextafter(nearest, math.inf)
    return -low, high, nearest


_Key = tuple[Any, ...]
NEVER_NEGATIVE = {"square", "exp", "sqrt", "cosh", "absolute", "acos", "acosh", "pi", "real_power"}


class _Writer:
    """Operations are entered with the level of the last of what they need; those of a level and a kind are one step."""

    def __init__(self, algebra: Algebra, dim: int) -> None:
        self._algebra = algebra
        self._dim = dim
        self._constants: dict[Fraction, int] = {}
        self._done: dict[int, int] = {}
        self._same: dict[_Key, int] = {}
        self._levels: list[int] = []
        self._never_negative: set[int] = set()
        # of each operation: kind, exponent, operands, constant; constants and variables have none
        self._operations: list[tuple[str, Any, tuple[int, ...], Fraction | None] | None] = []
        self._variables = [self._operation(None) for _ in range(dim)]

    def _operation(self, what: tuple[str, Any, tuple[int, ...], Fraction | None] | None) -> int:
        self._operations.append(what)
        self._levels.append(0 if what is None else 1 + max((self._levels[k] for k in what[2]), default=0))
        return len(self._operations) - 1

    def _do(self, kind: str, *operands: int, exponent: Any = None, constant: Fraction | None = None) -> int:
        if kind in ("add", "mul"):
            operands = tuple(sorted(operands))
        signs = [k in self._never_negative for k in operands]
        if kind == "mul" and any(signs):
            kind, operands = "mul_nonnegative", operands if signs[0] else operands[::-1]
        key = (kind, exponent, operands, constant)
        if key not in self._same:
            self._same[key] = self._operation((kind, exponent, operands, constant))
            closed = kind in ("add", "mul_nonnegative", "div") or (constant is not None and constant > 0)
            even = kind == "power" and exponent % 2 == 0
            if kind in NEVER_NEGATIVE or even or (closed and all(signs)) or (kind == "power" and signs[0]):
                self._never_negative.add(self._same[key])
        return self._same[key]

    def _constant(self, value: Fraction) -> int:
        if value not in self._constants:
            self._constants[value] = self._operation(None)
            if value >= 0:
                self._never_negative.add(self._constants[value])
        return self._constants[value]

    # -- one expression ---------------------------------------------------------------------------------------
    def _value(self, expression: int) -> int:
        """The operation that computes an expression; what it is made of is entered before."""
        waiting = [expression]
        while waiting:
            here = waiting[-1]
            if here in self._done:
                waiting.pop()
                continue
            missing = [part for part in parts_of(self._algebra.nodes[here]) if part not in self._done]
            if missing:
                waiting.extend(missing)
            else:
                self._done[here] = self._enter(here)
                waiting.pop()
        return self._done[expression]

    def _enter(self, expression: int) -> int:
        node = self._algebra.nodes[expression]
        if isinstance(node, Number):
            return self._constant(node.value)
        if isinstance(node, Variable):
            return self._variables[node.index]
        if isinstance(node, Sum):
            return self._sum(node)
        if isinstance(node, Product):
            return self._product(node)
        if node.name == "pi":
            return self._do("pi")
        operands = tuple(self._done[k] for k in node.arguments)
        if node.name == "power":
            return self._do("real_power", *operands, exponent=enclosed(node.exponent))
        return self._do(node.name, *operands)

    def _sum(self, node: Sum) -> int:
        alike: dict[Fraction, tuple[list[int], list[int]]] = {}
        plus: list[int] = []
        minus: list[int] = []
        for term, c in node.terms:
            size = abs(c)
            part = self._algebra.nodes[term]
            if size != 1 and isinstance(part, Product) and (leader := self._leader(part)) is not None:
                # a coefficient on the costly factor, which other terms have, too
                value = self._product(part, self._do("scale", self._done[leader], constant=size), leader)
                (plus if c > 0 else minus).append(value)
            else:
                alike.setdefault(size, ([], []))[c < 0].append(self._done[term])
        for size, (up, down) in alike.items():
            if size == 1:
                plus += up
                minus += down
            else:  # what has the same coefficient is scaled once
                value = self._difference(up, down)
                (plus if up else minus).append(self._do("scale", value, constant=size))
        if node.constant > 0 or (node.constant < 0 and not plus):
            plus.append(self._constant(node.constant))
        elif node.constant < 0:
            minus.append(self._constant(-node.constant))
        if plus:
            return self._difference(plus, minus)
        return self._do("scale", self._tree("add", minus), constant=Fraction(-1))

    def _difference(self, plus: list[int], minus: list[int]) -> int:
        """The sum of some less that of others; of the others alone where there is nothing to take them from."""
        if plus and minus:
            return self._do("sub", self._tree("add", plus), self._tree("add", minus))
        return self._tree("add", plus or minus)

    def _leader(self, node: Product) -> int | None:
        """The first factor that is a function and stands in the product once."""
        for factor, exponent in node.factors:
            if exponent == 1 and isinstance(self._algebra.nodes[factor], Function):
                return factor
        return None

    def _product(self, node: Product, scaled: int | None = None, leader: int | None = None) -> int:
        """The product; `scaled` stands for the factor `leader` where there is one."""
        above: list[int] = []
        below: list[int] = []
        for factor, exponent in node.factors:
            value = self._done[factor] if scaled is None or factor != leader else scaled
            n = abs(exponent)
            if n == 2:
                value = self._do("square", value)
            elif n > 2:
                value = self._do("power", value, exponent=n)
            (above if exponent > 0 else below).append(value)
        if not below:
            return self._tree("mul", above)
        top = self._tree("mul", above) if above else self._constant(Fraction(1))
        return self._do("div", top, self._tree("mul", below))

    def _tree(self, kind: str, values: list[int]) -> int:
        """All of them together, those of low levels first, in pairs: few levels."""
        import heapq

        heap = [(self._levels[value], value) for value in values]
        heapq.heapify(heap)
        while len(heap) > 1:
            (_, first), (_, second) = heapq.heappop(heap), heapq.heappop(heap)
            value = self._do(kind, first, second)
            heapq.heappush(heap, (self._levels[value], value))
        return heap[0][1]

    def _needed(self, ends: list[int]) -> set[int]:
        """What the values `ends` are made of."""
        needed, waiting = set(ends), list(ends)
        while waiting:
            what = self._operations[waiting.pop()]
            new = [k for k in (what[2] if what is not None else ()) if k not in needed]
            needed.update(new)
            waiting += new
        return needed

    # -- all of them ------------------------------------------------------------------------------------------
    def write(self, expressions: Sequence[int]) -> Program:
        ends = [self._value(expression) for expression in expressions]
        needed = self._needed(ends)
        slots = np.empty(len(self._operations), dtype=np.intp)
        slots[self._variables] = np.arange(self._dim)
        constants = [(value, k) for value, k in self._constants.items() if k in needed]
        slots[[k for _, k in constants]] = self._dim + np.arange(len(constants))
        n_slots = self._dim + len(constants)
        groups: dict[tuple[int, str, Any], list[int]] = {}
        for k, what in enumerate(self._operations):
            if what is not None and k in needed:
                groups.setdefault((self._levels[k], what[0], what[1]), []).append(k)
        steps = []
        for (_, kind, exponent), members in sorted(groups.items(), key=lambda item: (item[0][0], str(item[0][1:]))):
            slots[members] = n_slots + np.arange(len(members))
            whats = [what for k in members if (what := self._operations[k]) is not None]
            arguments = tuple(
                np.array([slots[what[2][place]] for what in whats], dtype=np.intp) for place in range(len(whats[0][2]))
            )
            factors = [enclosed(what[3]) for what in whats if what[3] is not None]
            ends_of = np.array(factors, dtype=np.float64).reshape(-1, 3).T
            steps.append(
                Step(
                    kind,
                    (n_slots, n_slots + len(members)),
                    arguments,
                    exponent,
                    ends_of[:2] if factors else None,
                    ends_of[2] if factors else None,
                )
            )
            n_slots += len(members)
        table = np.array([enclosed(value) for value, _ in constants], dtype=np.float64).reshape(-1, 3).T
        return Program(self._dim, n_slots, table[:2], table[2], tuple(steps), slots[ends])
