"""Where a search ends: at points, degenerate ones included, and nowhere in a tail."""

from __future__ import annotations

import numpy as np
import pytest

import landscape_dist as ld

S = ld.problems.symbolic


@pytest.mark.parametrize(
    ("formula", "start", "points"),
    [
        ("(1-exp(-(x1-1)))**2", 1.3, [(1.0, 0)]),
        ("(1-exp(-2*(x1+3)))**2", -2.8, [(-3.0, 0)]),
        ("4*(x1**-12-x1**-6)", 1.3, [(-(2 ** (1 / 6)), 0), (2 ** (1 / 6), 0)]),
        ("-exp(-x1**2)-exp(-(x1-3)**2)", 0.4, [(0.00037101, 0), (1.5, 1), (2.99962899, 0)]),
        ("-1/(1+x1**2)", 0.3, [(0.0, 0)]),
    ],
)
def test_tails_are_no_points(formula: str, start: float, points: list[tuple[float, int]]) -> None:
    landscape = ld.explore(S(formula, 1), [start])
    found = sorted((float(p.x[0]), p.index) for p in landscape.points)
    assert [index for _, index in found] == [index for _, index in points]
    assert [x for x, _ in found] == pytest.approx([x for x, _ in points], abs=1e-6)
    assert not landscape.columns.nullity.any()


def test_flat_ends_have_a_status_with_advice() -> None:
    landscape = ld.explore(S("(1-exp(-(x1-1)))**2", 1), [1.3])
    assert landscape.counters["by_status"]["flat"] >= 1
    assert "domain" in ld.SearchStatus.FLAT.advice


@pytest.mark.parametrize("power", [4, 6])
@pytest.mark.parametrize("at", [0.0, 1.0])
def test_degenerate_points_are_points(power: int, at: float) -> None:
    landscape = ld.explore(S(f"(x1-{at})**{power} + x2**2", 2), [at + 0.5, 0.3], max_index=0)
    assert [(p.index, p.nullity) for p in landscape.points] == [(0, 1)]
    assert landscape.points[0].x == pytest.approx([at, 0.0], abs=1e-2)


def test_a_soft_mode_beside_a_stiff_one_is_no_zero_mode() -> None:
    landscape = ld.explore(S("(x1**2-1)**2 + 5e6*x2**2 + (x3-1000)**2/2", 3), [0.2, 0.0, 1000.0], max_index=3)
    assert landscape.counts_by_index == {0: 2, 1: 1}
    assert not landscape.columns.nullity.any()
    assert np.sort(landscape.columns.x[:, 0]) == pytest.approx([-1.0, 0.0, 1.0], abs=1e-8)
    assert landscape.columns.x[:, 2] == pytest.approx(1000.0, abs=1e-6)


@pytest.mark.parametrize("stiffness", [1e3, 1e4])
def test_stiff_curved_valleys(stiffness: float) -> None:
    valley = S(f"(1-x1)**2 + {stiffness}*(x2-x1**2)**2", 2)
    for max_index in (0, 1):
        landscape = ld.explore(valley, [-1.2, 1.0], max_index=max_index)
        assert [p.index for p in landscape.points] == [0]
        assert landscape.points[0].x == pytest.approx([1.0, 1.0], abs=1e-6)


def test_soft_and_stiff_in_one_valley() -> None:
    energy = S("(x1**2-1)**2 + 0.1*x2**2/2 + 1e4*(x3-x1**2-x2**2)**2/2", 3)
    landscape = ld.explore(energy, [0.4, 0.7, 0.2])
    assert landscape.counts_by_index == {0: 2, 1: 1}
    assert np.sort(landscape.columns.x[:, 0]) == pytest.approx([-1.0, 0.0, 1.0], abs=1e-6)


@pytest.mark.parametrize("start", [(0.1, 0.1), (0.1, 0.6)])
def test_a_search_for_a_minimum_does_not_end_at_a_saddle(start: tuple[float, float]) -> None:
    landscape = ld.explore(ld.systems.get("butterfly"), start, max_index=0)
    assert {p.index for p in landscape.points} == {0}


def test_ends_do_not_depend_on_what_else_is_in_the_batch() -> None:
    """One search at a time and all together: singular Hessians, zero modes and plain points side by side."""
    from landscape_dist.hisd.ends import Ends
    from landscape_dist.hisd.state import RuleState, State
    from landscape_dist.numerics.hessians import DenseHessians

    rng = np.random.default_rng(0)
    H = np.stack([np.diag(w) for w in ([1.0, 2.0], [0.0, 1.0], [1e-9, 1.0], [-1.0, 3.0], [0.0, 0.0])])
    g = rng.standard_normal((5, 2)) * np.array([1e-12, 1e-12, 1e-11, 1e-3, 1e-14])[:, None]

    def state(rows: np.ndarray) -> State[RuleState]:
        n = len(rows)
        return State(
            row=rows, x=np.zeros((n, 2)), g=g[rows], H=DenseHessians(H[rows]), V=np.zeros((n, 2, 0)), leave=None,
            trust=np.ones(n), norm=np.ones(n), floor=np.ones(n), n_steps=np.zeros(n, dtype=np.int64),
            gradient_norm=np.linalg.norm(g[rows], axis=1),
        )  # fmt: skip

    problem, solver, origin = S("x1**2+x2**2", 2), ld.SolverSettings(), np.zeros((5, 2))
    together, apart = Ends(problem, solver, origin), Ends(problem, solver, origin)
    for _ in range(12):
        points, flat = together.judge(state(np.arange(5)), np.ones(5, dtype=bool))
        single = [apart.judge(state(np.array([i])), np.ones(1, dtype=bool)) for i in range(5)]
        assert points.tolist() == [bool(p[0]) for p, _ in single]
        assert flat.tolist() == [bool(f[0]) for _, f in single]
    assert points[0]
    assert flat[3]
