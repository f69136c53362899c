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
    assert _parting(H, slope).tolist() == [True, False, True]


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
