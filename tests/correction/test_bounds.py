from __future__ import annotations

import numpy as np
import pytest

from landscape_dist.correction.bounds import estimate_bounds
from landscape_dist.correction.sampling import Frame
from landscape_dist.correction.truth import TrueEnergy
from landscape_dist.problems import Problem, symbolic
from landscape_dist.problems.domain import Box

TRUE = "(x1**2 - 1)**2 + 2*x2**2"
FRAME = Frame(Box(-2.0, 2.0), 2)


def bounds_of(error: str, point: list[float], displacement: float):
    truth, surrogate = symbolic(TRUE, 2), symbolic(f"{TRUE} + {error}", 2)
    assert isinstance(surrogate, Problem)
    x = np.array([point])
    return estimate_bounds(TrueEnergy(truth), surrogate, x, truth.hessian(x), np.array([displacement]), FRAME)[0]


def test_constants_are_those_of_the_energies() -> None:
    found = bounds_of("1e-3*x2 + 2e-3*x2**2 + 5e-3*x2**3", [1.0, 0.0], 2.5e-4)
    assert found.mu == pytest.approx(4.0)  # Hessian diag(8, 4)
    assert found.lipschitz == pytest.approx(24.0, rel=0.01)  # third derivative 24 x1
    assert found.hessian_error == pytest.approx(4e-3)
    assert found.third_error == pytest.approx(0.03, rel=1e-3)
    assert found.gradient_error == pytest.approx(1e-3 + 4e-3 * found.delta + 0.015 * found.delta**2, rel=1e-6)
    assert found.eps == found.third_error
    assert found.bound == pytest.approx(4 * found.eps / found.mu)


def test_condition_holds_for_a_good_surrogate_and_bounds_the_displacement() -> None:
    size = 1e-4
    found = bounds_of(f"{size}*x2", [1.0, 0.0], size / 4)
    assert found.condition
    assert found.within
    assert found.within_best
    assert found.best is not None
    assert size / 4 <= found.best <= found.bound * (1 + 1e-9)
    assert found.best == pytest.approx(4 * size / 4, rel=0.01)


def test_another_unit_of_length_helps_where_third_derivatives_are_off() -> None:
    found = bounds_of("1e-4*x2 + 0.05*x2**3", [1.0, 0.0], 2.5e-5)
    assert not found.condition  # eps is the 0.3 of the third derivative
    assert found.best is not None
    assert found.best < 0.01 * found.bound
    assert found.within_best


def test_condition_fails_where_the_surrogate_is_bad() -> None:
    found = bounds_of("x2 + x2**2", [1.0, 0.0], 0.2)
    assert not found.condition
    assert found.best is None
    assert found.within_best is None
    assert found.within


def test_costs_two_gradients_a_variable() -> None:
    truth = TrueEnergy(symbolic(TRUE, 2))
    x = np.array([[1.0, 0.0], [0.0, 0.0]])
    H = np.array([np.diag([8.0, 4.0]), np.diag([-4.0, 4.0])])
    found = estimate_bounds(truth, symbolic(TRUE, 2), x, H, np.zeros(2), FRAME)
    assert truth.counters.as_dict() == {"n_energies": 0, "n_gradients": 8, "n_hessians": 0, "n_hvps": 0}
    assert [one.eps for one in found] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert estimate_bounds(truth, symbolic(TRUE, 2), x[:0], H[:0], np.zeros(0), FRAME) == []
