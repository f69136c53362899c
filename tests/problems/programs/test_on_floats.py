"""Programs on doubles give what the compiled formulas give."""

from __future__ import annotations

import numpy as np
import pytest

from landscape_dist import problems
from landscape_dist.errors import ProblemError
from landscape_dist.problems.equations import equations_of
from landscape_dist.problems.programs.on_floats import evaluate
from tests.problems.programs.formulas import random_expressions

FORMULAS = [
    "x1^4 - 3*x1*x2 + x2^2/(1 + x1^2) - 2.5",
    "exp(-x1^2)*cosh(x2) + sinh(x1/4) - tanh(x1*x2) + erf(x1)",
    "atan2(x2 + 3, x1) + atan(x1) + asinh(x2) + abs(x1 - x2)",
    "(3 + x1)^1.5 - (3 + x2)^(-0.5) + sqrt(4 + x1) + (3 + x1)^x2 + (4 + x2)^(1/3)",
    "log(3 + x1) + acosh(4 + x2) + atanh(x1/4) + asin(x1/4) + acos(x2/4) + tan(x1/4)",
    "-x1 - x2 - 1",
    "pi*x1^3 - E*x2^7 + 1e-3*sin(2*x1)*cos(x2)^2",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_programs_are_the_compiled_formulas(formula):
    problem = problems.symbolic(formula)
    equations = equations_of(problem)
    X = np.random.default_rng(0).uniform(-2, 2, (50, 2))
    columns = np.ascontiguousarray(X.T)
    np.testing.assert_allclose(evaluate(equations.energy, columns)[0], problem.energy(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(evaluate(equations.gradient, columns).T, problem.gradient(X), rtol=1e-11, atol=1e-11)


def test_random_programs_are_the_compiled_formulas():
    rng = np.random.default_rng(4)
    n_finite = 0
    for expression in random_expressions(rng, 40, 2):
        try:
            problem = problems.symbolic(str(expression), dim=2)
        except ProblemError:  # it has no value anywhere
            continue
        X = rng.uniform(-2, 2, (20, 2))
        got, want = evaluate(equations_of(problem).energy, np.ascontiguousarray(X.T))[0], problem.energy(X)
        both = np.isfinite(got) & np.isfinite(want) & (np.abs(want) < 1e6)
        np.testing.assert_allclose(got[both], want[both], rtol=1e-8, atol=1e-8, err_msg=str(expression))
        n_finite += np.count_nonzero(both)
    assert n_finite > 100


def test_values_that_are_none_are_nan_or_infinite_without_warnings():
    equations = equations_of(problems.symbolic("log(x1) + 1/x1 + sqrt(x1)"))
    assert not np.isfinite(evaluate(equations.both, np.array([[-1.0, 0.0]]))[:2]).all(axis=0).any()
