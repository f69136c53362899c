"""Newton trajectories: they end at stationary points, whatever else is in the batch, or say why not."""

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.hisd.curvatures import curvatures_for
from landscape_dist.hisd.newton_trajectories import follow
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.records import SearchStatus


def followed(problem: ld.problems.Problem, X: np.ndarray, direction: np.ndarray, **settings: object):  # type: ignore[no-untyped-def]
    return follow(curvatures_for(problem, SolverSettings()), X, direction)


def test_points_of_the_other_parity() -> None:
    problem = ld.systems.get("butterfly")
    points = ld.explore(problem).columns
    rng = np.random.default_rng(3)
    rows = np.repeat(np.arange(len(points)), 6)
    out = followed(problem, points.x[rows], rng.standard_normal((len(rows), 2)))
    arrived = np.flatnonzero(out.status == SearchStatus.CONVERGED)
    assert len(arrived) > len(rows) // 3
    distance = np.linalg.norm(out.x[arrived, None] - points.x, axis=2)
    assert distance.min(axis=1).max() < 1e-6
    other = points.index[distance.argmin(axis=1)]
    assert ((other + points.index[rows[arrived]]) % 2 == 1).all()


def test_rows_do_not_depend_on_one_another() -> None:
    problem = ld.systems.get("coupled_lattice")
    points = ld.explore(problem).columns
    direction = np.random.default_rng(1).standard_normal(points.x.shape)
    together = followed(problem, points.x, direction)
    for i in range(len(points)):
        alone = followed(problem, points.x[i : i + 1], direction[i : i + 1])
        assert alone.status[0] == together.status[i]
        assert np.array_equal(alone.x[0], together.x[i])


def test_far_equilibria_of_a_field() -> None:
    """All 2^d equilibria of a Lotka–Volterra system, some of them many box lengths away."""
    A = [[1.0, 1.3, 0.6], [0.5, 1.0, 1.6], [1.5, 0.4, 1.0]]
    r = [0.9, 1.2, 0.7]
    field = [f"x{i + 1}*({r[i]} - " + " - ".join(f"{A[i][j]}*x{j + 1}" for j in range(3)) + ")" for i in range(3)]
    landscape = ld.explore(ld.problems.vector_field(field, 3), [0.3, 0.5, 0.4], max_index=3)
    assert len(landscape.points) == 8


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_curve_that_leads_to_infinity_has_left(direction: float) -> None:
    out = followed(ld.problems.symbolic("x1**2 + 2*x2**2", 2), np.zeros((1, 2)), np.array([[direction, 0.5]]))
    assert out.status[0] == SearchStatus.LEFT_DOMAIN


def test_no_curvature_no_curve() -> None:
    out = followed(ld.problems.symbolic("x1**4 + x2**4", 2), np.zeros((1, 2)), np.ones((1, 2)))
    assert out.status[0] == SearchStatus.STALLED


def test_from_anywhere_the_curve_leads_down_to_a_point() -> None:
    """From a point that is not stationary the direction of the field itself says which curve."""
    field = ld.problems.vector_field(["x1*(1 - x1 - 0.5*x2)", "x2*(0.8 - 0.3*x1 - x2)"])
    curvatures = curvatures_for(field, SolverSettings())
    X = np.random.default_rng(2).uniform(-0.5, 2.0, (40, 2))
    outcome = follow(curvatures, X, np.ones((40, 2)))
    arrived = outcome.status == ld.SearchStatus.CONVERGED
    assert arrived.sum() > 25
    zeros = np.array([[0, 0], [1, 0], [0, 0.8], [0.6 / 0.85, 0.5 / 0.85]])
    off = np.abs(outcome.x[arrived][:, None] - zeros).max(axis=2).min(axis=1)
    assert off.max() < 1e-8
    assert len(np.unique(np.round(outcome.x[arrived], 6), axis=0)) >= 3
