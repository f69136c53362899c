"""Surrogates that several tests use."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.surrogates import Surrogate, TrainingData, sample, train
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.perceptron import Perceptron

MIXED = Features((1.0, 0.0, 4.0), (2.0, 57.0, 1.3), (math.inf, 360.0, math.inf), 2)
"""A coordinate that is not periodic, an angle in degrees, a parameter."""


@pytest.fixture
def mixed() -> Surrogate:
    """A random network of two variables, one of them an angle, and a parameter."""
    model = Perceptron.random(MIXED.n_features, (24, 20, 16), 0)
    layers = [(W, np.linspace(-0.3, 0.4, len(b))) for W, b in model.layers]
    return Surrogate(
        Perceptron(layers), MIXED, 3.0, 5.0,
        parameters={"alpha": 4.2}, coordinates=("r", "phi"), suggested_start=[0.5, 20.0],
    )  # fmt: skip


@pytest.fixture(scope="session")
def plane() -> TrainingData:
    """600 values of the two-dimensional example of the NN-HiSD paper."""
    return sample(ld.systems.arctan_2d(), 600, lower=-1.0, upper=7.0)


@pytest.fixture(scope="session")
def trained(plane: TrainingData) -> Surrogate:
    """A network that has the landscape right."""
    return train(plane, hidden=(24, 24), epochs=100, batch_size=100, learning_rate=5e-3, finish_iterations=1500)


@pytest.fixture(scope="session")
def client() -> Iterator[Any]:
    """Two worker processes."""
    with connect(workers=2) as client:
        yield client
