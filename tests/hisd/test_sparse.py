"""Sparse Hessians: inertia, solutions, and searches that use them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_array, diags_array, random_array

import landscape_dist as ld
from landscape_dist.hisd.curvatures.sparse import SparseCurvatures, sparse_hessians
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.numerics.sparse import SparseHessians, count_below


def indefinite(d: int, seed: int, density: float = 0.05) -> csc_array:
    A = random_array((d, d), density=density, rng=np.random.default_rng(seed))
    diagonal = np.random.default_rng(seed + 1).standard_normal(d)
    return csc_array(A + A.T + csc_array(np.diag(diagonal)))


@pytest.mark.parametrize("seed", range(4))
def test_inertia_is_that_of_the_eigenvalues(seed: int) -> None:
    H = indefinite(60, seed)
    w = np.linalg.eigvalsh(H.toarray())
    for sigma in [-3.0, -0.3, 0.0, 1e-3, 0.7, 3.0, *(w[[0, 10, -1]] + 1e-6)]:
        counted = count_below(H, sigma)
        assert counted.error < 1e-9
        assert counted.n_below == int((w < sigma).sum())


def test_inertia_of_repeated_eigenvalues() -> None:
    H = csc_array(np.kron(np.eye(20), [[0.0, 1.0], [1.0, 0.0]]))
    for sigma, n in ((-1.1, 0), (-0.9, 20), (0.5, 20), (1.1, 40)):
        assert count_below(H, sigma).n_below == n


def test_digits_that_the_factorisation_loses_are_noticed() -> None:
    """Without pivoting a diagonal that nearly vanishes swallows the rest; that must not pass for a count."""
    block = np.array([[0.0, 1.0, 2.0, 3.0], [1.0, 0.0, 4.0, 5.0], [2.0, 4.0, 0.0, 7.0], [3.0, 5.0, 7.0, 0.0]])
    H = csc_array(np.kron(np.eye(5), block))
    assert count_below(H, 1e-17).error > 0.1
    assert count_below(H, 1e-3).error < 1e-9
    assert count_below(H, 1e-3).n_below == 5 * int((np.linalg.eigvalsh(block) < 1e-3).sum())


@pytest.mark.parametrize("m", [0, 1, 3])
def test_solutions_with_and_without_corrections(m: int) -> None:
    rng = np.random.default_rng(7)
    matrices = [indefinite(40, seed) for seed in (1, 2, 3)]
    dense = np.array([H.toarray() for H in matrices])
    hessians = SparseHessians(matrices)
    for _ in range(m):
        left, right = rng.standard_normal((2, 3, 40, 1))
        hessians, dense = hessians.less(left, right), dense - left @ right.mT
    B, shift = rng.standard_normal((3, 40, 2)), np.array([0.0, 0.5, -1.0])
    wanted = np.linalg.solve(dense + shift[:, None, None] * np.eye(40), B)
    np.testing.assert_allclose(hessians.solve(shift, B), wanted, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(hessians @ B, dense @ B, atol=1e-12)
    few = hessians[np.array([2, 0])]
    np.testing.assert_allclose(few @ B[:2], dense[[2, 0]] @ B[:2], atol=1e-12)


def test_stacks_are_cut_joined_and_measured() -> None:
    A, B = (SparseHessians([indefinite(10, seed + s) for s in (0, 1)]) for seed in (0, 5))
    mixed = A.where(np.array([True, False]), B)
    assert mixed.matrices == [A.matrices[0], B.matrices[1]]
    expected = [np.abs((a - b).toarray()).sum(axis=1).max() for a, b in zip(A.matrices, B.matrices, strict=True)]
    np.testing.assert_allclose((A - B).sizes(), expected)


def test_a_singular_matrix_is_nudged() -> None:
    H = SparseHessians([csc_array(np.diag([1.0, 0.0, 2.0]))])
    x = H.solve(np.zeros(1), np.array([[[1.0], [0.0], [2.0]]]))
    np.testing.assert_allclose(x[0, :, 0], [1.0, 0.0, 1.0], atol=1e-9)


def test_a_hessian_that_is_not_finite_is_zero() -> None:
    problem = ld.systems.rosenbrock(5)
    assert sparse_hessians(problem, np.full((1, 5), np.nan)).sizes() == 0.0


def test_a_step_to_where_the_hessian_is_not_finite_is_taken_back() -> None:
    def hessian(x: np.ndarray) -> csc_array:
        return csc_array(np.diag(0.75 / np.sqrt(np.abs(x)) if x.all() else [np.inf, 1.0]))

    problem = ld.problems.from_callable(
        lambda x: np.sum(np.abs(x) ** 1.5),
        lambda x: 1.5 * np.sign(x) * np.sqrt(np.abs(x)),
        dim=2,
        sparse_hessian=hessian,
        check=False,
    )
    curvatures = SparseCurvatures(problem, SolverSettings())
    gradient, _, size = curvatures.evaluate(np.array([[0.0, 1.0], [1.0, 1.0]]))
    assert np.isfinite(gradient).all()
    assert np.isfinite(size).tolist() == [False, True]


def test_a_face_of_the_lattice_with_sparse_hessians() -> None:
    """The same face by products alone: `test_beyond_the_dense_limit`."""
    problem = ld.systems.coupled_lattice(dim=30, coupling=0.2)
    start = np.ones(30)
    start[:3] = [0.02, -0.01, 0.02]
    landscape = ld.explore(problem, start=start, max_index=3, dense_limit=10, upward="none")
    assert landscape.counts_by_index == {0: 8, 1: 12, 2: 6, 3: 1}
    assert len(landscape.connections) == 54
    assert landscape.counters["n_hvps"] == 0
    dense = ld.explore(problem, start=start, max_index=3, upward="none")
    found, known = (np.sort(np.round(L.columns.energy, 8)) for L in (landscape, dense))
    np.testing.assert_array_equal(found, known)
    # The steps are the same, too, but for the size of the Hessian that they are measured by.
    assert landscape.counters["n_gradients"] == pytest.approx(dense.counters["n_gradients"], rel=0.1)


@pytest.mark.parametrize("sparse_hessians", [True, False], ids=["tridiagonal", "matrix-free"])
def test_a_saddle_of_ten_thousand_variables(sparse_hessians: bool) -> None:
    d = 10_000
    problem = ld.systems.rosenbrock(d, s=[-500.0] * 5 + [1.0] * (d - 5))
    landscape = ld.explore(
        problem, np.full(d, 0.9), 3, min_index=3, upward="none", sparse_hessians=sparse_hessians
    )  # fmt: skip
    (point,) = landscape.points
    assert (point.index, point.nullity) == (3, 0)
    assert np.abs(point.x - 1).max() < 1e-5
    assert point.eigenvalues[:4] == pytest.approx([-721.9558, -485.6950, -118.4826, 2.4988], abs=1e-3)
    counters = landscape.counters
    assert (counters["n_hvps"] == 0) == sparse_hessians
    assert (counters["n_hessians"] == 0) != sparse_hessians


def test_eigensolvers_that_need_matrices_refuse_sparse_ones() -> None:
    problem = ld.systems.coupled_lattice(dim=30)
    with pytest.raises(ld.errors.SettingsError, match="'dense' needs Hessians"):
        ld.explore(problem, eigensolver="dense", dense_limit=10, max_index=1)


@pytest.mark.parametrize("power", [4, 6])
def test_degenerate_points_by_sparse_hessians(power: int) -> None:
    """One flat mode beside stiff ones counts as zero, by sparse Hessians as by dense ones."""
    d = 20
    stiff = np.geomspace(1.0, 1e4, d - 1)

    def sparse(x: np.ndarray) -> Any:
        return diags_array(np.concatenate([[power * (power - 1) * x[0] ** (power - 2)], stiff])).tocsc()

    problem = ld.problems.from_callable(
        lambda X: X[:, 0] ** power + 0.5 * X[:, 1:] ** 2 @ stiff,
        lambda X: np.concatenate([power * X[:, :1] ** (power - 1), X[:, 1:] * stiff], axis=1),
        sparse_hessian=sparse,
        dim=d,
        batched=True,
    )
    start = np.concatenate([[0.3], np.full(d - 1, 0.1)])
    landscape = ld.explore(problem, start, max_index=0, dense_limit=5)
    assert [(p.index, p.nullity) for p in landscape.points] == [(0, 1)]


def beam(m: int, lam: float) -> ld.problems.Problem:
    """E = int u''^2 / 2 - lam u'^2 / 2 + u^4 / 4 with hinged ends on [0, pi], whose modes at 0 are j^4 - lam j^2.

    On 401 points the stiffest is 2e9 times the softest, and a dozen are below 1e-6 of it.
    """
    h = np.pi / (m + 1)
    side = -np.ones(m - 1)
    A = diags_array([side, 2 * np.ones(m), side], offsets=[-1, 0, 1]).tocsc() / h**2
    K = (h * (A @ A - lam * A)).tocsc()
    return ld.problems.from_callable(
        lambda U: 0.5 * np.sum(U * (K @ U.T).T, axis=1) + h * np.sum(U**4, axis=1) / 4,
        lambda U: (K @ U.T).T + h * U**3,
        None,
        lambda U, V: np.stack([K @ v for v in V]) + 3 * h * (U**2)[:, :, None] * V,
        sparse_hessian=lambda u: (K + diags_array(3 * h * u * u)).tocsc(),
        dim=m,
        batched=True,
    )


@pytest.mark.parametrize(("m", "lam", "index"), [(401, 2.5, 1), (301, 6.0, 2), (401, 20.0, 4)])
def test_soft_modes_of_a_beam_are_none_of_nothing(m: int, lam: float, index: int) -> None:
    curvatures, none = SparseCurvatures(beam(m, lam), SolverSettings()), np.zeros(m)
    found = curvatures.spectrum(none, index)
    assert (found.index, found.nullity, found.doubt) == (index, 0, "")
    w, Q = np.linalg.eigh(curvatures.problem.sparse_hessian(none).toarray())
    assert found.values == pytest.approx(w[: len(found.values)], rel=1e-4)
    assert len(found.values) >= index
    frame = curvatures.frames(none[None], 2)[0][0]
    np.testing.assert_allclose(np.abs(np.sum(frame * Q[:, :2], axis=0)), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("m", "lam", "by_index", "arrows"),
    [(200, 2.5, [2, 1], 2), pytest.param(301, 6.0, [4, 4, 1], 12, marks=pytest.mark.long)],
)
def test_a_beam_buckles(m: int, lam: float, by_index: list[int], arrows: int) -> None:
    """For lam in 1 .. 4 one way; at 6 the second mode (16 - 4 lam) is steeper than the first (1 - lam), so that both
    are minima, with a saddle between each two neighbours of the four."""
    problem, x = beam(m, lam), np.pi / (m + 1) * np.arange(1, m + 1)
    landscape = ld.explore(problem, 0.5 * np.sin(x) + 0.1 * np.sin(2 * x), max_index=2, dense_limit=100)
    assert np.bincount(landscape.columns.index).tolist() == by_index
    assert not landscape.columns.nullity.any()
    assert len(landscape.connections) == arrows


def test_modes_above_what_may_be_zero_are_not_in_the_way() -> None:
    """One eigenvalue of 1e-9 of the largest, and three just above the 1e-6 up to which they are looked at closely."""
    w = np.concatenate([[1e-9, 1.2e-6, 1.5e-6, 2e-6], np.linspace(0.1, 1, 60)])
    problem = ld.problems.from_callable(
        lambda X: 0.5 * np.sum(w * X * X, axis=1),
        lambda X: w * X,
        None,
        lambda X, V: w[:, None] * V,
        sparse_hessian=lambda x: diags_array(w).tocsc(),
        dim=len(w),
        batched=True,
    )
    for sign in (1.0, -1.0):
        w[0] = sign * 1e-9
        found = SparseCurvatures(problem, SolverSettings(dense_limit=10)).spectrum(np.zeros(len(w)) + sign, 0)
        assert (found.index, found.nullity, found.doubt) == (int(sign < 0), 0, "")
