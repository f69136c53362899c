"""From SaddleScape's parameters to the settings of `explore`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.custom import CustomStep, History
from landscape_dist.problems.base import Problem
from landscape_dist.problems.conditioned import Conditioned
from landscape_dist.records import FloatArray
from landscape_dist.saddlescape.parameters import Values
from landscape_dist.spaces.judgement import SameJudgement

ACCELERATIONS = {"none": "none", "heavyball": "heavy_ball", "nesterov": "nesterov"}
EIGENSOLVERS = {"lobpcg": "lobpcg", "euler": "euler", "power": "power"}


class ColumnJudgement(SameJudgement):
    """A user's function of two (d, 1) arrays; every known point of equal index is a candidate.

    Nothing is assumed of the function, not even that equal points have nearly equal energies, so nothing can be looked
    up. Points that are bitwise close are the same without asking.
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function
        self.fingerprint_atol = np.ones(1)

    def same(self, x: FloatArray, X: FloatArray) -> NDArray[np.bool_]:
        """(n, d), (n, d) -> (n,): row by row."""
        near = np.abs(x - X).max(axis=1) <= 1e-12 * np.maximum(1.0, np.abs(x).max(axis=1))
        return np.array(
            [bool(n) or bool(self.function(a[:, None], b[:, None])) for n, a, b in zip(near, x, X, strict=True)]
        )

    def fingerprint(self, X: FloatArray, energy: FloatArray) -> FloatArray:
        """(n, 1) of the same number, in the middle of a cell."""
        return np.full((len(X), 1), 32.0)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        name = getattr(self.function, "__qualname__", type(self.function).__qualname__)
        return {"kind": "saddlescape", "name": name}


class ColumnScheme:
    """A user's CustomTD as a scheme of ours: the searches one by one, in column vectors.

    Args:
        function: CustomTD(instance, xlist, vlist, glist, dt, j). instance: what it gets as `instance`.
    """

    def __init__(self, function: Callable[..., Any], instance: Any) -> None:
        self.function = function
        self.instance = instance

    def __call__(self, history: History) -> Any:
        """Next points (n, d) and directions (n, d, k)."""
        n, d = history.x[-1].shape
        k = history.V[-1].shape[2]
        X, V = np.empty((n, d)), np.empty((n, d, k))
        for i in range(n):
            xs = [x[i][:, None] for x in history.x]
            gs = [g[i][:, None] for g in history.g]
            vs = [v[i] for v in history.V] if k else None
            answer = self.function(self.instance, xs, vs, gs, history.step_size, history.step)
            x, v = answer[:2] if isinstance(answer, tuple) else (answer, None)
            X[i] = np.asarray(x, dtype=np.float64).reshape(d)
            V[i] = history.V[-1][i] if v is None else np.asarray(v, dtype=np.float64).reshape(d, k)
        return (X, V) if k else X


class SchemeInstance:
    """What a CustomTD function may ask: SaddleScape's names for the gradient, Hessian products and the eigensolver."""

    def __init__(self, problem: Problem, values: Values) -> None:
        self.problem = problem
        self.values = values
        self.Dim = problem.dim
        self.TimeStep = values["TimeStep"]
        from landscape_dist.eigensolvers import make_eigensolver
        from landscape_dist.hisd.settings import SolverSettings

        settings = SolverSettings(eigensolver_iterations=2)
        self._eigensolver = make_eigensolver(settings, settings.flow_rate, problem.symmetric)

    def Grad(self, x: Any) -> FloatArray:
        """(d, 1) -> (d, 1)."""
        return np.asarray(self.problem.gradient(np.reshape(x, (1, -1)))).reshape(-1, 1)

    def HessianVec(self, x: Any, v: Any) -> FloatArray:
        """(d, 1), (d, k) -> (d, k)."""
        v = np.asarray(v, dtype=np.float64)
        return np.asarray(self.problem.hvp(np.reshape(x, (1, -1)), v.reshape(1, self.Dim, -1)))[0].reshape(v.shape)

    def EigVecMethod(self, x: Any, v: Any) -> tuple[FloatArray, bool]:
        """Directions (d, k) that have followed to x (d, 1), and whether there still are k unstable ones."""
        from landscape_dist.eigensolvers import Curvature

        at = np.reshape(np.asarray(x, dtype=np.float64), (1, -1))
        V = np.asarray(v, dtype=np.float64).reshape(1, self.Dim, -1)
        if self.problem.has_hessian:
            curvature = Curvature.dense(self.problem.hessian(at))
        else:
            curvature = Curvature(None, lambda W: self.problem.hvp(at, W), np.ones(1))
        new = self._eigensolver.follow(curvature, V, np.zeros_like(at), np.array([self.TimeStep]))
        quotients = np.sum(new * curvature.product(new), axis=1)
        return new[0], bool((quotients < 0).all())


def solver_settings(values: Values, problem: Problem) -> dict[str, Any]:
    """Settings of the solver by name.

    With scheme='adaptive', how a search moves is the solver's affair, and what only tunes that (time step,
    acceleration, eigensolver) has no effect; with 'as_given' the scheme is the one described.
    """
    stated = values.stated
    # In well-conditioned coordinates gradients are shorter by up to the largest weight.
    conditioned = problem.conditioned()
    stretch = float(conditioned.weights.max()) if isinstance(conditioned, Conditioned) else 1.0
    settings: dict[str, Any] = {
        "gradient_atol": values["Tolerance"] / stretch,
        "gradient_rtol": 1e-15,
        "nullity_atol": values["PrecisionTol"],
        "perturbation_method": values["PerturbationMethod"],
        "keep_trajectories": values["SaveTrajectory"],
        "trajectory_points": None,
        "excursion": 0.0,
    }
    if "PerturbationRadius" in stated:
        settings["perturbation_radius"] = values["PerturbationRadius"]
    if values["InitialEigenVectors"] is not None:
        settings["start_directions"] = tuple(map(tuple, values["InitialEigenVectors"].tolist()))
    literal = values["scheme"] == "as_given"
    if literal:
        settings |= {
            "step": "barzilai_borwein" if values["BBStep"] else "explicit",
            "step_size": values["TimeStep"],
            "acceleration": ACCELERATIONS[values["Acceleration"]],
            "momentum": values["Momentum"],
            "nesterov_choice": values["NesterovChoice"],
            "nesterov_restart": values["NesterovRestart"],
            "eigensolver": EIGENSOLVERS[values["EigenMethod"] or ("lobpcg" if problem.symmetric else "power")],
            "eigensolver_iterations": values["EigenMaxIter"],
            "perturbation_radius": values["PerturbationRadius"],
            "max_steps": values["MaxIter"],
        }
        if "EigenStepSize" in stated:
            settings["eigensolver_step_size"] = values["EigenStepSize"]
    if values["CustomTD"] is not None:
        scheme = ColumnScheme(values["CustomTD"], SchemeInstance(problem, values))
        name = getattr(values["CustomTD"], "__qualname__", "CustomTD")
        settings |= {
            "step": "custom",
            "step_size": values["TimeStep"],
            "custom_step": CustomStep(scheme, values["CustomTD_Step"], polish=not literal, name=name),
            "acceleration": "none",
            "max_steps": values["MaxIter"],
        }
    return settings


def explore_settings(values: Values, max_index: int) -> dict[str, Any]:
    """Settings of the search policy by name."""
    same, stated, literal = values["SameJudgementMethod"], values.stated, values["scheme"] == "as_given"
    if callable(same) and not isinstance(same, SameJudgement):
        same = ColumnJudgement(same)
    return {
        "max_index": max_index,
        "max_index_gap": values["MaxIndexGap"],
        "combinations": values["EigenCombination"],
        # Searches leave along the eigenvectors themselves, both ways; more probes only where they are asked for.
        "n_random": values["PerturbationNumber"] - 1 if "PerturbationNumber" in stated or literal else 0,
        "upward": values["upward"],
        "same": same,
    }
