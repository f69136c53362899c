"""A surrogate is a problem in the user's coordinates; its closed forms are those of automatic differentiation."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from landscape_dist.errors import ProblemError
from landscape_dist.surrogates import Surrogate
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.perceptron import Perceptron
from landscape_dist.surrogates.problem import PRODUCTS
from landscape_dist.surrogates.torch_energy import torch_problem
from landscape_dist.testing import check_problem

RNG = np.random.default_rng(0)
X = RNG.uniform([-2.0, -180.0], [3.0, 180.0], (9, 2))
V = RNG.standard_normal((9, 2, 2))


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
@pytest.mark.parametrize("products", PRODUCTS)
def test_contract(mixed: Surrogate, products: str, device: str | None) -> None:
    # differences of gradients: their error does not shrink with the batch
    check_problem(mixed.with_products(products).on_device(device), rtol=1e-5 if products == "dimer" else 1e-9)


def test_closed_forms_are_those_of_automatic_differentiation(mixed: Surrogate) -> None:
    torch = torch_problem(mixed)
    np.testing.assert_allclose(mixed.energy(X), torch.energy(X), rtol=1e-13)
    np.testing.assert_allclose(mixed.gradient(X), torch.gradient(X), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(mixed.hessian(X), torch.hessian(X), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(mixed.with_products("closed").hvp(X, V), torch.hvp(X, V), rtol=1e-9, atol=1e-13)


def test_products_agree(mixed: Surrogate) -> None:
    dense = mixed.hvp(X, V)
    for products, rtol in (("closed", 1e-11), ("autodiff", 1e-11), ("dimer", 1e-5)):
        found = mixed.with_products(products).hvp(X, V)
        assert np.abs(found - dense).max() < rtol * np.abs(dense).max(), products


def test_dimer_is_of_second_order(mixed: Surrogate) -> None:
    dense = mixed.hvp(X, V)
    errors = [np.abs(mixed.with_products("dimer", length).hvp(X, V) - dense).max() for length in (0.2, 0.1, 0.05)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (np.abs(orders - 2) < 0.1).all()


def test_blocks_of_many_points(mixed: Surrogate) -> None:
    many = np.tile(X, (400, 1))
    g, H = mixed.gradient_hessian(many)
    np.testing.assert_allclose(g[-9:], mixed.gradient(X), rtol=1e-12)
    np.testing.assert_allclose(H[-9:], mixed.hessian(X), rtol=1e-12)


def test_angles_are_periodic(mixed: Surrogate) -> None:
    np.testing.assert_allclose(mixed.hessian(X + np.array([0.0, 360.0])), mixed.hessian(X), rtol=1e-9, atol=1e-12)


def test_units_are_those_of_the_data() -> None:
    """The same network of standardised inputs, with coordinates in other units: energies and derivatives scale."""
    model = Perceptron.random(2, (10, 10), 3)
    plain = Surrogate(model, Features((0.0, 0.0), (1.0, 1.0), (np.inf, np.inf)), 0.0, 1.0)
    scaled = Surrogate(model, Features((2.0, -1.0), (10.0, 0.5), (np.inf, np.inf)), 7.0, 3.0)
    z = RNG.standard_normal((4, 2))
    x = z * [10.0, 0.5] + [2.0, -1.0]
    np.testing.assert_allclose(scaled.energy(x), 7 + 3 * plain.energy(z))
    np.testing.assert_allclose(scaled.gradient(x), 3 * plain.gradient(z) / [10.0, 0.5])
    np.testing.assert_allclose(scaled.hessian(x), 3 * plain.hessian(z) / np.outer([10.0, 0.5], [10.0, 0.5]))


def test_parameters(mixed: Surrogate) -> None:
    other = mixed.at(alpha=3)
    assert other.parameters == {"alpha": 3.0}
    assert mixed.parameters == {"alpha": 4.2}
    assert not np.allclose(other.energy(X), mixed.energy(X))
    assert other.fingerprint() != mixed.fingerprint() == mixed.at(alpha=4.2).fingerprint()
    assert repr(other) == "surrogate(dim=2, alpha=3)"
    with pytest.raises(ProblemError, match=r"no parameter 'beta'; it was trained with: alpha"):
        mixed.at(beta=1.0)
    with pytest.raises(ProblemError, match="parameter alpha is nan"):
        mixed.at(alpha=float("nan"))


def test_counters_are_of_each_variant(mixed: Surrogate) -> None:
    mixed.energy(X)
    assert mixed.at(alpha=1.0).counters.n_energies == 0
    assert mixed.counters.n_energies == 9


def test_numpy_surrogates_travel_without_torch(mixed: Surrogate) -> None:
    import subprocess
    import sys

    code = (
        "import pickle, sys; s = pickle.loads(sys.stdin.buffer.read()); "
        "import numpy; s.hessian(numpy.zeros((1, 2))); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(mixed), capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"products": "x"}, "products is 'x'; use one of dense"),
        ({"coordinates": ("a",)}, "give 2 names"),
        ({"parameters": {"a": 1.0, "b": 1.0, "c": 1.0}}, "3 of them parameters"),
    ],
)
def test_errors(mixed: Surrogate, options: dict, says: str) -> None:
    arguments = {"parameters": {"alpha": 1.0}} | options
    with pytest.raises(ProblemError, match=says):
        Surrogate(mixed.model, mixed.features, 0.0, 1.0, **arguments)
    with pytest.raises(ProblemError, match="scale > 0"):
        Surrogate(mixed.model, mixed.features, 0.0, 0.0, parameters={"alpha": 1.0})
