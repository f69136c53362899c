"""The formulas of problems are their energies, gradients and Hessians."""

from __future__ import annotations

import numpy as np
import pytest

from landscape_dist import problems
from landscape_dist.errors import ProblemError
from landscape_dist.exploration.proofs.krawczyk import derivative
from landscape_dist.problems import systems
from landscape_dist.problems.equations import Equations, equations_of, expressions_of
from landscape_dist.problems.programs.on_floats import evaluate

RNG = np.random.default_rng(7)
SYSTEMS = [
    ("allen_cahn", {"shape": (3,)}),
    ("allen_cahn", {"shape": (3, 5), "kappa": 0.3}),
    ("allen_cahn", {"shape": (3, 3, 4), "length": (1.0, 2.0, 0.7)}),
    ("arctan_2d", {}),
    ("arctan_3d", {}),
    ("arctan_3d", {"alpha": float(RNG.uniform(1, 4))}),
    ("butterfly", {}),
    ("coupled_lattice", {}),
    ("coupled_lattice", {"dim": 1}),
    ("coupled_lattice", {"dim": 5, "coupling": float(RNG.normal())}),
    ("modified_muller_brown", {}),
    ("muller_brown", {}),
    ("rosenbrock", {}),
    ("rosenbrock", {"dim": 4, "s": float(RNG.normal(0, 300))}),
    ("separable_cosine", {}),
    ("separable_cosine", {"dim": 3, "n": [1, 2, 3]}),
    ("weighted_cubic", {}),
    ("weighted_cubic", {"dim": 7}),
]


def derivatives(equations: Equations, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = evaluate(equations.both, np.ascontiguousarray(X.T))
    return values[: equations.dim].T, derivative(equations, values)


@pytest.mark.parametrize(("name", "parameters"), SYSTEMS, ids=lambda v: v if isinstance(v, str) else str(list(v)))
def test_formulas_of_systems_are_the_systems(name, parameters):
    system = systems.get(name, **parameters)
    equations = equations_of(system)
    X = np.random.default_rng(1).uniform(-1.2, 1.2, (40, system.dim))
    E, (g, H) = evaluate(equations.energy, np.ascontiguousarray(X.T))[0], derivatives(equations, X)
    np.testing.assert_allclose(E, system.energy(X), rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(g, system.gradient(X), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(H, system.hessian(X), rtol=1e-10, atol=1e-8)
    assert equations.symmetric


def test_all_systems_with_formulas_are_here():
    with_formulas = {name for name in systems.names() if systems.get(name).formulas_of_equations() is not None}
    assert systems.get("allen_cahn", scheme="spectral").formulas_of_equations() is None
    assert with_formulas == {name for name, _ in SYSTEMS}


def test_equations_of_vector_fields_are_minus_the_field():
    field = problems.vector_field(["x1*(3 - x1 - 2*x2)", "x2*(2 - x1 - x2) + 0.1*sin(x1)"])
    equations = equations_of(field)
    X = np.random.default_rng(1).uniform(-1, 3, (30, 2))
    g, J = derivatives(equations, X)
    np.testing.assert_allclose(g, field.gradient(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(J, field.hessian(X), rtol=1e-12, atol=1e-12)
    assert not equations.symmetric
    assert equations.energy is None
    assert len(expressions_of(equations)[1]) == 2


def test_entries_that_are_zero_are_left_out():
    equations = equations_of(systems.get("coupled_lattice", dim=5))
    places = set(zip(equations.rows.tolist(), equations.columns.tolist(), strict=True))
    assert places == {(i, j) for i in range(5) for j in range(5) if abs(i - j) <= 1}
    # symmetric ones are computed once
    assert len(equations.both.outputs) == 5 + 5 + 4


def test_what_has_no_formula_says_so():
    with pytest.raises(ProblemError, match="not given by a formula"):
        equations_of(systems.get("allen_cahn", shape=(4, 4), scheme="spectral"))
    large = problems.symbolic("+".join(f"x{i + 1}^2" for i in range(513)))
    with pytest.raises(ProblemError, match="up to 512"):
        equations_of(large)
