"""How directions move: the flow against its differential equation, turns against their limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from landscape_dist.eigensolvers import Curvature, Flow, Lobpcg, Sirqit
from landscape_dist.eigensolvers.subspace import basis, ritz, turned
from landscape_dist.numerics.linalg import orthonormalize, subspace_overlap

RNG = np.random.default_rng(0)


def random_frames(n: int, d: int, k: int) -> np.ndarray:
    return orthonormalize(RNG.standard_normal((n, d, k)))


def symmetric(n: int, d: int) -> np.ndarray:
    A = RNG.standard_normal((n, d, d))
    return A + A.mT


@pytest.mark.parametrize("matrix_free", [False, True])
def test_the_flow_is_of_first_order(matrix_free: bool) -> None:
    """The subspace after time T is exp(-gamma T H) V, whatever the frame."""
    H, V = symmetric(4, 5), random_frames(4, 5, 2)
    rate, T = 2.0, 0.2
    exact = orthonormalize(np.stack([expm(-rate * T * h) for h in H]) @ V)
    errors = []
    for n in (50, 100, 200):
        W = V
        curvature = Curvature(None if matrix_free else H, lambda X: H @ X, np.linalg.norm(H, axis=(1, 2)))
        for _ in range(n):
            W = Flow(rate).follow(curvature, W, np.zeros((4, 5)), np.full(4, T / n))
        errors.append(np.sqrt(1 - subspace_overlap(W, exact) ** 2).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 1.0, atol=0.15)


def test_products_alone_do_as_well_as_the_hessian_where_two_blocks_span_everything() -> None:
    H, V = symmetric(3, 4), random_frames(3, 4, 2)
    norm = np.linalg.norm(H, axis=(1, 2))
    time, nowhere = np.full(3, 0.002), np.zeros((3, 4))
    a = Flow().follow(Curvature.dense(H), V, nowhere, time)
    b = Flow().follow(Curvature(None, lambda X: H @ X, norm), V, nowhere, time)
    assert subspace_overlap(a, b).min() > 1 - 1e-5


@pytest.mark.parametrize(
    "solver", [Lobpcg(1e9, 1), Lobpcg(1e9, 3), Sirqit(1e9, 1), Sirqit(1e9, 3)], ids=lambda s: s.name
)
def test_rayleigh_quotients_go_down(solver: Lobpcg | Sirqit) -> None:
    H, V = symmetric(6, 12), random_frames(6, 12, 3)
    nowhere = np.zeros((6, 12))
    before = np.trace(V.mT @ H @ V, axis1=1, axis2=2)
    for _ in range(5):
        V = solver.follow(Curvature.dense(H), V, nowhere, np.ones(6))
        after = np.trace(V.mT @ H @ V, axis1=1, axis2=2)
        assert (after <= before + 1e-12).all()
        before = after


def test_lobpcg_converges_faster_than_steepest_descent() -> None:
    """With the changes of earlier iterations in the subspace: as many products, and more digits."""
    d = 60
    H = np.diag(np.linspace(-1, 50, d))[None]
    V = random_frames(1, d, 2)
    exact = np.eye(d)[None, :, :2]
    nowhere, time = np.zeros((1, d)), np.ones(1)
    together = Lobpcg(1e9, 20).follow(Curvature.dense(H), V, nowhere, time)
    apart = V
    for _ in range(20):
        apart = Lobpcg(1e9, 1).follow(Curvature.dense(H), apart, nowhere, time)
    error = [1 - float(subspace_overlap(W, exact)[0]) for W in (together, apart)]
    assert error[0] < 0.05 * error[1]


def test_turns_have_a_limit() -> None:
    V, W = random_frames(5, 6, 2), random_frames(5, 6, 2)
    angle = np.arccos(np.clip(np.linalg.svd(V.mT @ W, compute_uv=False), -1, 1))
    limit = np.array([0.0, 0.1, 0.5, 1.0, 2.0])
    out = turned(V, W, limit, np)
    np.testing.assert_allclose(out.mT @ out, np.broadcast_to(np.eye(2), (5, 2, 2)), atol=1e-12)
    made = np.arccos(np.clip(np.linalg.svd(V.mT @ out, compute_uv=False), -1, 1))
    np.testing.assert_allclose(made, np.minimum(angle, limit[:, None]), atol=1e-6)
    np.testing.assert_allclose(out[0], V[0], atol=1e-12)
    assert subspace_overlap(out[4:], W[4:])[0] == pytest.approx(1, abs=1e-12)


def test_bases_of_dependent_columns() -> None:
    W = RNG.standard_normal((3, 6, 4))
    W[0, :, 2] = W[0, :, 0] + 1e-13
    W[1, :, :] = 0
    W[2, :, 3] = 1e-14
    Q, T, there = basis(W, np.ones(3), np)
    assert there.sum(axis=1).tolist() == [3, 0, 3]
    np.testing.assert_allclose(Q, W @ T)
    for q, real in zip(Q, there, strict=True):
        np.testing.assert_allclose(q.T @ q, np.diag(real.astype(float)), atol=1e-8)


def test_missing_columns_come_last() -> None:
    A = np.zeros((1, 3, 3))
    A[0, 0, 0], A[0, 2, 2] = 5.0, -7.0
    w, U = ritz(A, np.array([[True, False, True]]), np)
    np.testing.assert_allclose(w[0, :2], [-7.0, 5.0])
    np.testing.assert_allclose(np.abs(U[0, 1]), [0, 0, 1], atol=1e-15)
