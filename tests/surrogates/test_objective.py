"""Loss and its derivative by the weights, against torch's automatic differentiation; Adam against its paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from landscape_dist.surrogates.adam import Adam
from landscape_dist.surrogates.objective import Objective
from landscape_dist.surrogates.perceptron import layers_of

N, D, F, HIDDEN = 40, 3, 5, (16, 12, 8)
RNG = np.random.default_rng(0)
MEMBERSHIP = np.eye(D)[[0, 1, 2, 2, 0]] * np.array([[1], [1], [1], [1], [0]])  # the last feature is a parameter's
A, Y = RNG.standard_normal((N, F)), RNG.standard_normal(N)
SLOPES, GRADIENT = RNG.standard_normal((N, F)), RNG.standard_normal((N, D))
DECAY, LAMBDA = 0.01, 0.7


def expected(theta: np.ndarray, m: int) -> tuple[float, np.ndarray]:
    t = torch.tensor(theta, requires_grad=True)
    layers = layers_of(t, (F, *HIDDEN, 1))
    a = torch.tensor(A, requires_grad=True)
    hidden = a
    for W, b in layers[:-1]:
        hidden = torch.tanh(hidden @ W.T + b)
    values = hidden @ layers[-1][0][0] + layers[-1][1][0]
    loss = ((values - torch.tensor(Y)) ** 2).mean() + 0.5 * DECAY * (t * t).sum()
    if m:
        (by_feature,) = torch.autograd.grad(values.sum(), a, create_graph=True)
        slope = (by_feature[:m] * torch.tensor(SLOPES[:m])) @ torch.tensor(MEMBERSHIP)
        loss = loss + LAMBDA * ((slope - torch.tensor(GRADIENT[:m])) ** 2).mean()
    loss.backward()
    return float(loss.detach()), t.grad.numpy()


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("m", [0, 17, N], ids=["no gradients", "some", "all"])
def test_against_automatic_differentiation(m: int, backend: str) -> None:
    xp: Any = np if backend == "numpy" else torch
    array: Any = np.asarray if backend == "numpy" else torch.as_tensor
    objective = Objective(
        F, HIDDEN, array(MEMBERSHIP), gradient_weight=LAMBDA, weight_decay=DECAY, xp=xp, like=array(A)
    )
    arguments = [array(A), array(Y), *([array(SLOPES[:m]), array(GRADIENT[:m])] if m else [])]
    for seed in (1, 2):  # twice, so that nothing is left over from the first
        theta = 0.3 * np.random.default_rng(seed).standard_normal(objective.n_weights)
        objective.theta[...] = array(theta)
        loss = objective(*arguments)
        wanted, gradient = expected(theta, m)
        assert loss == pytest.approx(wanted, rel=1e-12)
        np.testing.assert_allclose(objective.grad, gradient, rtol=1e-10, atol=1e-14)
        assert objective.loss(*arguments) == pytest.approx(wanted - 0.5 * DECAY * float(theta @ theta), rel=1e-12)


def test_adam_is_that_of_the_paper() -> None:
    """Algorithm 1 of Kingma and Ba, line by line."""
    theta, target = RNG.standard_normal(30), RNG.standard_normal(30)
    plain, m, v = theta.copy(), np.zeros(30), np.zeros(30)
    adam = Adam(theta, np)
    for t in range(1, 51):
        g = 4 * (plain - target) ** 3
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        plain = plain - 0.02 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        adam.step(theta, 4 * (theta - target) ** 3, 0.02)
    np.testing.assert_allclose(theta, plain, rtol=1e-11)
