"""Proofs find all points and nothing else: classics with known counts, random systems with known zeros."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from landscape_dist import problems
from landscape_dist.errors import SettingsError
from landscape_dist.exploration.proofs import branch_and_prune, completeness
from landscape_dist.exploration.proofs.completeness import (
    Proof,
    State,
    advance_here,
    box_of,
    concluded,
    proceed,
)
from landscape_dist.problems import systems
from landscape_dist.problems.equations import equations_of
from tests.exploration.proofs.proving import counts, energy, field, lattice, lies, prove
from tests.helpers import reference_points

GOLDSTEIN_PRICE = (
    "(1 + (x1 + x2 + 1)^2*(19 - 14*x1 + 3*x1^2 - 14*x2 + 6*x1*x2 + 3*x2^2))"
    "*(30 + (2*x1 - 3*x2)^2*(18 - 32*x1 + 12*x1^2 + 48*x2 - 36*x1*x2 + 27*x2^2))"
)
CLASSICS = {
    "Himmelblau": ("(x1^2 + x2 - 11)^2 + (x1 + x2^2 - 7)^2", (-6, 6), [4, 4, 1]),
    "six-hump camel": ("(4 - 2.1*x1^2 + x1^4/3)*x1^2 + x1*x2 + 4*(x2^2 - 1)*x2^2", (-5, 5), [6, 7, 2]),
    "Goldstein-Price": (GOLDSTEIN_PRICE, (-2, 2), [4, 4, 1]),
    "Rosenbrock": ("(1 - x1)^2 + 100*(x2 - x1^2)^2", (-3, 3), [1]),
    "double well": ("(x1^2 - 1)^2 + x2^2", (-2, 2), [2, 1]),
    "Coulomb": ("(x1^2 + x2^2 + 0.1)^(-0.5) + x1^2 + 2*x2^2", (-2, 2.1), [2, 2, 1]),
}


@pytest.mark.parametrize("name", CLASSICS)
def test_classics(name):
    formula, box, expected = CLASSICS[name]
    proof = prove(energy(formula), box)
    assert counts(proof) == expected
    assert proof.undecided.volume == 0
    problem = problems.symbolic(formula)
    for point in proof.points:
        x = point.x[None]
        assert np.linalg.norm(np.linalg.solve(problem.hessian(x)[0], problem.gradient(x)[0])) < 1e-11
        assert (np.linalg.eigvalsh(problem.hessian(x)[0]) < 0).sum() == point.index
        low, high = point.energy
        assert low - 1e-9 * abs(low) - 1e-12 <= problem.energy(x)[0] <= high + 1e-9 * abs(high) + 1e-12
        assert high - low < 1e-6 * (1 + abs(low))


def test_rastrigin():
    # 21 zeros of x + 10 pi sin(2 pi x) in each direction, 11 of them minima
    proof = prove(energy("20 + x1^2 + x2^2 - 10*cos(2*pi*x1) - 10*cos(2*pi*x2)"), (-5.12, 5.12))
    assert counts(proof) == [121, 220, 100]


@pytest.mark.parametrize("key", ["muller_brown", "butterfly", "arctan_2d", "modified_muller_brown"])
def test_systems_with_reference_points(key):
    try:
        problem, X, energies, index = reference_points(key)
    except KeyError:
        pytest.skip("no reference points of that system")
    box = np.stack(np.broadcast_arrays(problem.domain.lower, problem.domain.upper), axis=-1)
    proof = prove(equations_of(problem), np.broadcast_to(box, (problem.dim, 2)))
    assert proof.complete
    for x, E, k in zip(X, energies, index, strict=True):
        near = [p for p in proof.points if np.abs(p.x - x).max() < 1e-5]
        assert len(near) == 1
        assert near[0].index == k
        assert near[0].energy[0] - 1e-6 <= E <= near[0].energy[1] + 1e-6


@pytest.mark.parametrize(("dim", "expected"), [(3, [8, 12, 6, 1]), (5, [32, 80, 80, 40, 10, 1])])
def test_all_points_of_weighted_cubics(dim, expected):
    assert counts(prove(equations_of(systems.get("weighted_cubic", dim=dim)), (-2, 2.1))) == expected


def test_lotka_volterra():
    competing = equations_of(problems.vector_field(["x1*(3 - x1 - 2*x2)", "x2*(2 - x1 - x2)"]))
    proof = prove(competing, (-1, 4))
    assert counts(proof) == [2, 1, 1]
    assert all(point.energy is None for point in proof.points)
    # around its centre nothing grows or falls: that point has no index
    proof = prove(equations_of(problems.vector_field(["x1*(1 - x2)", "x2*(x1 - 1)"])), (-0.5, 3))
    assert proof.complete
    assert proof.counts_by_index == {1: 1, None: 1}


@pytest.mark.parametrize("seed", range(12))
def test_random_systems_with_known_zeros(seed):
    rng = np.random.default_rng(seed)
    equations, zeros = lattice(rng, int(rng.integers(1, 4)))
    box = np.sort(rng.uniform(-9, 9, (equations.dim, 2)), axis=1) + np.array([-1.0, 1.0])
    # a face through a zero
    box[0, 0] = float(zeros[0][0])
    box[:, 1] = np.maximum(box[:, 1], box[:, 0] + 1)
    proof = prove(equations, box)
    assert not lies(proof, zeros)
    assert proof.complete


def test_zeros_that_are_nearly_one():
    for distance in ("1/1000", "1/100000", "1/1000000000"):
        equations = field([f"(x1 - 1/3)*(x1 - 1/3 - {distance})*(x1 + 2)", "x2 - x1"])
        zeros = [(c, c) for c in (Fraction(1, 3), Fraction(1, 3) + Fraction(distance), Fraction(-2))]
        proof = prove(equations, (-5, 5.5))
        assert not lies(proof, zeros)
        assert proof.complete == (distance != "1/1000000000")


def test_zeros_on_faces_and_in_corners():
    proof = prove(field(["x1*(x1 - 1)", "x2*(x2 - 1)*(x2 - 0.5)"]), (0, 1))
    assert proof.complete
    assert len(proof.points) == 6
    # and just outside there are none
    assert not len(prove(field(["x1*(x1 - 1)", "x2*(x2 - 1)"]), (1e-9, 1 - 1e-9)).points)


@pytest.mark.parametrize(
    ("formula", "index"),
    [("x1^3 - 3*x1*x2^2", 0), ("x1^4 + x2^4", 0), ("(x1 - x2)^2 + (x1 + x2)^3", 0)],
)
def test_degenerate_points_are_not_decided(formula, index):
    proof = prove(energy(formula), (-1, 1.1))
    assert not proof.complete
    assert len(proof.points) == index
    assert 0 < len(proof.undecided) < 100
    assert any((box[:, 0] <= 0).all() and (box[:, 1] >= 0).all() for box in proof.undecided.boxes)
    assert "undecided" in str(proof)


def test_a_ring_is_a_flood():
    proof = prove(energy("(x1^2 + x2^2 - 1)^2"), (-2, 2.1))
    assert not proof.complete
    assert proof.flood is not None
    assert 0.7 < proof.flood.dimension < 1.3
    assert [point.index for point in proof.points] == [2]
    assert "continuum" in proof.as_dict()["flood"] or "isolated" in proof.as_dict()["flood"]


@pytest.mark.parametrize(
    ("formula", "box", "expected"),
    [
        ("x1^2 - log(x1)", (0.01, 2), 1),  # not the zero of 2 x - 1 / x at -0.7
        ("x1^2 - log(x1)", (-2, -0.01), 0),
        ("acosh(x1) - x1", (-3, 3.1), 1),
        ("x1 + 2*x1^2 + abs(x1 + 2)", (-1, 1), 1),
    ],
)
def test_points_are_where_the_energy_has_a_value(formula, box, expected):
    proof = prove(energy(formula), box)
    assert proof.complete
    assert len(proof.points) == expected


def test_jumps_hide_no_zero():
    # g is smooth on either side of the cut of atan2, by which it jumps; the zero is just above
    equations = field(["x1^2 + x2^2 - 1", "atan2(x2, x1) - 3.1415"])
    state = State.begin(np.array([-3.0, -1.1]), np.array([-0.5, 0.1]))
    state.boxes = np.array([[[3.0], [1.1]], [[-0.5], [0.1]]])
    proceed(state, advance_here(equations), 10_000)
    proof = concluded(state, equations, "")
    x = np.array([np.cos(3.1415), np.sin(3.1415)])
    boxes = np.array([*(point.box for point in proof.points), *proof.undecided.boxes]).reshape(-1, 2, 2)
    assert ((boxes[:, :, 0] <= x + 1e-12) & (boxes[:, :, 1] >= x - 1e-12)).all(axis=1).any()
    # kinks and poles are not decided
    for formula in ("abs(x1) + x1^2", "tan(x1)*x1 + x1^2/(x1 - 0.1)"):
        assert not prove(energy(formula), (-1, 1.1)).complete


@pytest.mark.parametrize("shift", [0.0, 1e-10, -1e-10, 1e-17, 0.3])
def test_periodic_boxes(shift):
    # points at both ends of a period are one
    E = energy(f"cos(x1 + {shift}) + 2*cos(x2)")
    period = 2 * np.pi
    proof = prove(E, (0, period), periods=[period, period])
    assert counts(proof) == [1, 2, 1]
    assert all(((point.x >= 0) & (point.x <= period)).all() for point in proof.points)
    longer = prove(E, [(-1.0, 1.5 * period), (0, period)], periods=[period, period])
    assert counts(longer) == [1, 2, 1]
    assert counts(prove(E, [(-1000.0, period - 1000.0), (0, period)], periods=[period, period])) == [1, 2, 1]
    # less than a period: there are no copies
    assert len(prove(E, [(0.5, 3.5), (0.5, 6.0)], periods=[period, period]).points) == 1


def same(a: Proof, b: Proof) -> bool:
    return (
        a.complete == b.complete
        and a.boxes == b.boxes
        and len(a.points) == len(b.points)
        and all(
            np.array_equal(p.x, q.x) and np.array_equal(p.box, q.box) and (p.index, p.energy) == (q.index, q.energy)
            for p, q in zip(a.points, b.points, strict=True)
        )
    )


@pytest.mark.parametrize(
    ("formula", "box"),
    [(CLASSICS["six-hump camel"][0], (-5, 5)), ("cos(3*x1)*sin(2*x2) + 0.1*x1^2 + 0.2*x2^2", (-3, 3))],
)
def test_budgets_and_packs_do_not_matter(formula, box, monkeypatch):
    equations = energy(formula)
    whole = prove(equations, box)
    assert whole.complete
    ends = np.full(2, float(box[0])), np.full(2, float(box[1]))
    for pack, piece in [(512, 100), (7, 50), (64, 64), (1000, 10**6)]:
        monkeypatch.setattr(completeness, "PACK", pack)
        state = State.begin(*ends)
        for _ in range(10_000):
            if not state.boxes.shape[2]:
                break
            before = state.n_looks
            proceed(state, advance_here(equations), state.n_looks + piece)
            assert before < state.n_looks <= before + piece + pack
        assert same(whole, concluded(state, equations, "test"))


def test_a_budget_that_is_spent_leaves_what_it_did_not_look_at():
    equations = energy(CLASSICS["Himmelblau"][0])
    proof = prove(equations, (-6, 6), boxes=1)
    assert not proof.complete
    assert proof.undecided.volume > 0
    state = State.begin(np.full(2, -6.0), np.full(2, 6.0))
    assert state.volume_left == pytest.approx(1)
    seen: list[int] = []
    proceed(state, advance_here(equations), 10**6, cpu_seconds=0.0, on_progress=lambda s: seen.append(s.n_looks))
    assert not seen
    proceed(state, advance_here(equations), 10**6, cpu_seconds=1e3, on_progress=lambda s: seen.append(s.n_looks))
    assert seen == sorted(seen)
    assert concluded(state, equations, "").complete


def test_energies_without_points():
    for formula in ("x1 + 2*x2", "exp(x1) + x2^2"):
        proof = prove(energy(formula), (-1, 1))
        assert proof.complete
        assert not proof.points
        assert "0 points proved (none)" in str(proof)


def test_records_are_plain():
    proof = prove(energy("(x1^2 - 1)^2 + x2^2"), (-2, 2.1))
    record = proof.as_dict()
    assert record["complete"] is True
    assert [p["index"] for p in record["points"]] == [0, 0, 1]
    assert "There are no others in the box" in str(proof)


def test_boxes_are_read():
    lower, upper = box_of((-1, 2), 3)
    np.testing.assert_array_equal(lower, [-1] * 3)
    np.testing.assert_array_equal(upper, [2] * 3)
    for wrong in ((2, 1), "no", [(0, 1)] * 2, (0, np.inf), (0, np.nan), 3):
        with pytest.raises(SettingsError):
            box_of(wrong, 3)
    assert branch_and_prune.CUT != 0.5
