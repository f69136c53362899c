import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import landscape_dist
from landscape_dist.errors import ProblemError
from landscape_dist.problems import from_callable, systems
from landscape_dist.testing import check_problem

A = 1.0 + 0.3 * np.arange(4)


def energy(x):
    return float((A * (x**2 - 1) ** 2).sum() + 0.2 * (x[:-1] * x[1:]).sum())


def gradient(x):
    g = 4 * A * x * (x**2 - 1)
    g[:-1] += 0.2 * x[1:]
    g[1:] += 0.2 * x[:-1]
    return g


def hessian(x):
    return np.diag(12 * A * x**2 - 4 * A) + 0.2 * (np.eye(4, k=1) + np.eye(4, k=-1))


def hvp(x, v):
    return hessian(x) @ v


NAMED = systems.coupled_lattice(dim=4)
BATCHED = {
    "energy": NAMED._energy,
    "gradient": NAMED._gradient,
    "hessian": NAMED._hessian,
    "hvp": NAMED._hvp,
}
SINGLE = {"energy": energy, "gradient": gradient, "hessian": hessian, "hvp": hvp}
SUBSETS = [
    ("energy",),
    ("energy", "gradient"),
    ("energy", "gradient", "hessian"),
    ("energy", "gradient", "hvp"),
    ("energy", "gradient", "hessian", "hvp"),
]


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("given_names", SUBSETS, ids="-".join)
def test_every_combination(given_names, batched):
    source = BATCHED if batched else SINGLE
    problem = from_callable(**{name: source[name] for name in given_names}, dim=4, batched=batched)
    differences = "gradient" not in given_names
    check_problem(problem, rtol=1e-5 if differences else 1e-9)
    X = np.random.default_rng(0).uniform(-1.2, 1.2, (6, 4))
    V = np.random.default_rng(1).normal(size=(6, 4, 3))
    tolerance = 1e-4 if differences else 1e-7
    np.testing.assert_allclose(problem.energy(X), NAMED.energy(X), rtol=1e-12)
    np.testing.assert_allclose(problem.gradient(X), NAMED.gradient(X), atol=1e-8 if differences else 1e-12)
    np.testing.assert_allclose(problem.hessian(X), NAMED.hessian(X), atol=tolerance)
    np.testing.assert_allclose(problem.hvp(X, V), NAMED.hvp(X, V), atol=tolerance)
    H = problem.hessian(X)
    np.testing.assert_array_equal(H, H.transpose(0, 2, 1))
    assert problem.has_hessian == ("hessian" in given_names)


def counted(problem, call):
    before = problem.counters.copy()
    call()
    return {key: value for key, value in problem.counters.minus(before).as_dict().items() if value}


def test_what_is_counted_is_what_is_called():
    X, V = np.ones((5, 4)), np.ones((5, 4, 3))
    full = from_callable(energy, gradient, hessian, dim=4)
    assert counted(full, lambda: full.gradient_hessian(X)) == {"n_gradients": 5, "n_hessians": 5}
    assert counted(full, lambda: full.hvp(X, V)) == {"n_hessians": 5}
    dimer = from_callable(energy, gradient, dim=4)
    assert counted(dimer, lambda: dimer.hvp(X, V)) == {"n_gradients": 2 * 5 * 3}
    assert counted(dimer, lambda: dimer.hessian(X)) == {"n_gradients": 2 * 5 * 4}
    bare = from_callable(energy, dim=4)
    assert counted(bare, lambda: bare.gradient(X)) == {"n_energies": 2 * 5 * 4}
    product = from_callable(energy, gradient, None, hvp, dim=4)
    assert counted(product, lambda: product.hvp(X, V)) == {"n_hvps": 15}


def test_counts_are_calls():
    calls = []

    def counting(x):
        calls.append(x.copy())
        return energy(x)

    problem = from_callable(counting, dim=4)
    assert problem.counters.n_energies == 0  # what was tried when built does not count
    calls.clear()
    problem.gradient(np.ones((3, 4)))
    assert len(calls) == problem.counters.n_energies == 24


@pytest.mark.parametrize("length", [1e-4, 1e-5, 1e-6])
def test_dimer_length(length):
    problem = from_callable(energy, gradient, dim=4, dimer_length=length)
    X, V = np.full((1, 4), 0.3), np.full((1, 4, 1), 10.0)
    np.testing.assert_allclose(problem.hvp(X, V), NAMED.hvp(X, V), rtol=1e-6)
    np.testing.assert_array_equal(problem.hvp(X, 0 * V), 0 * V)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(0.1, 1e4))
def test_difference_gradients_on_quadratics(center, scale):
    """Central differences are exact for quadratics but for rounding."""
    c = np.array(center)
    problem = from_callable(lambda x: scale * ((x - c) ** 2).sum(), dim=4, check=False)
    X = np.array([[0.1, -0.2, 2.0, 30.0]])
    np.testing.assert_allclose(problem.gradient(X), 2 * scale * (X - c), atol=1e-6 * scale)


def test_arguments_are_read_only():
    def writes_far_outside(x):
        if x[0] > 2:
            x[0] = 0.0
        return energy(x)

    problem = from_callable(writes_far_outside, dim=4)
    X = np.full((1, 4), 3.0)
    with pytest.raises(ValueError, match="read-only"):
        problem.energy(X)
    assert X.min() == 3.0


def test_exceptions_propagate_during_searches():
    def fragile(x):
        if x[0] > 2:
            raise RuntimeError("did not converge")
        return energy(x)

    problem = from_callable(fragile, dim=4)
    with pytest.raises(RuntimeError, match="did not converge"):
        problem.energy(np.full((1, 4), 3.0))


def test_far_outside_no_warnings():
    problem = from_callable(lambda x: float(np.exp(x[0] ** 2)), dim=1)
    assert np.isinf(problem.energy(np.array([[100.0]])))[0]


def test_lambdas_pickle():
    shift = np.array([0.5, 0.5])
    problem = from_callable(lambda x: ((x - shift) ** 2).sum(), lambda x: 2 * (x - shift), dim=2)
    twin = pickle.loads(pickle.dumps(problem))
    X = np.ones((2, 2))
    np.testing.assert_array_equal(twin.gradient(X), problem.gradient(X))
    assert twin.fingerprint() == problem.fingerprint()


def test_lists_are_accepted():
    problem = from_callable(lambda x: x[0] ** 2 + x[1] ** 2, lambda x: [2 * x[0], 2 * x[1]], dim=2)
    np.testing.assert_array_equal(problem.gradient(np.ones((1, 2))), [[2.0, 2.0]])


def test_shapes_are_verified_later_too():
    def changes(x):
        return gradient(x) if x[0] < 2 else gradient(x)[:2]

    problem = from_callable(energy, changes, dim=4)
    with pytest.raises(ProblemError, match=r"gradient returned arrays of different shapes \[\(2,\), \(4,\)\]"):
        problem.gradient(np.array([[0.0] * 4, [3.0] * 4]))


def test_a_gradient_by_energies_at_a_given_distance():
    energy = lambda x: float(np.sum(x**4))  # noqa: E731
    wide, own, usual = (
        from_callable(energy, dim=2, gradient_length=length) for length in (0.1, 1e-4, None)
    )  # fmt: skip
    X = np.array([[1.0, 30.0]])
    # Of x^4 the central difference is 4 x^3 + 4 x h^2.
    np.testing.assert_allclose(wide.gradient(X), 4 * X**3 + 4 * X * 0.1**2, rtol=1e-9)
    np.testing.assert_allclose(own.gradient(X), 4 * X**3, rtol=1e-6)
    assert len({p.fingerprint() for p in (wide, own, usual)}) == 3
    with pytest.raises(ProblemError, match="gradient_length is -1"):
        from_callable(energy, dim=2, gradient_length=-1.0)


def tridiagonal_chain(d: int, **others: Any) -> Any:
    """Wells coupled to their neighbours, with a sparse Hessian."""
    a = 1.0 + 0.3 * (np.arange(d) % 5)

    def gradient(X: np.ndarray) -> np.ndarray:
        g = 4 * a * X * (X * X - 1)
        g[:, 1:] += 0.2 * X[:, :-1]
        g[:, :-1] += 0.2 * X[:, 1:]
        return g

    def sparse_hessian(x: np.ndarray) -> Any:
        band = np.full(d - 1, 0.2)
        return scipy.sparse.diags_array([band, a * (12 * x * x - 4), band], offsets=[-1, 0, 1])

    return from_callable(
        lambda X: (a * (X * X - 1) ** 2).sum(axis=1) + 0.2 * (X[:, 1:] * X[:, :-1]).sum(axis=1),
        gradient,
        dim=d,
        batched=True,
        **({"sparse_hessian": sparse_hessian} | others),
    )


def test_sparse_hessians_and_preconditioners_of_a_users_own() -> None:
    problem = tridiagonal_chain(400, preconditioner=lambda x: lambda R: R / 8.0)
    assert problem.has_sparse_hessian
    assert problem.preconditioner(np.ones(400))(np.ones((400, 2))) == pytest.approx(0.125)
    assert problem.fingerprint() != tridiagonal_chain(400).fingerprint()
    twin = pickle.loads(pickle.dumps(problem))
    x = np.full(400, 0.5)
    assert twin.sparse_hessian(x).toarray() == pytest.approx(problem.sparse_hessian(x).toarray())
    assert twin.fingerprint() == problem.fingerprint()
    start = np.where(np.arange(400) < 2, 0.1, 1.0)
    landscape = landscape_dist.explore(problem, start, 2, upward="none")
    assert landscape.counts_by_index == {0: 4, 1: 4, 2: 1}
    assert landscape.counters["n_hvps"] == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: np.eye(len(x)), "not sparse"),
        (lambda x: scipy.sparse.eye_array(len(x) + 1), r"shape \(21, 21\)"),
        (lambda x: scipy.sparse.diags_array(12 * x * x - 3), "disagrees with the gradient"),
        (lambda x: None, "NoneType"),
    ],
)
def test_sparse_hessians_that_are_wrong(wrong: Any, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        tridiagonal_chain(20, sparse_hessian=wrong)


@pytest.mark.parametrize("batched", [False, True])
def test_functions_may_return_the_same_array_again(batched: bool) -> None:
    out = np.zeros((100, 2))

    def gradient(x: np.ndarray) -> np.ndarray:
        answer = out[: len(x)] if batched else out[0]
        answer[...] = 4 * x * (x**2 - 1)
        return answer

    problem = from_callable(lambda x: ((x**2 - 1) ** 2).sum(axis=-1), gradient, dim=2, batched=batched)
    first = problem.gradient(np.array([[0.5, 0.0], [2.0, 0.0]]))
    problem.gradient(np.array([[3.0, 3.0]]))
    assert first == pytest.approx(np.array([[-1.5, 0.0], [24.0, 0.0]]))


def test_a_sparse_hessian_may_be_filled_anew() -> None:
    H = scipy.sparse.csc_array(np.eye(2))

    def sparse_hessian(x: np.ndarray) -> Any:
        H.data[:] = 12 * x**2 - 4
        return H

    def gradient(x: np.ndarray) -> Any:
        return 4 * x * (x**2 - 1)

    problem = from_callable(lambda x: ((x**2 - 1) ** 2).sum(), gradient, dim=2, sparse_hessian=sparse_hessian)
    first = problem.sparse_hessian(np.array([0.0, 1.0]))
    problem.sparse_hessian(np.array([2.0, 2.0]))
    assert first.diagonal().tolist() == [-4.0, 8.0]


@pytest.mark.parametrize("offset", [0.0, 1e2, 1e4, 1e6])
def test_differences_of_large_energies(offset: float) -> None:
    """Searches end where rounding does not let the gradient get smaller, instead of stalling there."""

    def energy(X: np.ndarray) -> np.ndarray:
        return (X[:, 0] ** 2 - 1) ** 2 + 2 * (X[:, 1] ** 2 - 1) ** 2 + 0.3 * X[:, 0] * X[:, 1] + offset

    problem = from_callable(energy, dim=2, batched=True)
    landscape = landscape_dist.explore(problem, start=[0.1, 0.1], max_index=2, restarts="none")
    assert (len(landscape.points), len(landscape.connections)) == (9, 12)
    assert "stalled" not in landscape.counters["by_status"]


def test_differences_of_energies_that_are_too_large_are_refused() -> None:
    with pytest.raises(ProblemError, match=r"as large as 1e\+09.*give gradient=, or subtract a constant"):
        from_callable(lambda x: float(x @ x) + 1e9, dim=2)
