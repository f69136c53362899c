"""Refining the grid of a field changes the numbers, and not the landscape."""

from collections import Counter

import numpy as np
import pytest
from scipy.sparse import csc_array, diags_array, eye_array, kron

import landscape_dist as ld
from landscape_dist.numerics.linalg import canonical_eigenbasis

long = pytest.mark.long


def _second_differences(m: int) -> csc_array:
    side = -np.ones(m - 1)
    return diags_array([side, 2 * np.ones(m), side], offsets=[-1, 0, 1]).tocsc()


def _dirichlet(K: csc_array, a: float, **options: object) -> ld.problems.Problem:
    """E(u) = u^T K u / 2 + a sum (u^4 / 4 - u^2 / 2)."""
    d = K.shape[0]
    dense = K.toarray() if d <= 300 else None

    def hessian(U: np.ndarray) -> np.ndarray:
        return dense + np.einsum("ni,ij->nij", a * (3 * U**2 - 1), np.eye(d))

    return ld.problems.from_callable(
        lambda U: 0.5 * np.sum(U * (K @ U.T).T, axis=1) + a * np.sum(U**4 / 4 - U**2 / 2, axis=1),
        lambda U: (K @ U.T).T + a * (U**3 - U),
        None if dense is None else hessian,
        lambda U, V: np.stack([K @ v for v in V]) + a * (3 * U**2 - 1)[:, :, None] * V,
        sparse_hessian=lambda u: (K + diags_array(a * (3 * u * u - 1))).tocsc(),
        dim=d,
        batched=True,
        **options,
    )


def _counts(landscape: ld.Landscape) -> tuple[list[int], int]:
    """Points by index, all of them nondegenerate, and arrows to the next lower index."""
    index = landscape.columns.index
    assert not landscape.columns.nullity.any()
    adjacent = sum(index[c.parent_id] - index[c.child_id] == 1 for c in landscape.connections)
    return np.bincount(index).tolist(), int(adjacent)


@pytest.mark.parametrize(
    "m", [63, 127, pytest.param(255, marks=long), pytest.param(511, marks=long), pytest.param(1023, marks=long)]
)
@pytest.mark.parametrize(("lam", "by_index", "arrows"), [(12.0, [2, 2, 2, 1], 10), (20.0, [2, 2, 2, 2, 1], 14)])
@pytest.mark.parametrize("tolerance", [0.1, pytest.param(0.05, marks=long), 0.02])
def test_chafee_infante(m: int, lam: float, by_index: list[int], arrows: int, tolerance: float) -> None:
    """u'' + lam (u - u^3) = 0 on [0, pi]: for n^2 < lam < (n + 1)^2 there are 0 and +-u_1 .. +-u_n.

    u_k is connected to both of the index below (Henry 1985; Angenent 1986).
    """
    if m > 127 and tolerance != 0.1:
        pytest.skip("one tolerance on fine grids")
    h = np.pi / (m + 1)
    x = h * np.arange(1, m + 1)
    start = 0.3 * np.sin(x) + 0.2 * np.sin(2 * x) + 0.1 * np.sin(3 * x) + (0.05 * np.sin(4 * x) if lam > 16 else 0)
    problem = _dirichlet(_second_differences(m) / h, h * lam)
    landscape = ld.explore(problem, start, max_index=len(by_index) - 1, step_tolerance=tolerance)
    assert _counts(landscape) == (by_index, arrows)


@pytest.mark.parametrize("shape", [(8, 9), (12, 13), (18, 20), pytest.param((36, 40), marks=long)])
def test_allen_cahn_with_a_boundary(shape: tuple[int, int]) -> None:
    """u = 0 on the edge of [0, pi] x [0, 1.1 pi]: Laplace's eigenvalues are 1.83, 4.31, 4.83.

    Between the second and the third 0 has index 2, and two branches have left it at simple eigenvalues: +-u of one
    sign, the minima, and +-u of two halves, index 1 (Crandall and Rabinowitz 1971, and exchange of stability).
    """
    h = [np.pi / (shape[0] + 1), 1.1 * np.pi / (shape[1] + 1)]
    A, B = (_second_differences(n) / step**2 for n, step in zip(shape, h, strict=True))
    cell = h[0] * h[1]
    K = cell * (kron(A, eye_array(shape[1])) + kron(eye_array(shape[0]), B)).tocsc()
    x, y = np.meshgrid(*(np.pi * np.arange(1, n + 1) / (n + 1) for n in shape), indexing="ij")
    start = 0.2 * np.sin(x) * np.sin(y) + 0.15 * np.sin(x) * np.sin(2 * y)
    # The grid's own eigenvalues are a little smaller, so that the same is asked of all.
    w = np.linalg.eigvalsh(K.toarray() / cell)[:3] if K.shape[0] < 500 else np.array([1.826, 4.306, 4.826])
    landscape = ld.explore(_dirichlet(K, cell * 0.5 * (w[1] + w[2])), start.ravel(), max_index=2)
    assert _counts(landscape) == ([2, 2, 1], 6)


@pytest.mark.parametrize(("r", "by_kind"), [(0.1, {(0, 1): 1, (2, 0): 1}), (0.3, {(0, 1): 1, (2, 1): 1, (4, 0): 1})])
@pytest.mark.parametrize("n", [64, 128, 192, pytest.param(256, marks=long)])
def test_swift_hohenberg(n: int, r: float, by_kind: dict[tuple[int, int], int]) -> None:
    """E = int ((1 + d^2) u)^2 / 2 - r u^2 / 2 + u^4 / 4 on a circle of length 8 pi, up to translations and sign.

    Waves k = j / 4 grow at 0 where (1 - k^2)^2 < r: for r = 0.1 those of j = 4, and the rolls are minima; for r = 0.3
    those of j = 3, too, with rolls of index 2 between.  Rolls have one zero mode.
    """
    length = 8 * np.pi
    h = length / n
    k = 2 * np.pi / length * np.fft.rfftfreq(n, 1 / n)
    symbol = (1 - k**2) ** 2 - r

    def linear(U: np.ndarray) -> np.ndarray:
        weights = symbol.reshape(1, -1, *[1] * (U.ndim - 2))
        return np.fft.irfft(weights * np.fft.rfft(U, axis=1), n=n, axis=1)

    M = linear(np.eye(n)[None])[0]
    problem = ld.problems.from_callable(
        lambda U: h * (0.5 * np.sum(U * linear(U), axis=1) + np.sum(U**4, axis=1) / 4),
        lambda U: h * (linear(U) + U**3),
        lambda U: h * (M + np.einsum("ni,ij->nij", 3 * U**2, np.eye(n))),
        lambda U, V: h * (linear(V) + 3 * (U**2)[:, :, None] * V),
        dim=n,
        batched=True,
    )
    x = h * np.arange(n)
    start = 0.2 * np.cos(x) + 0.05 * np.sin(x) + (0.1 * np.cos(0.75 * x) if r > 0.2 else 0)
    highest = max(index for index, _ in by_kind)
    landscape = ld.explore(problem, start, max_index=highest, same=ld.Translations(n, sign=True))
    columns = landscape.columns
    assert Counter(zip(columns.index.tolist(), columns.nullity.tolist(), strict=True)) == by_kind
    assert len(landscape.connections) == len(by_kind) - 1


def test_soft_modes_are_not_equal_modes() -> None:
    """Eigenvalues 1e-3, 2e-3 beside 1e6 have eigenvectors of their own; those that are equal to rounding have none."""
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((4, 4)))[0]
    apart = canonical_eigenbasis(np.array([[1e-3, 2e-3, 1.0, 1e6]]), Q[None])[0]
    assert np.allclose(np.abs(np.sum(apart * Q, axis=0)), 1)
    equal = canonical_eigenbasis(np.array([[1e-3, 1e-3 + 1e-12, 1.0, 1e6]]), Q[None])[0]
    assert np.allclose(equal[:, :2] @ equal[:, :2].T, Q[:, :2] @ Q[:, :2].T)
    assert not np.allclose(np.abs(np.sum(equal[:, :2] * Q[:, :2], axis=0)), 1)
