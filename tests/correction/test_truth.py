from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.correction.truth import TrueEnergy
from landscape_dist.errors import StoreError, StoreFormatError
from landscape_dist.problems import from_callable


def test_asks_nothing_twice_and_counts_what_was_asked() -> None:
    problem = ld.systems.muller_brown()
    truth = TrueEnergy(problem)
    X = np.array([[0.0, 0.5], [-0.5, 1.4], [0.0, 0.5]])
    first = truth.energy(X)
    np.testing.assert_array_equal(first, ld.systems.muller_brown().energy(X))
    np.testing.assert_array_equal(truth.energy(X[:2]), first[:2])
    assert truth.hessian(X[:1]).shape == (1, 2, 2)
    assert (problem.counters.n_energies, problem.counters.n_hessians) == (2, 1)
    assert truth.n_evaluations == 3


def test_differences_count_as_the_energies_that_they_are_made_of() -> None:
    truth = TrueEnergy(from_callable(lambda x: float(x @ x), dim=2, name="bowl"))
    np.testing.assert_allclose(truth.gradient(np.ones((3, 2))), 2.0, rtol=1e-8)
    assert truth.counters.as_dict() == {"n_energies": 4, "n_gradients": 0, "n_hessians": 0, "n_hvps": 0}
    assert truth.cost("gradient") == 4


def test_counts_alike_when_gone_on_with(tmp_path: Path) -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    truth = TrueEnergy(ld.systems.muller_brown(), tmp_path)
    values = truth.energy(X), truth.gradient(X[:2])
    problem = ld.systems.muller_brown()
    again = TrueEnergy(problem, tmp_path)
    assert again.n_evaluations == 0
    np.testing.assert_array_equal(again.energy(X), values[0])
    assert again.n_evaluations == 5
    np.testing.assert_array_equal(again.gradient(X[:2]), values[1])
    assert again.counters.as_dict() == truth.counters.as_dict()
    assert problem.counters.n_energies == problem.counters.n_gradients == 0
    again.energy(X + 1)
    assert problem.counters.n_energies == 5


def test_leftovers_are_removed_and_damage_is_said(tmp_path: Path) -> None:
    TrueEnergy(ld.systems.muller_brown(), tmp_path).energy(np.zeros((1, 2)))
    (tmp_path / "000001.17.partial").write_bytes(b"half")
    TrueEnergy(ld.systems.muller_brown(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["000000.npz"]
    (tmp_path / "000000.npz").write_bytes(b"half")
    with pytest.raises(StoreFormatError, match=r"000000\.npz is damaged .*; remove it, its values are asked again"):
        TrueEnergy(ld.systems.muller_brown(), tmp_path)


def only_left(X: np.ndarray) -> np.ndarray:
    if (X[..., 0] > 0).any():
        raise RuntimeError("did not converge")
    return (X**2).sum(-1)


@pytest.mark.parametrize("batched", [False, True])
def test_points_that_raise_lose_no_other_value(tmp_path: Path, batched: bool) -> None:
    X = np.array([[-1.0, 0.0], [1.0, 0.0], [-2.0, 1.0], [-0.5, 0.0]])
    problem = from_callable(only_left, dim=2, batched=batched, check=False)
    truth = TrueEnergy(problem, tmp_path)
    for _ in range(2):
        np.testing.assert_array_equal(truth.energy(X), [1.0, np.nan, 5.0, 0.25])
        assert [truth.raised("energy", x) for x in X] == ["", "RuntimeError: did not converge", "", ""]
        assert np.isnan(truth.gradient(X[1:2])).all()
        problem.user_energy = None  # type: ignore[assignment]
        truth = TrueEnergy(problem, tmp_path)  # asks nothing any more


def test_what_was_there_before_an_interruption_is_kept(tmp_path: Path) -> None:
    X = np.arange(10.0).reshape(5, 2)
    asked: list[float] = []

    def interrupted(x: np.ndarray) -> float:
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(x[0])
        return float(x @ x)

    with pytest.raises(KeyboardInterrupt):
        TrueEnergy(from_callable(interrupted, dim=2, check=False), tmp_path).energy(X)
    again = TrueEnergy(from_callable(lambda x: float(x @ x), dim=2, check=False), tmp_path)
    np.testing.assert_array_equal(again.energy(X), (X**2).sum(axis=1))
    assert again.problem.counters.n_energies == 2


def test_values_that_cannot_be_kept_and_those_of_another_dimension(tmp_path: Path) -> None:
    truth = TrueEnergy(ld.systems.muller_brown(), tmp_path / "values")
    (tmp_path / "values").rmdir()
    with pytest.raises(StoreError, match=r"000000\.npz cannot be written \(No such file or directory\)"):
        truth.energy(np.zeros((1, 2)))
    TrueEnergy(from_callable(lambda x: float(x[0]), dim=1, check=False), tmp_path).energy(np.zeros((1, 1)))
    with pytest.raises(StoreFormatError, match=r"damaged .*points of shape \(1, 1\)"):
        TrueEnergy(ld.systems.muller_brown(), tmp_path)
