"""Zeros that were found twice are told from two zeros."""

from __future__ import annotations

import numpy as np

from landscape_dist.exploration.proofs.distinct import distinct, wrapped
from landscape_dist.exploration.proofs.krawczyk import Zeros, no_zeros


def zeros(x: list[list[float]], radius: float, around: float) -> Zeros:
    X = np.array(x)
    return Zeros(X, np.full(X.shape, radius), np.stack([around - X.T, X.T + around]))


def test_copies_are_one():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (40, 3))
    copies = np.concatenate([points, points + 1e-14, points - 1e-14])
    found, unclear = distinct(zeros(copies.tolist(), 1e-13, 1e-3))
    assert len(found) == 40
    assert not unclear.shape[2]


def test_two_that_cannot_be_told_apart_are_unclear():
    found, unclear = distinct(zeros([[0.0, 0.0], [1e-3, 0.0]], 1e-3, 1.5e-3))
    assert len(found) == 1
    assert unclear.shape[2] == 1
    assert (unclear[:, :, 0] >= np.array([[1e-3, 1e-3], [2e-3, 1e-3]])).all()


def test_two_that_do_not_meet_are_two():
    found, unclear = distinct(zeros([[0.0, 0.0], [1e-3, 0.0]], 1e-4, 5e-4))
    assert len(found) == 2
    assert not unclear.shape[2]


def test_copies_far_from_the_origin_are_one():
    # a rounding error of their place apart, with radii of less
    x = 1e8 + 1 / 3
    for other in (x, np.nextafter(x, 0), np.nextafter(x, 1e9)):
        found, _ = distinct(zeros([[x, 1.0], [other, 1.0], [-x, 2.0]], 1e-12, 1e-3))
        assert len(found) == 2


def test_of_none_and_one_there_is_nothing_to_tell():
    assert not len(distinct(no_zeros(2))[0])
    assert len(distinct(zeros([[1.0, 2.0]], 1e-9, 1e-3))[0]) == 1


def test_periodic_coordinates_are_in_one_period():
    period = 2 * np.pi
    lower, upper = np.array([0.0, 0.0]), np.array([period, 1.0])
    some = zeros([[period, 0.5], [0.0, 0.5], [-1e-3, 0.5], [period - 1e-11, 0.2]], 1e-15, 1e-4)
    moved = wrapped(some, lower, upper, np.array([period, period]))
    # the second does not hold a whole period
    np.testing.assert_array_equal(moved.x[:, 1], some.x[:, 1])
    np.testing.assert_allclose(moved.x[:, 0], [0, 0, period - 1e-3, -1e-11], atol=1e-15)
    assert (moved.radius[:, 0] >= some.radius[:, 0]).all()
    assert len(distinct(moved)[0]) == 3


def test_moving_is_rounded_outwards():
    lower, upper = np.array([1e6]), np.array([1e6 + 1.0])
    some = zeros([[1e6 + 1 + 1 / 3]], 1e-16, 1e-4)
    moved = wrapped(some, lower, upper, np.array([1.0]))
    assert moved.radius[0, 0] >= np.spacing(1e6) / 2
    assert (moved.around.sum(axis=0) < some.around.sum(axis=0)).all()
