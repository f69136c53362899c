"""Expressions with exact constants, each stored once: sums, products, functions, and their derivatives.

Sums collect equal terms and products equal factors, so that 4 (x^2 - 1) + 8 x^2 is 12 x^2 - 4 and u w u is u^2 w:
intervals of what cancels would not, and a square is never negative.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

Terms = tuple[tuple[int, Fraction], ...]
Factors = tuple[tuple[int, int], ...]

# A sum of more terms stands as one term in another sum; multiplied into it, each of its terms would be worked out anew.
MOST_TERMS = 8
# Coefficients are taken out of powers of sums up to about 2 to this.
MOST_BITS = 64
ONE = Fraction(1)


@dataclass(frozen=True)
class Number:
    """An exact rational number; doubles are such."""

    value: Fraction


@dataclass(frozen=True)
class Variable:
    """The variable of that 0-based number."""

    index: int


@dataclass(frozen=True)
class Sum:
    """constant + sum of coefficient * term."""

    terms: Terms
    constant: Fraction


@dataclass(frozen=True)
class Product:
    """Product of factor ** exponent, exponents whole and not 0."""

    factors: Factors


@dataclass(frozen=True)
class Function:
    """A function of one or two arguments, or 'pi' of none; 'power' has an exponent that is no whole number."""

    name: str
    arguments: tuple[int, ...]
    exponent: Fraction = ONE


Node = Number | Variable | Sum | Product | Function


class Algebra:
    """Builds expressions; each is a number, and equal ones are the same number.

    Example:
        >>> a = Algebra()
        >>> x = a.variable(0)
        >>> E = a.power(a.sum([(1, a.power(x, 2))], -1), 2)     # (x^2 - 1)^2
        >>> a.show(a.derivative(a.derivative(E, 0), 0))
        '(12)*(x1^2) + (-4)'
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        # of each expression, the variables that are in it
        self.depends: list[frozenset[int]] = []
        self._numbers: dict[Node, int] = {}
        self._derivatives: dict[tuple[int, int], int] = {}

    def _enter(self, node: Node) -> int:
        found = self._numbers.get(node)
        if found is not None:
            return found
        if isinstance(node, Variable):
            depends = frozenset((node.index,))
        else:
            depends = frozenset().union(*(self.depends[part] for part in parts_of(node)))
        self.nodes.append(node)
        self.depends.append(depends)
        self._numbers[node] = len(self.nodes) - 1
        return len(self.nodes) - 1

    # -- building ---------------------------------------------------------------------------------------------
    def number(self, value: Fraction | int | float) -> int:
        """A constant, exactly."""
        return self._enter(Number(Fraction(value)))

    def variable(self, index: int) -> int:
        """x_(index + 1)."""
        return self._enter(Variable(index))

    def sum(self, terms: Iterable[tuple[Fraction | int, int]], constant: Fraction | int = 0) -> int:
        """constant + sum of coefficient * expression."""
        total = Fraction(constant)
        collected: dict[int, Fraction] = {}
        for coefficient, term in terms:
            c = Fraction(coefficient)
            node = self.nodes[term]
            if isinstance(node, Number):
                total += c * node.value
            elif isinstance(node, Sum) and len(node.terms) <= MOST_TERMS:
                total += c * node.constant
                for inner, inner_c in node.terms:
                    collected[inner] = collected.get(inner, Fraction(0)) + c * inner_c
            else:
                collected[term] = collected.get(term, Fraction(0)) + c
        kept = tuple(sorted((term, c) for term, c in collected.items() if c))
        if not kept:
            return self.number(total)
        if len(kept) == 1 and kept[0][1] == 1 and not total:
            return kept[0][0]
        return self._enter(Sum(kept, total))

    def _scaled(self, node: Sum, by: Fraction) -> int:
        if len(node.terms) == 1 and not node.constant:
            return node.terms[0][0]
        return self._enter(Sum(tuple((term, by * c) for term, c in node.terms), by * node.constant))

    def product(self, factors: Iterable[tuple[int, int]], coefficient: Fraction | int = 1) -> int:
        """coefficient * product of expression ** whole exponent.

        Raises:
            ZeroDivisionError: a negative power of 0.
        """
        c = Fraction(coefficient)
        collected: dict[int, int] = {}
        for factor, exponent in factors:
            node = self.nodes[factor]
            if isinstance(node, Sum) and (first := node.terms[0][1]) != 1 and _is_moderate(first, exponent):
                # 2 x - 2 in a product is 2 (x - 1), as it may be elsewhere
                c *= first**exponent
                factor = self._scaled(node, 1 / first)
                node = self.nodes[factor]
            if isinstance(node, Number):
                c *= node.value**exponent
            elif isinstance(node, Product):
                for inner, inner_exponent in node.factors:
                    collected[inner] = collected.get(inner, 0) + exponent * inner_exponent
            else:
                collected[factor] = collected.get(factor, 0) + exponent
        kept = tuple(sorted((factor, exponent) for factor, exponent in collected.items() if exponent))
        if not kept or not c:
            return self.number(c)
        plain = kept[0][0] if len(kept) == 1 and kept[0][1] == 1 else self._enter(Product(kept))
        return plain if c == 1 else self.sum([(c, plain)])

    def power(self, base: int, exponent: Fraction | int) -> int:
        """expression ** rational."""
        exponent = Fraction(exponent)
        if exponent.denominator == 1:
            return self.product([(base, int(exponent))])
        root = exponent == Fraction(1, 2)
        return self._enter(Function("sqrt", (base,)) if root else Function("power", (base,), exponent))

    def function(self, name: str, *arguments: int) -> int:
        """name(expression, ...)."""
        return self._enter(Function(name, arguments))

    # -- derivatives ------------------------------------------------------------------------------------------
    def derivative(self, expression: int, index: int) -> int:
        """d expression / d x_(index + 1)."""
        if index not in self.depends[expression]:
            return self.number(0)
        key = (expression, index)
        if key not in self._derivatives:
            self._derivatives[key] = self._derivative(expression, index)
        return self._derivatives[key]

    def _derivative(self, expression: int, index: int) -> int:
        node = self.nodes[expression]
        if isinstance(node, Variable):
            return self.number(1)
        if isinstance(node, Sum):
            parts = [(c, self.derivative(term, index)) for term, c in node.terms if index in self.depends[term]]
            return self.sum(parts)
        if isinstance(node, Product):
            terms = []
            for place, (factor, exponent) in enumerate(node.factors):
                if index in self.depends[factor]:
                    rest = [*node.factors[:place], *node.factors[place + 1 :], (factor, exponent - 1)]
                    inner = self.derivative(factor, index)
                    terms.append((Fraction(1), self.product([*rest, (inner, 1)], exponent)))
            return self.sum(terms)
        assert isinstance(node, Function)
        outer = self._outer(expression, node)
        return self.sum((1, self.product([(slope, 1), (self.derivative(u, index), 1)])) for slope, u in outer)

    def _outer(self, expression: int, node: Function) -> list[tuple[int, int]]:
        """Derivatives of a function by its arguments, each with that argument."""
        u = node.arguments[0]
        name = node.name

        def one_and(sign: int, constant: int = 1) -> int:
            return self.sum([(sign, self.power(u, 2))], constant)

        if name == "atan2":
            v = node.arguments[1]
            norm = self.sum([(1, self.power(u, 2)), (1, self.power(v, 2))])
            return [(self.product([(v, 1), (norm, -1)]), u), (self.product([(u, 1), (norm, -1)], -1), v)]
        slopes = {
            "exp": lambda: expression,
            "log": lambda: self.power(u, -1),
            "sin": lambda: self.function("cos", u),
            "cos": lambda: self.sum([(-1, self.function("sin", u))]),
            "tan": lambda: self.sum([(1, self.power(expression, 2))], 1),
            "sinh": lambda: self.function("cosh", u),
            "cosh": lambda: self.function("sinh", u),
            "tanh": lambda: self.sum([(-1, self.power(expression, 2))], 1),
            "asin": lambda: self.power(one_and(-1), Fraction(-1, 2)),
            "acos": lambda: self.sum([(-1, self.power(one_and(-1), Fraction(-1, 2)))]),
            "atan": lambda: self.power(one_and(1), -1),
            "asinh": lambda: self.power(one_and(1), Fraction(-1, 2)),
            "acosh": lambda: self.power(one_and(1, -1), Fraction(-1, 2)),
            "atanh": lambda: self.power(one_and(-1), -1),
            "sqrt": lambda: self.product([(expression, -1)], Fraction(1, 2)),
            "power": lambda: self.sum([(node.exponent, self.power(u, node.exponent - 1))]),
            "absolute": lambda: self.function("sign", u),
            # 0 but at a jump, where nothing is known
            "sign": lambda: self.function("jump", u),
            "jump": lambda: self.function("jump", u),
            "erf": lambda: self._bell(u),
        }
        return [(slopes[name](), u)]

    def _bell(self, u: int) -> int:
        """2 / sqrt(pi) exp(-u^2)."""
        bell = self.function("exp", self.sum([(-1, self.power(u, 2))]))
        return self.product([(bell, 1), (self.function("sqrt", self.function("pi")), -1)], 2)

    def show(self, expression: int) -> str:
        """The expression as text, exactly."""
        node = self.nodes[expression]
        if isinstance(node, Number):
            return str(node.value) if node.value >= 0 and node.value.denominator == 1 else f"({node.value})"
        if isinstance(node, Variable):
            return f"x{node.index + 1}"
        if isinstance(node, Sum):
            terms = [self.show(term) if c == 1 else f"({c})*{self._factor(term, 1)}" for term, c in node.terms]
            return " + ".join([*terms, *([f"({node.constant})"] if node.constant else [])])
        if isinstance(node, Product):
            return "*".join(self._factor(factor, exponent) for factor, exponent in node.factors)
        if node.name == "power":
            return f"({self.show(node.arguments[0])})^({node.exponent})"
        return f"{node.name}({', '.join(map(self.show, node.arguments))})" if node.arguments else node.name

    def _factor(self, expression: int, exponent: int) -> str:
        text = self.show(expression)
        if isinstance(self.nodes[expression], Sum | Product) or (exponent != 1 and text.startswith("(")):
            text = f"({text})"
        return text if exponent == 1 else f"{text}^({exponent})" if exponent < 0 else f"{text}^{exponent}"


def _is_moderate(c: Fraction, exponent: int) -> bool:
    """Whether c^exponent, and what c is taken out of, stay far from the ends of the range of doubles."""
    size = abs(c.numerator.bit_length() - c.denominator.bit_length())
    return size * max(1, abs(exponent)) <= MOST_BITS


def parts_of(node: Node) -> list[int]:
    """The expressions that one is made of."""
    if isinstance(node, Sum):
        return [term for term, _ in node.terms]
    if isinstance(node, Product):
        return [factor for factor, _ in node.factors]
    return list(node.arguments) if isinstance(node, Function) else []
