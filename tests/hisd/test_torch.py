"""The solver on torch tensors: the same landscapes as on NumPy arrays, made where the problem's device is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.errors import ProblemError

torch = pytest.importorskip("torch")

CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"))
DEVICES = ["cpu", CUDA]


def lattice(dim: int, device: str = "cpu", **options: Any) -> Any:
    """The coupled lattice in torch operations."""
    a = 1.0 + 0.3 * torch.arange(dim, dtype=torch.float64, device=device)

    def energy(X: Any) -> Any:
        depth = a.to(X.dtype)
        return (depth * (X * X - 1) ** 2).sum(-1) + 0.2 * (X[:, :-1] * X[:, 1:]).sum(-1)

    domain = ld.systems.coupled_lattice(dim=dim).domain
    return ld.problems.from_torch(energy, dim, batched=True, device=device, domain=domain, **options)


def network_weights() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    return rng.normal(size=(12, 2)) * 1.5, rng.normal(size=12), 2 * rng.normal(size=12)


def network(device: str = "cpu") -> Any:
    """A small neural network, confined by a quadratic."""
    W, b, c = (torch.as_tensor(array, device=device) for array in network_weights())

    def energy(x: Any) -> Any:
        return torch.tanh(W @ x + b) @ c + 0.5 * (x * x).sum()

    return ld.problems.from_torch(energy, 2, device=device, euler_characteristic=1)


def network_in_numpy() -> Any:
    """The same energy with its derivatives by hand."""
    W, b, c = network_weights()

    def energy(X: Any) -> Any:
        return np.tanh(X @ W.T + b) @ c + 0.5 * (X * X).sum(axis=1)

    def gradient(X: Any) -> Any:
        t = np.tanh(X @ W.T + b)
        return ((1 - t * t) * c) @ W + X

    def hessian(X: Any) -> Any:
        t = np.tanh(X @ W.T + b)
        return np.einsum("nh,hi,hj->nij", -2 * t * (1 - t * t) * c, W, W) + np.eye(2)

    return ld.problems.from_callable(energy, gradient, hessian, dim=2, batched=True, euler_characteristic=1)


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """New tensors that are not given a device land where they cannot be computed with, as on the CPU beside a GPU."""
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


@pytest.mark.parametrize("device", DEVICES)
def test_lattice_as_with_numpy(device: str) -> None:
    ours = ld.explore(lattice(4, device), start=[0.1] * 4, max_index=4)
    numpy = ld.explore(ld.systems.coupled_lattice(dim=4), start=[0.1] * 4, max_index=4)
    assert (len(ours.points), len(ours.connections)) == (81, 216)
    difference = compare(ours.pathways, numpy.pathways, tolerance=1e-8)
    assert difference.is_empty, str(difference)


@pytest.mark.parametrize("device", DEVICES)
def test_neural_network_as_with_numpy(device: str) -> None:
    ours = ld.explore(network(device), start=[0.1, 0.1], max_index=2)
    numpy = ld.explore(network_in_numpy(), start=[0.1, 0.1], max_index=2)
    difference = compare(ours.pathways, numpy.pathways, tolerance=1e-8)
    assert difference.is_empty, str(difference)
    assert ours.counts_by_index == {0: 4, 1: 4, 2: 1}


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        ({}, {0: 4, 1: 4, 2: 1}),
        ({"eigensolver": "lobpcg"}, {0: 4, 1: 4, 2: 1}),
        ({"step": "explicit", "upward": "none"}, {0: 4, 1: 4, 2: 1}),
        # without Hessians; one search up and two down, as many small steps are slow on tensors
        ({"dense_limit": 1, "upward": "none", "max_index": 1}, {0: 2, 1: 1}),
    ],
)
def test_nothing_is_made_on_another_device(settings: dict[str, Any], counts: dict[int, int], elsewhere: None) -> None:
    with torch.device("cpu"):
        problem = lattice(2)
    landscape = ld.explore(problem, start=[0.1] * 2, **{"max_index": 2, **settings})
    assert landscape.counts_by_index == counts


def test_single_precision_energy() -> None:
    """The energy in float32, the solver's arrays in float64."""
    landscape = ld.explore(
        lattice(2, dtype=torch.float32), start=[0.1, 0.1], max_index=2, gradient_rtol=1e-6, nullity_rtol=1e-4
    )
    assert (len(landscape.points), len(landscape.connections)) == (9, 12)


def test_device_that_is_not_there() -> None:
    with pytest.raises(ProblemError, match=r"device is 'nowhere'.*give 'cpu'"):
        ld.problems.from_torch(lambda x: x.sum(), 2, device="nowhere")
    if not torch.cuda.is_available():
        with pytest.raises(ProblemError, match="device is 'cuda', which torch cannot use here"):
            ld.problems.from_torch(lambda x: x.sum(), 2, device="cuda")


def test_batches_are_sized_to_the_device() -> None:
    assert lattice(2).batch_bytes is None
