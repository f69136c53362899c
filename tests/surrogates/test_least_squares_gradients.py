"""Levenberg–Marquardt where gradients are known at some of the points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.surrogates import TrainingData, TrainingSettings, sample, train
from landscape_dist.surrogates.least_squares import LevenbergMarquardt
from landscape_dist.surrogates.objective import Objective
from landscape_dist.surrogates.perceptron import Perceptron, layers_of

SETTINGS = TrainingSettings(
    hidden=(12, 12), epochs=40, batch_size=50, learning_rate=5e-3, finish="levenberg_marquardt", finish_iterations=20
)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return sample(ld.systems.muller_brown(), 200, lower=[-1.5, 0.0], upper=[0.25, 1.95], gradient_ratio=0.3)


def test_derivatives_of_slopes_are_those_of_differences() -> None:
    rng = np.random.default_rng(0)
    network = Perceptron.random(3, (5, 4), seed=1)
    A, J = rng.standard_normal((6, 3)), rng.standard_normal((6, 3))
    theta = network.vector()

    def slopes(vector: Any) -> Any:
        return (Perceptron(layers_of(vector, (3, 5, 4, 1))).gradient(A) * J).sum(axis=1)

    found, derivatives = network.slope_weight_derivatives(A, J, out=np.empty((6, len(theta))))
    np.testing.assert_allclose(found, slopes(theta), rtol=1e-13)
    h = 1e-6
    for i, e in enumerate(np.eye(len(theta))):
        difference = (slopes(theta + h * e) - slopes(theta - h * e)) / (2 * h)
        np.testing.assert_allclose(derivatives[:, i], difference, atol=1e-8)


@pytest.mark.parametrize("decay", [0.0, 1e-3])
def test_loss_and_derivative_are_the_objective_s(decay: float) -> None:
    rng = np.random.default_rng(3)
    membership = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    data = {
        "A": rng.standard_normal((9, 3)), "y": rng.standard_normal(9), "slopes": rng.standard_normal((4, 3)),
        "gradient": rng.standard_normal((4, 2)),
    }  # fmt: skip
    objective = Objective(3, (5, 4), membership, gradient_weight=0.7, weight_decay=decay, xp=np, like=data["A"])
    theta = Perceptron.random(3, (5, 4), seed=1).vector()
    objective.theta[...] = theta
    loss = objective(data["A"], data["y"], data["slopes"], data["gradient"])
    fit = LevenbergMarquardt(data, (5, 4), decay, gradient_weight=0.7, membership=membership)
    assert fit._loss(theta) == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(2.0 * fit._normal_equations(theta)[1], objective.grad, atol=1e-13)


def test_gradients_are_fitted_too(data: TrainingData) -> None:
    first = train(data, SETTINGS, gradient_weight=0.0)
    both = train(data, SETTINGS, initial=first, epochs=0)
    known = np.isfinite(data.gradient[:, 0])  # type: ignore[index]

    def error(surrogate: Any) -> float:
        return float(np.abs(surrogate.gradient(data.x[known]) - data.gradient[known]).mean())  # type: ignore[index]

    assert error(both) < 0.2 * error(first)
    assert both.provenance["initial"] == first.fingerprint()


def test_resumed_is_the_same(data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(data, SETTINGS)
    checkpoint = tmp_path / "checkpoint.npz"

    def stop(status: Any) -> None:
        if status.phase == "finish":
            raise InterruptedError

    monkeypatch.setattr("landscape_dist.surrogates.training.REPORT_SECONDS", 0.0)
    with pytest.raises(InterruptedError):
        train(data, SETTINGS, checkpoint=checkpoint, on_status=stop)
    with np.load(checkpoint) as file:
        before = float(file["cpu_seconds"])
    resumed = train(data, SETTINGS, checkpoint=checkpoint)
    assert resumed.fingerprint() == whole.fingerprint()
    assert resumed.provenance["cpu_seconds"] >= round(before, 3) > 0  # of both parts
