"""From EnergyFunction and Grad, in SaddleScape's column-vector convention, to a problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError, SettingsError
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.problems.base import Problem
from landscape_dist.problems.checks import check_problem_once
from landscape_dist.problems.domain import Ball
from landscape_dist.records import FloatArray
from landscape_dist.saddlescape.grids import GridProblem, recognise
from landscape_dist.saddlescape.parameters import Values

# Products u.(J v) and v.(J u) of a symmetric Jacobian differ by no more than this part of |J|, differences included.
SYMMETRY_RTOL = 1e-4
N_SYMMETRY_TESTS = 4
# Panels of the quadrature of a gradient along a straight line, 8 Gauss–Legendre nodes each, until two counts agree.
PANELS = (1, 2, 4, 8, 16, 32)
QUADRATURE_RTOL = 1e-10


class ColumnFunction:
    """A function of one (d, 1) array, called with (d,) arrays; its answer is flattened.

    Args:
        function: the user's. vector: whether it returns d numbers; otherwise one.
    """

    def __init__(self, function: Callable[[Any], Any], vector: bool) -> None:
        self.function = function
        self.vector = vector

    def __call__(self, x: FloatArray) -> Any:
        value = np.asarray(self.function(x.reshape(-1, 1).copy()))
        return value.reshape(-1) if self.vector or value.size != 1 else float(value.reshape(()))


class PathIntegral:
    """An energy for a gradient without one: E(x) = integral over t in [0, 1] of g(o + t (x - o)).(x - o).

    Exact up to a constant and the quadrature's error, where the straight line stays in the gradient's domain.

    Args:
        gradient: (n, d) -> (n, d). origin: (d,) where the energy is zero.
    """

    def __init__(self, gradient: Callable[[FloatArray], FloatArray], origin: FloatArray) -> None:
        self.gradient = gradient
        self.origin = origin

    def __call__(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n,)."""
        return np.array([self._one(x - self.origin) for x in X])

    def _one(self, offset: FloatArray) -> float:
        last = np.nan
        for panels in PANELS:
            nodes, weights = np.polynomial.legendre.leggauss(8)
            t = ((np.arange(panels)[:, None] + (nodes + 1) / 2) / panels).reshape(-1)
            slope = self.gradient(self.origin + t[:, None] * offset) @ offset
            value = float(slope @ np.tile(weights / (2 * panels), panels))
            size = float(np.abs(slope).max())
            if abs(value - last) <= QUADRATURE_RTOL * size or not np.isfinite(value):
                return value
            last = value
        return last


class Rows:
    """A function of one point made one of a batch."""

    def __init__(self, function: Callable[[FloatArray], Any]) -> None:
        self.function = function

    def __call__(self, X: FloatArray) -> FloatArray:
        return np.array([self.function(x) for x in X])


def make_problem(values: Values) -> Problem:
    """The problem that these parameters describe.

    Raises:
        SettingsError: parameters are missing or contradict each other.
        ProblemError: a formula or function is not what it should be.
    """
    from landscape_dist import problems

    energy, grad, start = values["EnergyFunction"], values["Grad"], values["InitialPoint"]
    dim = len(start)
    if energy is None and grad is None:
        raise SettingsError("neither EnergyFunction nor Grad is given; give one of them")
    if values["AutoDiff"] and energy is None:
        raise SettingsError("AutoDiff is True but there is no EnergyFunction; give one, or AutoDiff=False")
    differentiate = values["AutoDiff"] if values["AutoDiff"] is not None else grad is None
    if not differentiate and grad is None and not values["NumericalGrad"]:
        raise SettingsError("AutoDiff is False and Grad is not given; give Grad, AutoDiff=True or NumericalGrad=True")
    common: dict[str, Any] = {
        # The default is the solver's own bound, far away; a domain is looked at in every step.
        "domain": Ball(values["SearchArea"], start.tolist()) if "SearchArea" in values.stated else None,
        "suggested_start": start.tolist(),
        "name": "saddlescape",
    }
    dimer = values["HessianDimerLength"] if "HessianDimerLength" in values.stated else None
    numerical: dict[str, Any] = {
        "dimer_length": dimer,
        "gradient_length": values["DimerLength"] if "DimerLength" in values.stated else None,
    }
    if isinstance(energy, str) and (differentiate or (grad is None and values["NumericalGrad"])):
        symbolic = problems.symbolic(energy, variables=[f"x{i + 1}" for i in range(dim)], **common)
        if not values["NumericalGrad"] or grad is not None:
            return symbolic
        return problems.from_callable(symbolic.energy, dim=dim, batched=True, **numerical, **common)
    if energy is not None and (differentiate or grad is None):
        return problems.from_callable(ColumnFunction(energy, False), dim=dim, **numerical, **common)
    return _from_gradient(values, dim, dimer, common)


def _from_gradient(values: Values, dim: int, dimer: float | None, common: dict[str, Any]) -> Problem:
    """A problem of which the gradient is given, with or without an energy."""
    from landscape_dist import problems

    energy, grad = values["EnergyFunction"], values["Grad"]
    variables = [f"x{i + 1}" for i in range(dim)]
    field = None
    gradient: Callable[[FloatArray], FloatArray]
    if callable(grad):
        gradient = Rows(ColumnFunction(grad, True))
    else:
        if len(grad) != dim:
            raise SettingsError(f"Grad has {len(grad)} formulas for {dim} variables; give {dim}")
        force = [f"-({part})" for part in grad]
        field = problems.vector_field(force, variables=variables, gradient_system=False, **common)
        gradient = field.gradient
    declared = values["GradientSystem"]
    if declared is None:
        declared = energy is not None or is_symmetric(gradient, values["InitialPoint"])
    if not declared:
        if field is not None:
            return field
        if dimer is not None:
            common["dimer_length"] = dimer
        return problems.vector_field(Negative(ColumnFunction(grad, True)), dim=dim, gradient_system=False, **common)
    if isinstance(energy, str):
        energy = problems.symbolic(energy, variables=variables, **common).energy
    elif energy is not None:
        energy = Rows(ColumnFunction(energy, False))
    else:
        energy = PathIntegral(gradient, values["InitialPoint"])
    hessian = None if field is None else field.hessian
    problem = problems.from_callable(
        energy, gradient, hessian, dim=dim, batched=True, dimer_length=dimer, check=False, **common
    )
    form = None
    if dim > SolverSettings().dense_limit and hessian is None:
        problem.gradient(values["InitialPoint"][None])  # refuses answers of another shape
        form = recognise(gradient, values["InitialPoint"])
    own_energy = values["EnergyFunction"] is not None
    # Where all of the gradient is known in closed form, so is its energy, and there is nothing to check.
    if own_energy or form is None or form.reaction is None:
        check_problem_once(problem)
    return problem if form is None else GridProblem.of(problem, form, None if own_energy else values["InitialPoint"])


class Negative:
    """Minus a function."""

    def __init__(self, function: Callable[[FloatArray], FloatArray]) -> None:
        self.function = function

    def __call__(self, x: FloatArray) -> FloatArray:
        return -self.function(x)


def is_symmetric(gradient: Callable[[FloatArray], FloatArray], start: FloatArray) -> bool:
    """Whether the Jacobian of a map (n, d) -> (n, d) is symmetric near a point (d,), by a few products.

    Raises:
        ProblemError: the map is not finite there.
    """
    from landscape_dist.numerics.differences import dimer_products

    d = len(start)
    if d == 1:
        return True
    rng = np.random.default_rng(d)
    scale = max(1.0, float(np.abs(start).max()))
    X = start + 0.3 * scale * rng.uniform(-1, 1, size=(N_SYMMETRY_TESTS, d))
    V = np.linalg.qr(rng.standard_normal((N_SYMMETRY_TESTS, d, 2)))[0]
    JV = dimer_products(gradient, X, V, 1e-5 * scale)
    if not np.isfinite(JV).all():
        raise ProblemError(f"Grad is not finite near InitialPoint {start[:8].tolist()}; give GradientSystem=")
    crossed = V.mT @ JV
    # Random vectors see of an antisymmetric part of size a about a / sqrt(d), and of J's size as much.
    size = np.linalg.norm(JV, axis=(1, 2)) / np.sqrt(d)
    return bool((np.abs(crossed[:, 0, 1] - crossed[:, 1, 0]) <= SYMMETRY_RTOL * size + 1e-9).all())
