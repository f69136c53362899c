"""Vector fields dx/dt = F(x): stationary points without an energy."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import ProblemError
from landscape_dist.numerics.differences import dimer_products
from landscape_dist.problems.autodiff import MAX_HESSIAN_DIM, TorchFunction, like
from landscape_dist.problems.callables import DIMER_LENGTH, UserFunction, checked_dim
from landscape_dist.problems.checks import check_problem_once
from landscape_dist.problems.domain import Domain, domain_from_dict
from landscape_dist.problems.expressions import Vocabulary, from_sympy, parse, text_of
from landscape_dist.problems.fingerprint import canonical_json, digest
from landscape_dist.problems.formula_code import code_of
from landscape_dist.problems.starts import checked_start, sample_points
from landscape_dist.problems.symbolic_problem import dimension_of
from landscape_dist.problems.user_problem import Labels, UserProblem
from landscape_dist.records import Counters, Directions, Energies, FloatArray, Gradients, Hessians, Points


class VectorField(UserProblem):
    """dx/dt = F(x), not necessarily the gradient of anything.

    As a `Problem` its gradient is -F and its Hessian minus the Jacobian (for F = -grad E they are those of E), not
    symmetric.  `counters` count a force as a gradient, a Jacobian as a Hessian, a Jacobian product as an hvp.
    """

    has_energy = False
    symmetric = False
    labels = Labels(gradient="F", the_gradient="F", hessian="jacobian", hvp="jvp", sign=-1.0, symmetric=False)

    def __init__(
        self,
        dim: int,
        *,
        name: str,
        domain: Domain | dict[str, Any] | None,
        suggested_start: ArrayLike | None,
        suggested_max_index: int | None,
    ) -> None:
        super().__init__()
        self.name = name
        self.dim = checked_dim(dim)
        self.domain = domain_from_dict(domain)
        self.domain.check(self.dim)
        self.suggested_start = checked_start(suggested_start, self.dim)
        self.suggested_max_index = suggested_max_index

    def force(self, X: Points) -> Gradients:
        """(n, d) -> (n, d): F."""
        self.counters.n_gradients += len(X)
        return self._force(X)

    def jacobian(self, X: Points) -> Hessians:
        """(n, d) -> (n, d, d): entry [n, i, j] is dF_i / dx_j."""
        self.counters.n_hessians += len(X)
        return self._jacobian(X)

    def jvp(self, X: Points, V: Directions) -> Directions:
        """(n, d), (n, d, k) -> (n, d, k): Jacobian products."""
        self.counters.n_hvps += len(X) * V.shape[-1]
        return self._jvp(X, V)

    @abc.abstractmethod
    def _force(self, X: Points) -> Gradients: ...

    @abc.abstractmethod
    def _jacobian(self, X: Points) -> Hessians: ...

    def _jvp(self, X: Points, V: Directions) -> Directions:
        return self._jacobian(X) @ V

    def energy(self, X: Points) -> Energies:
        """Raises ProblemError: there is none."""
        raise ProblemError(f"{self.name} is a vector field and has no energy; use force, jacobian and jvp")

    def _energy(self, X: Points) -> Energies:
        return self.energy(X)

    def _gradient(self, X: Points) -> Gradients:
        return -self._force(X)

    def _hessian(self, X: Points) -> Hessians:
        return -self._jacobian(X)

    def _hvp(self, X: Points, V: Directions) -> Directions:
        return -self._jvp(X, V)

    def __repr__(self) -> str:
        return f"{self.name}(dim={self.dim})"


def vector_field(
    F: Sequence[Any] | Callable[[Any], Any],
    dim: int | None = None,
    jacobian: Callable[[FloatArray], ArrayLike] | None = None,
    *,
    batched: bool = False,
    backend: Literal["numpy", "torch"] = "numpy",
    variables: Sequence[str] | None = None,
    parameters: dict[str, float] | None = None,
    dimer_length: float = DIMER_LENGTH,
    name: str = "vector_field",
    domain: Domain | dict[str, Any] | None = None,
    suggested_start: ArrayLike | None = None,
    suggested_max_index: int | None = None,
    fingerprint: str | None = None,
    gradient_system: bool | None = None,
    check: bool = True,
) -> VectorField:
    """A vector field dx/dt = F(x) from formulas or a function.

    Args:
        F: d formulas (text or SymPy) in x1..xd, or a function (d,) -> (d,), batched (n, d) -> (n, d).
        dim: number of variables; needed for functions.
        jacobian: for NumPy functions: (d,) -> (d, d), batched (n, d) -> (n, d, d); differences of F otherwise.
        batched: whether the functions take batches.
        backend: "torch" for a torch function, differentiated automatically.
        variables, parameters: for formulas, as for `symbolic`.
        dimer_length: half the distance of the differences that replace a missing Jacobian.
        name, domain, suggested_start, suggested_max_index, fingerprint, check: as for `from_callable`.
        gradient_system: whether F is minus a gradient, so that its Jacobian is symmetric, which is cheaper to search;
            None finds out by looking at a few points.

    Raises:
        ProblemError: what F is not, and the cure.
    """
    common: dict[str, Any] = {
        "name": name,
        "domain": domain,
        "suggested_start": suggested_start,
        "suggested_max_index": suggested_max_index,
    }
    field: VectorField
    parts: tuple[str, ...] = ("gradient", "hessian", "hvp")
    if not callable(F):
        vocabulary = Vocabulary(variables, parameters)
        if isinstance(F, str) or not isinstance(F, Sequence):
            raise ProblemError(f"F is {F!r}; give a list of d formulas, or a function")
        expressions = [parse(f, vocabulary) if isinstance(f, str) else from_sympy(f, vocabulary) for f in F]
        dim = dimension_of(expressions, dim or len(F), vocabulary, "field")
        field = SymbolicVectorField(expressions, dim, **common)
        parts = ("gradient",)
    elif dim is None:
        raise ProblemError("dim is missing; give the number of variables of F")
    elif backend == "torch":
        field = TorchVectorField(F, dim, batched=batched, fingerprint=fingerprint, **common)
    elif backend == "numpy":
        field = CallableVectorField(
            F, jacobian, dim, batched=batched, dimer_length=dimer_length, fingerprint=fingerprint, **common
        )
    else:
        raise ProblemError(f"backend is {backend!r}; use 'numpy' or 'torch'")
    if check:
        check_problem_once(field, parts)
    field.symmetric = is_gradient(field) if gradient_system is None else bool(gradient_system)
    return field


# Entries of Jacobians from differences agree to about this, relative to the largest.
SYMMETRY_RTOL = 1e-5


def is_gradient(field: VectorField) -> bool:
    """Whether the Jacobian is symmetric at a few points inside the domain; not counted."""
    counters = field.counters
    field.counters = Counters()
    J = np.asarray(field.jacobian(sample_points(field.dim, field.domain, field.suggested_start)))
    field.counters = counters
    J = J[np.isfinite(J).all(axis=(1, 2))]
    return bool(len(J)) and bool(np.abs(J - J.mT).max() <= SYMMETRY_RTOL * np.abs(J).max())


class SymbolicVectorField(VectorField):
    """F from formulas, evaluated as those of `SymbolicProblem`."""

    def __init__(self, expressions: Sequence[Any], dim: int, **common: Any) -> None:
        super().__init__(dim, **common)
        import sympy

        if len(expressions) != self.dim:
            raise ProblemError(f"F has {len(expressions)} formulas for {self.dim} variables; give one for each")
        self._sreprs = [sympy.srepr(expression) for expression in expressions]
        self.formulas = [text_of(expression) for expression in expressions]
        self._code = code_of(self._sreprs, expressions, self.dim, energy=False)

    @property
    def xp(self) -> Any:
        return np

    @property
    def definition(self) -> dict[str, Any]:
        """Plain JSON form: formulas, dim, domain."""
        return {"kind": "field", "formulas": self.formulas, "dim": self.dim, "domain": self.domain.as_dict()}

    def formulas_of_equations(self) -> list[Any]:
        import sympy

        return [sympy.sympify(text) for text in self._sreprs]

    def fingerprint(self) -> str:
        return digest("field", self._sreprs, self.dim, canonical_json(self.domain.as_dict()))

    def _force(self, X: FloatArray) -> FloatArray:
        return self._code.values(X)

    def _jacobian(self, X: FloatArray) -> FloatArray:
        return self._code.jacobian(X)

    def _jvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        return self._code.products(X, V)


class CallableVectorField(VectorField):
    """F from NumPy functions; without a Jacobian, central differences of F (the dimer formula)."""

    def __init__(
        self,
        F: Callable[[Any], Any],
        jacobian: Callable[[FloatArray], ArrayLike] | None,
        dim: int,
        *,
        batched: bool,
        dimer_length: float,
        fingerprint: str | None,
        **common: Any,
    ) -> None:
        super().__init__(dim, **common)
        if not (isinstance(dimer_length, int | float) and 0.0 < dimer_length < np.inf):
            raise ProblemError(f"dimer_length is {dimer_length!r}; give a small positive number such as {DIMER_LENGTH}")
        self.dimer_length = dimer_length
        self.user_force = UserFunction(F, "F", batched)
        self.user_hessian = None if jacobian is None else UserFunction(jacobian, "jacobian", batched)
        self.has_hessian = jacobian is not None
        self._fingerprint = fingerprint

    @property
    def xp(self) -> Any:
        return np

    @property
    def definition(self) -> dict[str, Any]:
        """Plain JSON form: dim, domain."""
        return {"kind": "field", "dim": self.dim, "domain": self.domain.as_dict()}

    def user_functions(self) -> list[UserFunction]:
        """The functions that were given."""
        return [f for f in (self.user_force, self.user_hessian) if f is not None]

    @property
    def batched(self) -> bool:
        return self.user_force.batched

    def answered(self) -> dict[str, np.dtype[Any]]:
        return {f.label: f.seen_dtype for f in self.user_functions() if f.seen_dtype is not None}

    @property
    def derived(self) -> frozenset[str]:
        return frozenset({"hvp"} if self.user_hessian is not None else {"hessian", "hvp"})

    def fingerprint(self) -> str:
        content = self._fingerprint or [digest(f.function) for f in self.user_functions()]
        domain = canonical_json(self.domain.as_dict())
        return digest("field", content, self.user_force.batched, self.dim, domain, float(self.dimer_length))

    def jacobian(self, X: Points) -> Hessians:
        return self._jacobian(X)

    def hessian(self, X: Points) -> Hessians:
        return self._hessian(X)

    def jvp(self, X: Points, V: Directions) -> Directions:
        return self._jvp(X, V)

    def hvp(self, X: Points, V: Directions) -> Directions:
        return self._hvp(X, V)

    def gradient_hessian(self, X: Points) -> tuple[Gradients, Hessians]:
        return self.gradient(X), self._hessian(X)

    def _force(self, X: FloatArray) -> FloatArray:
        return self.user_force((self.dim,), X)

    def _jacobian(self, X: FloatArray) -> FloatArray:
        if self.user_hessian is not None:
            self.counters.n_hessians += len(X)
            return self.user_hessian((self.dim, self.dim), X)
        return self._jvp(X, np.broadcast_to(np.eye(self.dim), (len(X), self.dim, self.dim)))

    def _jvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        if self.user_hessian is not None:
            return self._jacobian(X) @ V
        return dimer_products(self.force, X, V, self.dimer_length)


class TorchVectorField(VectorField):
    """F from a torch function; the Jacobian by automatic differentiation."""

    def __init__(
        self, F: Callable[[Any], Any], dim: int, *, batched: bool, fingerprint: str | None, **common: Any
    ) -> None:
        super().__init__(dim, **common)
        self.function = TorchFunction(F, self.dim, batched, None, "cpu")
        self.has_hessian = self.dim <= MAX_HESSIAN_DIM
        self._fingerprint = fingerprint

    @property
    def xp(self) -> Any:
        return self.function.namespace

    @property
    def definition(self) -> dict[str, Any]:
        """Plain JSON form: dim, domain."""
        return {"kind": "field", "dim": self.dim, "domain": self.domain.as_dict()}

    def translate_error(self, error: Exception) -> ProblemError | None:
        """What an error of torch says about F; None if the error is F's own."""
        return self.function.translate_error(error)

    def fingerprint(self) -> str:
        content = self._fingerprint or digest(self.function.fn)
        domain = canonical_json(self.domain.as_dict())
        return digest("torch field", content, self.function.batched, self.dim, domain)

    @property
    def batched(self) -> bool:
        return self.function.batched

    def _force(self, X: Points) -> Gradients:
        return like(X, self.function.values(self.function.tensor(X)))

    def _jvp(self, X: Points, V: Directions) -> Directions:
        if V.shape[-1] == 0 or len(X) == 0:
            return V + 0.0
        return like(X, self.function.jvp(self.function.tensor(X), self.function.tensor(V)))

    def _jacobian(self, X: Points) -> Hessians:
        tensor = self.function.tensor(X)
        if len(X) == 0:
            return like(X, tensor.new_zeros((0, self.dim, self.dim)))
        return like(X, self.function.jacobian(tensor))
