"""The Newton polish: digits saved, the dynamics' point kept, degenerate points reached."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.hisd.curvatures import curvatures_for
from landscape_dist.hisd.polish import Polish
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.solver import solve_batch
from landscape_dist.hisd.state import State
from landscape_dist.records import ResultBatch, SearchBatch, SearchKind, SearchStatus

LIMITS = [300, 1]  # dense, MINRES


def from_start(problem: Any, x: list[float], target: int, **settings: Any) -> ResultBatch:
    one = np.array([0])
    batch = SearchBatch(
        target, SearchKind.START, np.array([-1]), np.array([x], dtype=float), np.array([-1]), one, one,
        np.array([[-1]]), np.array([[0]]), np.arange(target)[None], one,
    )  # fmt: skip
    return solve_batch(problem, batch, SolverSettings(**settings))


def state_at(
    problem: Any, X: np.ndarray, V: np.ndarray, start: np.ndarray, leave: np.ndarray | None = None
) -> State[Any]:
    """Searches that came from `start`, where the gradient was ten thousand times what it is."""
    n, d = X.shape
    g = problem.gradient(X)
    norm = np.linalg.norm(problem.hessian(X), axis=(1, 2))
    state: State[Any] = State(
        np.arange(n), X, g, None, V, np.zeros((n, d)) if leave is None else leave, np.ones(n), norm, 1e-3 * norm,
        np.zeros(n, dtype=np.int64),
    )  # fmt: skip
    state.memory = Polish(SolverSettings()).begin(state, np)
    state.memory.start = start
    state.memory.largest = 1e4 * np.linalg.norm(g, axis=1)
    return state


def finish(problem: Any, state: State[Any], limit: int) -> Any:
    settings = SolverSettings(dense_limit=limit)
    return Polish(settings).finish(curvatures_for(problem, settings), state.memory, state)


@pytest.mark.parametrize("limit", LIMITS)
def test_searches_near_their_end_are_taken_there(limit: int) -> None:
    problem = ld.systems.coupled_lattice(dim=4, coupling=0.2)
    exact = np.array([[1.0, 1.0, 0.0, 1.0], [-1.0, 1.0, 0.0, 1.0]])
    for _ in range(20):
        g, H = problem.gradient_hessian(exact)
        exact = exact - np.linalg.solve(H, g[:, :, None])[:, :, 0]
    V = np.linalg.eigh(problem.hessian(exact))[1][:, :, :1]
    state = state_at(problem, exact + 1e-2, V, exact + 1.0)
    before = state.x.copy()
    ended = finish(problem, state, limit)
    assert ended.tolist() == [True, True]
    np.testing.assert_allclose(state.x, exact, atol=1e-10)
    np.testing.assert_allclose(state.g, problem.gradient(state.x))
    np.testing.assert_allclose(before, exact + 1e-2)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("why", ["leaving", "wrong index", "wrong direction", "far", "not close"])
def test_others_are_left_alone(why: str, limit: int) -> None:
    problem = ld.systems.coupled_lattice(dim=3, coupling=0.2)
    near = np.array([[1.0, 1.0, 0.01]])  # a saddle of index 1
    eye = np.eye(3)[None]
    V, leave, start = eye[:, :, 2:], np.zeros((1, 3)), near + 1.0
    if why == "leaving":
        leave = eye[:, 0]
    elif why == "wrong index":
        V = V[:, :, :0]
    elif why == "wrong direction":
        V = eye[:, :, :1]
    elif why == "far":
        start = near + 1e-4
    state = state_at(problem, near, V, start, leave)
    if why == "not close":
        state.memory.largest = np.linalg.norm(state.g, axis=1)
    ended = finish(problem, state, limit)
    assert ended is None or not ended.any()
    np.testing.assert_array_equal(state.x, near)


@pytest.mark.parametrize("limit", LIMITS)
def test_an_attempt_that_failed_waits(limit: int) -> None:
    problem = ld.systems.coupled_lattice(dim=3, coupling=0.2)
    state = state_at(problem, np.array([[1.0, 1.0, 0.01]]), np.zeros((1, 3, 0)), np.zeros((1, 3)))
    first = finish(problem, state, limit)
    assert not first.any()
    before = problem.counters.copy()
    assert finish(problem, state, limit) is None
    assert problem.counters == before


def test_searches_that_polish_agree_with_those_that_do_not() -> None:
    """The default finishes by Newton; with a fixed step the scheme goes on to the end."""
    problem = ld.systems.muller_brown()
    start = [-0.75, 0.55]
    polished = from_start(problem, start, 1, step="explicit")
    plain = from_start(problem, start, 1, step="explicit", step_size=2e-4)
    assert polished.status[0] == plain.status[0] == SearchStatus.CONVERGED
    np.testing.assert_allclose(polished.x, plain.x, atol=1e-7)
    assert polished.counters.n_gradients < 0.5 * plain.counters.n_gradients


def test_the_last_point_of_a_trajectory_is_the_end() -> None:
    result = from_start(ld.systems.muller_brown(), [-0.75, 0.55], 1, step="explicit", keep_trajectories=True)
    np.testing.assert_array_equal(result.trajectories[0][-1], result.x[0])
    np.testing.assert_allclose(result.trajectories[0][0], [-0.75, 0.55], atol=1e-10)


@pytest.mark.parametrize("limit", LIMITS)
def test_zero_modes_stay_where_they_are(limit: int) -> None:
    """A ring of minima: the search ends on it, nullity 1."""
    problem = ld.problems.symbolic("(x1**2 + x2**2 - 1)**2 + x3**2 + 2*x4**2")
    result = from_start(problem, [1.1, 0.7, 0.3, -0.2], 0, step="explicit", dense_limit=limit)
    assert result.status[0] == SearchStatus.CONVERGED
    assert (result.index[0], result.nullity[0]) == (0, 1)
    assert np.hypot(*result.x[0, :2]) == pytest.approx(1.0, abs=1e-8)
    # The descent is radial: the angle is the start's.
    assert np.arctan2(result.x[0, 1], result.x[0, 0]) == pytest.approx(np.arctan2(0.7, 1.1), abs=1e-3)


def test_flat_minima_are_reached() -> None:
    """x^4: the Hessian vanishes at the end."""
    result = from_start(ld.problems.symbolic("x1**4 + x2**2"), [0.8, 0.5], 0, step="explicit")
    assert result.status[0] == SearchStatus.CONVERGED
    np.testing.assert_allclose(result.x[0], 0, atol=1e-2)


def test_a_saddle_passed_on_the_way_is_not_taken_for_the_end() -> None:
    """Down a valley that runs at a saddle of higher index and turns aside there."""
    problem = ld.systems.coupled_lattice(dim=2, coupling=0.0)
    for offset in (1e-3, 1e-5):
        result = from_start(problem, [1.4, offset], 0, step="explicit")
        assert result.status[0] == SearchStatus.CONVERGED
        np.testing.assert_allclose(result.x[0], [1.0, 1.0], atol=1e-8)
        assert result.index[0] == 0
