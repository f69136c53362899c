"""The batched problem contract: energies and vector fields of many variables."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from landscape_dist.problems.domain import Domain, Unbounded
from landscape_dist.records import (
    Counters,
    Directions,
    Energies,
    FloatArray,
    Gradients,
    Hessians,
    Points,
    SparseHessian,
)
from landscape_dist.spaces.flat import space_with
from landscape_dist.spaces.space import Space

if TYPE_CHECKING:
    from landscape_dist.problems.mass import Mass


class Problem(abc.ABC):
    """An energy E(x) of d variables, evaluated in batches.

    `X` is (n, d) float64, in the array namespace `xp` (NumPy unless the problem is a torch one).  Every public
    evaluation counts its points in `counters`.  Subclasses implement `_energy`, `_gradient` and, where they
    can, `_hessian`, `_hvp`, the fused `_gradient_hessian`, and for many variables `_sparse_hessian` or
    `preconditioner`.

    Attributes:
        name: short name for tables and file names.
        dim: number of variables d.
        domain: where searches may go (`Box`, `Ball` or `Unbounded`).
        euler_characteristic: sum over stationary points of (-1)^index that Morse theory demands; None where unknown.
            For an energy that grows wherever its space is not compact that of the space: 1 for R^d, 0 with a period.
        has_hessian: whether `hessian` is available at reasonable cost.
        has_sparse_hessian: whether `sparse_hessian` is available.
        has_energy: False for vector fields.
        symmetric: False for vector fields that are no gradients; `hessian` is then minus the Jacobian.
        periods: (d,) of the coordinates, in their unit, inf where one is not periodic; None where none is. `explore`
            then takes points that differ by whole periods for the same.
        space: where points live; by default the flat one with these periods.
        batch_bytes: bytes of Hessians that the solver should hold at a time; None where its own choice, for caches, is
            right.
        definition: plain JSON form, kept in the header of a store; None where there is nothing to keep.
            `problems.definition` builds the problem again from one of a "kind" that it knows.
        suggested_start, suggested_max_index: used where the user gives none; None if there is nothing sensible.
        xp: array namespace in which the solver should work.
    """

    name: str = "problem"
    dim: int
    domain: Domain = Unbounded()
    euler_characteristic: int | None = None
    has_hessian: bool = True
    has_sparse_hessian: bool = False
    has_energy: bool = True
    symmetric: bool = True
    periods: Any = None
    suggested_start: Any = None
    suggested_max_index: int | None = None
    _space: Space | None = None
    _mass: Mass | None = None

    if TYPE_CHECKING:  # attributes or properties, as a subclass likes

        @property
        def batch_bytes(self) -> int | None: ...

        @property
        def definition(self) -> dict[str, Any] | None: ...

    else:
        batch_bytes = None
        definition = None

    def __init__(self) -> None:
        self.counters = Counters()

    @property
    def space(self) -> Space:
        return space_with(self.periods, self.dim) if self._space is None else self._space

    @space.setter
    def space(self, space: Space) -> None:
        space.check(self.dim)
        self._space = space

    @property
    def mass(self) -> Mass | None:
        """The inner product in which gradients, directions and eigenvalues are meant; None is the usual one of R^d.

        May be set to a number, d numbers or a (d, d) matrix, see `problems.mass.Mass`.
        """
        return self._mass

    @mass.setter
    def mass(self, mass: Any) -> None:
        from landscape_dist.problems.mass import mass_of

        self._mass = mass_of(mass, self.dim)

    # -- public, counted ------------------------------------------------------------------------------------
    def energy(self, X: Points) -> Energies:
        """(n, d) -> (n,) energies."""
        self.counters.n_energies += len(X)
        return self._energy(X)

    def gradient(self, X: Points) -> Gradients:
        """(n, d) -> (n, d) gradients."""
        self.counters.n_gradients += len(X)
        return self._gradient(X)

    def hessian(self, X: Points) -> Hessians:
        """(n, d) -> (n, d, d) symmetric Hessians."""
        self.counters.n_hessians += len(X)
        return self._hessian(X)

    def gradient_hessian(self, X: Points) -> tuple[Gradients, Hessians]:
        """(n, d) -> (n, d), (n, d, d); shares common work. Counts as one gradient and one Hessian a point."""
        self.counters.n_gradients += len(X)
        self.counters.n_hessians += len(X)
        return self._gradient_hessian(X)

    def hvp(self, X: Points, V: Directions) -> Directions:
        """(n, d), (n, d, k) -> (n, d, k) Hessian-vector products; counts n * k."""
        self.counters.n_hvps += len(X) * V.shape[-1]
        return self._hvp(X, V)

    def sparse_hessian(self, x: FloatArray) -> SparseHessian:
        """(d,) -> (d, d) `scipy.sparse.csc_array`, both triangles; counts as one Hessian."""
        self.counters.n_hessians += 1
        return self._sparse_hessian(x)

    def preconditioner(self, x: FloatArray) -> Callable[[FloatArray], FloatArray] | None:
        """What makes iterations with products at x (d,) converge sooner: an approximate inverse of the Hessian's
        size, symmetric and positive definite, as a function of (d, k) vectors; None where there is none.

        A sensible one is the inverse of the linear part plus a constant, or of the diagonal's size.
        """
        return None

    def gradient_noise(self, X: Points) -> Energies | None:
        """(n, d) -> (n,) sizes below which gradients near X are rounding errors; None where that is no concern."""
        return None

    def hessian_noise(self, X: Points) -> Energies | None:
        """(n, d) -> (n,) sizes below which curvatures near X are errors of noisy functions; None where these are exact.

        Where it is not None, `gradient_noise` is a standard deviation, too, that was measured.
        """
        return None

    @property
    def position_noise(self) -> float:
        """By how much noise that was measured moves stationary points, in the unit of x; 0 where there is none."""
        return 0.0

    # -- what a problem may know about itself -----------------------------------------------------------------
    def conditioned(self) -> Problem | None:
        """The same energy in linear coordinates in which its Hessian is well-conditioned; None where none are known.

        A `problems.conditioned.Conditioned`, which counts in the counters of this problem.  Searches of more variables
        than dense Hessians are formed for run in these coordinates.
        """
        return None

    def formulas_of_equations(self) -> list[Any] | None:
        """What `problems.equations` reads: the energy's formula, or those of the d components of a vector field, as
        SymPy expressions in the symbols of `problems.expressions` or as text in x1..xd that `programs.read_text`
        reads; None where there is none."""
        return None

    # -- for subclasses -------------------------------------------------------------------------------------
    @abc.abstractmethod
    def _energy(self, X: Points) -> Energies: ...

    @abc.abstractmethod
    def _gradient(self, X: Points) -> Gradients: ...

    @abc.abstractmethod
    def _hessian(self, X: Points) -> Hessians: ...

    def _sparse_hessian(self, x: FloatArray) -> SparseHessian:
        raise NotImplementedError(f"{self.name} has no sparse Hessian; look at has_sparse_hessian")

    def _gradient_hessian(self, X: Points) -> tuple[Gradients, Hessians]:
        return self._gradient(X), self._hessian(X)

    def _hvp(self, X: Points, V: Directions) -> Directions:
        return self._hessian(X) @ V

    @property
    @abc.abstractmethod
    def xp(self) -> Any:
        """Array namespace (array-api-compat) of the problem's arrays."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Hex digest of what the problem computes, the same in every process and session."""


class CountsItself(Problem):
    """A problem whose parts count what they call of others, so that the public methods count nothing more."""

    def energy(self, X: Points) -> Energies:
        return self._energy(X)

    def gradient(self, X: Points) -> Gradients:
        return self._gradient(X)

    def hessian(self, X: Points) -> Hessians:
        return self._hessian(X)

    def gradient_hessian(self, X: Points) -> tuple[Gradients, Hessians]:
        return self._gradient_hessian(X)

    def hvp(self, X: Points, V: Directions) -> Directions:
        return self._hvp(X, V)
