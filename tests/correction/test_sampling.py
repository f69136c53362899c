from __future__ import annotations

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.correction.sampling import CENTERS, Frame, along, around, frame_of, infill, low_discrepancy, unique
from landscape_dist.errors import SettingsError
from landscape_dist.problems import from_callable
from landscape_dist.problems.domain import Box
from landscape_dist.surrogates import TrainingData

FRAME = Frame(Box((-1.0, 0.0, 2.0), (1.0, 4.0, 3.0)), 3)


def test_low_discrepancy_points_fill_the_cube() -> None:
    U = low_discrepancy(256, 3, 7)
    np.testing.assert_array_equal(U[:100], low_discrepancy(100, 3, 7))
    assert not np.array_equal(U, low_discrepancy(256, 3, 8))
    counts = np.histogramdd(U, bins=4, range=[(0, 1)] * 3)[0]
    assert counts.min() >= 1


@pytest.mark.parametrize("n", [2, 4, 9])
def test_points_around_are_at_the_radius_and_around(n: int) -> None:
    center = np.array([0.1, 2.0, 2.4])
    X = around(center, 0.06, n, FRAME)
    assert X.shape == (n, 3)
    np.testing.assert_allclose(FRAME.distance(X, center), 2.0**-4, rtol=3e-4)
    if n >= 4:
        np.testing.assert_allclose(FRAME.inward(X[:4]).mean(axis=0), FRAME.inward(center), atol=CENTERS)
    np.testing.assert_array_equal(around(center + 1e-8, 0.0601, n, FRAME), X)  # not the last digits
    assert not np.allclose(around(center, 0.03, n, FRAME) - center, 0.5 * (X - center), atol=1e-3)


def test_points_stay_in_the_box_or_go_round() -> None:
    corner = np.array([-1.0, 4.0, 3.0])
    X = around(corner, 0.1, 12, FRAME)
    assert FRAME.distance(X, np.clip(X, FRAME.lower, FRAME.lower + FRAME.width)).max() == 0
    round_ = Frame(Box(-180.0, 180.0), 2, 360.0)
    X = around(np.array([179.0, -179.0]), 2.0**-5, 6, round_)
    assert (np.abs(X) <= 180).all()
    np.testing.assert_allclose(round_.distance(X, np.array([179.0, -179.0])), 2.0**-5, rtol=3e-4)


def test_points_along_a_path_divide_its_length() -> None:
    frame = Frame(Box(0.0, 1.0), 2)
    path = np.array([[0.0, 0.0], [0.6, 0.0], [0.6, 0.6]])
    np.testing.assert_allclose(along(path, 3, frame), [[0.3, 0.0], [0.6, 0.0], [0.6, 0.3]], atol=1e-7)


def test_infill_goes_where_little_is_known_and_it_is_flat() -> None:
    frame = Frame(Box(0.0, 1.0), 2)
    known = np.random.default_rng(0).uniform(0, 1, (60, 2)) * [0.5, 1.0]
    spread = lambda X: 0.01 + X[:, 0]  # noqa: E731
    flat = infill(4, known, frame, spread, lambda X: np.zeros_like(X), 0)
    assert (flat[:, 0] > 0.7).all()
    assert min(np.linalg.norm(a - b) for i, a in enumerate(flat) for b in flat[:i]) > 0.1
    steep = infill(4, known, frame, spread, lambda X: np.where(X[:, :1] > 0.6, 1e4, 0.0) * np.ones(2), 0)
    assert (steep[:, 0] <= 0.6).all()
    assert infill(0, known, frame, spread, None, 0).shape == (0, 2)


def test_points_that_are_known_are_left_out() -> None:
    frame = Frame(Box(0.0, 1.0), 1)
    X = np.array([[0.1], [0.2], [0.2 + 1e-9], [0.3]])
    np.testing.assert_array_equal(unique(X, np.array([[0.3 + 1e-8]]), frame, 1e-6), X[:2])


def test_where_to_ask() -> None:
    np.testing.assert_array_equal(frame_of(ld.systems.muller_brown(), None).width, [2.7, 2.25])
    unbounded = from_callable(lambda x: float(x @ x), dim=2, name="bowl")
    with pytest.raises(SettingsError, match=r"bowl has no box as domain.* give the problem a domain"):
        frame_of(unbounded, None)
    data = TrainingData(np.array([[0.0, 1.0], [2.0, 5.0]]), np.zeros(2))
    np.testing.assert_array_equal(frame_of(unbounded, data).width, [2.0, 4.0])


def test_periods_and_boxes() -> None:
    wide = Frame(Box((0.0, 0.0), (720.0, 2.0)), 2, (360.0, np.inf))  # two turns are one
    np.testing.assert_array_equal(wide.width, [360.0, 2.0])
    np.testing.assert_allclose(wide.outward(np.array([[1.25, 1.25]])), [[90.0, 2.0]])
    part = Frame(Box(0.0, 100.0), 1, 360.0)  # no way round
    assert part.period.tolist() == [np.inf]
    assert part.outward(np.array([[-0.1]])).tolist() == [[0.0]]
    assert isinstance(part.domain, Box)


def test_data_of_another_kind() -> None:
    torus = from_callable(lambda x: float(np.cos(x).sum()), dim=2, name="torus", check=False)
    torus.periods = 2 * np.pi
    x = np.array([[0.0, 1.0], [2.0, 5.0]])
    for period in (None, (2 * np.pi, 6.0)):
        with pytest.raises(SettingsError, match=r"torus has .*give data of the same period"):
            frame_of(torus, TrainingData(x, np.zeros(2), period=period))
    with pytest.raises(SettingsError, match="data have 1 variables and torus has 2"):
        frame_of(torus, TrainingData(x[:, :1], np.zeros(2)))
    assert frame_of(torus, TrainingData(x, np.zeros(2), period=(2 * np.pi,) * 2)).width.tolist() == [2 * np.pi] * 2


def test_infill_leaves_out_where_there_are_no_values() -> None:
    frame = Frame(Box(0.0, 1.0), 1)
    known, hole = np.linspace(0.0, 0.5, 6)[:, None], np.array([[0.9]])
    spread = lambda X: X[:, 0]  # noqa: E731
    arguments = (1, known, frame, spread, lambda X: np.zeros_like(X), 0)
    assert infill(*arguments)[0, 0] > 0.95
    assert abs(infill(*arguments, 0.0, np.array([[1.0]]))[0, 0] - 1.0) > 0.05
    assert abs(infill(*arguments, 0.0, hole)[0, 0] - 0.9) > 0.05
