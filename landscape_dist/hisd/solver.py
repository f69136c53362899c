"""Solve a batch of searches: start, run, verify."""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.eigensolvers import make_eigensolver
from landscape_dist.errors import SettingsError
from landscape_dist.hisd import metric, units
from landscape_dist.hisd.curvatures import Curvatures, curvatures_for
from landscape_dist.hisd.ends import NOISY_GRADIENT
from landscape_dist.hisd.implicit import first_trust
from landscape_dist.hisd.loop import NORM_FLOOR, run
from landscape_dist.hisd.newton_trajectories import follow
from landscape_dist.hisd.outcome import Outcome
from landscape_dist.hisd.results import join_results
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.start import Starts, expand, rounded
from landscape_dist.hisd.state import State
from landscape_dist.hisd.step_rule import StepRule, step_rule_maker
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.numerics.linalg import row_norm
from landscape_dist.problems.base import Problem
from landscape_dist.records import IntArray, ResultBatch, SearchBatch, SearchKind, SearchStatus

# Searches advance together in chunks whose Hessians fit in the cache, where the problem does not say otherwise.
CHUNK_BYTES = 4 << 20
MAX_STEPS_WITH_HESSIANS = 300
# with this tolerance of steps or a larger one; the smaller the steps, the more there may be.
USUAL_TOLERANCE = 0.1
# Descents to minima may go on for so many steps while they get ahead: valleys can be long and winding.
LONGEST_DESCENT = 3000
FIRST_STEP = 0.05
# Descents that passed close by a saddle are made again with so much smaller a tolerance, until two agree.
FINER = (1 / 4, 1 / 16, 1 / 64)


def solve_batch(problem: Problem, batch: SearchBatch, settings: SolverSettings) -> ResultBatch:
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
    if problem.mass is not None or settings.lengths is not None:
        return _in_other_coordinates(problem, batch, settings)
    curvatures = _checked(problem, settings)
    rows = curvatures.rows(problem.batch_bytes or CHUNK_BYTES)
    parts = [_run_chunk(curvatures, curvatures.moved(part)) for part in _chunks(batch, rows)]
    result = join_results([curvatures.moved_back(part) for part in parts])
    result.counters = problem.counters.minus(before)
    result.cpu_seconds = time.process_time() - began
    return result


def _in_other_coordinates(problem: Problem, batch: SearchBatch, settings: SolverSettings) -> ResultBatch:
    """The same in the metric of the problem's mass, or in units of the coordinates' lengths."""
    began, before = time.process_time(), problem.counters.copy()
    coordinates: Any = units if problem.mass is None else metric
    seen, inner = coordinates.view(problem, settings)
    result: ResultBatch = coordinates.moved_back(solve_batch(seen, units.moved(batch, seen), inner), seen)
    result.counters = problem.counters.minus(before)
    result.cpu_seconds = time.process_time() - began
    return result


def eigenvalue_columns(problem: Problem, settings: SolverSettings) -> int:
    """Width of the eigenvalue columns: real and imaginary parts for vector fields."""
    return min(problem.space.dim, settings.n_eigenvalues) * (1 if problem.has_energy else 2)


def check_settings(problem: Problem, settings: SolverSettings) -> None:
    """Raise `SettingsError` where settings, each fine in itself, do not fit the problem."""
    _checked(problem, settings)


def steps_use_hessians(problem: Problem, settings: SolverSettings) -> bool:
    """Whether each step has a Hessian, so that a search costs tens of evaluations and not thousands."""
    curvatures = curvatures_for(problem, settings)
    return make_step_rule(curvatures, settings.step_tolerance).uses_hessian


def make_step_rule(curvatures: Curvatures, tolerance: float) -> StepRule[Any]:
    """The step rule that the settings of a strategy name, or a copy of the one that they hold.

    Args:
        tolerance: of the kind of search; an instance has its own.
    """
    chosen = curvatures.settings.step
    return copy.deepcopy(chosen) if isinstance(chosen, StepRule) else step_rule_maker(chosen)(curvatures, tolerance)


def _checked(problem: Problem, settings: SolverSettings) -> Curvatures:
    """The strategy for curvature, where the settings fit the problem."""
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
    if problem.mass is not None:
        metric.check(problem, settings)
    for name in ("lengths", "origin"):
        value = getattr(settings, name)
        if value is not None and len(value) != problem.dim:
            raise SettingsError(
                f"{name} has {len(value)} numbers, but the problem has {problem.dim} variables; give as many"
            )
    curvatures = curvatures_for(problem, settings)
    rule = make_step_rule(curvatures, settings.step_tolerance)
    if eigensolver.needs_hessian and not curvatures.has_matrices(rule.uses_hessian):
        raise SettingsError(
            f"eigensolver {eigensolver.name!r} needs Hessians, but the problem has {problem.dim} variables and "
            f"dense_limit is {settings.dense_limit}; use 'flow', 'lobpcg' or 'sirqit', or raise dense_limit"
        )
    return curvatures


def _run_chunk(curvatures: Curvatures, batch: SearchBatch) -> ResultBatch:
    """Run searches that advance together, in the coordinates of the strategy."""
    if batch.kind == SearchKind.CURVE:
        return _along_curves(curvatures, batch)
    result, doubtful = _searched(curvatures, batch, 1.0)
    for finer in FINER:
        if not len(doubtful):
            break
        again, _ = _searched(curvatures, batch.select(doubtful), finer)
        doubtful = doubtful[_replace(result, doubtful, again)]
    return result


def _searched(curvatures: Curvatures, batch: SearchBatch, finer: float) -> tuple[ResultBatch, IntArray]:
    """Run searches that advance together; and which descents may have taken a wrong turn, or stayed on a ridge.

    Args:
        finer: factor of the settings' tolerance of steps.
    """
    problem, settings = curvatures.problem, curvatures.settings
    # A descent from the user's start is to come to where the gradient flow does, like one from a saddle.
    descent = batch.kind in (SearchKind.DOWN, SearchKind.START) and not batch.target_index
    down = descent or batch.kind in (SearchKind.DOWN, SearchKind.CONFIRM)
    flow_rate = settings.flow_rate if down else settings.upward_flow_rate
    eigensolver = make_eigensolver(settings, flow_rate, problem.symmetric)
    tolerance = finer * (settings.step_tolerance if down else settings.upward_step_tolerance)
    rule = make_step_rule(curvatures, tolerance)
    rule.careful = finer < 1
    starts = expand(curvatures, batch, hessians=rule.uses_hessian)
    state, broken = _first_state(curvatures, starts, rule, tolerance)
    max_steps = MAX_STEPS_WITH_HESSIANS if rule.uses_hessian else curvatures.max_explicit_steps
    result = _blank(batch, starts, eigenvalue_columns(problem, settings))
    doubtful = np.zeros(0, dtype=np.int64)
    if len(state):
        rows = state.row.copy()
        state.row = np.arange(len(rows))
        outcome = run(
            curvatures, state, rule, eigensolver, climbing=not down,
            max_steps=settings.max_steps or round(max_steps * max(1.0, USUAL_TOLERANCE / tolerance)),
            longest=None if settings.max_steps or batch.target_index else LONGEST_DESCENT,
            descending=tolerance if rule.uses_hessian and descent else None,
        )  # fmt: skip
        _fill(curvatures, result, rows, outcome, batch)
        if outcome.close is not None:
            unsure = outcome.close & (result.status[rows] != SearchStatus.MAX_STEPS)
            doubtful = rows[unsure | (result.status[rows] == SearchStatus.OTHER_INDEX)]
    result.status[broken] = SearchStatus.NOT_FINITE
    return result, doubtful


def _replace(result: ResultBatch, rows: IntArray, again: ResultBatch) -> NDArray[np.bool_]:
    """Put the results of finer searches into these rows; and which of them (m,) had ended elsewhere."""
    size = 1e-6 * (1 + np.abs(again.x).max(axis=1))
    same = (np.abs(result.x[rows] - again.x).max(axis=1) <= size) & (result.index[rows] == again.index)
    same |= (result.status[rows] == SearchStatus.LEFT_DOMAIN) & (again.status == SearchStatus.LEFT_DOMAIN)
    # What arrived is not given up for what did not.
    better = (result.status[rows] != SearchStatus.CONVERGED) | (again.status == SearchStatus.CONVERGED)
    better |= again.status == SearchStatus.LEFT_DOMAIN
    taken = np.flatnonzero(better)
    for name in ("status", "x", "energy", "index", "nullity", "gradient_norm", "eigenvalues"):
        getattr(result, name)[rows[taken]] = getattr(again, name)[taken]
    result.n_steps[rows] += again.n_steps
    for mine, other in (
        (result.messages, again.messages),
        (result.trajectories, again.trajectories),
        (result.trajectory_times, again.trajectory_times),
    ):
        mine.update({slot: other[slot] for slot in again.slot[taken].tolist() if slot in other})
    return np.asarray(~same & (again.status != SearchStatus.MAX_STEPS))


def _along_curves(curvatures: Curvatures, batch: SearchBatch) -> ResultBatch:
    """Follow Newton trajectories from where searches begin; any point that they come to is what was looked for."""
    assert batch.direction is not None
    X = rounded(batch.X)[batch.row]
    none = np.zeros((len(batch), X.shape[1], 0))
    starts = Starts(X, none, batch.direction, np.zeros(len(batch)), None)
    result = _blank(batch, starts, eigenvalue_columns(curvatures.problem, curvatures.settings))
    _fill(curvatures, result, np.arange(len(batch)), follow(curvatures, X, batch.direction), batch)
    result.status[result.status == SearchStatus.OTHER_INDEX] = SearchStatus.CONVERGED
    return result


def _first_state(
    curvatures: Curvatures, starts: Starts, rule: StepRule[Any], tolerance: float
) -> tuple[State[Any], IntArray]:
    """Evaluate the starting points; those where that fails are returned apart."""
    problem, settings = curvatures.problem, curvatures.settings
    xp = problem.xp
    x = xp.asarray(starts.x)
    g, H, norm = rule.evaluate(curvatures, x)
    if H is None:
        norm = curvatures.size(x, g, starts.H_parent)
    finite = to_numpy(xp.isfinite(xp.linalg.vector_norm(g, axis=-1)) & xp.isfinite(norm))
    radius = xp.asarray(starts.radius)
    # Without a perturbation to measure the energy's scale by, the first step is a small part of the coordinates.
    trust = FIRST_STEP * xp.maximum(xp.asarray(problem.space.lengths(starts.x).max(axis=1)), xp.ones_like(radius))
    if H is not None and starts.H_parent is not None:
        measured = first_trust(radius, H, starts.H_parent, tolerance, xp)
        trust = xp.where(radius > 0, measured, trust)
    floor, noise = NORM_FLOOR * norm, problem.gradient_noise(x)
    errors = None
    if noise is not None and problem.hessian_noise(x) is not None:
        errors = NOISY_GRADIENT * xp.asarray(noise)
        noise = errors / (1 + row_norm(x, xp))
    if noise is not None and settings.gradient_rtol > 0:
        # No gradient can be told from zero below that, so that is where searches end.
        floor = xp.maximum(floor, xp.asarray(noise) / settings.gradient_rtol)
    state: State[Any] = State(
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
        noise=errors,
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


def _fill(curvatures: Curvatures, result: ResultBatch, rows: IntArray, outcome: Outcome, batch: SearchBatch) -> None:
    """Verify the stationary points found and write everything into the result."""
    problem = curvatures.problem
    result.status[rows] = outcome.status
    result.n_steps[rows] = outcome.n_steps
    found = np.flatnonzero(outcome.status == SearchStatus.CONVERGED)
    verdict = curvatures.verdicts(outcome, found, batch.target_index) if len(found) else None
    result.x[rows] = outcome.x
    result.gradient_norm[rows] = outcome.gradient_norm
    if verdict is not None:
        to = rows[found]
        result.eigenvalues[to] = verdict.eigenvalues[:, : result.eigenvalues.shape[1]]
        result.index[to] = verdict.index
        result.nullity[to] = verdict.nullity
        if problem.has_energy:
            result.energy[to] = to_numpy(problem.energy(problem.xp.asarray(outcome.x[found])))
        # Along zero modes the dynamics stand still, climbing or not, so these may be among the directions.
        target = batch.target_index
        other = (target < verdict.index) | (target > verdict.index + verdict.nullity)
        result.status[to[other]] = SearchStatus.OTHER_INDEX
        if outcome.undecided is not None:
            result.status[to[~other & outcome.undecided[found]]] = SearchStatus.UNDECIDED
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
