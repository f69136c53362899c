"""Measures the noise of a problem of user functions, part by part, while it is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.problems.noise import Noise, PartNoise, best_length, measured, with_position
from landscape_dist.problems.user_problem import UserProblem
from landscape_dist.records import FloatArray

# Dense Hessians are made for what noise means for points in no more variables.
MOST_VARIABLES = 64
# Values below this part of the largest say nothing of where there is something.
TINY = 1e-3
SINGLE_EPS = float(np.finfo(np.float32).eps)


def is_single(problem: UserProblem, label: str) -> bool:
    """Whether the function of this label returned single precision (or less)."""
    dtype = problem.answered().get(label)
    if dtype is None:
        return problem.eps >= SINGLE_EPS
    return dtype.kind == "f" and bool(np.finfo(dtype).eps >= SINGLE_EPS)


def telling(function: Callable[[FloatArray], Any], X: FloatArray) -> FloatArray:
    """Those of the points X (n, d) at which the values (n, ...) of a function are not tiny, as in tails they are."""
    values = np.asarray(to_numpy(function(X))).reshape(len(X), -1)
    size = np.linalg.norm(values, axis=1)
    return np.asarray(X[size >= TINY * size.max()])


def measure_energy(problem: UserProblem, X: FloatArray) -> None:
    """Measure the energy's noise at X (n, d), and choose the length of its differences where these are gradients."""
    X = telling(problem.energy, X)
    part = measured(problem.energy, X, problem.domain, is_single(problem, problem.labels.energy))
    problem.noise = None
    if part is None:
        return
    noise = Noise(energy=part)
    if "gradient" in problem.derived:
        length = getattr(problem, "gradient_length", None) or best_length(problem.energy, X, problem.domain, part)
        size = float(np.median(np.abs(to_numpy(problem.energy(X)))))
        rms = float(part.at(size) * np.sqrt(0.5 * problem.dim) / length)
        noise = replace(noise, gradient=PartNoise(0.0, rms, part.single), gradient_length=length)
    problem.noise = noise


def measure_gradient(problem: UserProblem, X: FloatArray) -> None:
    """Measure the gradient's noise at X (n, d), where it is given, and choose the length of its differences."""
    noise = Noise() if problem.noise is None else problem.noise
    X = telling(problem.gradient, X)
    if "gradient" not in problem.derived:
        single = is_single(problem, problem.labels.gradient)
        noise = replace(noise, gradient=measured(problem.gradient, X, problem.domain, single))
    if noise.gradient is None:
        return
    problem.noise = noise
    differenced = {"hessian", "hvp"} <= problem.derived
    if differenced:
        given = getattr(problem, "dimer_length_given", False)
        length = problem.dimer_length if given else best_length(problem.gradient, X, problem.domain, noise.gradient)  # type: ignore[attr-defined]
        noise = replace(noise, dimer_length=length, hessian=float(np.sqrt(2.0) * noise.gradient.least / length))
        problem.noise = noise
    if problem.dim > MOST_VARIABLES:
        return
    if not differenced:
        part = measured(problem.hessian, X, problem.domain, is_single(problem, problem.labels.hessian))
        noise = replace(noise, hessian=0.0 if part is None else float(part.at(0.0)))
    H = np.asarray(to_numpy(problem.hessian(X)))
    usable = np.isfinite(H).all(axis=(1, 2))
    problem.noise = with_position(noise, H[usable]) if usable.any() else noise
