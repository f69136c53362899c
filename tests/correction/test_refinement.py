from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.correction.refinement import groups_of_same, refine
from landscape_dist.correction.sampling import Frame, frame_of
from landscape_dist.correction.truth import TrueEnergy
from landscape_dist.problems import from_callable
from landscape_dist.problems.domain import Box

OFF = np.array([3e-3, -2e-3])
POINTS = np.array(
    [[-0.558223634633, 1.4417258418], [0.212486582001, 0.292988325107], [-0.822001558733, 0.624312802815]]
)


def without_derivatives() -> ld.problems.Problem:
    true = ld.systems.muller_brown()
    return from_callable(
        lambda X: true._energy(X), dim=2, batched=True, name="values only", domain=true.domain, check=False
    )


def test_takes_points_to_those_of_the_energy() -> None:
    true = ld.systems.muller_brown()
    truth = TrueEnergy(true)
    refined = refine(truth, true, POINTS + OFF, frame_of(true, None), 0.1)
    np.testing.assert_allclose(refined.x, POINTS, atol=1e-8)
    assert refined.index.tolist() == [0, 1, 1]
    assert not refined.failure
    assert truth.n_evaluations <= 3 * 10
    np.testing.assert_allclose(refined.energy, true.energy(refined.x))


def test_values_alone_are_enough() -> None:
    true = ld.systems.muller_brown()
    truth = TrueEnergy(without_derivatives())
    wrong = ld.systems.modified_muller_brown()  # as a surrogate whose curvature is off
    refined = refine(truth, wrong, POINTS + OFF, frame_of(true, None), 0.1)
    np.testing.assert_allclose(refined.x, POINTS, atol=1e-7)
    assert refined.index.tolist() == [0, 1, 1]
    assert truth.counters.n_energies == truth.n_evaluations <= 3 * 70


def test_says_why_a_point_vanished() -> None:
    slope = from_callable(lambda x: x[0] + 0.01 * x[1] ** 2, dim=2, name="slope", domain=Box(-1.0, 1.0))
    surrogate = ld.systems.coupled_lattice(dim=2)
    refined = refine(TrueEnergy(slope), surrogate, np.zeros((1, 2)), frame_of(slope, None), 0.1)
    assert refined.index.tolist() == [-1]
    assert refined.failure[0] == "a gradient of 1 is left along directions without curvature"
    bent = from_callable(lambda x: x[0] + x[0] ** 2 / 4 + x[1] ** 2, dim=2, name="bent", domain=Box(-1.0, 1.0))
    refined = refine(TrueEnergy(bent), surrogate, np.zeros((1, 2)), frame_of(bent, None), 0.1)
    assert refined.failure[0].startswith("Newton's method left the neighbourhood of 0.1")
    true = ld.systems.muller_brown()
    refined = refine(TrueEnergy(true), true, POINTS[:1] + 40 * OFF, frame_of(true, None), 0.01)
    assert refined.failure[0].startswith("Newton's method left the neighbourhood of 0.01")


def test_not_finite_gradients_are_said() -> None:
    hole = from_callable(lambda x: float(np.log(x[0] - 2)), dim=1, name="hole", domain=Box(0.0, 1.0), check=False)
    refined = refine(TrueEnergy(hole), ld.systems.coupled_lattice(dim=1), np.array([[0.5]]), frame_of(hole, None), 0.1)
    assert refined.failure == {0: "its gradient there is not finite"}


def test_points_that_are_one() -> None:
    frame = Frame(Box(0.0, 2.0), 1)
    X = np.array([[0.5], [0.5 + 1e-7], [0.5], [1.5], [0.5]])
    assert groups_of_same(X, [0, 0, 1, 0, -1], 1e-6, frame) == [[0, 1], [2], [3]]


def test_nothing_to_refine() -> None:
    true = ld.systems.muller_brown()
    refined = refine(TrueEnergy(true), true, np.zeros((0, 2)), frame_of(true, None), 0.1)
    assert dataclasses.asdict(refined)["failure"] == {}
    assert refined.x.shape == (0, 2)


@pytest.mark.parametrize("dim", [1, 4])
def test_other_dimensions(dim: int) -> None:
    true = ld.systems.coupled_lattice(dim=dim)
    found = ld.explore(true, max_index=1).pathways.points
    frame = Frame(Box(-2.0, 2.0), dim)
    refined = refine(TrueEnergy(true), true, found.x + 1e-3, frame, 0.1)
    np.testing.assert_allclose(refined.x, found.x, atol=1e-8)
    np.testing.assert_array_equal(refined.index, found.index)


def test_what_the_energy_raises_is_said() -> None:
    def raising(x: np.ndarray) -> np.ndarray:
        raise RuntimeError("did not converge")

    surrogate, frame, X = ld.systems.coupled_lattice(dim=1), Frame(Box(-2.0, 2.0), 1), np.array([[1.0]])
    lost = from_callable(lambda x: float(x @ x), raising, dim=1, check=False)
    assert refine(TrueEnergy(lost), surrogate, X, frame, 0.1).failure == {
        0: "its gradient there raised RuntimeError: did not converge"
    }
    flat = from_callable(lambda x: float(x @ x), lambda x: x - 1 + 1e-3, raising, dim=1, check=False)
    assert refine(TrueEnergy(flat), surrogate, X, frame, 0.1).failure == {
        0: "its hessian there raised RuntimeError: did not converge"
    }
