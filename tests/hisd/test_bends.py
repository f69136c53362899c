"""Steps along stiff, curved valleys: as few as a trust-region method needs, and to the side that the floor bends to."""

import numpy as np
import pytest
import sympy
from scipy.optimize import minimize

import landscape_dist as ld
from landscape_dist.hisd.bends import Bends

# Floors x2 = f(x1), with slopes and bends of both signs; each has one minimum, at (1, f(1)).
FLOORS = ["x1**2", "sin(2*x1)", "x1**3/3", "exp(x1/2)"]


def _steps_of_trust_region(formula: str, start: tuple[float, float]) -> int:
    x = sympy.symbols("x1 x2")
    energy = sympy.sympify(formula)
    gradient = sympy.lambdify(x, sympy.derive_by_array(energy, x))
    hessian = sympy.lambdify(x, sympy.hessian(energy, x))
    value = sympy.lambdify(x, energy)
    result = minimize(
        lambda p: value(*p),
        start,
        jac=lambda p: np.array(gradient(*p), dtype=float),
        hess=lambda p: np.array(hessian(*p), dtype=float),
        method="trust-exact",
        options={"gtol": 1e-8, "maxiter": 5000},
    )
    return int(result.nit)


@pytest.mark.parametrize("stiffness", [1e3, 1e4, 1e6])
@pytest.mark.parametrize("floor", FLOORS)
def test_a_valley_takes_as_few_steps_as_with_a_trust_region(floor: str, stiffness: float) -> None:
    formula, start = f"(1 - x1)**2 + {stiffness}*(x2 - {floor})**2", (-1.2, 1.0)
    landscape = ld.explore(ld.problems.symbolic(formula, 2), start, max_index=0)
    assert [p.index for p in landscape.points] == [0]
    assert abs(landscape.columns.x[0, 0] - 1) < 1e-6
    steps = _steps_of_trust_region(formula, start)
    assert landscape.searches.n_steps.sum() <= 3 * steps
    # A descent that may have gone astray is made again, finer.
    assert landscape.counters["n_gradients"] <= 4 * steps + 20


def test_a_bend_is_across_the_step_and_grows_with_its_square() -> None:
    bends = Bends()
    steps = np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert bends.expected(steps, np) is None
    bends.note(steps, np.array([0]), np.array([[0.3, 0.4, 0.0]]), np)
    expected = bends.expected(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), np)
    assert np.allclose(expected, [[0.0, 0.1, 0.0], [0.0, 0.0, 0.0]])  # what is along the step is none of it
    backwards = bends.expected(np.array([[-2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), np)
    assert np.allclose(backwards[0], [0.0, 0.4, 0.0])
    aside = bends.expected(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]), np)
    assert not aside.any()  # another direction
    too_long = bends.expected(np.array([[9.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), np)
    assert not too_long.any()
    assert np.allclose(bends.take(np.array([0])).bend, bends.bend[:1])
