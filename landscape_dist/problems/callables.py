"""Energies given as NumPy functions, of one point or of a batch; missing derivatives by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import ProblemError
from landscape_dist.numerics.differences import ENERGY_STEP, central_gradient, dimer_products
from landscape_dist.problems.base import CountsItself
from landscape_dist.problems.domain import Domain, domain_from_dict
from landscape_dist.problems.fingerprint import canonical_json, digest
from landscape_dist.problems.starts import checked_start
from landscape_dist.problems.user_problem import UserProblem
from landscape_dist.records import FloatArray, SparseHessian

DIMER_LENGTH = 1e-5
"""Half the dimer's length where the gradient is given."""
DIMER_LENGTH_WITHOUT_GRADIENT = 1e-3
"""Half the dimer's length where the gradient is itself a difference, whose rounding error the dimer divides by."""
NOISE = 2.0  # rounding errors of a user's energy, in units of the last place


def from_callable(
    energy: Callable[[FloatArray], ArrayLike],
    gradient: Callable[[FloatArray], ArrayLike] | None = None,
    hessian: Callable[[FloatArray], ArrayLike] | None = None,
    hvp: Callable[[FloatArray, FloatArray], ArrayLike] | None = None,
    *,
    dim: int,
    batched: bool = False,
    dimer_length: float | None = None,
    gradient_length: float | None = None,
    sparse_hessian: Callable[[FloatArray], SparseHessian] | None = None,
    preconditioner: Callable[[FloatArray], Callable[[FloatArray], FloatArray]] | None = None,
    name: str = "callable",
    domain: Domain | dict[str, Any] | None = None,
    euler_characteristic: int | None = None,
    suggested_start: ArrayLike | None = None,
    suggested_max_index: int | None = None,
    fingerprint: str | None = None,
    mass: ArrayLike | SparseHessian | None = None,
    check: bool = True,
) -> CallableProblem:
    """An energy from NumPy functions.

    For one point (`batched=False`): energy (d,) -> float, gradient (d,) -> (d,), hessian (d,) -> (d, d),
    hvp (d,), (d,) -> (d,).  Batched: (n, d) -> (n,), (n, d), (n, d, d) and hvp (n, d), (n, d, k) -> (n, d, k).
    The functions receive read-only float64 arrays.

    Without `gradient`: central differences of the energy.  Without `hvp` and `hessian`: the dimer formula
    H v = [g(x + l v) - g(x - l v)] / (2 l) (NN-HiSD, section 2), and a Hessian of 2 d such gradients.
    Functions may be noisy: the noise is measured when the problem is built (`problem.noise`, None where all is exact),
    and lengths of differences, tolerances and what counts as zero or as the same point follow it.  Numbers may be
    float32; functions that are random are refused.
    `counters` count calls of the given functions, by points: a difference Hessian counts as gradients.

    Args:
        energy, gradient, hessian, hvp: the functions.
        dim: number of variables d.
        batched: whether the functions take batches.
        dimer_length: l above; default 1e-5, or 1e-3 without a gradient, or what suits the noise.
        gradient_length: without `gradient`, half the distance of the two energies along each coordinate; default
            eps^(1/3), about 6e-6, times the coordinate where that is larger than 1, or what suits
            the noise.
        sparse_hessian: for many variables, (d,) -> (d, d) SciPy sparse array, one point whatever `batched` says.
        preconditioner: for many variables, from a point (d,) to a function (d, k) -> (d, k), see
            `Problem.preconditioner`.
        name: for tables and files.
        domain: where searches may go; default everywhere.
        euler_characteristic: 1 for an energy that grows at infinity; None if unknown.
        suggested_start, suggested_max_index: for `explore` where the caller gives none.
        fingerprint: text that stands for what the functions compute, so that a store recognises them; default a
            digest of their byte code and the values that they use.
        mass: inner product of points, the metric of gradients, directions, eigenvalues and of the flow: a number (the
            volume of a cell of a uniform grid), d numbers (of the cells of another one, or atoms' masses), or a
            symmetric positive definite (d, d) matrix, dense or of SciPy's sparse ones (of finite elements).
        check: try the functions at a few points when built.

    Raises:
        ProblemError: the functions do not return what they should; the message says what to change.
    """
    problem = CallableProblem(
        energy,
        gradient,
        hessian,
        hvp,
        dim=dim,
        batched=batched,
        dimer_length=dimer_length,
        gradient_length=gradient_length,
        sparse_hessian=sparse_hessian,
        preconditioner=preconditioner,
        name=name,
        domain=domain,
        euler_characteristic=euler_characteristic,
        suggested_start=suggested_start,
        suggested_max_index=suggested_max_index,
        fingerprint=fingerprint,
    )
    problem.mass = mass
    if check:
        from landscape_dist.problems.checks import check_problem_once

        check_problem_once(problem)
    return problem


def checked_dim(dim: Any) -> int:
    """A number of variables.

    Raises:
        ProblemError: not a whole number of 1 or more.
    """
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer) or dim < 1:
        raise ProblemError(f"dim is {dim!r}; give a whole number, 1 or more")
    return int(dim)


def read_only(X: FloatArray) -> FloatArray:
    """A view that user code cannot write to."""
    view = np.asarray(X, dtype=np.float64).view()
    view.flags.writeable = False
    return view


class UserFunction:
    """A user's function of points: one call a batch or one a point, the shape of the answer verified.

    Pickles with cloudpickle, so that functions from a script or a notebook reach other processes.
    """

    def __init__(self, function: Callable[..., Any], label: str, batched: bool) -> None:
        if not callable(function):
            raise ProblemError(f"{label} is {function!r}; give a function")
        self.function = function
        self.label = label
        self.batched = batched
        self.seen_dtype: np.dtype[Any] | None = None

    def __call__(self, shape: tuple[int, ...], X: FloatArray, *others: FloatArray) -> FloatArray:
        """Values at the rows of X, float64 of shape (n, *shape)."""
        n = len(X)
        arguments = tuple(read_only(array) for array in (X, *others))
        if n == 0:
            return np.zeros((0, *shape))
        # Overflow far outside shows as non-finite values, which end a search with their own status.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if self.batched:
                result = self._array(self.function(*arguments))
                if result.shape != (n, *shape):
                    raise self._wrong_shape(result.shape, (n, *shape), f"a batch of {n} points")
                # The function may write its next answer to the same array.
                return result.copy()
            values = [_kept(self.function(*rows)) for rows in zip(*arguments, strict=True)]
        try:
            result = self._array(values)
        except ProblemError:
            raise
        except ValueError:
            shapes = sorted({np.shape(value) for value in values})
            raise ProblemError(
                f"{self.label} returned arrays of different shapes {shapes}; return shape {shape} at every point"
            ) from None
        if result.shape != (n, *shape):
            raise self._wrong_shape(result.shape[1:], shape, "a point")
        return result

    def _array(self, value: Any) -> FloatArray:
        result = np.asarray(value)
        if result.dtype == object:
            if isinstance(value, list) and any(item is None for item in value):
                raise ProblemError(f"{self.label} returned None; end the function with a return statement")
            if value is None:
                raise ProblemError(f"{self.label} returned None; end the function with a return statement")
            raise ProblemError(f"{self.label} returned {type(value).__name__} objects; return float64 numbers")
        if np.iscomplexobj(result):
            raise ProblemError(f"{self.label} returned complex numbers; return real ones (float64)")
        self.seen_dtype = result.dtype
        return result.astype(np.float64, copy=False)

    def _wrong_shape(self, seen: tuple[int, ...], wanted: tuple[int, ...], what: str) -> ProblemError:
        dim = f" of dimension {wanted[-1]}" if wanted and what == "a point" else ""
        if not wanted:
            cure = "return a single number (float)"
        else:
            cure = f"return an array of shape {wanted}"
        hint = "" if self.batched else "; for a function of whole batches (n, d) give batched=True"
        return ProblemError(f"{self.label} returned shape {seen} for {what}{dim}; {cure}{hint}")

    def __getstate__(self) -> dict[str, Any]:
        import cloudpickle

        return {**self.__dict__, "function": cloudpickle.dumps(self.function)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        import pickle

        self.__dict__.update(state)
        self.function = pickle.loads(state["function"])


def _kept(value: Any) -> Any:
    """A copy of an array, which the function that returned it may write its next answer to."""
    return value.copy() if isinstance(value, np.ndarray) else value


class CallableProblem(CountsItself, UserProblem):
    """An energy of user functions; made by `from_callable`.

    `has_hessian` is True only where a Hessian is given; `hessian` works without one, from 2 d gradients a point.
    """

    def __init__(
        self,
        energy: Callable[[FloatArray], ArrayLike],
        gradient: Callable[[FloatArray], ArrayLike] | None,
        hessian: Callable[[FloatArray], ArrayLike] | None,
        hvp: Callable[[FloatArray, FloatArray], ArrayLike] | None,
        *,
        dim: int,
        batched: bool,
        dimer_length: float | None,
        gradient_length: float | None,
        sparse_hessian: Callable[[FloatArray], SparseHessian] | None,
        preconditioner: Callable[[FloatArray], Callable[[FloatArray], FloatArray]] | None,
        name: str,
        domain: Domain | dict[str, Any] | None,
        euler_characteristic: int | None,
        suggested_start: ArrayLike | None,
        suggested_max_index: int | None,
        fingerprint: str | None,
    ) -> None:
        super().__init__()
        self.name = name
        self.dim = checked_dim(dim)
        self.domain = domain_from_dict(domain)
        self.domain.check(self.dim)
        self.euler_characteristic = euler_characteristic
        self.suggested_start = checked_start(suggested_start, self.dim)
        self.suggested_max_index = suggested_max_index
        self.dimer_length_given = dimer_length is not None
        default = DIMER_LENGTH if gradient is not None else DIMER_LENGTH_WITHOUT_GRADIENT
        self.dimer_length = default if dimer_length is None else dimer_length
        if not (isinstance(self.dimer_length, int | float) and 0.0 < self.dimer_length < np.inf):
            raise ProblemError(f"dimer_length is {dimer_length!r}; give a small positive number such as {default}")
        if gradient_length is not None and not 0.0 < gradient_length < np.inf:
            raise ProblemError(f"gradient_length is {gradient_length!r}; give a small positive number such as 1e-5")
        self.gradient_length = None if gradient_length is None else float(gradient_length)
        self.user_energy = UserFunction(energy, "energy", batched)
        self.user_gradient = None if gradient is None else UserFunction(gradient, "gradient", batched)
        self.user_hessian = None if hessian is None else UserFunction(hessian, "hessian", batched)
        self.user_hvp = None if hvp is None else UserFunction(hvp, "hvp", batched)
        self.user_sparse_hessian = (
            None if sparse_hessian is None else UserFunction(sparse_hessian, "sparse_hessian", False)
        )
        self.user_preconditioner = (
            None if preconditioner is None else UserFunction(preconditioner, "preconditioner", False)
        )
        self.has_hessian = hessian is not None
        self.has_sparse_hessian = sparse_hessian is not None
        self._fingerprint = fingerprint

    @property
    def xp(self) -> Any:
        return np

    @property
    def definition(self) -> dict[str, Any]:
        """Plain JSON form: which functions are given, dim, domain."""
        given = [f.label for f in self.user_functions()]
        return {"kind": "callable", "given": given, "dim": self.dim, "domain": self.domain.as_dict()}

    def _functions(self) -> list[UserFunction | None]:
        return [self.user_energy, self.user_gradient, self.user_hessian, self.user_hvp]

    def user_functions(self) -> list[UserFunction]:
        """The functions that were given."""
        return [f for f in [*self._functions(), self.user_sparse_hessian, self.user_preconditioner] if f is not None]

    @property
    def batched(self) -> bool:
        return self.user_energy.batched

    def answered(self) -> dict[str, np.dtype[Any]]:
        return {f.label: f.seen_dtype for f in self.user_functions() if f.seen_dtype is not None}

    @property
    def derived(self) -> frozenset[str]:
        given = {"gradient": self.user_gradient, "hessian": self.user_hessian, "hvp": self.user_hvp}
        return frozenset(part for part, function in given.items() if function is None)

    def fingerprint(self) -> str:
        domain = canonical_json(self.domain.as_dict())
        if self._fingerprint is not None:
            return digest("callable", self._fingerprint, self.dim, domain)
        functions = [None if f is None else digest(f.function) for f in self._functions()]
        parts = ["callable", functions, self.user_energy.batched, self.dim, domain, float(self.dimer_length)]
        later = [
            None if f is None else digest(f.function) for f in (self.user_sparse_hessian, self.user_preconditioner)
        ]
        parts += [] if later == [None, None] else [later]
        return digest(*parts, *([] if self.gradient_length is None else [self.gradient_length]))

    def __repr__(self) -> str:
        return f"{self.name}(dim={self.dim})"

    # -- evaluation: what is counted is what is called ----------------------------------------------------------
    def _energy(self, X: FloatArray) -> FloatArray:
        self.counters.n_energies += len(X)
        return self.user_energy((), X)

    def gradient_noise(self, X: FloatArray) -> FloatArray | None:
        """Noise of the energies in their differences; where the user gives gradients, theirs, or None."""
        if self.user_gradient is not None:
            return super().gradient_noise(X)
        if self.noise is not None and self.noise.energy is not None:
            length = self.noise.gradient_length or self.gradient_length or ENERGY_STEP
            return self.noise.energy.at(np.abs(self._energy(X))) * np.sqrt(0.5 * self.dim) / length
        length = ENERGY_STEP if self.gradient_length is None else self.gradient_length
        return NOISE * float(np.finfo(np.float64).eps) * np.abs(self._energy(X)) * np.sqrt(self.dim) / length

    def hessian_noise(self, X: FloatArray) -> FloatArray | None:
        """As measured; where the energies at X are noisier than usual, more."""
        usual = super().hessian_noise(X)
        if usual is None or self.noise is None or self.noise.gradient is None or self.user_gradient is not None:
            return None if usual is None else np.asarray(usual)
        return np.asarray(usual * self.gradient_noise(X) / self.noise.gradient.least)

    def _lengths(self) -> tuple[float | None, float]:
        """Half the lengths of differences of energies and of gradients: as given, as the noise needs, or as usual."""
        if self.noise is None:
            return self.gradient_length, self.dimer_length
        return self.gradient_length or self.noise.gradient_length, self.noise.dimer_length or self.dimer_length

    def _gradient(self, X: FloatArray) -> FloatArray:
        if self.user_gradient is not None:
            self.counters.n_gradients += len(X)
            return self.user_gradient((self.dim,), X)
        return central_gradient(self._energy, X, self._lengths()[0])

    def _hessian(self, X: FloatArray) -> FloatArray:
        if self.user_hessian is not None:
            self.counters.n_hessians += len(X)
            return self.user_hessian((self.dim, self.dim), X)
        eye = np.broadcast_to(np.eye(self.dim), (len(X), self.dim, self.dim))
        H = dimer_products(self._gradient, X, eye, self._lengths()[1])
        return 0.5 * (H + H.transpose(0, 2, 1))

    def _sparse_hessian(self, x: FloatArray) -> SparseHessian:
        from scipy.sparse import csc_array, issparse

        if self.user_sparse_hessian is None:
            return super()._sparse_hessian(x)
        H = self.user_sparse_hessian.function(read_only(x))
        if not issparse(H) or H.shape != (self.dim, self.dim):
            seen = f"shape {H.shape}" if hasattr(H, "shape") else type(H).__name__
            raise ProblemError(
                f"sparse_hessian returned {'' if issparse(H) else 'what is not sparse, '}{seen}; return a SciPy sparse "
                f"array of shape ({self.dim}, {self.dim}), with both triangles"
            )
        return csc_array(H, dtype=np.float64, copy=True)

    def preconditioner(self, x: FloatArray) -> Callable[[FloatArray], FloatArray] | None:
        """The one that was given."""
        return None if self.user_preconditioner is None else self.user_preconditioner.function(read_only(x))

    def _hvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        if self.user_hvp is not None:
            self.counters.n_hvps += len(X) * V.shape[-1]
            if self.user_hvp.batched:
                return self.user_hvp(V.shape[1:], X, V)
            columns = [self.user_hvp((self.dim,), X, V[:, :, k]) for k in range(V.shape[-1])]
            return np.stack(columns, axis=-1) if columns else np.zeros(V.shape)
        if self.user_hessian is not None:
            return self._hessian(X) @ V
        return dimer_products(self._gradient, X, V, self._lengths()[1])
