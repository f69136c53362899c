"""Explorations of noisy functions find the points of the exact ones, and exact functions are left alone."""

import pickle

import numpy as np
import pytest
import torch

import landscape_dist
from landscape_dist.errors import ProblemError
from landscape_dist.problems import Box, from_callable, from_torch, vector_field

BOX = Box((-1.5, -0.5), (1.5, 2.2))
A, a, b, c = [-200.0, -100, -170, 15], [-1.0, -1, -6.5, 0.7], [0.0, 0, 11, 0.6], [-10.0, -10, -6.5, 0.7]
CENTRES = [1.0, 0, -0.5, -1], [0.0, 0.5, 1.5, 1]
MINIMA = [[-0.55822363, 1.44172584], [0.6234994, 0.02803776], [-0.05001082, 0.4666941]]
SADDLES = [[-0.82200156, 0.6243128], [0.21248658, 0.29298832]]


def muller_brown(x, dtype=np.float64):
    """Energy and gradient at x (2,), computed in this type."""
    A_, a_, b_, c_, X, Y = (np.array(q, dtype=dtype) for q in (A, a, b, c, *CENTRES))
    dx, dy = x.astype(dtype)[0] - X, x.astype(dtype)[1] - Y
    e = A_ * np.exp(a_ * dx * dx + b_ * dx * dy + c_ * dy * dy)
    return e.sum(), np.array([(e * (2 * a_ * dx + b_ * dy)).sum(), (e * (b_ * dx + 2 * c_ * dy)).sum()])


def rapid(x, phase=0.0):
    return np.sin(1e7 * x[0] + 5.1e6 * x[1] + phase)


def exact(x):
    return muller_brown(x)[0]


def gradient(x):
    return muller_brown(x)[1]


def single(x):
    return muller_brown(x, np.float32)[0]


def single_gradient(x):
    return muller_brown(x, np.float32)[1]


NOISY = {
    "exact": (exact, gradient, 1e-7),
    "single precision": (single, single_gradient, 1e-6),
    "single precision, energy only": (single, None, 3e-4),
    "energy only": (lambda x: exact(x) + 1e-6 * rapid(x), None, 3e-5),
    "energy": (lambda x: exact(x) + 1e-6 * rapid(x), gradient, 1e-7),
    "gradient": (exact, lambda x: gradient(x) + 1e-4 * np.array([rapid(x), rapid(1.3 * x, 2.0)]), 1e-5),
    "gradient in a table": (exact, lambda x: np.round(gradient(x), 3), 1e-4),
}


@pytest.mark.parametrize("case", NOISY)
def test_muller_brown(case):
    energy, given, atol = NOISY[case]
    problem = from_callable(energy, given, dim=2, domain=BOX)
    landscape = landscape_dist.explore(problem, start=[0.0, 0.5], max_index=2)
    assert landscape.counts_by_index == {0: 3, 1: 2}
    for index, known in ((0, MINIMA), (1, SADDLES)):
        found = landscape.columns.x[landscape.columns.index == index]
        distance = np.abs(found[:, None] - np.array(known)).max(axis=2)
        assert distance.min(axis=0).max() < atol


def wells(x):
    return ((x**2 - 1) ** 2).sum() + 0.3 * x[0] * x[1]


def wells_gradient(x):
    return 4 * x * (x**2 - 1) + np.array([0.3 * x[1], 0.3 * x[0], 0.0]).astype(x.dtype)


def f4(function):
    return lambda x: function(x.astype(np.float32))


WELLS = {
    "single": lambda: from_callable(f4(wells), f4(wells_gradient), dim=3),
    "single in disguise": lambda: from_callable(lambda x: float(f4(wells)(x)), f4(wells_gradient), dim=3),
    "single, energy only": lambda: from_callable(f4(wells), dim=3),
    "table": lambda: from_callable(lambda x: round(float(wells(x)), 5), dim=3),
    "gradient table": lambda: from_callable(wells, lambda x: np.round(wells_gradient(x), 3), dim=3),
    "torch": lambda: from_torch(lambda x: ((x * x - 1) ** 2).sum() + 0.3 * x[0] * x[1], 3, dtype=torch.float32),
    "field": lambda: vector_field(lambda x: -f4(wells_gradient)(x), 3),
}


@pytest.mark.parametrize("kind", WELLS)
def test_wells(kind):
    problem = WELLS[kind]()
    assert problem.noise is not None
    landscape = landscape_dist.explore(problem, start=[0.1] * 3, max_index=3)
    assert landscape.counts_by_index == {0: 8, 1: 12, 2: 6, 3: 1}
    assert not landscape.columns.nullity.any()


@pytest.mark.parametrize("seed", range(4))
def test_quadratic_functions_in_a_table_have_one_point(seed):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    w = np.array([-3.0, 1.0, 30.0])
    H = Q @ np.diag(w) @ Q.T
    centre = rng.uniform(-0.3, 0.3, 3)

    def energy(x):
        return float(f"{0.5 * (x - centre) @ H @ (x - centre) + 20:.6g}")

    problem = from_callable(energy, dim=3, domain=Box((-1,) * 3, (1,) * 3))
    landscape = landscape_dist.explore(problem, start=[0.4, 0.5, 0.6], max_index=3)
    assert landscape.counts_by_index == {1: 1}
    np.testing.assert_allclose(landscape.columns.x[0], centre, atol=20 * problem.noise.position)


def test_where_the_energy_fades_there_are_no_points():
    def energy(x):
        x = x.astype(np.float32)
        return -np.exp(-(x**2).sum()) - 0.5 * np.exp(-((x - 2) ** 2).sum())

    problem = from_callable(energy, dim=2, domain=Box((-6, -6), (8, 8)))
    landscape = landscape_dist.explore(problem, start=[0.3, 0.2], max_index=2)
    assert landscape.counts_by_index == {0: 2, 1: 1}


@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e8])
def test_exact_functions_have_no_noise(scale):
    assert from_callable(lambda x: scale * exact(x), dim=2, domain=BOX).noise is None
    assert from_callable(lambda x: scale * exact(x), lambda x: scale * gradient(x), dim=2, domain=BOX).noise is None
    assert from_callable(lambda x: scale * (wells(x) + 1e4), dim=3).noise is None
    assert vector_field(lambda x: -scale * wells_gradient(x), 3).noise is None


def test_single_precision_is_named():
    text = from_callable(f4(wells), f4(wells_gradient), dim=3).noise.text()
    for part in ("energy noise about", "(single precision)", "points to"):
        assert part in text
    mixed = from_callable(f4(wells), lambda x: np.round(wells_gradient(x), 3), dim=3).noise
    assert (mixed.energy.single, mixed.gradient.single) == (True, False)


def test_random_functions_are_refused_with_the_cure():
    rng = np.random.default_rng(0)
    with pytest.raises(ProblemError, match=r"energy is random: called twice .* with a fixed seed"):
        from_callable(lambda x: exact(x) + 1e-6 * rng.standard_normal(), dim=2, domain=BOX)
    with pytest.raises(ProblemError, match="gradient is random"):
        from_callable(exact, lambda x: gradient(x) + 1e-4 * rng.standard_normal(2), dim=2, domain=BOX)


def test_given_lengths_stay_and_fingerprints_know_nothing_of_noise():
    kept = from_callable(f4(wells), dim=3, gradient_length=3e-3, dimer_length=2e-2)
    assert (kept.noise.gradient_length, kept.noise.dimer_length) == (3e-3, 2e-2)
    problem = from_callable(f4(wells), dim=3)
    assert problem.fingerprint() == from_callable(f4(wells), dim=3, check=False).fingerprint()
    assert pickle.loads(pickle.dumps(problem)).noise == problem.noise


def test_noisy_explorations_go_on_in_their_store(tmp_path):
    def build():
        return from_callable(single, dim=2, domain=BOX)

    store = tmp_path / "noisy.zarr"
    landscape_dist.explore(build(), start=[0.0, 0.5], max_index=2, store=store, max_searches=3)
    landscape = landscape_dist.explore(build(), start=[0.0, 0.5], max_index=2, store=store)
    assert landscape.counts_by_index == {0: 3, 1: 2}
