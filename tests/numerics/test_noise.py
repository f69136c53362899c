"""Noise levels from difference tables: known ones are found to a factor, and exact functions have none."""

import numpy as np
import pytest

from landscape_dist.numerics.noise import central_length, noise_along, third_derivative

U = np.array([0.6, 0.8])
X = np.array([0.37, -0.61])


def smooth(P):
    return np.exp(P[:, 0]) * np.cos(2 * P[:, 1]) + 3 * P[:, 0] ** 2


def rapid(P):
    return np.sqrt(2) * np.sin(1e7 * P[:, 0] + 5.1e6 * P[:, 1])


@pytest.mark.parametrize("level", [1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("kind", ["random", "rapid", "table"])
def test_levels_are_found_to_a_factor(level, kind):
    rng = np.random.default_rng(1)
    functions = {
        "random": lambda P: smooth(P) + level * rng.standard_normal(len(P)),
        "rapid": lambda P: smooth(P) + level * rapid(P),
        "table": lambda P: np.round(smooth(P) / level) * level,
    }
    expected = level / np.sqrt(12) if kind == "table" else level
    found = noise_along(functions[kind], X, U, 1.234e-4)
    assert not found.exact
    assert expected / 5 <= found.noise <= 5 * expected


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e8])
def test_exact_functions_have_none(scale, offset):
    assert noise_along(lambda P: scale * (smooth(P) + offset), X, U, 1.234e-4).exact


@pytest.mark.parametrize(
    "function", [lambda P: np.full(len(P), 3.0), lambda P: P[:, 0], lambda P: (P**2).sum(1), lambda P: abs(P).sum(1)]
)
def test_simple_functions_have_none(function):
    assert noise_along(function, X, U, 1.234e-4).exact


def test_single_precision():
    found = noise_along(lambda P: smooth(P.astype(np.float32)), X, U, 1.234e-4)
    assert 1e-9 <= found.noise / found.scale <= 1e-6


def test_vectors_have_the_norm_of_their_components_noise():
    rng = np.random.default_rng(2)
    found = noise_along(lambda P: smooth(P)[:, None] + 1e-5 * rng.standard_normal((len(P), 100)), X, U, 1.234e-4)
    assert 0.5e-4 <= found.noise <= 2e-4


def test_what_is_not_finite_is_not_told():
    assert noise_along(lambda P: smooth(P) * np.nan, X, U, 1.234e-4) is None


def test_third_derivatives():
    noise = 1e-8
    found = third_derivative(lambda P: 2.0 * (P @ U) ** 3 + noise * rapid(P), X, U, noise, 0.1)
    assert found == pytest.approx(12.0, rel=0.2)
    assert central_length(noise, found) == pytest.approx((noise / 4.0) ** (1 / 3), rel=0.1)
    # Of a quadratic function nothing is felt; what it is at most makes long differences.
    assert central_length(noise, third_derivative(lambda P: (P**2).sum(1), X, U, noise, 0.1)) > 0.02
