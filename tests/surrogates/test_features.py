"""Features: standardised coordinates and the waves of periodic ones."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from landscape_dist.errors import ProblemError
from landscape_dist.surrogates.features import Features

FEATURES = Features((1.0, 0.0), (2.0, 57.0), (math.inf, 360.0), 2)
U = np.random.default_rng(0).uniform(-3, 3, (7, 2))


def test_what_they_are() -> None:
    A = FEATURES(U)
    angle = np.radians(U[:, 1])
    columns = [(U[:, 0] - 1) / 2, np.cos(angle), np.cos(2 * angle), np.sin(angle), np.sin(2 * angle)]
    np.testing.assert_allclose(A, np.stack(columns, axis=1), atol=1e-15)
    assert FEATURES.owner == (0, 1, 1, 1, 1)
    assert FEATURES.membership(1).ravel().tolist() == [1, 0, 0, 0, 0]


def test_derivatives() -> None:
    _, first, second = FEATURES.with_derivatives(U)
    owner = np.array(FEATURES.owner)
    for i in range(2):
        step = np.zeros(2)
        step[i] = 1e-4
        up, here, down = FEATURES(U + step), FEATURES(U), FEATURES(U - step)
        mine = owner == i
        np.testing.assert_allclose(((up - down) / 2e-4)[:, mine], first[:, mine], atol=1e-8)
        np.testing.assert_allclose(((up - 2 * here + down) / 1e-8)[:, mine], second[:, mine], atol=1e-6)


def test_period() -> None:
    np.testing.assert_allclose(FEATURES(U + np.array([0.0, 720.0])), FEATURES(U), atol=1e-13)


def test_standardising() -> None:
    data = np.random.default_rng(1).normal([3.0, 9.0, 1.0], [2.0, 50.0, 0.0], (500, 3))
    A = Features.standardising(data, np.array([math.inf, 360.0, math.inf]))(data)
    np.testing.assert_allclose(A[:, 0].mean(), 0.0, atol=1e-12)
    np.testing.assert_allclose(A[:, 0].std(), 1.0)
    assert (A[:, 1] == 0).all()  # a constant input is no division by zero


def test_json_form() -> None:
    assert Features.from_dict(json.loads(json.dumps(FEATURES.as_dict()))) == FEATURES


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scale": [0.0, 1.0]}, "scale is .*positive"),
        ({"scale": [1.0]}, "1 scales"),
        ({"shift": [float("nan"), 0.0]}, "shift is .*finite"),
        ({"harmonics": 0}, "harmonics is 0"),
        ({"period": "x"}, "cannot be read"),
    ],
)
def test_errors(change: dict, says: str) -> None:
    with pytest.raises(ProblemError, match=says):
        Features.from_dict(FEATURES.as_dict() | change)
