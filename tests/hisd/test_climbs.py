"""Climbs without end are given up, and descents that pass by a saddle are made again."""

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.records import SearchKind, SearchStatus


@pytest.mark.parametrize("power", [4, 6, 8])
def test_given_up_before_they_have_left(power: int) -> None:
    problem = ld.problems.symbolic(f"x1**{power} + x2**{power} + x1**2 + 0.7*x2**2 + 0.1*x1*x2", 2)
    searches = ld.explore(problem, [0.3, 0.4], restarts="none").searches
    up = searches.kind == SearchKind.UP
    assert (searches.status[up] == SearchStatus.ENDLESS).all()
    assert searches.n_steps[up].max() < 30


@pytest.mark.parametrize("name", ["muller_brown", "butterfly", "coupled_lattice", "arctan_3d", "weighted_cubic"])
def test_nothing_is_lost_by_it(name: str) -> None:
    known = {"muller_brown": 5, "butterfly": 9, "coupled_lattice": 27, "arctan_3d": 7, "weighted_cubic": 27}
    assert len(ld.explore(ld.systems.get(name), restarts="none").points) == known[name]


def test_a_descent_past_a_saddle_takes_the_right_turn() -> None:
    """A valley that leads to a saddle, a little to one side of it: the flow turns to that side."""
    for offset in (0.02, -0.02):
        problem = ld.problems.symbolic(f"((x2-({offset}))**2-1)**2/4 - x1 + x1**3/3 + 0*x2", 2)
        landscape = ld.explore(problem, [-0.9, 0.0], max_index=2, restarts="none")
        minima = {p.id: p.x[1] for p in landscape.points if p.index == 0}
        assert sorted(np.round(list(minima.values()), 3)) == pytest.approx([offset - 1, offset + 1], abs=2e-3)


def test_climbs_by_sparse_hessians_end_as_early() -> None:
    """u'' + 12 (u - u^3) = 0: the energy grows without end, and its seven points have no more above them."""
    from scipy.sparse import diags_array

    m = 40
    h = np.pi / (m + 1)
    side = -np.ones(m - 1) / h
    K = diags_array([side, np.full(m, 2 / h), side], offsets=[-1, 0, 1]).tocsc()
    problem = ld.problems.from_callable(
        lambda U: 0.5 * np.sum(U * (K @ U.T).T, axis=1) + 12 * h * np.sum(U**4 / 4 - U**2 / 2, axis=1),
        lambda U: (K @ U.T).T + 12 * h * (U**3 - U),
        sparse_hessian=lambda u: (K + diags_array(12 * h * (3 * u * u - 1))).tocsc(),
        dim=m,
        batched=True,
    )
    x = h * np.arange(1, m + 1)
    start = 0.3 * np.sin(x) + 0.2 * np.sin(2 * x) + 0.1 * np.sin(3 * x)
    landscape = ld.explore(problem, start, max_index=3, dense_limit=10)
    assert sorted(landscape.columns.index.tolist()) == [0, 0, 1, 1, 2, 2, 3]
    ends = landscape.counters["by_status"]
    assert ends["endless"] > 50
    assert ends.get("left_domain", 0) < ends["endless"] / 5
