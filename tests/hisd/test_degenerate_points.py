"""Degenerate points are nodes like others: searches leave them along their zero modes, and each is found once."""

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.errors import SettingsError

# Formula, points as (coordinates, index, nullity), arrows between them.
CASES = {
    "monkey saddle": (
        "x1**3 - 3*x1*x2**2 + (x1**2 + x2**2)**2",
        [((0, 0), 0, 2), ((-0.75, 0), 0, 0), ((0.375, 0.649519), 0, 0), ((0.375, -0.649519), 0, 0)],
        3,
    ),
    "quartic hill": ("-x1**4 + x1**6 + x2**2", [((0, 0), 0, 1), ((0.816497, 0), 0, 0), ((-0.816497, 0), 0, 0)], 2),
    "cubic fold": ("x1**3 + x1**4 + x2**2", [((0, 0), 0, 1), ((-0.75, 0), 0, 0)], 1),
    "fold at a saddle": ("x1**3 + x1**4 - x2**2 + x2**4", None, None),
    "flat minimum": ("x1**8 + x2**2", [((0, 0), 0, 1)], 0),
    "flat minima": ("(x1**2 - 1)**2 + x2**6", [((0, 0), 1, 1), ((1, 0), 0, 1), ((-1, 0), 0, 1)], 2),
}
STARTS = [(0.2, 0.1), (0.1, 0.3), (-0.5, 0.2), (0.0, 0.0)]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", CASES)
def test_points_and_arrows(name: str, start: tuple[float, float]) -> None:
    formula, points, n_arrows = CASES[name]
    landscape = ld.explore(ld.problems.symbolic(formula, 2), start, max_index=2)
    if points is None:  # a fold times a double well: 2 x 3 points
        assert sorted((p.index, p.nullity) for p in landscape.points) == [(0, 0)] * 2 + [(0, 1)] * 2 + [(1, 0), (1, 1)]
        return
    assert len(landscape.points) == len(points)
    for x, index, nullity in points:
        near = [p for p in landscape.points if np.abs(p.x - x).max() < 1e-4]
        assert [(p.index, p.nullity) for p in near] == [(index, nullity)]
    assert len(landscape.connections) == n_arrows


def test_a_symmetry_is_not_left_along() -> None:
    """Translations in a row: nothing changes along the zero mode, so it leads nowhere."""
    from landscape_dist.hisd.null_directions import moved_along

    ring = ld.problems.symbolic("(x1**2 + x2**2 - 1)**2 + x3**2", 3)
    X = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0]])
    along = np.array([[0.0, 1.0, 0.0], [-0.8, 0.6, 0.0]])
    moved, felt = moved_along(ring, X, along)
    assert not felt.any()
    assert np.array_equal(moved, X)


def test_not_left_where_not_asked_for() -> None:
    problem = ld.problems.symbolic(CASES["monkey saddle"][0], 2)
    landscape = ld.explore(problem, (0.2, 0.1), null_directions="none", restarts="none")
    assert len(landscape.points) == 1
    with pytest.raises(SettingsError, match="null_directions"):
        ld.explore(problem, (0.2, 0.1), null_directions="some")
