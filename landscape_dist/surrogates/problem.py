"""A surrogate as a problem: an energy in the user's own coordinates and units."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Domain, domain_from_dict
from landscape_dist.problems.fingerprint import canonical_json, digest
from landscape_dist.problems.starts import checked_start
from landscape_dist.records import FloatArray
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.model import Model

PRODUCTS = ("dense", "closed", "autodiff", "dimer")
# In the largest array of a block: glibc maps larger ones anew each time, and their page faults cost more than calls do.
_MAX_NUMBERS = 1 << 14
_MAX_NUMBERS_ON_DEVICE = 1 << 22
_LEAST_ROWS = 16  # of a block: fewer leave the matrix products of wide networks without work
_DIMER_RELATIVE = 1e-4


class Surrogate(Problem):
    """An energy learned from data, E(x) = energy_shift + energy_scale * model(features(x, parameters)).

    The transformation of coordinates and energy that the model was trained in is carried through value, gradient,
    Hessian and Hessian-vector products: x, energies and stationary points are in the units of the data.  On the CPU it
    computes with NumPy, which needs no torch on the workers and is faster; `on_device` moves it to torch.

    Attributes:
        model: the fitted function of the features.
        features: what it sees of a point.
        energy_shift, energy_scale: in the energy's unit.
        coordinates: (d,) names of the variables.
        parameters: values of the parameters, by name; see `at`.
        products: how Hessian-vector products are computed: 'dense' (the Hessian times the vectors), 'closed' (forward
            over reverse, written out), 'autodiff' (torch, reverse over reverse; the paper's ADAD) or 'dimer'
            (differences of gradients; the paper's dimer method).
        dimer_length: half the distance of the dimer's ends, in the unit of x.
        provenance: JSON-like account of data, settings and errors of the training.
    """

    def __init__(
        self,
        model: Model,
        features: Features,
        energy_shift: float,
        energy_scale: float,
        *,
        parameters: dict[str, float] | None = None,
        coordinates: tuple[str, ...] | None = None,
        name: str = "surrogate",
        domain: Domain | dict[str, Any] | None = None,
        euler_characteristic: int | None = None,
        suggested_start: Any = None,
        suggested_max_index: int | None = None,
        products: str = "dense",
        dimer_length: float | None = None,
        provenance: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.parameters = dict(parameters or {})
        self.dim = features.n_inputs - len(self.parameters)
        if self.dim < 1 or model.n_features != features.n_features:
            raise ProblemError(
                f"the model takes {model.n_features} features, there are {features.n_features} of {features.n_inputs} "
                f"inputs, {len(self.parameters)} of them parameters; use the features that it was trained with"
            )
        if not (np.isfinite(energy_shift) and np.isfinite(energy_scale) and energy_scale > 0):
            raise ProblemError(f"energy_shift {energy_shift} and energy_scale {energy_scale} must be finite, scale > 0")
        self.model, self.features = model, features
        self.energy_shift, self.energy_scale = float(energy_shift), float(energy_scale)
        self.coordinates = coordinates or tuple(f"x{i + 1}" for i in range(self.dim))
        if len(self.coordinates) != self.dim:
            raise ProblemError(f"coordinates are {self.coordinates} for {self.dim} variables; give {self.dim} names")
        self.name = name
        self.domain = domain_from_dict(domain)
        self.domain.check(self.dim)
        self.euler_characteristic = euler_characteristic
        self.suggested_start = checked_start(suggested_start, self.dim)
        self.suggested_max_index = suggested_max_index
        self.provenance = dict(provenance or {})
        self.dimer_length = dimer_length or _DIMER_RELATIVE * float(np.mean(features.scale[: self.dim]))
        self.products = products
        if products not in PRODUCTS:
            raise ProblemError(f"products is {products!r}; use one of {', '.join(PRODUCTS)}")
        self._device: str | None = None
        self._build()

    # -- variants -----------------------------------------------------------------------------------------------
    def at(self, **parameters: float) -> Self:
        """The energy at these values of the parameters (alpha of E(x, alpha)).

        Raises:
            ProblemError: no such parameter, or not a finite number.
        """
        return self._changed(parameters=self.parameters | {k: self._parameter(k, v) for k, v in parameters.items()})

    def _parameter(self, name: str, value: Any) -> float:
        if name not in self.parameters:
            known = ", ".join(self.parameters) or "none"
            raise ProblemError(f"{self.name} has no parameter {name!r}; it was trained with: {known}")
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise ProblemError(f"parameter {name} is {value!r}; give a finite number")
        return float(value)

    def with_products(self, products: str, dimer_length: float | None = None) -> Self:
        """The same energy with Hessian-vector products computed another way; see `products`."""
        if products not in PRODUCTS:
            raise ProblemError(f"products is {products!r}; use one of {', '.join(PRODUCTS)}")
        return self._changed(products=products, dimer_length=dimer_length or self.dimer_length)

    def on_device(self, device: str | None) -> Self:
        """The same energy on torch, on that device (such as "cuda"); None is NumPy."""
        return self._changed(_device=device)

    def _changed(self, **attributes: Any) -> Self:
        changed = copy.copy(self)
        changed.__dict__.update(attributes)
        changed.counters = type(self.counters)()
        changed._build()
        return changed

    # -- arrays -------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        """What is made from the rest: constants in the namespace that it computes in."""
        if self._device is None:
            self._xp: Any = np
        else:
            import torch

            from landscape_dist.problems.torch_namespace import DeviceNamespace

            self._xp = DeviceNamespace(torch.device(self._device))
        self._here = self.model.to(self._xp)
        self._membership = self._asarray(self.features.membership(self.dim))
        self._fixed = self._asarray(np.array([list(self.parameters.values())], dtype=np.float64))
        self._autodiff: Any = None
        widest = max(max(array.shape) for array in self.model.arrays().values())
        numbers = _MAX_NUMBERS if self._device in (None, "cpu") else _MAX_NUMBERS_ON_DEVICE
        self._rows = max(_LEAST_ROWS, numbers // (widest * self.dim))

    def _asarray(self, array: Any) -> Any:
        return np.asarray(array, dtype=np.float64) if self._xp is np else self._xp.asarray(array)

    def __getstate__(self) -> dict[str, Any]:
        made = ("_xp", "_here", "_membership", "_fixed", "_autodiff")
        return {key: value for key, value in self.__dict__.items() if key not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._build()

    @property
    def xp(self) -> Any:
        return self._xp

    @property
    def periods(self) -> FloatArray | None:
        """(d,) of the coordinates, inf where one is not periodic; None where none is."""
        periods = np.array(self.features.period[: self.dim])
        return periods if np.isfinite(periods).any() else None

    @property
    def coordinate_unit(self) -> str | None:
        """What the data say of it; None unknown."""
        return (self.provenance.get("data") or {}).get("coordinate_unit")

    @property
    def energy_unit(self) -> str | None:
        """What the data say of it; None unknown."""
        return (self.provenance.get("data") or {}).get("energy_unit")

    def _features(self, X: Any) -> tuple[Any, Any, Any]:
        X = self._inward(X)
        if self.parameters:
            X = self._xp.concat([X, self._xp.zeros_like(X[:, :1]) + self._fixed], axis=1)
        return self.features.with_derivatives(X, self._xp)

    def features_of(self, X: Any) -> Any:
        """(n, d) -> (n, f): what the model sees of these points."""
        return self._features(X)[0]

    def _inward(self, X: Any) -> Any:
        if self._xp is np:
            return np.asarray(X, dtype=np.float64)
        return self._xp.asarray(X)  # NumPy arrays move to the device

    def _outward(self, reference: Any, result: Any) -> Any:
        if self._xp is not np and isinstance(reference, np.ndarray):
            return result.cpu().numpy()
        return result

    def _in_blocks(self, function: Any, X: Any, *others: Any) -> Any:
        """`function` over blocks of rows, so that the tangents of many points do not fill the memory."""
        n = len(X)
        if n <= self._rows:
            return function(X, *others)
        parts = [
            function(*(a[i : i + self._rows] for a in (X, *others))) for i in range(0, n, self._rows)
        ]  # fmt: skip
        xp = np if isinstance(X, np.ndarray) else self._xp
        if isinstance(parts[0], tuple):
            return tuple(xp.concat(part, axis=0) for part in zip(*parts, strict=True))
        return xp.concat(parts, axis=0)

    def gradient_noise(self, X: Any) -> Any:
        """(n, d) -> (n,): the rounding of a Gaussian process, whose terms are large where it is smooth."""
        a, first, _ = self._features(X)
        rounding = self._here.gradient_rounding(a)
        if rounding is None:
            return None
        noise = self._xp.linalg.vector_norm((rounding * self._xp.abs(first)) @ self._membership, axis=-1)
        return self._outward(X, self.energy_scale * noise)

    # -- evaluations --------------------------------------------------------------------------------------------
    def _energy(self, X: Any) -> Any:
        return self._in_blocks(self._energy_block, X)

    def _gradient(self, X: Any) -> Any:
        return self._in_blocks(self._gradient_block, X)

    def _hessian(self, X: Any) -> Any:
        return self._gradient_hessian(X)[1]

    def _gradient_hessian(self, X: Any) -> tuple[Any, Any]:
        result: tuple[Any, Any] = self._in_blocks(self._gradient_hessian_block, X)
        return result

    def _hvp(self, X: Any, V: Any) -> Any:
        if self.products == "dense":
            return self._hessian(X) @ V
        if self.products == "dimer":
            return self._dimer(X, V)
        if self.products == "autodiff":
            return self._autodiff_problem()._hvp(X, V)
        return self._in_blocks(self._products_block, X, V)

    def _energy_block(self, X: Any) -> Any:
        value = self._here.value(self._features(X)[0])
        return self._outward(X, self.energy_shift + self.energy_scale * value)

    def _gradient_block(self, X: Any) -> Any:
        a, first, _ = self._features(X)
        return self._outward(X, self.energy_scale * ((self._here.gradient(a) * first) @ self._membership))

    def _gradient_hessian_block(self, X: Any) -> tuple[Any, Any]:
        a, first, second = self._features(X)
        J = first[:, None, :] * self._membership.T
        gradient, H = self._here.gradient_curvature(a, J)
        diagonal = (gradient * second) @ self._membership
        H = 0.5 * (H + H.mT) + diagonal[:, :, None] * self._xp.eye(self.dim, dtype=diagonal.dtype)
        g = (gradient * first) @ self._membership
        return self._outward(X, self.energy_scale * g), self._outward(X, self.energy_scale * H)

    def _products_block(self, X: Any, V: Any) -> Any:
        a, first, second = self._features(X)
        columns = self._inward(V).mT  # (n, k, d)
        gradient, products = self._here.curvature_products(a, (columns @ self._membership.T) * first[:, None, :])
        diagonal = (gradient * second) @ self._membership
        result = (products * first[:, None, :]) @ self._membership + columns * diagonal[:, None, :]
        return self._outward(X, self.energy_scale * result.mT)

    def _dimer(self, X: Any, V: Any) -> Any:
        """(∇E(x + l v) - ∇E(x - l v)) / 2l (NN-HiSD, below eq. 2.1); exact to the order l^2 |v|^3."""
        n, d, k = V.shape
        l = self.dimer_length
        xp = np if isinstance(X, np.ndarray) else self._xp
        step = l * xp.reshape(V.mT, (n * k, d))
        centre = xp.reshape(X[:, None, :] + 0.0 * V.mT, (n * k, d))
        difference = (self._gradient(centre + step) - self._gradient(centre - step)) / (2.0 * l)
        return xp.reshape(difference, (n, k, d)).mT

    def _autodiff_problem(self) -> Any:
        """The same energy for torch's automatic differentiation."""
        if self._autodiff is None:
            from landscape_dist.surrogates.torch_energy import torch_problem

            self._autodiff = torch_problem(self, self._device or "cpu")
        return self._autodiff

    # -- identity -----------------------------------------------------------------------------------------------
    @property
    def definition(self) -> dict[str, Any]:
        """Plain JSON form, without the weights."""
        return {
            "kind": "surrogate",
            "model": self.model.kind,
            "dim": self.dim,
            "coordinates": list(self.coordinates),
            "coordinate_unit": self.coordinate_unit,
            "energy_unit": self.energy_unit,
            "parameters": self.parameters,
            "products": self.products,
            "domain": self.domain.as_dict(),
        }

    def fingerprint(self) -> str:
        content = [self.model.kind, self.model.arrays(), self.features.as_dict(), self.energy_shift, self.energy_scale]
        dimer = self.dimer_length if self.products == "dimer" else None
        return digest(
            "surrogate", content, self.parameters, self.products, dimer, canonical_json(self.domain.as_dict())
        )

    def __repr__(self) -> str:
        values = "".join(f", {name}={value:g}" for name, value in self.parameters.items())
        return f"{self.name}(dim={self.dim}{values})"
