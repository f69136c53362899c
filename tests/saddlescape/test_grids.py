"""Gradients on periodic grids are recognised, and searched in Fourier coefficients."""

import numpy as np
import pytest

from landscape_dist.saddlescape import Landscape
from landscape_dist.saddlescape.grids import GridProblem, recognise
from landscape_dist.saddlescape.settings import ColumnJudgement


def phase_field(shape, kappa):
    """A (d, 1) gradient by the usual stencil, of a unit box."""

    def gradient(x):
        u = x.reshape(shape)
        laplacian = sum((np.roll(u, 1, a) + np.roll(u, -1, a) - 2 * u) * shape[a] ** 2 for a in range(len(shape)))
        return (u**3 - u - kappa * laplacian).reshape(-1, 1)

    return gradient


def rows(gradient):
    return lambda X: np.array([gradient(x[:, None])[:, 0] for x in X])


@pytest.mark.parametrize("shape", [(36,), (6, 6), (5, 5), (4, 4, 4)])
def test_forms_are_recognised(shape):
    d = int(np.prod(shape))
    gradient = rows(phase_field(shape, 0.02))
    form = recognise(gradient, np.zeros(d))
    assert form is not None
    assert form.shape == shape
    rng = np.random.default_rng(0)
    X, V = rng.standard_normal((2, 3, d))
    exact = form.linear(V) + form.pointwise(gradient, X) * V
    h = 1e-5
    np.testing.assert_allclose(exact, (gradient(X + h * V) - gradient(X - h * V)) / (2 * h), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "gradient",
    [
        lambda X: X**3 + np.roll(X, 1, axis=1),  # not symmetric
        lambda X: X**3 + np.arange(X.shape[1]) * (2 * X - np.roll(X, 1, 1) - np.roll(X, -1, 1)),  # not invariant
        lambda X: X * np.sum(X * X, axis=1, keepdims=True),  # not pointwise
        lambda X: np.full_like(X, np.nan),
    ],
)
def test_others_are_not(gradient):
    assert recognise(gradient, np.full(36, 0.3)) is None


def test_a_phase_field_of_many_variables():
    side, kappa = 20, 0.02
    found = Landscape(
        Grad=phase_field((side, side), kappa), InitialPoint=np.zeros(side**2), MaxIndex=5, MaxIndexGap=3,
        EigenCombination="min", Tolerance=1e-4, SaveTrajectory=False, SymmetryCheck=False,
        SameJudgementMethod=lambda a, b: _same(a, b, side),
    )  # fmt: skip
    assert isinstance(found.problem, GridProblem)
    found.Run()
    assert found.SaddleList[0][2] == 5
    assert sorted({row[2] for row in found.SaddleList}) == [0, 1, 2, 5]
    assert found.landscape.columns.gradient_norm.max() < 1e-4
    assert found.SaddleList[0][3].shape == (side**2, 5)


def _same(a, b, side):
    A, B = (np.fft.fft2(x.reshape(side, side)) for x in (a, b))
    best = np.fft.ifft2(np.conj(A) * B).real.max()
    return bool(np.sum(a * a) + np.sum(b * b) - 2 * best < 1e-3 * side**2)


def test_own_judgement_asks_about_all_points_of_the_index():
    judgement = ColumnJudgement(lambda a, b: abs(a[0, 0]) == abs(b[0, 0]))
    x = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    X = np.array([[-1.0, 5.0], [2.0, 2.0], [1.0, 2.0]])
    assert judgement.same(x, X).tolist() == [True, False, True]
    assert len(set(judgement.fingerprint(X, np.zeros(3)).ravel().tolist())) == 1
