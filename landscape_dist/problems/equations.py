"""The equations whose solutions are stationary points, as programs: what a proof is about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.programs import Algebra, Program, program_of, read, read_text
from landscape_dist.problems.programs.derivatives import components, jacobian
from landscape_dist.problems.programs.instructions import IntArray


@dataclass(frozen=True)
class Equations:
    """g(x) = 0 with the derivatives of g: the gradient of an energy, or minus a vector field.

    Attributes:
        dim: number of variables d.
        gradient: program of the d components of g.
        both: program of these and of the entries of the derivative that are not zero everywhere.
        energy: program of the energy; None for vector fields.
        rows, columns: (m,) places of the entries of the derivative, by rows.
        entries: (m,) which of the outputs of `both` after the first d stands there; symmetric ones are computed once.
        formulas: what was read, as text or as SymPy expressions.
    """

    dim: int
    gradient: Program
    both: Program
    energy: Program | None
    rows: IntArray
    columns: IntArray
    entries: IntArray
    formulas: tuple[Any, ...]

    @property
    def symmetric(self) -> bool:
        """Whether they are those of an energy."""
        return self.energy is not None


# Entries of the derivative of so many variables are gone through one by one.
MOST_VARIABLES = 512


def equations_of(problem: Problem) -> Equations:
    """The equations of a problem that is given by a formula, or has one.

    Raises:
        ProblemError: it has none, or one that holds what is not known how to enclose.
    """
    if problem.dim > MOST_VARIABLES:
        raise ProblemError(f"{problem.name} has {problem.dim} variables; proofs are for up to {MOST_VARIABLES}")
    if problem.mass is not None or not _is_flat(problem):
        raise ProblemError(f"{problem.name} has a mass or a curved space; proofs are for plain coordinates of R^d")
    formulas = problem.formulas_of_equations()
    if formulas is None:
        raise ProblemError(
            f"{problem.name} is not given by a formula, so that nothing can be proved about it; write it as one "
            "(ld.problems.symbolic, or a list of formulas for ld.problems.vector_field)"
        )
    try:
        return _written(problem.has_energy, tuple(formulas), problem.dim)
    except ZeroDivisionError:
        raise ProblemError(
            f"the formula of {problem.name}, or a derivative of it, divides by zero everywhere"
        ) from None


def _is_flat(problem: Problem) -> bool:
    from landscape_dist.spaces.flat import Flat

    return isinstance(problem.space, Flat)


def expressions_of(equations: Equations) -> tuple[Algebra, list[int]]:
    """The components of g as expressions, in their algebra, to which more may be added."""
    algebra, _, g = _read(equations.symmetric, equations.formulas, equations.dim)
    return algebra, g


def exact_formulas(equations: Equations) -> tuple[str, ...]:
    """The energy, or the components of a vector field, with all numbers as fractions: what is proved is about these."""
    algebra, expressions, _ = _read(equations.symmetric, equations.formulas, equations.dim)
    return tuple(algebra.show(expression) for expression in expressions)


@lru_cache(maxsize=16)
def _read(energy: bool, formulas: tuple[Any, ...], dim: int) -> tuple[Algebra, list[int], list[int]]:
    algebra = Algebra()
    expressions = [
        read_text(formula, algebra) if isinstance(formula, str) else read(formula, algebra) for formula in formulas
    ]
    if energy:
        return algebra, expressions, components(algebra, expressions[0], dim)
    return algebra, expressions, [algebra.sum([(-1, e)]) for e in expressions]


@lru_cache(maxsize=16)
def _written(energy: bool, formulas: tuple[Any, ...], dim: int) -> Equations:
    algebra, expressions, g = _read(energy, formulas, dim)
    entries = jacobian(algebra, g, symmetric=energy)
    return Equations(
        dim,
        program_of(algebra, g, dim),
        program_of(algebra, [*g, *entries.expressions], dim),
        program_of(algebra, expressions, dim) if energy else None,
        entries.rows,
        entries.columns,
        entries.which,
        formulas,
    )
