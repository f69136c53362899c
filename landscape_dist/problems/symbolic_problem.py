"""Energies given as a formula: derivatives by SymPy, once; evaluation by generated NumPy code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.codegen import ROWS, Output, compile_source, generate
from landscape_dist.problems.domain import Domain, domain_from_dict
from landscape_dist.problems.expressions import Vocabulary, canonical_symbol, from_sympy, parse, text_of
from landscape_dist.problems.fingerprint import canonical_json, digest
from landscape_dist.problems.starts import checked_start
from landscape_dist.records import FloatArray

_MAX_IDLE = 1000
"""So many variables may there be of which most do not occur in the formula."""


def symbolic(
    expression: Any,
    dim: int | None = None,
    *,
    variables: Sequence[str] | None = None,
    name: str | None = None,
    parameters: Mapping[str, float] | None = None,
    domain: Domain | dict[str, Any] | None = None,
    euler_characteristic: int | None = None,
    suggested_start: ArrayLike | None = None,
    suggested_max_index: int | None = None,
    mass: ArrayLike | None = None,
    check: bool = True,
) -> SymbolicProblem:
    """An energy from a formula, such as ``symbolic("(x1**2-1)**2 + 2*(x2**2-1)**2 + x1*x2")``.

    Text is read without evaluating code: variables, numbers, + - * / ** (or ^), and the usual functions.

    Args:
        expression: text or SymPy expression in x1..xd.
        dim: number of variables d; default the highest index that occurs, or the number of `variables`.
        variables: names to use instead of x1..xd, in order.
        name: for tables and files; default "symbolic".
        parameters: values of other names in the formula.
        domain: where searches may go; default everywhere.
        euler_characteristic: 1 for an energy that grows at infinity; None if unknown.
        suggested_start: (d,) start for `explore` where the caller gives none.
        suggested_max_index: likewise for max_index.
        mass: inner product of points, as for `from_callable`.
        check: try a few points when built.

    Raises:
        ProblemError: a name or construct that is not allowed, a dimension that does not fit, an energy that is
            not finite anywhere it was tried.
    """
    vocabulary = Vocabulary(variables, parameters)
    E = parse(expression, vocabulary) if isinstance(expression, str) else from_sympy(expression, vocabulary)
    problem = SymbolicProblem(
        E,
        dimension_of([E], dim, vocabulary, "formula"),
        name=name or "symbolic",
        domain=domain,
        euler_characteristic=euler_characteristic,
        suggested_start=suggested_start,
        suggested_max_index=suggested_max_index,
    )
    problem.mass = mass
    if check:
        from landscape_dist.problems.checks import check_problem_once

        check_problem_once(problem, parts=("energy",))  # derivatives are exact, and generated when asked for
    return problem


def dimension_of(expressions: Sequence[Any], dim: int | None, vocabulary: Vocabulary, what: str) -> int:
    """Number of variables: as given, or the highest that occurs."""
    used = {int(str(symbol)[1:]) for expression in expressions for symbol in expression.free_symbols}
    needed = max(used, default=0)
    if dim is None:
        dim = len(vocabulary.variables) if vocabulary.variables is not None else needed
        if dim == 0:
            raise ProblemError(f"the {what} holds no variable: use x1, x2, ..., or give variables=[...] or dim")
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer) or dim < 1:
        raise ProblemError(f"dim is {dim!r}; give a whole number, 1 or more")
    if dim < needed:
        raise ProblemError(f"the {what} holds x{needed} but dim is {dim}; give dim={needed} or leave it out")
    if dim > max(_MAX_IDLE, 10 * len(used)):  # a slip such as x1000000 would fill the memory
        raise ProblemError(
            f"the {what} has {dim} variables, of which only {len(used)} occur in it; number the variables without gaps"
        )
    return int(dim)


def derivatives(expression: Any) -> dict[int, Any]:
    """Non-zero first derivatives by 0-based variable; a sum is differentiated term by term."""
    import sympy

    terms: dict[int, list[Any]] = {}
    for term in sympy.Add.make_args(expression):
        for symbol in sorted(term.free_symbols, key=lambda s: int(str(s)[1:])):
            terms.setdefault(int(str(symbol)[1:]) - 1, []).append(sympy.diff(term, symbol))
    result = {index: sympy.Add(*parts) for index, parts in sorted(terms.items())}
    return {index: derivative for index, derivative in result.items() if derivative != 0}


class GeneratedCode:
    """Generated functions of one set of expressions; pickles as their text and is compiled again on arrival."""

    def __init__(self) -> None:
        self._texts: dict[str, tuple[str, list[tuple[tuple[int, ...], float]]]] = {}
        self._compiled: dict[str, tuple[Callable[..., None], list[tuple[tuple[int, ...], float]]]] = {}

    def get(
        self, kind: str, make: Callable[[], tuple[str, list[tuple[tuple[int, ...], float]]]]
    ) -> tuple[Callable[..., None], list[tuple[tuple[int, ...], float]]]:
        """The function of that kind and the constant entries of its last array; made at the first call."""
        if kind not in self._compiled:
            if kind not in self._texts:
                self._texts[kind] = make()
            text, constants = self._texts[kind]
            self._compiled[kind] = (compile_source(text), constants)
        return self._compiled[kind]

    def source(self, kind: str) -> str | None:
        """Text of a function that has been generated."""
        return self._texts[kind][0] if kind in self._texts else None

    def __getstate__(self) -> dict[str, Any]:
        return {"texts": self._texts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._texts = state["texts"]
        self._compiled = {}


def split_constants(outputs: list[Output]) -> tuple[list[Output], list[tuple[tuple[int, ...], float]]]:
    """Separate entries without variables: they are written once, not computed."""
    varying, constants = [], []
    for output in outputs:
        if output.expression.free_symbols:
            varying.append(output)
        else:
            value = float(output.expression)
            constants.append((output.index, value))
            if output.mirror is not None:
                constants.append((output.mirror, value))
    return varying, constants


class SymbolicProblem(Problem):
    """An energy with generated code; made by `symbolic`.

    Gradient and Hessian code is generated at first use; both come from one function with shared sub-expressions.
    Pickles as text: the formula, and the code generated so far (another process then needs no SymPy).
    """

    def __init__(
        self,
        expression: Any,
        dim: int,
        *,
        name: str = "symbolic",
        domain: Domain | dict[str, Any] | None = None,
        euler_characteristic: int | None = None,
        suggested_start: ArrayLike | None = None,
        suggested_max_index: int | None = None,
    ) -> None:
        super().__init__()
        import sympy

        self.name = name
        self.dim = dim
        self.domain = domain_from_dict(domain)
        self.domain.check(dim)
        self.euler_characteristic = euler_characteristic
        self.suggested_start = checked_start(suggested_start, dim)
        self.suggested_max_index = suggested_max_index
        self._srepr = sympy.srepr(expression)
        self.formula = text_of(expression)
        self._expression: Any = expression
        self._code = GeneratedCode()

    @property
    def expression(self) -> Any:
        """The SymPy expression, in the real symbols x1..xd."""
        if self._expression is None:
            import sympy

            self._expression = sympy.sympify(self._srepr)
        return self._expression

    @property
    def xp(self) -> Any:
        return np

    @property
    def definition(self) -> dict[str, Any]:
        """Plain JSON form: formula, dim, domain."""
        return {"kind": "symbolic", "formula": self.formula, "dim": self.dim, "domain": self.domain.as_dict()}

    def formulas_of_equations(self) -> list[Any]:
        return [self.expression]

    def fingerprint(self) -> str:
        return digest("symbolic", self._srepr, self.dim, canonical_json(self.domain.as_dict()))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_expression": None}

    def __repr__(self) -> str:
        return f"symbolic({self.formula[:80]!r}, dim={self.dim})"

    # -- evaluation -----------------------------------------------------------------------------------------
    def _energy(self, X: FloatArray) -> FloatArray:
        E = np.zeros(len(X))
        self._run("energy", X, E)
        return E

    def _gradient(self, X: FloatArray) -> FloatArray:
        g = np.zeros((len(X), self.dim))
        self._run("gradient", X, g)
        return g

    def _hessian(self, X: FloatArray) -> FloatArray:
        H = np.zeros((len(X), self.dim, self.dim))
        self._run("hessian", X, H)
        return H

    def _gradient_hessian(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        g = np.zeros((len(X), self.dim))
        H = np.zeros((len(X), self.dim, self.dim))
        self._run("gradient_hessian", X, g, H)
        return g, H

    def _hvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        Y = np.zeros(V.shape)
        self._run("hvp", X, Y, V=V)
        return Y

    def _run(self, kind: str, X: FloatArray, *arrays: FloatArray, V: FloatArray | None = None) -> None:
        evaluate, constants = self._code.get(kind, lambda: self._generate(kind))
        fill_in_blocks(evaluate, constants, X, arrays, V)

    def _generate(self, kind: str) -> tuple[str, list[tuple[tuple[int, ...], float]]]:
        symbols = [canonical_symbol(i) for i in range(self.dim)]
        if kind == "energy":
            return generate([Output("E", (), self.expression)], ["E"], symbols), []
        gradient = derivatives(self.expression)
        g = [Output("g", (i,), entry) for i, entry in gradient.items()]
        if kind == "gradient":
            return generate(g, ["g"], symbols), []
        array = "Y" if kind == "hvp" else "H"
        H = []
        for i, entry in gradient.items():
            for j, second in derivatives(entry).items():
                if j == i:
                    H.append(_entry(array, i, i, second))
                elif j > i:
                    H.append(_entry(array, i, j, second))
        if kind == "hvp":
            return generate(H, ["Y"], symbols), []
        varying, constants = split_constants(H)
        if kind == "hessian":
            return generate(varying, ["H"], symbols), constants
        return generate(g + varying, ["g", "H"], symbols), constants


def _entry(array: str, i: int, j: int, expression: Any) -> Output:
    if array == "Y":
        return Output(array, (i,), expression, mirror=(j,) if i != j else None, times=j)
    return Output(array, (i, j), expression, mirror=(j, i) if i != j else None)


def fill_in_blocks(
    evaluate: Callable[..., None],
    constants: list[tuple[tuple[int, ...], float]],
    X: FloatArray,
    arrays: tuple[FloatArray, ...],
    V: FloatArray | None = None,
) -> None:
    """Fill the arrays row block by row block; constants go into the last of them.

    Where the formula overflows or leaves its range the values are infinite or NaN, without warnings: a search
    that meets them ends as `not_finite`.
    """
    last: Any = arrays[-1]
    for index, value in constants:
        last[(slice(None), *index)] = value
    with np.errstate(all="ignore"):
        if len(X) <= ROWS:
            evaluate(np.ascontiguousarray(X.T), *arrays, V=V)
            return
        for start in range(0, len(X), ROWS):
            rows = slice(start, start + ROWS)
            columns = np.ascontiguousarray(X[rows].T)
            evaluate(columns, *(array[rows] for array in arrays), V=None if V is None else V[rows])
