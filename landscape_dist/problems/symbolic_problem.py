"""Energies given as a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Domain, domain_from_dict
from landscape_dist.problems.expressions import Vocabulary, from_sympy, parse, text_of
from landscape_dist.problems.fingerprint import canonical_json, digest
from landscape_dist.problems.formula_code import ProgramCode, code_of
from landscape_dist.problems.starts import checked_start
from landscape_dist.records import FloatArray, SparseHessian

# Of fewer variables sparse Hessians are no gain.
MANY = 64
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


class SymbolicProblem(Problem):
    """An energy from a formula; made by `symbolic`.

    What evaluates it is made at first use, gradient and Hessian with shared sub-expressions, and pickles: another
    process then needs no SymPy.
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
        self._code = code_of([self._srepr], [expression], dim, energy=True)

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
        return self._code.values(X)[:, 0]

    def _gradient(self, X: FloatArray) -> FloatArray:
        return self._code.gradient(X)

    def _hessian(self, X: FloatArray) -> FloatArray:
        return self._code.jacobian(X)

    def _gradient_hessian(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self._code.gradient_jacobian(X)

    def _hvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        return self._code.products(X, V)

    @property
    def has_sparse_hessian(self) -> bool:  # type: ignore[override]
        """Whether each row of the Hessian has few entries that are not zero everywhere; only of many variables."""
        return self.dim >= MANY and isinstance(self._code, ProgramCode) and self._code.is_sparse()

    def _sparse_hessian(self, x: FloatArray) -> SparseHessian:
        if not isinstance(self._code, ProgramCode):
            return super()._sparse_hessian(x)
        return self._code.sparse_jacobian(x)
