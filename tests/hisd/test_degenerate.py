"""Points whose Hessian is singular: one each, in the right place, whatever side the searches come from."""

from __future__ import annotations

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.hisd.degenerate import approach


@pytest.mark.parametrize("formula", ["(x1**2-1)**2 + x2**4", "(x1**2-1)**2 + (x2-x1)**4", "(x1**2-1)**2 + x2**6"])
def test_degenerate_points_are_found_once(formula: str) -> None:
    landscape = ld.explore(ld.problems.symbolic(formula), start=[0.3, 0.2], max_index=2)
    assert sorted((p.index, p.nullity) for p in landscape.points) == [(0, 1), (0, 1), (1, 1)]


def test_a_quartic_minimum_is_approached() -> None:
    problem = ld.problems.symbolic("x1**2 + x2**4")
    X = np.array([[1e-9, 7e-4]])
    x, g, H = approach(problem, X, *problem.gradient_hessian(X))
    assert np.abs(x).max() < 1e-6
    np.testing.assert_allclose(H, problem.hessian(x))
    np.testing.assert_allclose(g, problem.gradient(x))


def test_zero_modes_stand_still() -> None:
    problem = ld.problems.symbolic("((x1**2 + x2**2) - 1)**2")
    angle = 0.7
    X = np.array([[np.cos(angle), np.sin(angle)]])
    x, _, _ = approach(problem, X, *problem.gradient_hessian(X))
    np.testing.assert_allclose(x, X, atol=1e-12)
