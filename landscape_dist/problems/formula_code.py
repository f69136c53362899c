"""What evaluates formulas and their derivatives: programs, or for functions that these do not know code from SymPy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.problems.codegen import ROWS, Output, compile_source, derivatives, generate, split_constants
from landscape_dist.problems.expressions import canonical_symbol
from landscape_dist.problems.programs import Algebra, Program, program_of, read
from landscape_dist.problems.programs.derivatives import Entries, components, jacobian
from landscape_dist.problems.programs.instructions import IntArray
from landscape_dist.problems.programs.on_floats import at_once, evaluate, evaluate_into
from landscape_dist.records import Directions, FloatArray, Gradients, Hessians, SparseHessian


class FormulaCode(Protocol):
    """Evaluates k formulas in x1..xd at points X (n, d): an energy, or the d components of a field.

    Where a formula overflows or leaves its range values are infinite or NaN, without warnings: a search that meets
    them ends as `not_finite`.
    """

    def values(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, k)."""
        ...

    def gradient(self, X: FloatArray) -> Gradients:
        """(n, d) -> (n, d), of an energy."""
        ...

    def jacobian(self, X: FloatArray) -> Hessians:
        """(n, d) -> (n, d, d): of an energy's gradient, or of a field."""
        ...

    def gradient_jacobian(self, X: FloatArray) -> tuple[Gradients, Hessians]:
        """Of an energy, both."""
        ...

    def products(self, X: FloatArray, V: FloatArray) -> Directions:
        """(n, d), (n, d, k) -> (n, d, k): with that derivative."""
        ...


def code_of(sreprs: Sequence[str], expressions: Sequence[Any] | None, dim: int, *, energy: bool) -> FormulaCode:
    """What evaluates formulas.

    Args:
        sreprs: of SymPy's expressions, as `sympy.srepr` writes them. expressions: themselves, where they are at hand.
        dim: d. energy: whether they are one energy, and not the components of a field.
    """
    try:
        return ProgramCode(sreprs, expressions, dim, energy=energy)
    except (ProblemError, ZeroDivisionError):  # a function that programs do not know, as Bessel's
        return GeneratedCode(sreprs, dim, energy=energy)


def _expressions(sreprs: Sequence[str]) -> list[Any]:
    import sympy

    return [sympy.sympify(text) for text in sreprs]


# So many entries a row, in the mean, are few.
SPARSE = 32
# Products with directions are made entry by entry, but for more entries than these and fewer points: then at once.
FEW_ENTRIES, MANY_POINTS = 8, 64


class ProgramCode:
    """Formulas as programs, each made when it is first asked for; pickles as those that are made and the formulas."""

    def __init__(self, sreprs: Sequence[str], expressions: Sequence[Any] | None, dim: int, *, energy: bool) -> None:
        self._sreprs = tuple(sreprs)
        self._dim = dim
        self._energy = energy
        self._programs: dict[str, tuple[Program, _Places | None]] = {}
        self._lock = threading.Lock()
        if expressions is not None:
            self._read = self._reading(expressions)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_read", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    @staticmethod
    def _reading(expressions: Sequence[Any]) -> tuple[Algebra, list[int]]:
        algebra = Algebra()
        return algebra, [read(expression, algebra, powers=False) for expression in expressions]

    @cached_property
    def _read(self) -> tuple[Algebra, list[int]]:
        return self._reading(_expressions(self._sreprs))

    def _program(self, kind: str) -> tuple[Program, _Places | None]:
        """That program, and of those with the derivative where its entries stand."""
        if kind not in self._programs:
            with self._lock:  # one thread at a time enters expressions
                if kind not in self._programs:
                    self._programs[kind] = self._made(kind)
        return self._programs[kind]

    def _made(self, kind: str) -> tuple[Program, _Places | None]:
        algebra, formulas = self._read
        if kind == "values":
            return self._written(formulas), None
        try:
            slopes = components(algebra, formulas[0], self._dim) if self._energy else formulas
            if kind == "gradient":
                return self._written(slopes), None
            entries = jacobian(algebra, slopes, symmetric=self._energy)
        except ZeroDivisionError:
            raise ProblemError("a derivative of the formula divides by zero everywhere") from None
        places = _Places.of(entries)
        wanted = [entries.expressions[k] for k in entries.which[places.order].tolist()]
        return self._written([*slopes, *wanted] if kind == "both" else wanted), places

    def _written(self, expressions: Sequence[int]) -> Program:
        program = program_of(self._read[0], expressions, self._dim)
        if program.n_beyond_doubles:
            raise ProblemError(
                "the formula holds a number that is too large or too small for a double, perhaps since a constant was "
                "taken out of an exponent, as in exp(1000*(x1 - 1)) = exp(-1000)*exp(1000*x1); write steep steps by "
                "tanh, or with x1 in another unit"
            )
        return program

    def made(self) -> frozenset[str]:
        """Which programs there are: of 'values', 'gradient', 'jacobian' and 'both'."""
        return frozenset(self._programs)

    def values(self, X: FloatArray) -> FloatArray:
        return self._rows("values", X)

    def gradient(self, X: FloatArray) -> Gradients:
        return self._rows("gradient", X)

    def _rows(self, kind: str, X: FloatArray) -> FloatArray:
        program, _ = self._program(kind)
        if at_once(program, len(X)):
            return np.ascontiguousarray(evaluate(program, X.T).T)
        values = np.empty((len(X), len(program.outputs)))
        evaluate_into(program, X.T, list(values.T))
        return values

    def jacobian(self, X: FloatArray) -> Hessians:
        H = np.zeros((len(X), self._dim, self._dim))
        self._fill("jacobian", X, H)
        return H

    def gradient_jacobian(self, X: FloatArray) -> tuple[Gradients, Hessians]:
        g = np.empty((len(X), self._dim))
        H = np.zeros((len(X), self._dim, self._dim))
        self._fill("both", X, H, g)
        return g, H

    def _fill(self, kind: str, X: FloatArray, H: FloatArray, g: FloatArray | None = None) -> None:
        program, places = self._program(kind)
        assert places is not None
        if at_once(program, len(X)):
            values = evaluate(program, X.T)
            if g is not None:
                g[:] = values[: self._dim].T
                values = values[self._dim :]
            H[:, places.rows, places.columns] = values.T
            return
        # straight to where they stand
        into = [] if g is None else [g[:, i] for i in range(self._dim)]
        into += [H[:, i, j] for i, j in zip(places.rows.tolist(), places.columns.tolist(), strict=True)]
        evaluate_into(program, X.T, into)

    def products(self, X: FloatArray, V: FloatArray) -> Directions:
        program, places = self._program("jacobian")
        assert places is not None
        Y = np.zeros(V.shape)
        m = len(places.rows)
        with np.errstate(all="ignore"):
            if m > FEW_ENTRIES and len(X) < MANY_POINTS:
                values = evaluate(program, X.T)[places.by_rows].T
                terms = values[:, :, None] * V[:, places.columns[places.by_rows]]
                Y[:, places.rows[places.by_rows[places.starts]]] = np.add.reduceat(terms, places.starts, axis=1)
                return Y
            at = list(zip(places.rows.tolist(), places.columns.tolist(), strict=True))
            for start in range(0, len(X), ROWS):
                here = slice(start, start + ROWS)
                values, v, y = evaluate(program, X[here].T), V[here], Y[here]
                for entry, (i, j) in zip(values, at, strict=True):
                    y[:, i] += entry[:, None] * v[:, j]
        return Y

    def is_sparse(self) -> bool:
        """Whether few entries of the derivative are not zero everywhere."""
        _, places = self._program("jacobian")
        assert places is not None
        return len(places.rows) <= SPARSE * self._dim

    def sparse_jacobian(self, x: FloatArray) -> SparseHessian:
        """(d,) -> (d, d)."""
        from scipy.sparse import csc_array

        program, places = self._program("jacobian")
        assert places is not None
        values = evaluate(program, x[:, None])[:, 0]
        return csc_array((values, (places.rows, places.columns)), shape=(self._dim, self._dim))


@dataclass(frozen=True)
class _Places:
    """Where the entries of a derivative stand, those that are equal beside one another: rows, columns (m,), `order` of
    `Entries` in which they are, `by_rows` their order by rows, and where in that each row that has some starts."""

    rows: IntArray
    columns: IntArray
    order: IntArray
    by_rows: IntArray
    starts: IntArray

    @classmethod
    def of(cls, entries: Entries) -> _Places:
        order = np.argsort(entries.which, kind="stable")
        starts = np.flatnonzero(np.diff(entries.rows, prepend=-1))
        return cls(entries.rows[order], entries.columns[order], order, np.argsort(order), starts)


class GeneratedCode:
    """Formulas as NumPy code that is generated from SymPy's derivatives; pickles as its text."""

    def __init__(self, sreprs: Sequence[str], dim: int, *, energy: bool) -> None:
        self._sreprs = tuple(sreprs)
        self._dim = dim
        self._energy = energy
        self._texts: dict[str, tuple[str, list[tuple[tuple[int, ...], float]]]] = {}
        self._compiled: dict[str, Callable[..., None]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compiled": {}}

    def values(self, X: FloatArray) -> FloatArray:
        return self._run("values", X, np.zeros((len(X), len(self._sreprs))))

    def gradient(self, X: FloatArray) -> Gradients:
        return self._run("gradient", X, np.zeros((len(X), self._dim)))

    def jacobian(self, X: FloatArray) -> Hessians:
        return self._run("jacobian", X, np.zeros((len(X), self._dim, self._dim)))

    def gradient_jacobian(self, X: FloatArray) -> tuple[Gradients, Hessians]:
        g = np.zeros((len(X), self._dim))
        return g, self._run("both", X, g, np.zeros((len(X), self._dim, self._dim)))

    def products(self, X: FloatArray, V: FloatArray) -> Directions:
        return self._run("products", X, np.zeros(V.shape), V=V)

    def _run(self, kind: str, X: FloatArray, *arrays: FloatArray, V: FloatArray | None = None) -> FloatArray:
        """Fill the arrays row block by row block; constants go into the last of them, which is returned."""
        if kind not in self._texts:
            self._texts[kind] = self._generate(kind)
        text, constants = self._texts[kind]
        if kind not in self._compiled:
            self._compiled[kind] = compile_source(text)
        last: Any = arrays[-1]
        for index, value in constants:
            last[(slice(None), *index)] = value
        with np.errstate(all="ignore"):
            for start in range(0, len(X), ROWS):
                rows = slice(start, start + ROWS)
                columns = np.ascontiguousarray(X[rows].T)
                self._compiled[kind](columns, *(a[rows] for a in arrays), V=None if V is None else V[rows])
        return arrays[-1]

    def _generate(self, kind: str) -> tuple[str, list[tuple[tuple[int, ...], float]]]:
        symbols = [canonical_symbol(i) for i in range(self._dim)]
        formulas = _expressions(self._sreprs)
        if kind == "values":
            varying, constants = split_constants([Output("F", (i,), f) for i, f in enumerate(formulas) if f != 0])
            return generate(varying, ["F"], symbols), constants
        slopes = derivatives(formulas[0]) if self._energy else dict(enumerate(formulas))
        first = [Output("g", (i,), entry) for i, entry in slopes.items()]
        if kind == "gradient":
            return generate(first, ["g"], symbols), []
        second = [
            self._entry(kind, i, j, entry)
            for i, slope in slopes.items()
            for j, entry in derivatives(slope).items()
            if j >= i or not self._energy
        ]
        if kind == "products":
            return generate(second, ["H"], symbols), []
        varying, constants = split_constants(second)
        if kind == "jacobian":
            return generate(varying, ["H"], symbols), constants
        return generate(first + varying, ["g", "H"], symbols), constants

    def _entry(self, kind: str, i: int, j: int, expression: Any) -> Output:
        twice = self._energy and i != j
        if kind == "products":
            return Output("H", (i,), expression, mirror=(j,) if twice else None, times=j)
        return Output("H", (i, j), expression, mirror=(j, i) if twice else None)
