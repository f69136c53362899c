"""Frames, signs and bases on which machines agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.numerics.linalg import (
    canonical_eigenbasis,
    canonical_signs,
    inertia,
    orthonormalize,
    row_norm,
    subspace_overlap,
)


def random_orthogonal(rng: np.random.Generator, d: int) -> np.ndarray:
    return orthonormalize(rng.standard_normal((1, d, d)))[0]


@given(n=st.integers(1, 4), d=st.integers(1, 6), seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=50, deadline=None)
def test_orthonormalize_spans_the_same_and_keeps_directions(n: int, d: int, seed: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, d))
    V = np.random.default_rng(seed).standard_normal((n, d, k))
    Q = orthonormalize(V)
    assert Q.shape == V.shape
    np.testing.assert_allclose(Q.mT @ Q, np.broadcast_to(np.eye(k), (n, k, k)), atol=1e-12)
    np.testing.assert_allclose(Q @ (Q.mT @ V), V, atol=1e-9)
    assert (np.sum(Q * V, axis=1) >= 0).all()


def test_signs_do_not_depend_on_the_signs_given() -> None:
    rng = np.random.default_rng(3)
    Q = np.stack([random_orthogonal(rng, 5) for _ in range(20)])
    flips = rng.choice([-1.0, 1.0], size=(20, 1, 5))
    np.testing.assert_array_equal(canonical_signs(Q), canonical_signs(Q * flips))


@given(seed=st.integers(0, 10**6), split=st.lists(st.integers(1, 3), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_basis_of_repeated_eigenvalues_does_not_depend_on_lapack(seed: int, split: list[int]) -> None:
    """Rotating the eigenvectors within each repeated eigenvalue, as another LAPACK might, changes nothing."""
    rng = np.random.default_rng(seed)
    d = sum(split)
    w = np.repeat(np.arange(len(split)) - 1.5, split)[None]
    Q = random_orthogonal(rng, d)
    turned = Q.copy()
    start = 0
    for m in split:
        turned[:, start : start + m] = Q[:, start : start + m] @ random_orthogonal(rng, m)
        start += m
    a, b = canonical_eigenbasis(w, Q[None])[0], canonical_eigenbasis(w, turned[None])[0]
    np.testing.assert_allclose(a, b, atol=1e-7)
    np.testing.assert_allclose(a.T @ a, np.eye(d), atol=1e-9)
    H = (Q * w[0]) @ Q.T
    np.testing.assert_allclose(H @ a, a * w[0], atol=1e-7)


def test_repeated_eigenvalues_of_a_separable_energy_give_the_axes() -> None:
    rng = np.random.default_rng(0)
    turned = random_orthogonal(rng, 3)
    np.testing.assert_allclose(
        np.abs(canonical_eigenbasis(np.full((1, 3), -4.0), turned[None])[0]), np.eye(3), atol=1e-9
    )


@pytest.mark.parametrize(
    ("w", "index", "nullity"),
    [([-2.0, 0.0, 3.0], 1, 1), ([-2.0, 1e-9, 3.0], 1, 1), ([-2.0, 1e-4, 3.0], 1, 0), ([0.0, 0.0, 0.0], 0, 3)],
)
def test_inertia(w: list[float], index: int, nullity: int) -> None:
    i, z = inertia(np.array([w]), 1e-6)
    assert (int(i[0]), int(z[0])) == (index, nullity)


def test_overlap_and_norm() -> None:
    rng = np.random.default_rng(0)
    A = orthonormalize(rng.standard_normal((2, 5, 2)))
    np.testing.assert_allclose(subspace_overlap(A, A @ random_orthogonal(rng, 2)), 1.0)
    assert (subspace_overlap(A, orthonormalize(rng.standard_normal((2, 5, 2)))) < 0.999).all()
    np.testing.assert_array_equal(subspace_overlap(A[:, :, :0], A[:, :, :0]), 1.0)
    np.testing.assert_allclose(row_norm(np.array([[3.0, 4.0]])), 5.0)


def test_clusters_of_one_sign_get_the_basis_nearest_to_the_axes() -> None:
    rng = np.random.default_rng(3)
    mixing = orthonormalize(rng.standard_normal((1, 3, 3)))[0]
    Q = np.eye(5)
    Q[:3, :3] = mixing
    w = np.array([[-4.2, -4.0, -3.9, -0.5, 0.5]])
    clustered = canonical_eigenbasis(w, Q[None], gap=0.2)[0]
    # Löwdin's is exact for a span of axes; -0.5 and 0.5 are not to be mixed.
    np.testing.assert_allclose(clustered, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(np.abs(canonical_eigenbasis(w, Q[None])[0].T @ Q), np.eye(5), atol=1e-12)
