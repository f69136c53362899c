"""Index and nullity without matrices, and what is said where they cannot be known."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import zarr

import landscape_dist as ld
from landscape_dist.hisd.curvatures import ProductCurvatures, curvatures_for
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.numerics.davidson import lowest_pairs
from landscape_dist.numerics.lanczos import ends_of_spectrum, lowest_outside
from landscape_dist.records import SearchStatus

FREE = SolverSettings(dense_limit=10, sparse_hessians=False)


def rotated(w: np.ndarray, seed: int = 0) -> np.ndarray:
    """A symmetric matrix with these eigenvalues."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(w), len(w))))[0]
    return (Q * w) @ Q.T


def quadratic(w: Any) -> ld.problems.Problem:
    """x H x / 2 with these eigenvalues, by products alone."""
    H = rotated(np.asarray(w, dtype=float))
    return ld.problems.from_callable(
        lambda X: 0.5 * np.einsum("ni,ij,nj->n", X, H, X),
        lambda X: X @ H,
        hvp=lambda X, V: H @ V,
        dim=len(H),
        batched=True,
        check=False,
        fingerprint=f"quadratic {list(w)}",
    )


def test_lowest_pairs_are_those_of_the_dense_matrix() -> None:
    w = np.concatenate([[-3.0, -1.0, -1.0, -1.0, 0.5], np.linspace(1, 50, 195)])
    H = rotated(w)
    start = np.random.default_rng(1).standard_normal((200, 7))
    pairs = lowest_pairs(lambda V: H @ V, start, lambda pairs: pairs.leading >= 5, lambda w: 1e-8)
    assert pairs.values[:5] == pytest.approx(w[:5], abs=1e-10)
    assert np.linalg.norm(H @ pairs.vectors - pairs.vectors * pairs.values, axis=0) == pytest.approx(
        pairs.residuals, abs=1e-9
    )
    assert (pairs.residuals[:5] <= 1e-8).all()


def test_what_lies_outside_of_a_subspace() -> None:
    w = np.concatenate([[-2.0, -2.0], np.linspace(1, 20, 98)])
    H = rotated(w)
    Q = np.linalg.eigh(H)[1]

    def product(V: np.ndarray) -> np.ndarray:
        return H @ V

    whole = lowest_outside(product, Q[:, :2], 0.0)
    assert whole.lowest == pytest.approx(1.0, abs=1e-3)
    assert whole.failure <= 1e-8
    # The other of two equal eigenvalues is still there.
    missed = lowest_outside(product, Q[:, :1], 0.0)
    assert missed.lowest <= 0
    assert missed.failure == 1.0
    open_ = lowest_outside(product, Q[:, :2], 0.999, max_products=16)
    assert open_.failure == 1.0
    low, high = ends_of_spectrum(product, 100)
    assert -2.0 - 1e-9 <= low <= -1.9
    assert 19.0 <= high <= 20.0 + 1e-9


def test_as_many_products_as_dimensions_are_no_proof() -> None:
    # Rounding makes Lanczos iterations on such a spectrum longer than the space has dimensions.
    w = np.concatenate([[-5.0], np.logspace(np.log10(3), 8, 349)])
    found = lowest_outside(lambda V: w[:, None] * V, np.zeros((350, 0)), 2.0)
    assert found.failure == 1.0
    assert found.lowest == pytest.approx(-5.0, abs=1e-5)
    without = lowest_outside(lambda V: w[:, None] * V, np.eye(350)[:, :1], 2.0)
    assert without.failure == 0.0
    assert without.lowest == pytest.approx(3.0, abs=1e-5)


# Missed by methods that start from one vector, or that stop at the expected number.
SPECTRA = {
    "repeated": [-1.0] * 4 + [0.5] * 40 + list(np.linspace(1, 30, 200)),
    "more than expected": [-5.0, -4.0, -3.0, -0.01, -0.005, *np.linspace(2, 90, 240)],
    "zeros": [-1.0, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0, *np.linspace(1, 60, 240)],
    "positive": list(np.linspace(0.1, 30, 250)),
    "all negative": list(-np.linspace(1, 3, 120)),
    "a band below zero": [*np.linspace(-1, -0.5, 25), *np.linspace(1, 40, 230)],
}


@pytest.mark.parametrize(("name", "target"), list(itertools.product(SPECTRA, [0, 2, 4])))
def test_index_and_nullity_from_products(name: str, target: int) -> None:
    w = np.array(SPECTRA[name])
    found = curvatures_for(quadratic(SPECTRA[name]), FREE).spectrum(np.zeros(len(w)), target)
    assert found.doubt == ""
    assert (found.index, found.nullity) == (int((w < -1e-5).sum()), int((np.abs(w) < 1e-5).sum()))
    assert found.values == pytest.approx(np.sort(w)[: len(found.values)], abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_three_ways_to_the_same_index(seed: int) -> None:
    """Dense, sparse factors, products: away from stationary points all kinds of spectra occur."""
    d = 150
    problem = ld.systems.rosenbrock(d, s=np.random.default_rng(seed).uniform(-900, 900, d))
    x = np.random.default_rng(seed + 10).uniform(-0.6, 1.2, d)
    w = np.linalg.eigvalsh(problem.hessian(x[None])[0])
    for settings in (FREE, SolverSettings(dense_limit=10)):
        found = curvatures_for(problem, settings).spectrum(x, 3)
        assert (found.index, found.nullity, found.doubt) == (int((w < 0).sum()), 0, "")
        assert found.values == pytest.approx(w[: len(found.values)], abs=1e-2)


def test_frames_agree_with_dense_ones() -> None:
    problem = ld.systems.coupled_lattice(dim=120, coupling=0.2)
    x = np.ones((1, 120))
    x[0, :3] = 0.1
    _, Q = np.linalg.eigh(problem.hessian(x))
    for settings in (FREE, SolverSettings(dense_limit=10)):
        frame, _ = curvatures_for(problem, settings).frames(x, 3)
        np.testing.assert_allclose(np.abs(np.sum(frame * Q[:, :, :3], axis=1)), 1.0, atol=1e-8)


def test_a_preconditioner_saves_products() -> None:
    problem = ld.systems.allen_cahn((24, 24), kappa=0.05, scheme="spectral")
    x = 0.3 * np.cos(2 * np.pi * np.arange(576) / 24)
    costs = []
    for inverse in (problem.preconditioner, lambda x: None):
        problem.preconditioner = inverse  # type: ignore[method-assign]
        before = problem.counters.n_hvps
        ProductCurvatures(problem, FREE).frames(x[None] + 1e-3 * len(costs), 4)
        costs.append(problem.counters.n_hvps - before)
    assert costs[0] < 0.3 * costs[1]


def test_what_is_in_doubt_is_a_status_and_no_point() -> None:
    """Eigenvalues that come as close to zero as one likes: no number of products can tell their signs."""
    w = np.concatenate([[-1.0], np.geomspace(1e-9, 1, 4000)])
    problem = ld.problems.from_callable(
        lambda X: 0.5 * X * X @ w, lambda X: X * w, hvp=lambda X, V: w[:, None] * V, dim=4001, batched=True, check=False
    )
    landscape = ld.explore(
        problem, np.zeros(4001), 1, min_index=1, upward="none", step="explicit", nullity_rtol=1e-12, gradient_atol=1e-6
    )
    assert len(landscape.points) == 0
    assert landscape.counters["by_status"] == {"index_uncertain": 1}
    assert "index_uncertain" in landscape.summary()
    assert "cannot be told from zero" in landscape.failures.message[0]
    for cure in ("sparse Hessian", "preconditioner", "nullity_rtol"):
        assert cure in SearchStatus.INDEX_UNCERTAIN.advice


def test_a_stored_point_has_no_directions(tmp_path: Any) -> None:
    """Its coordinates, some eigenvalues and a few numbers, however large its index."""
    d = 2000
    problem = ld.systems.rosenbrock(d, s=[-500.0] * 5 + [1.0] * (d - 5))
    store = tmp_path / "large.zarr"
    ld.explore(problem, np.full(d, 0.9), 3, min_index=3, upward="none", store=str(store))
    points = zarr.open_group(store, mode="r")["points"]
    (n,) = {array.shape[0] for _, array in points.arrays()}
    assert n == 1
    assert sum(array[:].nbytes for _, array in points.arrays()) <= 8 * (d + 80)
