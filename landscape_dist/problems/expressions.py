"""Formulas as text, read into SymPy expressions without evaluating any code.

A formula may come from anywhere, so what grows out of proportion to its text is refused, too: SymPy would compute
`(9**999)**999` to the last digit, or ask itself for minutes whether a tower of exponentials is positive.  What remains
is SymPy's own time for ordinary operations; on a rare formula of a few hundred characters it spends minutes.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from landscape_dist.errors import ProblemError
from landscape_dist.problems.constants import bounded, bounded_product, bounded_sum, is_finite, shortened, shown

KNOWN_FUNCTIONS = {
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "atan2": "atan2",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "asinh",
    "acosh": "acosh",
    "atanh": "atanh",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "exp": "exp",
    "log": "log",
    "ln": "log",
    "sqrt": "sqrt",
    "abs": "Abs",
    "Abs": "Abs",
    "erf": "erf",
}
"""Names of functions in formulas, and SymPy\'s."""
_ARITY = {"atan2": 2}
_CONSTANTS = {"pi": "pi", "E": "E"}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
_MAX_EXPONENT = 1000
_MAX_LENGTH = 1_000_000
_MAX_NESTED = 32
"""Functions and powers inside one another: what SymPy does for nested |...| grows with the cube of it, 0.3 s at 32."""


class Vocabulary:
    """The names that may stand in a formula: variables, parameters, constants and functions.

    Args:
        variables: the variables' names in order; None for x1, x2, ...
        parameters: names with their values.
        whole_doubles: whether 2.0 is a double, as `text_of` writes it, and not the whole number 2.
    """

    def __init__(
        self,
        variables: Sequence[str] | None,
        parameters: Mapping[str, float] | None,
        *,
        whole_doubles: bool = False,
    ) -> None:
        self.whole_doubles = whole_doubles
        self.variables = None if variables is None else [_checked_name(name, "variable") for name in variables]
        if self.variables is not None and len(set(self.variables)) < len(self.variables):
            raise ProblemError(f"variables {self.variables} repeat a name; give each variable once")
        self.parameters: dict[str, float] = {}
        for name, value in (parameters or {}).items():
            _checked_name(name, "parameter")
            if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
                raise ProblemError(f"parameter {name} is {value!r}; give a finite number")
            if self.index(name) is not None:
                raise ProblemError(f"parameter {name!r} has the name of a variable; give it another name")
            self.parameters[name] = value

    def index(self, name: str) -> int | None:
        """0-based number of the variable of that name, None if it is no variable."""
        if self.variables is not None:
            return self.variables.index(name) if name in self.variables else None
        match = re.fullmatch(r"x([1-9][0-9]{0,6})", name)
        return int(match[1]) - 1 if match else None

    def allowed(self) -> str:
        """What a formula may hold, for error messages."""
        variables = "x1, x2, ..." if self.variables is None else ", ".join(self.variables)
        parameters = f"; parameters {', '.join(self.parameters)}" if self.parameters else ""
        return (
            f"variables {variables}{parameters}; constants pi, E; numbers; + - * / ** ^ and parentheses; "
            f"functions {', '.join(sorted({name.lower() for name in KNOWN_FUNCTIONS.values()}))}"
        )


def canonical_symbol(index: int) -> Any:
    """The real SymPy symbol x<index + 1>."""
    import sympy

    return sympy.Symbol(f"x{index + 1}", real=True)


def parse(text: str, vocabulary: Vocabulary) -> Any:
    """A SymPy expression in the canonical symbols x1..xd.

    `^` is a power.  Nothing is evaluated: the text is parsed into Python's syntax tree and each node is either in a
    short list or refused.

    Raises:
        ProblemError: naming the part that is not allowed, where it stands, and what is allowed.
    """
    if len(text) > _MAX_LENGTH:
        raise ProblemError(f"the formula has {len(text)} characters, more than {_MAX_LENGTH}; give a SymPy expression")
    source = text.replace("^", "**").strip()
    _check_letters(source, vocabulary)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what looks odd in Python; it is refused below
            tree = ast.parse(source, mode="eval")
    except RecursionError:
        terms = _splitbounded_sum(source)
        if len(terms) == 1:
            raise ProblemError(
                f"the formula {shortened(text)!r} is nested too deeply; give a SymPy expression"
            ) from None
        values = [parse(term, vocabulary) for _, term in terms]
        return bounded_sum([value if sign == "+" else -value for (sign, _), value in zip(terms, values, strict=True)])
    except (SyntaxError, ValueError) as error:
        place = getattr(error, "offset", None)
        shown = f" near {source[max(0, place - 6) : place + 6]!r}" if place else ""
        raise ProblemError(
            f"cannot read the formula {shortened(text)!r}{shown}: {getattr(error, 'msg', error)}. "
            f"Write products with *; allowed are {vocabulary.allowed()}"
        ) from None
    except MemoryError:  # the parser's own limit on nested parentheses
        raise ProblemError(f"the formula {shortened(text)!r} is nested too deeply; give a SymPy expression") from None
    try:
        return _real(_Reader(source, vocabulary).read(tree.body))
    except RecursionError:
        raise ProblemError(f"the formula {shortened(text)!r} is nested too deeply; give a SymPy expression") from None


def from_sympy(expression: Any, vocabulary: Vocabulary) -> Any:
    """The expression in the canonical symbols, parameters replaced by their values.

    Raises:
        ProblemError: a symbol that is neither a variable nor a parameter.
    """
    import sympy

    # Not sympify for whatever comes: it evaluates text, also such that stands in lists and dicts.
    if isinstance(expression, int | float):
        expression = sympy.sympify(expression)
    if not isinstance(expression, sympy.Expr):
        raise ProblemError(f"the expression is a {type(expression).__name__}; give text or a scalar SymPy expression")
    replacements = {}
    for symbol in sorted(expression.free_symbols, key=str):
        name = str(symbol)
        index = vocabulary.index(name)
        if index is not None:
            replacements[symbol] = canonical_symbol(index)
        elif name in vocabulary.parameters:
            replacements[symbol] = number(vocabulary.parameters[name])
        else:
            raise ProblemError(
                f"the expression holds the unknown symbol {name!r}: name the variables x1, x2, ..., or give "
                "variables=[...] in order, or give its value in parameters={...}"
            )
    return _real(expression.xreplace(replacements))


def text_of(expression: Any) -> str:
    """A formula that `parse` reads as the same expression: with all digits of doubles, where `str` gives fifteen."""
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):  # type: ignore[misc]  # SymPy has no types
        def _print_Float(self, expr: Any) -> str:
            return repr(float(expr)) if expr._prec == 53 else str(super()._print_Float(expr))

    return str(Printer().doprint(expression))


def _check_letters(source: str, vocabulary: Vocabulary) -> None:
    """Refuse letters beyond ASCII but in declared names: they may look like others, or be read as others."""
    if source.isascii():
        return
    for word in re.findall(r"\w*[^\x00-\x7f]\w*", source):
        if word not in (vocabulary.variables or ()) and word not in vocabulary.parameters:
            letter = next(c for c in word if not c.isascii())
            raise ProblemError(
                f"the formula holds {shortened(word)!a} with the character {unicodedata.name(letter, 'no name')} "
                f"(U+{ord(letter):04X}); write it in plain ASCII, or declare the name in variables=[...] or "
                f"parameters={{...}}. Allowed are {vocabulary.allowed()}"
            )


def _real(expression: Any) -> Any:
    import sympy

    if expression.has(sympy.I, sympy.zoo, sympy.oo, -sympy.oo, sympy.nan):
        raise ProblemError(f"the formula {shown(expression)} holds a value that is not a finite real number")
    return expression


def number(value: float, *, whole_doubles: bool = False) -> Any:
    """A SymPy number: whole ones exact, unless those with a point are to be doubles, others with all digits."""
    import sympy

    whole = not whole_doubles and float(value).is_integer() and abs(value) < 2**53
    if isinstance(value, int) or whole:
        return sympy.Integer(int(value))
    return sympy.Float(value)


class _Reader:
    def __init__(self, source: str, vocabulary: Vocabulary) -> None:
        self._source = source
        self._vocabulary = vocabulary
        self._n_nested = 0  # functions and powers around the node that is being read

    def read(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp):
            return self._operation(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
            value = self.read(node.operand)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.Constant):
            value = node.value
            if isinstance(value, int | float) and not isinstance(value, bool) and is_finite(value):
                return bounded(number(value, whole_doubles=self._vocabulary.whole_doubles))
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise self._refusal(node)

    def _operation(self, node: ast.BinOp) -> Any:
        operator = _OPERATORS.get(type(node.op))
        if operator is None:
            raise self._refusal(node)
        if operator == "**":
            with self._nested():
                base, exponent = self.read(node.left), self.read(node.right)
            return self._power(node, base, exponent)
        # Sums and products of many parts are left-deep trees: walk down the left edge instead of recursing.
        alike = (ast.Add, ast.Sub) if operator in "+-" else (ast.Mult, ast.Div)
        chain: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, alike):
            chain.append(left)
            left = left.left
        first = self.read(left)
        if operator in "+-":
            rest = ((self.read(link.right), link.op) for link in reversed(chain))
            return bounded_sum([first, *(-value if isinstance(op, ast.Sub) else value for value, op in rest)])
        factors = [first]
        for link in reversed(chain):
            with self._nested() if isinstance(link.op, ast.Div) else nullcontext():
                factor = self.read(link.right)
            if isinstance(link.op, ast.Div):
                if factor == 0:
                    raise ProblemError(f"the formula divides by zero in {shortened(self._text(link))!r}")
                factor = bounded(1 / factor)
            factors.append(factor)
        return bounded_product(factors)

    def _power(self, node: ast.BinOp, base: Any, exponent: Any) -> Any:
        import sympy

        if exponent.is_Float:
            rational = sympy.Rational(float(exponent))
            if rational.q <= 64:  # halves and quarters are meant exactly
                exponent = rational
        if exponent.is_number and not abs(float(exponent)) <= _MAX_EXPONENT:
            raise ProblemError(f"the exponent in {shortened(self._text(node))!r} is beyond {_MAX_EXPONENT}")
        power = base**exponent
        for factor in power.args if power.is_Mul else (power,):  # SymPy multiplies exponents of exponents
            if factor.is_Pow and factor.exp.is_number and not abs(float(factor.exp)) <= _MAX_EXPONENT:
                raise ProblemError(
                    f"the exponents in {shortened(self._text(node))!r} multiply to beyond {_MAX_EXPONENT}"
                )
        return bounded(power)

    def _name(self, node: ast.Name) -> Any:
        import sympy

        vocabulary = self._vocabulary
        index = vocabulary.index(node.id)
        if index is not None:
            return canonical_symbol(index)
        if node.id in vocabulary.parameters:
            return number(vocabulary.parameters[node.id])
        if node.id in _CONSTANTS:
            return getattr(sympy, _CONSTANTS[node.id])
        cure = "give it in variables=[...] or parameters={...}"
        if node.id in KNOWN_FUNCTIONS:
            cure = "give its argument in parentheses"
        elif node.id == "x0":
            cure = "variables count from x1"
        raise ProblemError(
            f"the formula holds the unknown name {node.id!r}: {cure}. Allowed are {vocabulary.allowed()}"
        )

    def _call(self, node: ast.Call) -> Any:
        import sympy

        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self._refusal(node)
        name = node.func.id
        if name not in KNOWN_FUNCTIONS:
            raise ProblemError(
                f"the formula calls the unknown function {name!r}: allowed are {self._vocabulary.allowed()}"
            )
        with self._nested():
            arguments = [self.read(argument) for argument in node.args]
        arity = _ARITY.get(KNOWN_FUNCTIONS[name], 1)
        if len(arguments) != arity:
            raise ProblemError(f"{name} has {len(arguments)} arguments in {self._text(node)!r}; it takes {arity}")
        return bounded(getattr(sympy, KNOWN_FUNCTIONS[name])(*arguments))

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self._n_nested += 1
        if self._n_nested > _MAX_NESTED:
            raise ProblemError(
                f"the formula {shortened(self._source)!r} is nested too deeply, more than {_MAX_NESTED} functions and "
                "powers inside one another; give a SymPy expression"
            )
        yield
        self._n_nested -= 1

    def _text(self, node: ast.expr) -> str:
        """Where the node stands; ast.get_source_segment takes seconds for long lines."""
        line = self._source.splitlines()[node.lineno - 1].encode()
        end = node.end_col_offset if node.end_lineno == node.lineno else None
        return line[node.col_offset : end].decode()

    def _refusal(self, node: ast.expr) -> ProblemError:
        return ProblemError(
            f"the formula holds {shortened(self._text(node))!r}, which is not allowed: "
            f"allowed are {self._vocabulary.allowed()}"
        )


def _splitbounded_sum(source: str) -> list[tuple[str, str]]:
    """Signs and terms of a sum, split at + and - outside parentheses; for sums too long for Python's parser."""
    terms: list[tuple[str, str]] = []
    sign, start, depth = "+", 0, 0
    for place, character in enumerate(source):
        depth += (character in "([{") - (character in ")]}")
        if character not in "+-" or depth:
            continue
        before = source[max(start, place - 40) : place].rstrip()
        operand = before[-1:].isalnum() or before[-1:] in (")", ".", "_")
        if not operand or re.search(r"(?<![\w.])(\d+\.?\d*|\.\d+)[eE]$", before):
            continue  # a sign, or the exponent of a number
        terms.append((sign, source[start:place]))
        sign, start = character, place + 1
    return [*terms, (sign, source[start:])]


def _checked_name(name: str, what: str) -> str:
    usable = isinstance(name, str) and name.isidentifier() and unicodedata.is_normalized("NFKC", name)
    if not usable or keyword.iskeyword(name) or name in KNOWN_FUNCTIONS or name in _CONSTANTS:
        raise ProblemError(f"{what} name {name!r} cannot be used; give a word that is no function or constant")
    return name
