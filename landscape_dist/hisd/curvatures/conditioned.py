"""Curvature in well-conditioned coordinates, for problems of many variables that know some for themselves."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from landscape_dist.hisd.curvatures.base import Curvatures
from landscape_dist.hisd.memory import memory_of
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.spectra import GUARD, MAX_ITERATIONS, LowestSpectrum, certified, counted, patient
from landscape_dist.numerics.davidson import RitzPairs, lowest_pairs
from landscape_dist.numerics.hessians import HessianStack
from landscape_dist.numerics.lanczos import lowest_outside
from landscape_dist.numerics.linalg import canonical_signs, orthonormalize, row_norm, runs
from landscape_dist.problems.base import Problem
from landscape_dist.problems.conditioned import Conditioned
from landscape_dist.records import FloatArray, ResultBatch, SearchBatch

# Residuals of eigenvectors, relative to the size of the Hessian in its well-conditioned coordinates.
VECTORS = 1e-9
TIED = 1e-6
# Distance at which children start, as root-mean-square.
RADIUS = 1e-3
SKEW = 1e-3


class ConditionedCurvatures(Curvatures):
    """Matrix-free searches in the coordinates y of `problems.conditioned`.

    Not up to `dense_limit` variables, where the implicit step does the same, and not with a fixed step size or a scheme
    of the user's own, which stand for what happens in the user's own coordinates.

    Attributes:
        problem: the energy as a function of y.
    """

    max_explicit_steps = 5_000
    problem: Conditioned

    def __init__(self, problem: Problem, settings: SolverSettings) -> None:
        inner = _in_coordinates(problem)
        assert inner is not None
        super().__init__(inner, _settings_in(inner, settings))

    @classmethod
    def serves(cls, problem: Problem, settings: SolverSettings) -> bool:
        fixed = settings.step_size is not None or settings.step not in ("auto", "explicit", "barzilai_borwein")
        return problem.dim > settings.dense_limit and not fixed and _in_coordinates(problem) is not None

    def moved(self, batch: SearchBatch) -> SearchBatch:
        towards = None if batch.towards is None else self.problem.from_original(batch.towards)
        return replace(batch, X=self.problem.from_original(batch.X), towards=towards)

    def moved_back(self, result: ResultBatch) -> ResultBatch:
        problem = self.problem
        x = problem.to_original(result.x)
        finite = np.flatnonzero(np.isfinite(x).all(axis=1))
        norms = result.gradient_norm.copy()
        norms[finite] = row_norm(problem.original.gradient(x[finite]))
        paths = {slot: problem.to_original(path) for slot, path in result.trajectories.items()}
        return replace(result, x=x, gradient_norm=norms, trajectories=paths)

    def radius(self, X: FloatArray) -> FloatArray:
        if self.settings.perturbation_radius is not None:
            return np.full(len(X), self.settings.perturbation_radius)
        return RADIUS * np.maximum(np.sqrt(X.shape[1]), row_norm(X))

    def offset(self, offset: FloatArray) -> FloatArray:
        """With a small generic part.

        A search that starts along a mode with symmetry never leaves the fields of that symmetry but by rounding errors,
        and these need long to grow: it would pass by points of the wrong index on its way.
        """
        d = self.problem.dim
        generic = np.random.default_rng(d + 1).standard_normal(d) / self.problem.weights**2
        moved = offset + SKEW * (generic / np.linalg.norm(generic)) * offset.any(axis=1, keepdims=True)
        return np.asarray(moved / np.maximum(row_norm(moved), 1e-300)[:, None])

    def frames(
        self, X: FloatArray, columns: int, *, gap: float = 0.0, hessians: bool = False
    ) -> tuple[FloatArray, HessianStack | None]:
        """Eigenvectors of the Hessians in y.

        Repeated eigenvalues have a basis that depends on their space alone and in which no vector is special: symmetric
        ones would keep searches in symmetric subspaces.
        """
        p, d = X.shape
        out = np.zeros((p, d, columns))
        memory = memory_of(self.problem.original)
        for i in range(p if columns else 0):
            y = X[i : i + 1]
            key = ("conditioned frame", y.tobytes(), columns)
            out[i] = memory.get(key, partial(_frame, self.problem, y, columns))
        return out, None

    def spectrum(self, x: FloatArray, target_index: int) -> LowestSpectrum:
        """Of the original Hessian at y = x (d,).

        An eigenvalue counts as zero up to `nullity_rtol` of the largest, that in these coordinates, and up to
        `nullity_atol`, in the unit of the original Hessian.
        """
        tolerances = self.settings.nullity_rtol, self.settings.nullity_atol
        found: LowestSpectrum = memory_of(self.problem.original).get(
            ("conditioned spectrum", x.tobytes(), target_index, *tolerances),
            lambda: _spectrum(self.problem, x[None], target_index, *tolerances),
        )
        return found


def _in_coordinates(problem: Problem) -> Conditioned | None:
    """The problem in its well-conditioned coordinates, None where it knows none."""
    inner = problem.conditioned()
    return inner if isinstance(inner, Conditioned) else None


def _settings_in(problem: Conditioned, settings: SolverSettings) -> SolverSettings:
    """The settings as they read in the coordinates of `problem`: tolerance of the gradient, start directions."""
    # |g| is at most the largest weight times what it is here, and |H| about its square times.
    settings = replace(settings, gradient_rtol=settings.gradient_rtol * float(problem.weights.max()))
    if settings.start_directions is None:
        return settings
    V = problem.from_original(np.array(settings.start_directions).T).T
    V = orthonormalize(V[None])[0]
    return replace(settings, start_directions=tuple(map(tuple, V.tolist())))


def _frame(problem: Conditioned, y: FloatArray, m: int) -> FloatArray:
    d = problem.dim

    def product(V: FloatArray) -> FloatArray:
        return np.asarray(problem.hvp(y, V[None])[0])

    pairs = lowest_pairs(
        product,
        _smooth(problem, m + GUARD),
        lambda pairs: bool(pairs.settled[:m].all()),
        lambda w: VECTORS * max(1.0, float(np.abs(w).max())),
        max_iterations=MAX_ITERATIONS,
    )
    w, Q = pairs.values, pairs.vectors
    generic = np.random.default_rng(d).standard_normal((d, m + GUARD)) / problem.weights[:, None]
    for start, stop in runs(np.diff(w) <= TIED * np.abs(w).max()):
        Q[:, start:stop] = Q[:, start:stop] @ (Q[:, start:stop].T @ generic[:, start:stop])
    return canonical_signs(orthonormalize(Q[None]))[0, :, :m]


def _spectrum(problem: Conditioned, y: FloatArray, target_index: int, rtol: float, atol: float) -> LowestSpectrum:
    w = problem.weights[:, None]
    d = problem.dim

    def original(V: FloatArray) -> FloatArray:
        return np.asarray(w * problem.hvp(y, (w * V)[None])[0])

    def product(V: FloatArray) -> FloatArray:
        return np.asarray(problem.hvp(y, V[None])[0])

    # In the original coordinates the largest eigenvalue is that of the finest grid's waves, which says nothing about
    # what is small among the others.
    stiffest = np.zeros((d, 1))
    stiffest[np.argmax(problem.weights)] = 1.0
    zero = max(rtol * float(np.linalg.norm(product(stiffest))), atol)

    def solve(start: FloatArray, rtol: float, wanted: int) -> RitzPairs:
        return lowest_pairs(
            original,
            start,
            patient(wanted, zero),
            lambda w: rtol * max(1.0, float(np.abs(w).max())),
            precondition=lambda R: R / (w * w),
            in_preconditioned=True,
            max_iterations=MAX_ITERATIONS,
        )

    def outside(pairs: RitzPairs) -> tuple[float, float]:
        # u is orthogonal to the settled vectors where v = w u is to them over w; there v A v = u H u, and |v| >= |u|
        # times the least weight. So the well-conditioned A tells the sign of H.
        C = np.linalg.qr(pairs.vectors[:, : pairs.leading] / w)[0]
        least = float(problem.weights.min()) ** 2
        found = lowest_outside(product, C, 2.0 * zero / least)
        return found.lowest * least, found.failure

    found = certified(solve, outside, _smooth(problem, target_index + 1 + GUARD), zero)
    return (
        found
        if found is not None
        else counted(np.asarray(np.linalg.eigvalsh(original(np.eye(d))), dtype=np.float64), zero)
    )


def _smooth(problem: Conditioned, m: int) -> FloatArray:
    """(d, m): the m coordinates of least weight, with a little of all others, so that no symmetry hides anything."""
    d = problem.dim
    start = np.random.default_rng(d).standard_normal((d, m)) / problem.weights[:, None] ** 2
    start *= 0.1 / np.linalg.norm(start, axis=0)
    start[np.argsort(problem.weights, kind="stable")[:m], np.arange(m)] += 1.0
    return start
