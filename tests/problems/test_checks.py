"""The messages that users see when what they give is wrong: each names the numbers and the cure."""

import itertools
import re

import numpy as np
import pytest

from landscape_dist.errors import ProblemError
from landscape_dist.problems import Ball, Box, from_callable
from landscape_dist.problems.checks import check_problem_once, differences
from landscape_dist.problems.starts import sample_points


def energy(x):
    return ((x**2 - 1) ** 2).sum()


def gradient(x):
    return 4 * x * (x**2 - 1)


def hessian(x):
    return np.diag(12 * x**2 - 4)


def doubles_its_argument(x):
    x *= 2
    return energy(x)


def counting():
    calls = itertools.count()
    return lambda x: float(next(calls))


CASES = {
    "gradient shape": (
        {"gradient": lambda x: gradient(x)[:3]},
        "gradient returned shape (3,) for a point of dimension 4; return an array of shape (4,)",
    ),
    "gradient column": ({"gradient": lambda x: gradient(x)[:, None]}, "gradient returned shape (4, 1) for a point"),
    "gradient nan": (
        {"gradient": lambda x: gradient(x) * np.array([1, 1, np.nan, 1])},
        "where the energy is finite; correct it there",
    ),
    "gradient sign": (
        {"gradient": lambda x: -gradient(x)},
        "gradient[2] is 1.46756406, differences of the energy give -1.46756406; correct the gradient (sign,",
    ),
    "gradient slightly": (
        {"gradient": lambda x: gradient(x) * (1 + 1e-3 * (np.arange(4) == 1))},
        "gradient disagrees with the energy at x = [-0.251936, 0.140933, 0.472136, 0.763932]: gradient[1] is",
    ),
    "energy nan": (
        {"energy": lambda x: np.nan},
        "energy is nan at x = [-0.251936, 0.140933, 0.472136, 0.763932], and not finite at any of 5 points tried; "
        "give suggested_start= where it is defined, or domain=",
    ),
    "energy shape": (
        {"energy": lambda x: np.array([energy(x)])},
        "energy returned shape (1,) for a point; return a single number (float)",
    ),
    "energy none": ({"energy": lambda x: None}, "energy returned None; end the function with a return"),
    "energy complex": ({"energy": lambda x: energy(x) + 0j}, "energy returned complex numbers; return real ones"),
    "energy objects": ({"energy": lambda x: "high"}, "energy"),
    "gradient sign float32": (
        {"energy": lambda x: energy(x.astype("f4")), "gradient": lambda x: -gradient(x.astype("f4"))},
        "correct the gradient (sign,",
    ),
    "gradient factor float32": (
        {"energy": lambda x: energy(x.astype("f4")), "gradient": lambda x: 1.01 * gradient(x.astype("f4"))},
        "gradient disagrees with the energy at x = [-0.251936, 0.140933, 0.472136, 0.763932]: gradient[",
    ),
    "hessian factor float32": (
        {"gradient": lambda x: gradient(x.astype("f4")), "hessian": lambda x: 2 * hessian(x)},
        "hessian disagrees with the gradient",
    ),
    "float32 and large": (
        {"energy": lambda x: energy(x.astype("f4")) + np.float32(1e5)},
        "energy is noisy (it computes in single precision), so that gradients of size",
    ),
    "energy mutates": ({"energy": doubles_its_argument}, "energy changes its argument in place"),
    "energy random": ({"energy": counting()}, "the same point must always give the same value"),
    "hessian factor": (
        {"gradient": gradient, "hessian": lambda x: 2 * hessian(x)},
        "hessian disagrees with the gradient at x = [-0.251936, 0.140933, 0.472136, 0.763932]: entry [1, 1] is "
        "-7.52331247, differences of the gradient give -3.76165623",
    ),
    "hessian skew": (
        {"gradient": gradient, "hessian": lambda x: hessian(x) + np.eye(4)[::-1] * np.arange(4)},
        "hessian is not symmetric at x = [-0.251936, 0.140933, 0.472136, 0.763932]: entry [0, 3] is 3, [3, 0] is 0",
    ),
    "hessian shape": (
        {"gradient": gradient, "hessian": lambda x: 12 * x**2 - 4},
        "hessian returned shape (4,) for a point of dimension 4; return an array of shape (4, 4)",
    ),
    "hessian nan": ({"gradient": gradient, "hessian": lambda x: hessian(x) * np.nan}, "hessian is not finite at x ="),
    "hvp": (
        {"gradient": gradient, "hvp": lambda x, v: 1.1 * hessian(x) @ v},
        "hvp disagrees with the gradient at x =",
    ),
    "hvp nan": ({"gradient": gradient, "hvp": lambda x, v: v * np.nan}, "hvp disagrees with the gradient at x ="),
    "batched sum": (
        {"energy": lambda X: ((X**2 - 1) ** 2).sum(), "batched": True},
        "energy returned shape () for a batch of 5 points; return an array of shape (5,)",
    ),
    "batched leak": (
        {"energy": lambda X: ((X**2 - 1) ** 2).sum(1) + X.sum(), "batched": True},
        "in a batch of 5 points and 3.74008 alone; rows must not depend on one another",
    ),
    "no function": ({"energy": 3}, "energy is 3; give a function"),
    "dim": ({"dim": 0}, "dim is 0; give a whole number, 1 or more"),
    "dim float": ({"dim": 4.0}, "dim is 4.0; give a whole number"),
    "start": ({"suggested_start": [1, 2]}, "suggested_start has shape (2,) for 4 variables; give 4 numbers"),
    "start nan": ({"suggested_start": [np.nan] * 4}, "is not finite; give 4 finite numbers"),
    "start text": ({"suggested_start": "here"}, "suggested_start is 'here'; give 4 numbers"),
    "dimer": ({"dimer_length": 0.0}, "dimer_length is 0.0; give a small positive number"),
    "domain": ({"domain": Box((0, 0), (1, 1))}, "lower has 2 entries for 4 variables"),
}


@pytest.mark.parametrize("case", CASES)
def test_messages(case):
    arguments, message = CASES[case]
    with pytest.raises(ProblemError, match=re.escape(message)):
        from_callable(**{"energy": energy, "dim": 4, **arguments})


def test_exceptions_propagate_with_a_note():
    with pytest.raises(IndexError) as caught:
        from_callable(lambda x: x[7], dim=4)
    assert "raised by energy, tried at x = [-0.251936, 0.140933" in caught.value.__notes__[0]


def test_check_false_skips():
    assert from_callable(lambda x: np.nan, dim=4, check=False).dim == 4


@pytest.mark.parametrize("dim", [1, 12, 13, 60])
def test_a_wrong_component_is_seen_in_any_dimension(dim):
    def wrong(x):
        g = gradient(x)
        g[-1] *= 1.001
        return g

    from_callable(energy, gradient, hessian, dim=dim)
    with pytest.raises(ProblemError, match=re.escape(f"gradient[{dim - 1}]")):
        from_callable(energy, wrong, dim=dim)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e6, 1e15])
def test_any_scale_passes(scale):
    from_callable(lambda x: scale * energy(x), lambda x: scale * gradient(x), lambda x: scale * hessian(x), dim=3)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e8])
def test_a_large_constant_does_not_raise_false_alarm(offset):
    from_callable(lambda x: energy(x) + offset, gradient, hessian, dim=3)


def test_kinks_do_not_raise_false_alarm():
    from_callable(lambda x: np.abs(x).sum(), np.sign, dim=3)


def test_partly_defined_energies_pass():
    problem = from_callable(lambda x: float(np.log(x[0])), lambda x: np.array([1 / x[0]]), dim=1)
    assert problem.counters.n_energies == 0
    from_callable(lambda x: float(np.log(x[0] - 100)), dim=1, domain=Box(101, 103))
    from_callable(lambda x: float(np.log(x[0] - 100)), dim=1, suggested_start=[102.0])


@pytest.mark.parametrize(
    ("domain", "start"),
    [
        (Box(-2, 1), None),
        (Box((-1, 0, 5), (0, 9, 6)), None),
        (Ball(0.5, (3, 3, 3)), None),
        (Box(0, 1), [0.001, 0.999, 0.5]),
    ],
)
def test_sample_points_lie_inside(domain, start):
    X = sample_points(3, domain, None if start is None else np.array(start))
    assert X.shape == (5, 3)
    assert domain.contains(X).all()
    np.testing.assert_array_equal(X, sample_points(3, domain, None if start is None else np.array(start)))
    assert len(np.unique(X)) == 15


def test_differences_bound_their_error():
    x = np.array([0.3, -0.7])
    best, error = differences(lambda X: np.sin(X).sum(axis=1), x, np.eye(2), 2.2e-16)
    assert np.all(np.abs(best - np.cos(x)) <= error)
    assert np.all(error < 1e-8)


def test_check_is_callable_again():
    problem = from_callable(energy, gradient, dim=2, check=False)
    problem.energy(np.ones((3, 2)))
    check_problem_once(problem)
    assert problem.counters.n_energies == 0
