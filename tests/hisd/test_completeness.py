"""The main promise: from one start, with default settings, every stationary point and arrow."""

from __future__ import annotations

import numpy as np
import pytest

import landscape_dist as ld
from tests.helpers import PROBLEMS, ProblemCase, reference_entries, reference_points


def counts(landscape: ld.Landscape) -> tuple[int, ...]:
    by_index = landscape.counts_by_index
    return tuple(by_index.get(k, 0) for k in range(max(by_index) + 1))


def lattice_points(dim: int, coupling: float) -> np.ndarray:
    """All 3^d points of the coupled lattice, by Newton from {-1, 0, 1}^d; independent of any saddle dynamics."""
    problem = ld.systems.coupled_lattice(dim=dim, coupling=coupling)
    X = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    for _ in range(20):
        g, H = problem.gradient_hessian(X)
        X = X - np.linalg.solve(H, g[:, :, None])[:, :, 0]
    assert np.abs(problem.gradient(X)).max() < 1e-12
    return X


def lattice_arrows(dim: int) -> set[tuple[int, int]]:
    """Rows of `lattice_points` joined by replacing one 0 by ±1."""
    grid = np.stack(np.meshgrid(*[[-1, 0, 1]] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    weight = 3 ** np.arange(dim)[::-1]
    arrows = set()
    for row, cell in enumerate(grid):
        for i in np.flatnonzero(cell == 0):
            arrows |= {(row, int(row + s * weight[i])) for s in (-1, 1)}
    return arrows


def assert_lattice_complete(landscape: ld.Landscape, dim: int, coupling: float) -> None:
    expected = lattice_points(dim, coupling)
    distance = np.abs(landscape.columns.x[:, None, :] - expected[None]).max(axis=2)
    match = distance.argmin(axis=1)
    assert len(landscape.points) == 3**dim
    assert distance.min(axis=1).max() < 1e-8
    assert len(set(match.tolist())) == 3**dim
    arrows = {(int(match[c.parent_id]), int(match[c.child_id])) for c in landscape.connections}
    assert arrows == lattice_arrows(dim)
    assert all(c.count == 1 for c in landscape.connections)


@pytest.mark.parametrize("case", PROBLEMS, ids=lambda c: c.name)
def test_all_points_from_one_start(case: ProblemCase) -> None:
    landscape = ld.explore(case.factory(), start=case.start, max_index=case.max_index)
    assert landscape.finished
    assert counts(landscape) == case.counts
    if case.arrows is not None:
        assert len(landscape.connections) == case.arrows


@pytest.mark.parametrize("key", [k for k in sorted(reference_entries()) if k != "rosenbrock_7_s-50000"])
def test_points_are_those_computed_without_saddle_dynamics(key: str) -> None:
    problem, X, energy, index = reference_points(key)
    landscape = ld.explore(problem, max_index=min(problem.dim, int(index.max()) + 1))
    for x, e, k in zip(X, energy, index, strict=True):
        i = int(np.abs(landscape.columns.x - x).max(axis=1).argmin())
        point = landscape.points[i]
        np.testing.assert_allclose(point.x, x, atol=1e-6)
        assert point.energy == pytest.approx(e, abs=1e-6, rel=1e-8)
        assert point.index == k
    assert len(landscape.points) == len(X)


@pytest.mark.parametrize("case", PROBLEMS, ids=lambda c: c.name)
def test_all_points_from_other_starts(case: ProblemCase) -> None:
    """Three starts around the one given; nothing hangs on a lucky one."""
    rng = np.random.default_rng(7)
    for _ in range(3):
        start = np.array(case.start) + rng.uniform(-0.08, 0.08, len(case.start))
        assert counts(ld.explore(case.factory(), start=start, max_index=case.max_index)) == case.counts


@pytest.mark.parametrize("coupling", [-0.2, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("dim", [2, 3, 4, 5])
def test_coupled_lattice_is_complete(dim: int, coupling: float) -> None:
    problem = ld.systems.coupled_lattice(dim=dim, coupling=coupling)
    assert_lattice_complete(ld.explore(problem, max_index=dim), dim, coupling)


def test_coupled_lattice_of_dimension_six_within_its_budget() -> None:
    """At most 20 evaluations (a gradient and a Hessian each) a search on average."""
    landscape = ld.explore(ld.systems.coupled_lattice(dim=6, coupling=0.2), max_index=6)
    assert_lattice_complete(landscape, 6, 0.2)
    c = landscape.counters
    assert c["n_gradients"] <= 20 * c["n_searches"]
    assert c["n_hessians"] <= 20 * c["n_searches"]


def test_coupled_lattice_of_dimension_eight() -> None:
    landscape = ld.explore(ld.systems.coupled_lattice(dim=8, coupling=0.2), max_index=8)
    assert (len(landscape.points), len(landscape.connections)) == (6561, 34992)


def test_muller_brown_within_its_budget() -> None:
    landscape = ld.explore(ld.systems.muller_brown(), start=[0.15, 0.25], max_index=2)
    assert counts(landscape) == (3, 2)
    assert landscape.counters["n_gradients"] < 450
    assert landscape.counters["n_hessians"] < 450


def test_a_minimum_as_the_start_leads_to_everything() -> None:
    """The top is unknown: upward searches find it."""
    landscape = ld.explore(ld.systems.butterfly(), start=[1.3, -0.6], max_index=2)
    assert counts(landscape) == (4, 4, 1)


def test_searches_that_go_uphill_without_end_are_recorded() -> None:
    landscape = ld.explore(ld.systems.muller_brown(), start=[0.15, 0.25], max_index=2)
    by_status = landscape.counters["by_status"]
    assert {"left_domain", "endless"} <= set(by_status)
    assert sum(n for name, n in by_status.items() if name != "converged") == len(landscape.failures)
    assert sum(landscape.counters["by_status"].values()) == landscape.counters["n_searches"]
