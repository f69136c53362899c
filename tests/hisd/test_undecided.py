"""Searches that keep a symmetry until rounding takes them out of it are no arrows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.sparse import eye_array, kron

import landscape_dist as ld
from landscape_dist.hisd.undecided import Undecided
from landscape_dist.numerics.hessians import DenseHessians
from landscape_dist.records import SearchKind, SearchStatus
from tests.hisd.test_grids import _dirichlet, _second_differences

long = pytest.mark.long
# 0, twice four points on a circle around it, two minima; each of the circle is connected to its neighbours there.
BY_INDEX, ARROWS = [2, 4, 4, 1], {(3, 2): 4, (2, 1): 8, (1, 0): 8}


def counts(landscape: ld.Landscape) -> tuple[list[int], dict[tuple[int, int], int]]:
    index = landscape.columns.index
    pairs = Counter((int(index[c.parent_id]), int(index[c.child_id])) for c in landscape.connections)
    return np.bincount(index).tolist(), dict(pairs)


def allen_cahn(m: int, lam: float) -> tuple[ld.problems.Problem, np.ndarray]:
    """u = 0 on the edge of [0, pi]^2: Laplace's eigenvalues are 2, 5, 5, 8."""
    h = np.pi / (m + 1)
    A = _second_differences(m) / h**2
    K = h**2 * (kron(A, eye_array(m)) + kron(eye_array(m), A)).tocsc()
    x, y = np.meshgrid(*([h * np.arange(1, m + 1)] * 2), indexing="ij")
    start = 0.2 * np.sin(x) * np.sin(y) + 0.15 * np.sin(x) * np.sin(2 * y)
    return _dirichlet(K, h**2 * lam), start.ravel()


@pytest.mark.parametrize(
    ("m", "lam", "tolerance"),
    [
        (8, 6.0, 0.1),
        (7, 5.3, 0.05),
        (8, 7.0, 0.02),
        *(pytest.param(m, lam, t, marks=long) for m in (12, 16) for lam in (5.2, 6.0, 7.5) for t in (0.1, 0.05, 0.02)),
    ],
)
def test_allen_cahn_on_a_square(m: int, lam: float, tolerance: float) -> None:
    """Searches that leave an index-2 point with its diagonal symmetry come to a minimum and climb on from there."""
    problem, start = allen_cahn(m, lam)
    landscape = ld.explore(problem, start, max_index=3, step_tolerance=tolerance)
    assert counts(landscape) == (BY_INDEX, ARROWS)
    assert not landscape.audit().contradictions


@long
@pytest.mark.parametrize(("m", "limit"), [(8, 32), (12, 32), (24, 300)])
@pytest.mark.parametrize("tolerance", [0.1, 0.02])
def test_allen_cahn_on_a_square_by_sparse_hessians(m: int, limit: int, tolerance: float) -> None:
    problem, start = allen_cahn(m, 6.0)
    landscape = ld.explore(problem, start, max_index=3, step_tolerance=tolerance, dense_limit=limit)
    assert counts(landscape) == (BY_INDEX, ARROWS)


Q = np.array([[2.0, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3


def squares(s: float, rotated: bool) -> ld.problems.Problem:
    """E with the symmetries of a square in (b, c), in which 0 is the top where a = 0 and the bottom where a = +-1.

    The smaller s is, the softer is a beside b and c, and the farther from the minima rounding has become large.
    """
    R, w = Q if rotated else np.eye(3), 0.1 * s

    def energy(X: np.ndarray) -> np.ndarray:
        a, b, c = (X @ R.T).T
        return s * (a**2 - 1) ** 2 / 4 + (a**2 - 0.5) * (b**2 + c**2) + ((b**4 + c**4) / 4 + b**2 * c**2) / w

    def gradient(X: np.ndarray) -> np.ndarray:
        a, b, c = (X @ R.T).T
        parts = [
            s * (a**3 - a) + 2 * a * (b**2 + c**2),
            (2 * a**2 - 1) * b + (b**3 + 2 * b * c**2) / w,
            (2 * a**2 - 1) * c + (c**3 + 2 * c * b**2) / w,
        ]
        return np.stack(parts, axis=1) @ R

    def hessian(X: np.ndarray) -> np.ndarray:
        a, b, c = (X @ R.T).T
        H = np.zeros((len(X), 3, 3))
        H[:, 0, 0] = s * (3 * a**2 - 1) + 2 * (b**2 + c**2)
        H[:, 0, 1] = H[:, 1, 0] = 4 * a * b
        H[:, 0, 2] = H[:, 2, 0] = 4 * a * c
        H[:, 1, 1] = 2 * a**2 - 1 + (3 * b**2 + 2 * c**2) / w
        H[:, 2, 2] = 2 * a**2 - 1 + (3 * c**2 + 2 * b**2) / w
        H[:, 1, 2] = H[:, 2, 1] = 4 * b * c / w
        return R.T @ H @ R

    return ld.problems.from_callable(energy, gradient, hessian, dim=3, batched=True)


@pytest.mark.parametrize(
    ("s", "rotated", "tolerance"),
    [
        (0.01, True, 0.1),
        (0.001, False, 0.1),
        (0.001, True, 0.05),
        *(pytest.param(s, r, t, marks=long) for s in (1.0, 0.1, 0.01, 1e-3) for r in (0, 1) for t in (0.1, 0.05, 0.02)),
    ],
)
def test_the_symmetries_of_a_square(s: float, rotated: bool, tolerance: float) -> None:
    landscape = ld.explore(squares(s, rotated), [0.3, 0.2, 0.1], max_index=3, step_tolerance=tolerance)
    assert counts(landscape) == (BY_INDEX, ARROWS)


def test_undecided_searches_have_ends_and_are_no_arrows() -> None:
    problem, start = allen_cahn(7, 6.0)
    landscape = ld.explore(problem, start, max_index=3)
    searches = landscape.searches
    undecided = searches.status == SearchStatus.UNDECIDED
    assert undecided.any()
    assert np.isin(searches.kind[undecided], (SearchKind.DOWN, SearchKind.CONFIRM)).all()
    assert (searches.child[undecided] >= 0).all()
    assert sum(point.hits for point in landscape.points) >= int(undecided.sum())


class _At:
    """A state of one search with one direction e_1, at a given gradient and curvature along that."""

    def __init__(self, along: float, curvature: float, rest: float = 1.0) -> None:
        self.row = np.array([0])
        self.x, self.V, self.g = np.ones((1, 2)), np.array([[[1.0], [0.0]]]), np.array([[along, rest]])
        self.H = DenseHessians(np.array([np.diag([curvature, 1.0])]))
        self.norm, self.gradient_norm = np.ones(1), np.linalg.norm(self.g, axis=1)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ([_At(0.0, -1.0), _At(1e-15, 1.0), _At(1e-6, 1.0), _At(0.5, 1.0)], True),
        ([_At(0.0, -1.0), _At(1e-15, 1.0), _At(1e-6, 1.0), _At(1e-6, -1.0), _At(0.5, -1.0)], False),  # back in time
        ([_At(1e-4, -1.0), _At(1e-4, 1.0), _At(0.5, 1.0)], False),  # there was something to follow
        ([_At(0.0, -1.0), _At(1e-15, -1.0), _At(1e-15, -1.0, 1e-15)], False),  # an end with the symmetry
    ],
)
def test_what_begins_with_nothing_and_leads(path: list[_At], found: bool) -> None:
    undecided = Undecided(1, 1)
    for state in path:
        undecided.note(state, np)  # type: ignore[arg-type]
    assert bool(undecided.found[0]) is found
