"""Gradients on periodic grids are recognised, and searched in Fourier coefficients."""

import numpy as np
import pytest

from landscape_dist.errors import ProblemError
from landscape_dist.saddlescape import Landscape
from landscape_dist.saddlescape.grids import GridProblem, PolynomialReaction, recognise
from landscape_dist.saddlescape.settings import ColumnJudgement
from landscape_dist.spaces.translations import Translations


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


def test_a_polynomial_is_found_and_used_within_its_reach():
    gradient = rows(phase_field((6, 6), 0.02))
    form = recognise(gradient, np.zeros(36))
    # g = L u + f(u) with L's lowest eigenvalue zero.
    np.testing.assert_allclose(form.reaction.coefficients, [0.0, -1.0, 0.0, 1.0], atol=1e-12)
    assert form.size == pytest.approx(2.0)
    U = np.linspace(-4, 4, 36)[None]
    np.testing.assert_allclose(form.linear(U) + form.reaction.value(U), gradient(U), atol=1e-11)
    np.testing.assert_allclose(form.reaction.slope(U), 3 * U**2 - 1, atol=1e-11)
    np.testing.assert_allclose(form.reaction.integral(U), U**4 / 4 - U**2 / 2, atol=1e-11)
    assert form.reaction.covers(U)
    assert not form.reaction.covers(1.01 * U)
    assert not form.reaction.covers(np.full((1, 36), np.nan))


def test_the_stiffest_phase():
    stable = {(0.0, -1.0, 0.0, 1.0): 2.0, (0.0, 1.0): 1.0, (0.0, -1.0): None, (0.0,): None, (50.0, 1.0): None}
    for coefficients, slope in stable.items():
        assert PolynomialReaction(np.array(coefficients), 4.0).stiffest_phase() == slope


@pytest.mark.parametrize(
    "reaction", [np.sin, lambda U: U + 1e-6 * np.abs(U - 1), lambda U: np.arctanh(U / 3), lambda U: U**11]
)
def test_other_pointwise_parts_stay_functions(reaction):
    stencil = rows(phase_field((6, 6), 0.02))
    form = recognise(lambda X: stencil(X) - X**3 + reaction(X), np.zeros(36))
    assert form is not None
    assert form.reaction is None


def test_a_part_that_differs_between_sites_is_no_polynomial():
    stencil = rows(phase_field((6, 6), 0.02))
    form = recognise(lambda X: stencil(X) + np.arange(36) * X, np.zeros(36))
    assert form is None or form.reaction is None


@pytest.fixture(scope="module")
def sine_and_cubic():
    """Problems of 400 variables: with f known, and with f a function."""
    stencil = phase_field((20, 20), 0.02)
    functions = [stencil, lambda x: stencil(x) - x**3 + x - np.sin(x)]
    return [Landscape(Grad=g, InitialPoint=np.full(400, 0.1), GradientSystem=True).problem for g in functions]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("size", [0.5, 3.0])
def test_both_kinds_agree_with_the_function(sine_and_cubic, which, size):
    problem = sine_and_cubic[which]
    assert (problem.form.reaction is None) == (which == 1)
    inner = problem.conditioned()
    rng = np.random.default_rng(1)
    Y, V = inner.from_original(size * rng.standard_normal((2, 400))), rng.standard_normal((2, 400, 3))
    X = inner.to_original(Y)
    expected = inner.rotate(problem.gradient(X)) / inner.weights
    np.testing.assert_allclose(inner.gradient(Y), expected, rtol=1e-9, atol=1e-10)
    h = 1e-5
    for j in range(3):
        slope = (inner.gradient(Y + h * V[..., j]) - inner.gradient(Y - h * V[..., j])) / (2 * h)
        np.testing.assert_allclose(inner.hvp(Y, V)[..., j], slope, rtol=1e-5, atol=1e-5)
    # The energy's differences are those of its integral along lines.
    integral = problem.user_energy.function(X)
    np.testing.assert_allclose(problem.energy(X), integral, rtol=1e-8)


def test_what_is_known_is_counted_as_products(sine_and_cubic):
    for problem, products in zip(sine_and_cubic, (6, 0), strict=True):
        inner = problem.conditioned()
        problem.counters = inner.counters = type(problem.counters)()
        Y = np.random.default_rng(2).standard_normal((2, 400))
        inner.gradient(Y)
        assert problem.counters.n_gradients == 2
        inner.hvp(Y, np.ones((2, 400, 3)))
        assert problem.counters.n_hvps == products
        assert problem.counters.n_gradients == (2 if products else 6)


def test_points_are_verified_by_the_function():
    calls = []
    stencil = phase_field((20, 20), 0.02)

    def gradient(x):
        calls.append(x.copy())
        return stencil(x)

    found = Landscape(
        Grad=gradient, InitialPoint=np.zeros(400), MaxIndex=5, MaxIndexGap=3, GradientSystem=True,
        EigenCombination="min", SaveTrajectory=False, SameJudgementMethod=Translations((20, 20)),
    )  # fmt: skip
    calls.clear()
    found.Run()
    seen = np.array(calls)[..., 0]
    for row, norm in zip(found.SaddleList, found.landscape.columns.gradient_norm, strict=True):
        assert np.abs(seen - row[1][:, 0]).max(axis=1).min() <= 1e-12
        assert norm == pytest.approx(np.linalg.norm(stencil(row[1])), abs=1e-12)
    assert len(calls) < 0.5 * found.landscape.counters["n_gradients"]


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


def test_gradients_of_another_shape_are_refused():
    for wrong in (lambda x: x[:-1], lambda x: np.hstack([x, x])):
        with pytest.raises(ProblemError, match="gradient"):
            Landscape(Grad=wrong, InitialPoint=np.zeros(400), GradientSystem=True)
    with pytest.raises(ProblemError, match="gradient"):
        Landscape(
            Grad=phase_field((20, 20), 0.02), EnergyFunction=lambda x: float(np.sum(x)), AutoDiff=False,
            InitialPoint=np.zeros(400),
        )  # fmt: skip
