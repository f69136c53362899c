"""What the named systems share: parameters, domains, registry."""

from __future__ import annotations

import abc
import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Box, Domain, Unbounded, domain_from_dict
from landscape_dist.problems.fingerprint import canonical_json, digest
from landscape_dist.records import FloatArray, SparseHessian


@dataclass(frozen=True)
class SystemInfo:
    """What `landscape-dist systems` prints about a system.

    Attributes:
        name: as `get` wants it. summary: one line. formula: the energy in x1..xd. source: paper and equation.
        parameters: names with their defaults. dim: number of variables, "any" where it is a parameter.
        known: what is known about its stationary points.
    """

    name: str
    summary: str
    formula: str
    source: str
    parameters: dict[str, Any]
    dim: int | str
    known: str
    factory: Callable[..., Problem] = field(repr=False, compare=False)


REGISTRY: dict[str, SystemInfo] = {}

Factory = Callable[..., "NamedSystem"]


def register(*, formula: str, source: str, dim: int | str, known: str) -> Callable[[Factory], Factory]:
    """Enter a factory function into the registry under its own name."""

    def enter(factory: Factory) -> Factory:
        name = factory.__name__
        parameters = {
            key: value.default for key, value in inspect.signature(factory).parameters.items() if key != "domain"
        }
        summary = (factory.__doc__ or "").partition("\n")[0]
        REGISTRY[name] = SystemInfo(name, summary, formula, source, parameters, dim, known, factory)
        return factory

    return enter


def nearest(name: str, choices: list[str]) -> str:
    """Text that offers the nearest of the choices, or all of them."""
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.4)
    if close:
        return f"did you mean {close[0]!r}? (known: {', '.join(choices)})"
    return f"known: {', '.join(choices)}"


class NamedSystem(Problem):
    """A system with a closed formula, NumPy derivatives and known stationary points.

    Attributes:
        parameters: the values that, with the name, define it.
    """

    def __init__(
        self,
        name: str,
        dim: int,
        parameters: dict[str, Any],
        *,
        domain: Domain | dict[str, Any] | None,
        default_domain: Domain,
        euler_characteristic: int | None,
        start: FloatArray,
        max_index: int,
    ) -> None:
        super().__init__()
        self.name = name
        self.dim = dim
        self.parameters = parameters
        self.domain = default_domain if domain is None else domain_from_dict(domain)
        self.domain.check(dim)
        self.euler_characteristic = euler_characteristic
        if domain is not None and not _covers(self.domain, default_domain, dim):
            self.euler_characteristic = None  # points may lie outside, so nothing can be demanded
        self.suggested_start = start
        self.suggested_max_index = max_index

    @property
    def xp(self) -> Any:
        return np

    @property
    def definition(self) -> dict[str, Any]:
        """Plain JSON form: what to give to `systems.get`."""
        return {"kind": "system", "name": self.name, "parameters": self.parameters, "domain": self.domain.as_dict()}

    def fingerprint(self) -> str:
        return digest(canonical_json(self.definition))

    def __repr__(self) -> str:
        parameters = ", ".join(f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.name}({parameters})"


class TridiagonalSystem(NamedSystem):
    """A system whose Hessian has one band beside the diagonal; every operation runs over all rows at once."""

    has_sparse_hessian = True

    @abc.abstractmethod
    def _first(self, X: FloatArray) -> tuple[FloatArray, Any]:
        """(n, d) -> (n, d) gradients and whatever `_second` can use again."""

    @abc.abstractmethod
    def _second(self, X: FloatArray, shared: Any) -> tuple[FloatArray, FloatArray | float | None]:
        """(n, d) diagonals and (n, d-1) bands (a number where constant, None where zero) of the Hessians."""

    def _gradient(self, X: FloatArray) -> FloatArray:
        return self._first(X)[0]

    def _hessian(self, X: FloatArray) -> FloatArray:
        return self._gradient_hessian(X)[1]

    def _gradient_hessian(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        g, shared = self._first(X)
        diagonal, band = self._second(X, shared)
        n, d = X.shape
        H = np.zeros((n, d, d))
        flat = H.reshape(n, d * d)
        flat[:, :: d + 1] = diagonal
        if band is not None:
            flat[:, 1 :: d + 1] = band
            flat[:, d :: d + 1] = band
        return g, H

    def _sparse_hessian(self, x: FloatArray) -> SparseHessian:
        from scipy.sparse import diags_array

        diagonal, band = self._bands(x)
        return diags_array([band, diagonal, band], offsets=[-1, 0, 1]).tocsc()

    def _bands(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(d,) -> (d,) diagonal and (d-1,) band of the Hessian."""
        diagonal, band = self._second(x[None], self._first(x[None])[1])
        return diagonal[0], np.broadcast_to(0.0 if band is None else band, (1, len(x) - 1))[0]

    def _hvp(self, X: FloatArray, V: FloatArray) -> FloatArray:
        diagonal, band = self._second(X, self._first(X)[1])
        Y = diagonal[:, :, None] * V
        if band is not None:
            band = np.asarray(band)[..., None]
            Y[:, :-1] += band * V[:, 1:]
            Y[:, 1:] += band * V[:, :-1]
        return Y


def _covers(domain: Domain, default: Domain, dim: int) -> bool:
    if isinstance(domain, Unbounded):
        return True
    if not isinstance(default, Box):
        return False
    lower, upper = (np.broadcast_to(np.asarray(v, dtype=float), dim) for v in (default.lower, default.upper))
    if isinstance(domain, Box):
        return bool(np.all(np.asarray(domain.lower) <= lower) and np.all(np.asarray(domain.upper) >= upper))
    center = np.asarray(getattr(domain, "center", 0.0))
    farthest = np.where(np.abs(lower - center) > np.abs(upper - center), lower, upper)
    return bool(domain.contains(farthest[None])[0])


def whole_number(system: str, name: str, value: Any, minimum: int) -> int:
    """A parameter that counts something."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ProblemError(f"{system}: {name} is {value!r}; give a whole number, {minimum} or more")
    return int(value)


def real_number(system: str, name: str, value: Any) -> float:
    """A finite parameter."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise ProblemError(f"{system}: {name} is {value!r}; give a finite number")
    return float(value)


def real_vector(system: str, name: str, value: Any, dim: int) -> FloatArray:
    """A (dim,) parameter; one number stands for all entries."""
    try:
        vector = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        vector = np.asarray(np.nan)
    if vector.ndim == 0 and np.isfinite(vector):
        return np.full(dim, float(vector))
    if vector.shape != (dim,) or not np.all(np.isfinite(vector)):
        raise ProblemError(f"{system}: {name} is {value!r}; give one finite number or a list of {dim} (dim = {dim})")
    return vector
