import itertools
import pickle
import re

import numpy as np
import pytest

from landscape_dist.errors import ProblemError
from landscape_dist.problems import VectorField, vector_field
from landscape_dist.testing import check_problem

# Rotational cubic: F = C (x^3 - x), C = -4 diag(1..3) + B, B_ij = 3 above the diagonal, -3 below
C = -4 * np.diag([1.0, 2.0, 3.0]) + 3 * (np.triu(np.ones((3, 3)), 1) - np.tril(np.ones((3, 3)), -1))
FORMULAS = [" + ".join(f"({C[i, j]})*(x{j + 1}^3 - x{j + 1})" for j in range(3)) for i in range(3)]


def force(x):
    return C @ (x**3 - x)


def jacobian(x):
    return C * (3 * x**2 - 1)


def batched_force(X):
    return (X**3 - X) @ C.T


def torch_force(x):
    torch = pytest.importorskip("torch")
    return torch.as_tensor(C) @ (x**3 - x)


FIELDS = {
    "formulas": lambda: vector_field(FORMULAS),
    "callable": lambda: vector_field(force, 3),
    "callable with jacobian": lambda: vector_field(force, 3, jacobian),
    "batched": lambda: vector_field(batched_force, 3, batched=True),
    "torch": lambda: vector_field(torch_force, 3, backend="torch"),
}


@pytest.mark.parametrize("kind", FIELDS)
def test_values(kind):
    field = FIELDS[kind]()
    check_problem(field, rtol=1e-8)
    X = np.random.default_rng(0).uniform(-1.2, 1.2, (6, 3))
    V = np.random.default_rng(1).normal(size=(6, 3, 2))
    J = np.array([jacobian(x) for x in X])
    np.testing.assert_allclose(field.force(X), batched_force(X), atol=1e-12)
    np.testing.assert_allclose(field.jacobian(X), J, atol=1e-7)
    np.testing.assert_allclose(field.jvp(X, V), J @ V, atol=1e-7)
    np.testing.assert_allclose(field.gradient(X), -batched_force(X), atol=1e-12)
    np.testing.assert_allclose(field.hessian(X), -J, atol=1e-7)
    np.testing.assert_allclose(field.hvp(X, V), -J @ V, atol=1e-7)
    twin = pickle.loads(pickle.dumps(field))
    np.testing.assert_array_equal(twin.jacobian(X), field.jacobian(X))


def test_index_of_the_rotational_cubic():
    X = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=3)))
    J = vector_field(FORMULAS).jacobian(X)
    unstable = (np.linalg.eigvals(J).real > 0).sum(axis=1)
    np.testing.assert_array_equal(unstable, (X == 0).sum(axis=1))


@pytest.mark.parametrize("kind", FIELDS)
def test_there_is_no_energy(kind):
    field = FIELDS[kind]()
    assert isinstance(field, VectorField)
    assert not field.has_energy
    with pytest.raises(ProblemError, match="vector_field is a vector field and has no energy; use force"):
        field.energy(np.ones((1, 3)))


def test_counters():
    X, V = np.ones((4, 3)), np.ones((4, 3, 2))
    field = vector_field(force, 3, jacobian)
    field.force(X)
    field.jacobian(X)
    field.gradient_hessian(X)
    assert (field.counters.n_gradients, field.counters.n_hessians) == (8, 8)
    bare = vector_field(force, 3)
    bare.jvp(X, V)
    assert bare.counters.as_dict() == {"n_energies": 0, "n_gradients": 16, "n_hessians": 0, "n_hvps": 0}
    symbolic = vector_field(FORMULAS)
    symbolic.jvp(X, V)
    assert symbolic.counters.n_hvps == 8


def test_constant_and_zero_components():
    field = vector_field(["1", "0", "x1 + x2"])
    np.testing.assert_array_equal(field.force(np.full((2, 3), 2.0)), [[1.0, 0.0, 4.0]] * 2)
    np.testing.assert_array_equal(field.jacobian(np.ones((1, 3)))[0], [[0, 0, 0], [0, 0, 0], [1, 1, 0]])


def test_fingerprints():
    prints = {FIELDS[kind]().fingerprint() for kind in FIELDS}
    assert len(prints) == len(FIELDS)
    assert vector_field(FORMULAS).fingerprint() == FIELDS["formulas"]().fingerprint()
    assert vector_field(["x1", "x2"]).fingerprint() != vector_field(["x2", "x1"]).fingerprint()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vector_field("x1"), "F is 'x1'; give a list of d formulas"),
        (lambda: vector_field(["x1", "x2"], dim=3), "F has 2 formulas for 3 variables"),
        (lambda: vector_field(["x1", "x5"]), "the field holds x5 but dim is 2"),
        (lambda: vector_field(force), "dim is missing"),
        (lambda: vector_field(force, 3, backend="jax"), "backend is 'jax'; use 'numpy' or 'torch'"),
        (
            lambda: vector_field(lambda x: force(x)[:2], 3),
            "F returned shape (2,) for a point of dimension 3; return an",
        ),
        (lambda: vector_field(lambda x: x * np.nan, 3), "F is [nan, nan, nan] at x ="),
        (
            lambda: vector_field(force, 3, lambda x: jacobian(x).T),
            "jacobian disagrees with F at x =",
        ),
        (lambda: vector_field(force, 3, dimer_length=-1.0), "dimer_length is -1.0"),
    ],
)
def test_messages(call, message):
    with pytest.raises(ProblemError, match=re.escape(message)):
        call()
