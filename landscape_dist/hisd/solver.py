"""Solve a batch of searches: start, run, verify."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from landscape_dist.eigensolvers import make_eigensolver
from landscape_dist.errors import SettingsError
from landscape_dist.hisd.conditioned import in_coordinates, moved, moved_back, well_conditioned
from landscape_dist.hisd.implicit import ImplicitStep, first_trust
from landscape_dist.hisd.loop import NORM_FLOOR, Outcome, StepRule, power_norm, run
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.spectra import uses_sparse
from landscape_dist.hisd.start import Starts, expand
from landscape_dist.hisd.state import State
from landscape_dist.hisd.verdict import verify
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.sparse import SparseHessians
from landscape_dist.problems.conditioned import Conditioned
from landscape_dist.records import ResultBatch, SearchBatch, SearchKind, SearchStatus, join_results

# Searches advance together in chunks whose Hessians fit in the cache, where the problem does not say otherwise.
CHUNK_BYTES = 4 << 20
IMPLICIT_MAX_STEPS, EXPLICIT_MAX_STEPS, CONDITIONED_MAX_STEPS = 300, 20_000, 5_000
FIRST_STEP = 0.05


def solve_batch(problem: Any, batch: SearchBatch, settings: SolverSettings) -> ResultBatch:
    """Run all searches of a batch.

    Args:
        problem: the energy (or a surrogate).
        batch: n searches for one target index.
        settings: how they move and when they end.

    Returns:
        one row a search, in the order of the batch; a search that fails is a row with its status.
    """
    began = time.process_time()
    before = problem.counters.copy()
    d = batch.X.shape[1]
    if d != problem.dim:
        raise SettingsError(f"searches start in dimension {d}, but the problem has {problem.dim} variables")
    check_settings(problem, settings)
    room = getattr(problem, "batch_bytes", None) or CHUNK_BYTES
    rows = max(16, room // (8 * d * d)) if d <= settings.dense_limit else max(1, room // (8 * d))
    parts = [_solve_chunk(problem, part, settings) for part in _chunks(batch, rows)]
    result = join_results(parts)
    result.counters = problem.counters.minus(before)
    result.cpu_seconds = time.process_time() - began
    return result


def is_implicit(problem: Any, settings: SolverSettings) -> bool:
    """Whether these settings mean the linearly implicit step for this problem."""
    if settings.step == "auto":
        hessians = problem.dim <= settings.dense_limit or uses_sparse(problem, settings)
        return hessians and settings.acceleration == "none"
    return settings.step == "implicit"


def eigenvalue_columns(problem: Any, settings: SolverSettings) -> int:
    """Width of the eigenvalue columns: real and imaginary parts for vector fields."""
    return min(problem.dim, settings.n_eigenvalues) * (1 if problem.has_energy else 2)


def check_settings(problem: Any, settings: SolverSettings) -> None:
    """Raise `SettingsError` where settings, each fine in itself, do not fit the problem."""
    eigensolver = make_eigensolver(settings, settings.flow_rate, problem.symmetric)
    directions = settings.start_directions
    if directions is not None and len(directions) != problem.dim:
        raise SettingsError(
            f"start_directions has {len(directions)} rows, but the problem has {problem.dim} variables; give as many"
        )
    if not problem.has_energy and problem.dim > settings.dense_limit:
        raise SettingsError(
            f"{problem.name} is a vector field of {problem.dim} variables and dense_limit is {settings.dense_limit}; "
            "vector fields need dense Jacobians, so raise dense_limit"
        )
    dense = problem.dim <= settings.dense_limit or (
        is_implicit(problem, settings) and not uses_sparse(problem, settings)
    )
    if eigensolver.needs_hessian and not dense:
        raise SettingsError(
            f"eigensolver {eigensolver.name!r} needs Hessians, but the problem has {problem.dim} variables and "
            f"dense_limit is {settings.dense_limit}; use 'flow', 'lobpcg' or 'sirqit', or raise dense_limit"
        )


def _solve_chunk(problem: Any, batch: SearchBatch, settings: SolverSettings) -> ResultBatch:
    """Run a chunk, in well-conditioned coordinates where the problem has some."""
    inner = well_conditioned(problem, settings)
    if inner is None:
        return _run_chunk(problem, batch, settings)
    return moved_back(_run_chunk(inner, moved(batch, inner), in_coordinates(settings, inner)), inner)


def _run_chunk(problem: Any, batch: SearchBatch, settings: SolverSettings) -> ResultBatch:
    dense = problem.dim <= settings.dense_limit
    implicit = is_implicit(problem, settings)
    down = batch.kind in (SearchKind.DOWN, SearchKind.CONFIRM)
    flow_rate = settings.flow_rate if down else settings.upward_flow_rate
    eigensolver = make_eigensolver(settings, flow_rate, problem.symmetric)
    sparse = implicit and uses_sparse(problem, settings)
    starts = expand(problem, batch, settings, dense=dense, sparse=sparse)
    tolerance = settings.step_tolerance if down else settings.upward_step_tolerance
    rule = _step_rule(problem, settings, implicit, tolerance)
    state, broken = _first_state(problem, starts, rule, tolerance, settings)
    explicit_steps = CONDITIONED_MAX_STEPS if isinstance(problem, Conditioned) else EXPLICIT_MAX_STEPS
    max_steps = settings.max_steps or (IMPLICIT_MAX_STEPS if implicit else explicit_steps)
    result = _blank(batch, starts, eigenvalue_columns(problem, settings))
    if len(state):
        rows = state.row.copy()
        state.row = np.arange(len(rows))
        outcome = run(problem, state, rule, eigensolver, settings, max_steps=max_steps)
        _fill(problem, result, rows, outcome, batch, settings)
    result.status[broken] = SearchStatus.NOT_FINITE
    return result


def _step_rule(problem: Any, settings: SolverSettings, implicit: bool, tolerance: float) -> StepRule:
    if implicit:
        return ImplicitStep(tolerance, problem.symmetric, uses_sparse(problem, settings))
    if settings.step == "custom":
        from landscape_dist.hisd.custom_rule import CustomRule

        return CustomRule(settings)
    from landscape_dist.hisd.explicit import explicit_rule

    return explicit_rule(settings, tolerance)


def _first_state(
    problem: Any, starts: Starts, rule: StepRule, tolerance: float, settings: SolverSettings
) -> tuple[State, np.ndarray]:
    """Evaluate the starting points; those where that fails are returned apart."""
    xp = problem.xp
    x = xp.asarray(starts.x)
    if isinstance(rule, ImplicitStep):
        g, H, norm = rule.evaluate(problem, x)
    else:
        g, H = problem.gradient(x), None
        if isinstance(starts.H_parent, np.ndarray):
            norm = xp.asarray(np.linalg.norm(starts.H_parent, axis=(1, 2)))
        else:
            norm = power_norm(problem, x, g)
    finite = to_numpy(xp.isfinite(xp.linalg.vector_norm(g, axis=-1)) & xp.isfinite(norm))
    radius = xp.asarray(starts.radius)
    # Without a perturbation to measure the energy's scale by, the first step is a small part of the coordinates.
    trust = FIRST_STEP * xp.maximum(xp.max(xp.abs(x), axis=-1), xp.ones_like(radius))
    if H is not None and starts.H_parent is not None:
        H_parent = starts.H_parent
        if not isinstance(H_parent, SparseHessians):
            H_parent = xp.asarray(H_parent)
        measured = first_trust(radius, H, H_parent, tolerance, xp)
        trust = xp.where(radius > 0, measured, trust)
    floor, noise = NORM_FLOOR * norm, problem.gradient_noise(x)
    if noise is not None and settings.gradient_rtol > 0:
        # No gradient can be told from zero below that, so that is where searches end.
        floor = xp.maximum(floor, xp.asarray(noise) / settings.gradient_rtol)
    state = State(
        np.arange(len(finite)),
        x,
        g,
        H,
        xp.asarray(starts.V),
        xp.asarray(starts.leave),
        trust,
        norm,
        floor,
        np.zeros(len(finite), dtype=np.int64),
    )
    if not finite.all():
        state = state.take(np.flatnonzero(finite), xp)
    return state, np.flatnonzero(~finite)


def _blank(batch: SearchBatch, starts: Starts, m: int) -> ResultBatch:
    n = len(batch)
    return ResultBatch(
        slot=batch.slot.copy(),
        status=np.full(n, SearchStatus.STALLED, dtype=np.int8),
        x=starts.x.copy(),
        energy=np.full(n, np.nan),
        index=np.full(n, -1, dtype=np.int32),
        nullity=np.full(n, -1, dtype=np.int32),
        gradient_norm=np.full(n, np.nan),
        eigenvalues=np.full((n, m), np.nan),
        n_steps=np.zeros(n, dtype=np.int32),
    )


def _fill(
    problem: Any, result: ResultBatch, rows: np.ndarray, outcome: Outcome, batch: SearchBatch, settings: SolverSettings
) -> None:
    """Verify the stationary points found and write everything into the result."""
    result.status[rows] = outcome.status
    result.n_steps[rows] = outcome.n_steps
    found = np.flatnonzero(outcome.status == SearchStatus.CONVERGED)
    verdict = verify(problem, outcome, found, batch.target_index, settings) if len(found) else None
    result.x[rows] = outcome.x
    result.gradient_norm[rows] = outcome.gradient_norm
    if verdict is not None:
        to = rows[found]
        result.eigenvalues[to] = verdict.eigenvalues
        result.index[to] = verdict.index
        result.nullity[to] = verdict.nullity
        if problem.has_energy:
            result.energy[to] = to_numpy(problem.energy(problem.xp.asarray(outcome.x[found])))
        # Along zero modes the dynamics stand still, climbing or not, so these may be among the directions.
        target = batch.target_index
        other = (target < verdict.index) | (target > verdict.index + verdict.nullity)
        result.status[to[other]] = SearchStatus.OTHER_INDEX
        for i, doubt in verdict.doubts.items():
            result.status[to[i]] = SearchStatus.INDEX_UNCERTAIN
            result.index[to[i]] = result.nullity[to[i]] = -1
            result.eigenvalues[to[i]] = np.nan
            result.messages[int(batch.slot[to[i]])] = doubt
    if outcome.paths is not None:
        for i in range(len(outcome.paths)):
            slot = int(batch.slot[rows[i]])
            result.trajectories[slot], result.trajectory_times[slot] = outcome.paths.taken(i)


def _chunks(batch: SearchBatch, rows: int) -> list[SearchBatch]:
    if len(batch) <= rows:
        return [batch]
    return [batch.select(np.arange(a, min(a + rows, len(batch)))) for a in range(0, len(batch), rows)]
