"""An inner product: the metric of directions, eigenvalues and the flow, and no other stationary points."""

import pickle

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array, csc_matrix, diags_array

import landscape_dist as ld
from landscape_dist.errors import ProblemError, SettingsError, StoreMismatchError
from landscape_dist.problems.definition import problem_of
from landscape_dist.problems.in_metric import InMetric
from landscape_dist.problems.mass import Mass
from landscape_dist.upkeep.verification import verify_store

FORMULA = "(x1**2 - 1)**2 + 2*(x2**2 - 1)**2 + 0.4*x1*x2 + 0.1*x1"
MASSES = {
    "number": 0.01,
    "diagonal": [4.0, 0.25],
    "matrix": [[2.0, 0.5], [0.5, 1.0]],
    "sparse": csc_array(np.array([[2.0, 0.5], [0.5, 1.0]])),
}


def _dense(mass: object) -> np.ndarray:
    M = mass.toarray() if hasattr(mass, "toarray") else np.asarray(mass, dtype=float)
    return M if M.ndim == 2 else np.diag(np.broadcast_to(M, 2))


@pytest.mark.parametrize("mass", MASSES.values(), ids=MASSES.keys())
def test_points_are_the_same_and_eigenvalues_those_of_the_metric(mass: object) -> None:
    usual = ld.explore(ld.problems.symbolic(FORMULA), (0.1, 0.2), max_index=2)
    landscape = ld.explore(ld.problems.symbolic(FORMULA, mass=mass), (0.1, 0.2), max_index=2)
    assert len(landscape.points) == len(usual.points) == 9
    problem = ld.problems.symbolic(FORMULA)
    for point in landscape.points:
        same = min(usual.points, key=lambda other: np.abs(other.x - point.x).max())
        assert np.abs(same.x - point.x).max() < 1e-8
        assert same.index == point.index
        H = problem.hessian(point.x[None])[0]
        assert np.allclose(point.eigenvalues, scipy.linalg.eigh(H, _dense(mass), eigvals_only=True), rtol=1e-6)


def test_a_descent_follows_the_flow_of_the_metric() -> None:
    """M x' = -g ends in another minimum than x' = -g from some starts."""
    from scipy.integrate import solve_ivp

    rng = np.random.default_rng(4)
    mass, differ = np.array([25.0, 0.04]), 0
    problem = ld.problems.symbolic(FORMULA, mass=mass)
    for start in rng.uniform(-1.5, 1.5, (30, 2)):
        columns = ld.explore(problem, start, max_index=0).columns
        if len(columns) > 1:  # it came to a saddle first, so it began next to a ridge
            continue
        found = columns.x[0]
        ends = [
            solve_ivp(lambda t, x, m=m: -problem.gradient(x[None])[0] / m, (0, 300), start, rtol=1e-8, method="LSODA").y
            for m in (mass, 1.0)
        ]
        assert np.abs(found - ends[0][:, -1]).max() < 1e-4
        differ += np.abs(ends[1][:, -1] - found).max() > 1e-2
    assert differ > 0


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_coordinates_of_the_metric(dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((dim, dim))
    M = A @ A.T + 0.1 * np.eye(dim)
    mass, X, G = Mass(M, dim), rng.standard_normal((3, dim)), rng.standard_normal((3, dim))
    Y = mass.to_metric(X)
    assert np.allclose(Y @ Y.T, X @ M @ X.T)
    assert np.allclose(mass.from_metric(Y), X)
    assert np.allclose(np.sum(mass.dual(G) * Y, axis=1), np.sum(G * X, axis=1))
    again = pickle.loads(pickle.dumps(mass))
    assert np.allclose(again.to_metric(X), Y)
    assert np.allclose(Mass.from_plain(mass.as_plain(), dim).to_metric(X), Y)


def test_derivatives_in_the_metric() -> None:
    n = 12
    M = diags_array([np.full(n - 1, 1 / 6), np.full(n, 2 / 3), np.full(n - 1, 1 / 6)], offsets=[-1, 0, 1])
    formula = " + ".join(f"(x{i}**2 - 1)**2 + x{i}*x{i % n + 1}/3" for i in range(1, n + 1))
    for mass in (M, M.diagonal()):
        problem = InMetric(ld.problems.symbolic(formula, mass=mass))
        y, v = np.random.default_rng(1).standard_normal((2, n)), np.random.default_rng(2).standard_normal((2, n, 3))
        g, H = problem.gradient_hessian(y)
        h = 1e-6
        differences = [(problem.energy(y + h * e) - problem.energy(y - h * e)) / (2 * h) for e in np.eye(n)]
        assert np.allclose(g, np.array(differences).T, atol=1e-6)
        assert np.allclose(problem.hvp(y, v), H @ v)
        assert np.allclose(H, H.mT)


def test_a_field_on_grids_of_any_spacing_has_one_spectrum() -> None:
    """Linear finite elements for -u'' + lambda (u^3 - u) on [0, pi]: at 0 the eigenvalues are k^2 - lambda."""
    counts, lam = [], 5.0
    for n, stretch in ((40, 0.0), (80, 0.0), (60, 0.6)):
        t = np.linspace(0, np.pi, n + 2)
        nodes = t + stretch * np.sin(2 * t) / 2
        h = np.diff(nodes)
        M = diags_array([h[1:-1] / 6, (h[:-1] + h[1:]) / 3, h[1:-1] / 6], offsets=[-1, 0, 1]).tocsc()
        K = diags_array([-1 / h[1:-1], 1 / h[:-1] + 1 / h[1:], -1 / h[1:-1]], offsets=[-1, 0, 1]).toarray()
        lumped = 0.5 * (h[:-1] + h[1:])

        def energy(U, K=K, m=lumped):
            return 0.5 * np.einsum("ni,ij,nj->n", U, K, U) + lam * (U**4 / 4 - U**2 / 2) @ m

        def gradient(U, K=K, m=lumped):
            return U @ K + lam * (U**3 - U) * m

        def hessian(U, K=K, m=lumped):
            return K + np.einsum("ni,ij->nij", lam * (3 * U**2 - 1) * m, np.eye(len(m)))

        problem = ld.problems.from_callable(energy, gradient, hessian, dim=n, batched=True, mass=M)
        landscape = ld.explore(problem, 0.3 * np.sin(nodes[1:-1]) + 0.1 * np.sin(2 * nodes[1:-1]), max_index=2)
        counts.append(sorted(p.index for p in landscape.points))
        middle = min(landscape.points, key=lambda p: np.abs(p.x).max())
        assert np.allclose(middle.eigenvalues[:3], np.array([1, 4, 9]) - lam, atol=0.15)
    assert counts == [[0, 0, 1, 1, 2]] * 3


def test_a_store_keeps_the_mass(tmp_path) -> None:
    store = tmp_path / "mass.zarr"
    problem = ld.problems.symbolic(FORMULA, mass=[4.0, 0.25])
    found = ld.explore(problem, (0.1, 0.2), max_index=2, store=store)
    again = ld.open(store)
    assert problem_of(again.header).mass.as_plain() == [4.0, 0.25]
    assert len(again.points) == len(found.points)
    with pytest.raises(StoreMismatchError, match="mass"):
        ld.explore(ld.problems.symbolic(FORMULA), (0.1, 0.2), max_index=2, store=store)


@pytest.mark.parametrize(
    ("mass", "said"),
    [
        ([1.0, 2.0, 3.0], "shape"),
        ([1.0, -1.0], "not positive"),
        ([[1.0, 2.0], [2.0, 1.0]], "not positive definite"),
        ([[1.0, 1.0], [1.0, 1.0]], "not positive definite"),
        ([[0.0, 0.0], [0.0, 0.0]], "not positive definite"),
        ([[1.0, 0.0], [0.0, np.inf]], "not finite"),
        ([[1.0, 0.0], [0.0, np.nan]], "not finite"),
        ([[1.0, 0.3], [0.0, 1.0]], "not symmetric"),
        ("heavy", "give a number"),
        (0.0, "not positive"),
    ],
)
def test_what_is_no_inner_product(mass: object, said: str) -> None:
    with pytest.raises(ProblemError, match=said):
        ld.problems.symbolic(FORMULA, mass=mass)


@pytest.mark.parametrize("mass", [1e-12, 1e-6, 1e6, 1e12])
def test_the_unit_of_a_mass_is_no_matter(mass: float) -> None:
    landscape = ld.explore(ld.problems.symbolic(FORMULA, mass=mass), (0.1, 0.2), max_index=2)
    assert len(landscape.points) == 9
    usual = ld.explore(ld.problems.symbolic(FORMULA), (0.1, 0.2), max_index=2)
    lowest, same = (min(one.points, key=lambda p: p.energy) for one in (landscape, usual))
    assert np.allclose(lowest.eigenvalues * mass, same.eigenvalues)


def test_times_along_paths_are_those_of_the_flow() -> None:
    """M x' = -g with M = 100 takes a hundred times as long to go the same way."""
    paths = []
    for mass in (None, 100.0):
        problem = ld.problems.symbolic(FORMULA, mass=mass)
        landscape = ld.explore(problem, (0.1, 0.2), max_index=0, keep_trajectories=True)
        paths.append(landscape.trajectory(0))
    usual, heavy = paths
    assert np.allclose(heavy.x, usual.x)
    assert usual.time[-2] > 0
    assert np.allclose(heavy.time, 100 * usual.time)


def test_evaluations_in_the_metric_count_once() -> None:
    calls = []

    def gradient(X: np.ndarray) -> np.ndarray:
        calls.append(len(X))
        return 4 * X * (X**2 - 1)

    problem = ld.problems.from_callable(
        lambda X: np.sum((X**2 - 1) ** 2, axis=1), gradient, dim=2, batched=True, mass=[1.0, 9.0]
    )
    before, calls[:] = problem.counters.n_gradients, []
    landscape = ld.explore(problem, (0.2, 0.3), max_index=2)
    assert len(landscape.points) == 9
    assert problem.counters.n_gradients - before == sum(calls)


def test_scipy_matrices_and_stores_with_a_mass(tmp_path) -> None:
    mass = csc_matrix(np.array([[2.0, 0.5], [0.5, 1.0]]))
    store = tmp_path / "matrix.zarr"
    problem = ld.problems.symbolic(FORMULA, mass=mass)
    assert len(ld.explore(problem, (0.1, 0.2), max_index=2, store=store).points) == 9
    assert not verify_store(store).findings


def test_torch_takes_a_lumped_mass() -> None:
    pytest.importorskip("torch")

    def energy(x):
        return ((x**2 - 1) ** 2).sum()

    landscape = ld.explore(ld.problems.from_torch(energy, 2, mass=[1.0, 9.0]), (0.2, 0.3), max_index=2)
    assert len(landscape.points) == 9
    with pytest.raises(SettingsError, match="lumped"):
        ld.explore(ld.problems.from_torch(energy, 2, mass=[[2.0, 0.5], [0.5, 1.0]]), (0.2, 0.3), max_index=2)


def test_where_a_mass_means_nothing() -> None:
    field = ld.problems.vector_field(["x2 - x1", "-x2 - x1**3"])
    field.mass = 2.0
    with pytest.raises(SettingsError, match="vector field"):
        ld.explore(field, (0.1, 0.2), max_index=1)
    torus = ld.problems.symbolic("cos(x1) + cos(x2)", mass=2.0)
    torus.periods = [2 * np.pi, 2 * np.pi]
    with pytest.raises(SettingsError, match="flat space"):
        ld.explore(torus, (0.1, 0.2), max_index=1)
    with pytest.raises(SettingsError, match="lengths"):
        ld.explore(ld.problems.symbolic(FORMULA, mass=2.0), (0.1, 0.2), max_index=1, lengths=(1.0, 1.0))
