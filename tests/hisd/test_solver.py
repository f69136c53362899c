"""One batch of searches: starts, convergence, statuses."""

from __future__ import annotations

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.errors import SettingsError
from landscape_dist.hisd.curvatures import ProductCurvatures, curvatures_for
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.solver import solve_batch
from landscape_dist.hisd.start import expand
from landscape_dist.records import SearchBatch, SearchKind, SearchStatus


def downward(x: list[float], index: int, sign: int = 1, leave: int | None = None) -> SearchBatch:
    """One downward search from a saddle of this index."""
    leave = index - 1 if leave is None else leave
    keep = [[j for j in range(index) if j != leave]]
    return SearchBatch(
        index - 1,
        SearchKind.DOWN,
        np.array([0]),
        np.array([x], dtype=float),
        np.array([index]),
        np.array([7]),
        np.array([0]),
        np.array([[leave]]),
        np.array([[sign]]),
        np.array(keep, dtype=np.int64).reshape(1, -1),
        np.array([0]),
    )


def from_start(x: list[float], target: int) -> SearchBatch:
    one = np.array([0])
    return SearchBatch(
        target,
        SearchKind.START,
        np.array([-1]),
        np.array([x], dtype=float),
        np.array([-1]),
        one,
        one,
        np.array([[-1]]),
        np.array([[0]]),
        np.arange(target)[None],
        one,
    )


def test_a_downward_search_ends_at_the_minimum_on_its_side() -> None:
    problem = ld.systems.coupled_lattice(dim=2, coupling=0.0)
    for sign in (1, -1):
        result = solve_batch(problem, downward([0.0, 1.0], 1, sign), SolverSettings())
        assert result.status[0] == SearchStatus.CONVERGED
        np.testing.assert_allclose(result.x[0], [sign, 1.0], atol=1e-9)
        assert result.index[0] == 0
        assert result.energy[0] == pytest.approx(0.0, abs=1e-12)


def test_the_last_steps_are_newtons() -> None:
    """Convergence is quadratic: digits double, until rounding."""
    problem = ld.systems.muller_brown()
    result = solve_batch(problem, from_start([0.15, 0.25], 1), SolverSettings(keep_trajectories=True))
    path = result.trajectories[0]
    error = np.linalg.norm(path - path[-1], axis=1)[:-1]
    tail = error[(error < 1e-2) & (error > 1e-12)]
    assert len(tail) >= 2
    assert tail[-1] < 20 * tail[-2] ** 2


def test_counters_are_those_of_the_batch() -> None:
    problem = ld.systems.butterfly()
    before = problem.counters.copy()
    result = solve_batch(problem, from_start([0.1, 0.1], 2), SolverSettings())
    assert problem.counters.minus(before) == result.counters
    assert result.counters.n_gradients == result.n_steps[0] + 1


def test_batches_and_single_searches_agree() -> None:
    problem = ld.systems.coupled_lattice(dim=4, coupling=0.2)
    landscape = ld.explore(problem, max_index=4, upward="none")
    top = landscape.points.of_index(4)[0].x
    n = 8
    keep = np.array([[j for j in range(4) if j != i // 2] for i in range(n)])
    batch = SearchBatch(
        3,
        SearchKind.DOWN,
        np.array([0]),
        top[None],
        np.array([4]),
        np.arange(n),
        np.zeros(n, dtype=np.int64),
        np.arange(n)[:, None] // 2,
        np.where(np.arange(n) % 2, -1, 1)[:, None],
        keep,
        np.zeros(n, dtype=np.int64),
    )
    whole = solve_batch(problem, batch, SolverSettings())
    for i in range(n):
        one = solve_batch(problem, batch.select(np.array([i])), SolverSettings())
        np.testing.assert_allclose(one.x[0], whole.x[i], atol=1e-10)
        assert one.status[0] == whole.status[i]


def test_energy_that_is_not_finite_at_the_start() -> None:
    problem = ld.problems.from_callable(
        lambda X: np.where(X[:, 0] > 2, np.nan, np.sum(X**2, axis=1)),
        gradient=lambda X: np.where(X[:, :1] > 2, np.nan, 2 * X),
        dim=2,
        batched=True,
    )
    result = solve_batch(problem, from_start([3.0, 0.0], 0), SolverSettings())
    assert result.status[0] == SearchStatus.NOT_FINITE


def test_energy_without_a_bottom_leaves_the_domain() -> None:
    problem = ld.problems.symbolic("-x1**2 - x2**4", euler_characteristic=None)
    result = solve_batch(problem, from_start([0.3, 0.2], 0), SolverSettings())
    assert result.status[0] == SearchStatus.LEFT_DOMAIN


def test_step_budget() -> None:
    result = solve_batch(ld.systems.muller_brown(), from_start([0.15, 0.25], 1), SolverSettings(max_steps=2))
    assert result.status[0] == SearchStatus.MAX_STEPS
    assert result.n_steps[0] == 2
    assert np.isfinite(result.gradient_norm[0])


def test_deadline() -> None:
    result = solve_batch(ld.systems.muller_brown(), from_start([0.15, 0.25], 1), SolverSettings(deadline=1e-9))
    assert result.status[0] == SearchStatus.DEADLINE


def test_zero_modes_are_reported_as_nullity() -> None:
    """A circle of minima around a maximum: the ring has one zero mode."""
    problem = ld.problems.symbolic("(x1**2 + x2**2 - 1)**2")
    landscape = ld.explore(problem, start=[0.1, 0.05], max_index=2)
    assert {(p.index, p.nullity) for p in landscape.points} == {(2, 0), (0, 1)}
    for p in landscape.points:
        if p.nullity:
            assert np.linalg.norm(p.x) == pytest.approx(1.0, abs=1e-6)


def test_degenerate_point_where_the_hessian_vanishes() -> None:
    landscape = ld.explore(ld.problems.symbolic("x1**4 + x2**4"), start=[0.5, 0.4], max_index=0)
    (point,) = landscape.points
    assert point.nullity == 2
    np.testing.assert_allclose(point.x, 0.0, atol=1e-2)


def test_zero_modes_do_not_depend_on_how_many_eigenvalues_are_kept() -> None:
    problem = ld.problems.symbolic("(x1**2-1)**2 + x2**4")
    more = {"start": [0.1, 0.2], "max_index": 1, "gradient_rtol": 1e-9, "max_searches": 1}
    for kept in (2, 1):
        (point,) = ld.explore(problem, n_eigenvalues=kept, **more).points
        assert (point.index, point.nullity) == (1, 1)
        assert len(point.eigenvalues) == kept


@pytest.mark.parametrize("scale", [1e-100, 1e-8, 1e8, 1e100])
def test_the_unit_of_the_energy_changes_nothing(scale: float) -> None:
    problem = ld.problems.symbolic(f"{scale}*((x1**2-1)**2 + 2*(x2**2-1)**2 + x1*x2)")
    landscape = ld.explore(problem, start=[0.1, 0.1], max_index=2)
    assert sorted(p.index for p in landscape.points) == [0] * 4 + [1] * 4 + [2]


def test_saddle_with_equal_eigenvalues_sends_its_children_along_the_axes() -> None:
    landscape = ld.explore(
        ld.problems.symbolic("(x1**2-1)**2 + (x2**2-1)**2 + (x3**2-1)**2"), start=[0.1, 0.05, 0.02], max_index=3
    )
    assert [landscape.counts_by_index[k] for k in range(4)] == [8, 12, 6, 1]
    assert len(landscape.connections) == 54


def test_one_variable() -> None:
    landscape = ld.explore(ld.problems.symbolic("(x1**2-1)**2"), start=[0.1], max_index=1)
    assert landscape.counts_by_index == {0: 2, 1: 1}
    assert len(landscape.connections) == 2


def test_wrong_dimension_is_an_error() -> None:
    with pytest.raises(SettingsError, match="dimension 3"):
        solve_batch(ld.systems.butterfly(), from_start([0.0, 0.0, 0.0], 1), SolverSettings())


def test_lanczos_frames_agree_with_dense_ones() -> None:
    problem = ld.systems.coupled_lattice(dim=12, coupling=0.2)
    x = np.linspace(-1, 1, 12)[None]
    _, Q = np.linalg.eigh(problem.hessian(x))
    lanczos, _ = ProductCurvatures(problem, SolverSettings()).frames(x, 3)
    np.testing.assert_allclose(np.abs(np.sum(lanczos * Q[:, :, :3], axis=1)), 1.0, atol=1e-8)


def test_random_repeats_depend_on_content_alone() -> None:
    problem = ld.systems.butterfly()
    batch = downward([0.0, 0.5], 2)
    batch.repeat[:] = 1
    curvatures = curvatures_for(problem, SolverSettings())
    a = expand(curvatures, batch)
    batch.slot[:] = 99
    b = expand(curvatures, batch)
    np.testing.assert_array_equal(a.x, b.x)
    batch.repeat[:] = 2
    assert not np.array_equal(a.x, expand(curvatures, batch).x)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", "euler"),
        ("eigensolver", "qr"),
        ("acceleration", "adam"),
        ("momentum", 1.0),
        ("step_tolerance", 0.0),
        ("max_steps", 0),
        ("nesterov_choice", 3),
        ("nullity_rtol", -1.0),
        ("gradient_atol", -1.0),
        ("dense_limit", 1.5),
    ],
)
def test_settings_that_cannot_work_name_field_value_and_cure(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        SolverSettings(**{name: value})  # type: ignore[arg-type]
    assert repr(value) in str(caught.value)


def test_acceleration_of_the_implicit_step_is_refused() -> None:
    with pytest.raises(SettingsError, match="takes no acceleration"):
        SolverSettings(step="implicit", acceleration="nesterov")


@pytest.mark.parametrize("seed", range(5))
def test_zero_modes_do_not_blur_the_other_eigenvalues(seed: int) -> None:
    """A ring of minima in the plane, times a well: one zero mode, however the rounding of the gradient falls."""
    problem = ld.problems.symbolic("(x1**2 + x2**2 - 1)**2 + 3*(x3**2 - 1)**2")
    start = np.random.default_rng(seed).uniform(0.2, 0.6, 3)
    landscape = ld.explore(problem, start=start, max_index=0)
    (point,) = landscape.points
    assert (point.index, point.nullity) == (0, 1)
