"""A search for index 0 comes to the minimum that the gradient flow comes to, from wherever it starts."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import landscape_dist as ld
from landscape_dist.hisd.passes import _parting

ENERGIES = {
    "wells that lean": "(x1**2 - 1)**2 + 2*(x2**2 - 1)**2 + 0.4*x1*x2 + 0.1*x1",
    "waves in a bowl": "0.1*(x1**2 + 2*x2**2) + sin(2*x1 + x2) + 0.7*cos(x1 - 2*x2)",
    "three wells in space": "(x1**2 - 1)**2 + (x2**2 + x3 - 1)**2 + (x3**2 - 1)**2/2 + 0.3*x1*x2*x3",
}


@pytest.mark.parametrize("name", ENERGIES)
def test_index_zero_is_where_the_flow_goes(name: str) -> None:
    problem = ld.problems.symbolic(ENERGIES[name])
    rng, elsewhere = np.random.default_rng(11), 0
    for start in rng.uniform(-1.6, 1.6, (40, problem.dim)):
        columns = ld.explore(problem, start, max_index=0).columns
        assert columns.index.tolist() == [0], start
        flow = solve_ivp(
            lambda t, x: -problem.gradient(x[None])[0], (0, 500), start, method="LSODA", rtol=1e-9, atol=1e-10
        )
        elsewhere += np.abs(columns.x[0] - flow.y[:, -1]).max() > 1e-3
    assert elsewhere <= 1  # on a ridge within the tolerance of steps, either side is as good


def test_an_accident_at_the_start_is_no_length() -> None:
    """Where a curvature happens to vanish at the start, it changes completely within any distance."""
    for a in (0.577, 0.5774, 0.57735):  # of (x^2 - 1)^2 it vanishes at 1 / sqrt(3)
        landscape = ld.explore(ld.problems.symbolic("(x1**2 - 1)**2 + (x2**2 - 1)**2"), (a, 0.3), max_index=2)
        assert len(landscape.points) == 9


def test_where_descents_part() -> None:
    slope = np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8]])
    H = np.array([np.diag([3.0, -1.0]), np.diag([-1.0, 3.0]), np.diag([-2.0, -1.0])])
    assert _parting(H, slope, np.full(3, 1e9)).tolist() == [True, False, True]


def test_where_descents_part_on_a_soft_ridge() -> None:
    """With |g| = 1 the top of the ridge is at |g_2 / w_2| = 0.2 to the side."""
    slope, H = np.array([[1.0, 1e-3]]) / np.hypot(1.0, 1e-3), np.array([np.diag([3.0, -5e-3])])
    for off, parts in ((0.5, True), (0.25, True), (0.15, False), (0.01, False)):
        assert _parting(H, slope, np.array([1 / off])).tolist() == [parts]


WAVES = [
    (1.1304, 1.0419, 1, 0, 0), (0.7797, 3.3254, 0, 1, 0), (0.3861, 0.6705, 0, 0, 1),
    (1.2502, 2.6243, -1, 0, 2), (1.136, 2.2426, 1, -1, 0), (1.4422, 3.7657, 1, 2, -1),
    (1.0532, 1.9968, -1, -2, -1), (0.4938, 0.7243, 2, -1, -1), (0.9923, 0.0919, 1, 0, 1),
]  # fmt: skip


@pytest.mark.parametrize("tolerance", [0.1, 0.05])
def test_a_branch_that_comes_down_beside_a_soft_ridge(tolerance: float) -> None:
    """Its lowest curvature is -0.015 of the largest, and the step in front of it leads to the wrong side."""
    problem = ld.problems.symbolic(" + ".join(f"{a}*cos({p} + {i}*x1 + {j}*x2 + {k}*x3)" for a, p, i, j, k in WAVES))
    problem.periods = [2 * np.pi] * 3
    start = (1.3965, 9.8977, 2.127)
    landscape = ld.explore(problem, start, max_index=1, upward="none", restarts="none", step_tolerance=tolerance)
    x = landscape.columns.x[landscape.columns.index == 1][0]
    mode, ends = np.linalg.eigh(problem.hessian(x[None])[0])[1][:, 0], []
    for side in (-1, 1):
        flow = solve_ivp(
            lambda t, y: -problem.gradient(y[None])[0], (0, 400), x + side * 1e-3 * mode, method="LSODA", rtol=1e-9
        )
        ends.append(flow.y[:, -1])
    minima = landscape.columns.x[landscape.columns.index == 0]
    for end in ends:
        assert np.linalg.norm(np.sin((minima - end) / 2), axis=1).min() < 1e-4


def test_steps_out_of_where_an_energy_is_get_shorter() -> None:
    """Newton's step leads beyond the wall of a logarithm, where nothing is finite."""

    def energy(X: np.ndarray) -> np.ndarray:
        return 0.5 * (X[:, 0] + 0.5) ** 2 - 1e-3 * np.log(X[:, 0])

    def gradient(X: np.ndarray) -> np.ndarray:
        return np.where(X > 0, X + 0.5 - 1e-3 / X, np.nan)

    def hessian(X: np.ndarray) -> np.ndarray:
        return np.where(X > 0, 1 + 1e-3 / X**2, np.nan)[:, :, None]

    problem = ld.problems.from_callable(energy, gradient, hessian, dim=1, batched=True, suggested_start=[1.0])
    for start in (1.0, 3.0):
        landscape = ld.explore(problem, [start], max_index=0)
        assert len(landscape.points) == 1
        assert landscape.counters["n_gradients"] < 80


def test_a_start_at_a_maximum_raises_nothing() -> None:
    landscape = ld.explore(ld.problems.symbolic("(x1**2 - 1)**2 + 2*(x2**2 - 1)**2"), (0.0, 0.0), max_index=2)
    assert len(landscape.points) == 9
    assert "failed" not in landscape.counters["by_status"]
