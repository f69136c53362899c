"""Levenberg–Marquardt: derivatives by the weights, what it reaches, resuming, and where it cannot fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_dist.errors import SettingsError
from landscape_dist.surrogates import TrainingData, TrainingSettings, TrainingStatus, train
from landscape_dist.surrogates.least_squares import MOST_WEIGHTS, LevenbergMarquardt
from landscape_dist.surrogates.perceptron import Perceptron, layers_of, n_weights_of

OPTIONS: dict[str, Any] = {
    "hidden": (12, 12), "epochs": 20, "batch_size": 100, "learning_rate": 5e-3, "finish": "levenberg_marquardt",
}  # fmt: skip


@pytest.mark.parametrize("hidden", [(5,), (4, 6), (3, 5, 2)])
def test_derivatives_by_the_weights(hidden: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    widths = (3, *hidden, 1)
    theta = rng.standard_normal(n_weights_of(widths))
    A = rng.standard_normal((7, 3))
    network = Perceptron(layers_of(theta, widths))
    values, J = network.weight_derivatives(A, out=np.empty((7, len(theta))))
    np.testing.assert_allclose(values, network.value(A), rtol=1e-14)
    h = 1e-6
    for k, e in enumerate(np.eye(len(theta)) * h):
        ahead, behind = (Perceptron(layers_of(theta + sign * e, widths)).value(A) for sign in (1, -1))
        np.testing.assert_allclose(J[:, k], (ahead - behind) / (2 * h), rtol=1e-7, atol=1e-8)


def test_it_goes_further_than_lbfgs(plane: TrainingData) -> None:
    rms = {
        finish: train(plane, finish_iterations=iterations, **OPTIONS | {"finish": finish}).provenance["errors"]
        for finish, iterations in (("lbfgs", 500), ("levenberg_marquardt", 50))
    }
    assert rms["levenberg_marquardt"]["fitted_rms"] < 0.5 * rms["lbfgs"]["fitted_rms"]


def test_the_loss_never_grows_and_ends_where_nothing_is_left() -> None:
    rng = np.random.default_rng(1)
    A = rng.standard_normal((40, 2))
    theta = Perceptron.random(2, (6,), seed=3).vector()
    y = Perceptron(layers_of(theta, (2, 6, 1))).value(A)  # which a network of this kind is
    finish = LevenbergMarquardt({"A": A, "y": y}, (6,), weight_decay=0.0)
    x, losses = theta + 0.05 * rng.standard_normal(len(theta)), [np.inf]
    for _ in range(40):
        x, loss, taken = finish.advance(x, finish.round)
        assert loss <= losses[-1]
        losses.append(loss)
        if taken < finish.round:
            break
    assert taken < finish.round
    assert losses[-1] < 1e-20


def test_weight_decay_is_part_of_the_loss(plane: TrainingData) -> None:
    free, held = (
        np.linalg.norm(train(plane, finish_iterations=20, weight_decay=decay, **OPTIONS).model.vector())
        for decay in (0.0, 1e-3)
    )
    assert held < 0.9 * free


@pytest.mark.parametrize("validation", [0.0, 0.2])
def test_resumed_as_if_never_interrupted(
    plane: TrainingData, tmp_path: Path, validation: float, monkeypatch: Any
) -> None:
    options = OPTIONS | {"finish_iterations": 35, "validation": validation}
    whole = train(plane, **options)

    def interrupt(status: TrainingStatus) -> None:
        if status.phase == "finish" and status.done >= 20:
            raise KeyboardInterrupt

    monkeypatch.setattr("landscape_dist.surrogates.training.REPORT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(plane, checkpoint=tmp_path / "c.npz", on_status=interrupt, **options)
    with np.load(tmp_path / "c.npz") as kept:
        spent = float(kept["cpu_seconds"])
    resumed: list[TrainingStatus] = []
    again = train(plane, checkpoint=tmp_path / "c.npz", on_status=resumed.append, **options)
    assert resumed[0].done > 10
    assert again.provenance["cpu_seconds"] >= round(spent, 3) > 0
    assert np.array_equal(again.model.vector(), whole.model.vector())


def test_large_networks_are_refused(plane: TrainingData) -> None:
    with pytest.raises(SettingsError, match=f"hidden \\[128, 128\\], .* at most {MOST_WEIGHTS}.*lbfgs"):
        train(plane, finish_iterations=1, **OPTIONS | {"hidden": (128, 128)})


def test_unknown_finishes_are_refused() -> None:
    with pytest.raises(SettingsError, match="finish is 'newton'; use 'lbfgs' or 'levenberg_marquardt'"):
        TrainingSettings(finish="newton")


def test_settings_of_before_there_was_a_choice_are_as_they_were() -> None:
    assert "finish" not in TrainingSettings().as_dict()
    chosen = TrainingSettings(finish="levenberg_marquardt", finish_iterations=1)
    assert chosen.as_dict()["finish"] == "levenberg_marquardt"


def test_a_finish_without_iterations_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"finish is 'levenberg_marquardt' and finish_iterations is 0; .*= 100"):
        TrainingSettings(finish="levenberg_marquardt")


def test_a_loss_that_vanishes_ends_it() -> None:
    """Constant energies and weight decay take all weights to 0, until what a step promises rounds to 0."""
    theta = np.where(np.arange(9) < 3, 1.8e-162, 0.0)
    data = {"A": np.ones((8, 2)), "y": np.zeros(8)}
    finish = LevenbergMarquardt(data, (2,), weight_decay=1.0, damping=(1e-14, 2.0))
    _, loss, taken = finish.advance(theta, 100)
    assert loss == 0.0
    assert taken < 100
