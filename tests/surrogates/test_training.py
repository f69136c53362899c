"""Training: it learns the landscape, resumes bit by bit, and does not learn noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.errors import SettingsError
from landscape_dist.surrogates import (
    Surrogate,
    TrainingData,
    TrainingSettings,
    TrainingStatus,
    print_progress,
    sample,
    sample_family,
    train,
)
from landscape_dist.surrogates.checkpoints import write_checkpoint

SMALL: dict[str, Any] = {"hidden": (12, 12), "batch_size": 100, "learning_rate": 5e-3}


def weights(surrogate: Surrogate) -> np.ndarray:
    return surrogate.model.vector()


def test_the_landscape_is_that_of_the_true_energy(trained: Surrogate) -> None:
    true = ld.explore(ld.systems.arctan_2d())
    found = ld.explore(trained)
    difference = compare(true.pathways, found.pathways, tolerance=0.1)
    assert difference.is_empty, str(difference)
    assert difference.largest_distance < 0.05
    assert trained.provenance["errors"]["fitted_rms"] < 0.01


def test_same_settings_same_weights(plane: TrainingData) -> None:
    a, b = (train(plane, epochs=5, finish_iterations=5, **SMALL) for _ in range(2))
    assert np.array_equal(weights(a), weights(b))
    assert not np.array_equal(weights(a), weights(train(plane, epochs=5, seed=1, **SMALL)))


@pytest.mark.parametrize("stop_at", ["adam", "finish"])
def test_resumed_as_if_never_interrupted(plane: TrainingData, tmp_path: Path, stop_at: str, monkeypatch: Any) -> None:
    options = {"epochs": 30, "checkpoint_epochs": 10, "finish_iterations": 250, "validation": 0.2} | SMALL
    whole = train(plane, **options)

    def interrupt(status: TrainingStatus) -> None:
        if status.phase == stop_at and status.done >= 15:
            raise KeyboardInterrupt

    monkeypatch.setattr("landscape_dist.surrogates.training.REPORT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(plane, checkpoint=tmp_path / "c.npz", on_status=interrupt, **options)
    resumed: list[TrainingStatus] = []
    again = train(plane, checkpoint=tmp_path / "c.npz", on_status=resumed.append, **options)
    assert (resumed[0].phase, resumed[0].done) == (("adam", 11) if stop_at == "adam" else ("finish", 100))
    assert np.array_equal(weights(again), weights(whole))
    assert again.provenance["loss_curve"] == whole.provenance["loss_curve"]


@pytest.mark.parametrize("finish", ["lbfgs", "levenberg_marquardt"])
def test_stopped_after_any_checkpoint_it_ends_the_same(tmp_path: Path, finish: str, monkeypatch: Any) -> None:
    data = sample(ld.systems.muller_brown(), 60, lower=[-1.5, 0.0], upper=[0.25, 1.95], gradient_ratio=0.3, noise=3.0)
    settings = TrainingSettings(
        hidden=(6, 5), epochs=12, batch_size=7, learning_rate=0.1, lr_step=100, checkpoint_epochs=4, validation=0.3,
        finish=finish, finish_iterations=45,
    )  # fmt: skip
    whole = train(data, settings)
    assert whole.provenance["best_epoch"] < settings.epochs - 1  # so that the finish starts from other than the last
    written = 0

    def write_and_stop(*arguments: Any) -> None:
        nonlocal written
        write_checkpoint(*arguments)
        written += 1
        if written == stop_after:
            raise KeyboardInterrupt

    for stop_after in range(1, 20):
        checkpoint, written = tmp_path / f"{stop_after}.npz", 0
        monkeypatch.setattr("landscape_dist.surrogates.training.write_checkpoint", write_and_stop)
        try:
            train(data, settings, checkpoint=checkpoint)
            break
        except KeyboardInterrupt:
            monkeypatch.undo()
        again = train(data, settings, checkpoint=checkpoint)
        assert np.array_equal(weights(again), weights(whole)), stop_after
        assert again.provenance["loss_curve"] == whole.provenance["loss_curve"]
    assert stop_after > 3


def test_cpu_seconds_of_all_sessions_count_once(plane: TrainingData, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("landscape_dist.surrogates.training.time.process_time", lambda: clock)
    clock = 100.0
    seen: list[float] = []

    def work(status: TrainingStatus) -> None:
        nonlocal clock
        clock += 1.0
        if status.done == 25 and not seen:
            seen.append(clock)
            raise KeyboardInterrupt

    monkeypatch.setattr("landscape_dist.surrogates.training.REPORT_SECONDS", 0.0)
    options = {"epochs": 40, "checkpoint_epochs": 10, "checkpoint": tmp_path / "c.npz", "on_status": work} | SMALL
    with pytest.raises(KeyboardInterrupt):
        train(plane, **options)
    clock = 7.0  # of another process
    assert train(plane, **options).provenance["cpu_seconds"] == 40.0  # 20 up to the checkpoint, and 20 more


def test_checkpoints_of_something_else_are_refused(plane: TrainingData, tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    train(plane, epochs=1, checkpoint=path, **SMALL)
    with pytest.raises(SettingsError, match="other data or other settings"):
        train(plane, epochs=2, checkpoint=path, **SMALL)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SettingsError, match=r"cannot be read .*; remove it"):
        train(plane, epochs=1, checkpoint=path, **SMALL)


def test_gradients_help() -> None:
    problem = ld.systems.arctan_2d()
    test = sample(problem, 500, lower=-1.0, upper=7.0, seed=9)
    rms = []
    for ratio in (0.0, 1.0):
        data = sample(problem, 40, lower=-1.0, upper=7.0, gradient_ratio=ratio)
        surrogate = train(data, epochs=100, finish_iterations=300, dtype="float64", **SMALL)
        rms.append(float(np.sqrt(np.mean((surrogate.energy(test.x) - test.energy) ** 2))))
    assert rms[1] < 0.5 * rms[0]


def test_held_out_points_keep_the_finish_from_learning_noise() -> None:
    problem = ld.systems.arctan_2d()
    data = sample(problem, 150, lower=-1.0, upper=7.0, noise=1.0)
    test = sample(problem, 500, lower=-1.0, upper=7.0, seed=9)
    rms = []
    for validation in (0.0, 0.2):
        surrogate = train(data, epochs=200, finish_iterations=1000, validation=validation, **SMALL)
        rms.append(float(np.sqrt(np.mean((surrogate.energy(test.x) - test.energy) ** 2))))
    assert rms[1] < 0.8 * rms[0]


def test_patience_ends_adam() -> None:
    data = sample(ld.systems.arctan_2d(), 60, lower=-1.0, upper=7.0, noise=2.0)
    seen: list[TrainingStatus] = []
    train(data, epochs=100_000, validation=0.3, patience=20, on_status=seen.append, lr_step=100_000, **SMALL)
    assert all(status.done < 100_000 for status in seen)


def test_weight_decay_shrinks(plane: TrainingData) -> None:
    sizes = [np.linalg.norm(weights(train(plane, epochs=30, weight_decay=w, **SMALL))) for w in (0.0, 0.5)]
    assert sizes[1] < 0.8 * sizes[0]


def test_torch_trains_to_the_same(plane: TrainingData) -> None:
    a, b = (train(plane, epochs=5, dtype="float64", device=device, **SMALL) for device in (None, "cpu"))
    np.testing.assert_allclose(weights(a), weights(b), rtol=1e-7, atol=1e-10)


def test_training_on(plane: TrainingData, trained: Surrogate) -> None:
    more = train(plane, initial=trained, epochs=0, hidden=(24, 24), finish_iterations=100)
    assert more.provenance["errors"]["fitted_rms"] <= trained.provenance["errors"]["fitted_rms"]
    assert more.features == trained.features
    with pytest.raises(SettingsError, match=r"widths \(24, 24\).*give the same widths"):
        train(plane, initial=trained, epochs=1, hidden=(24, 25))
    periodic = TrainingData(plane.x, plane.energy, period=(7.0, 7.0))
    with pytest.raises(SettingsError, match=r"initial has periods \(inf, inf\) and the data have \(7.0, 7.0\)"):
        train(periodic, initial=trained, epochs=1, hidden=(24, 24))
    family = TrainingData(plane.x[:, :1], plane.energy, parameters=plane.x[:, 1:], parameter_names=("a",))
    with pytest.raises(SettingsError, match="takes 2 variables and 0 parameters, and the data have 1 and 1"):
        train(family, initial=trained, epochs=1, hidden=(24, 24))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_that_overflow_are_no_surrogate(plane: TrainingData) -> None:
    with pytest.raises(SettingsError, match=r"learning_rate is 1e\+30 and the weights .*; give a smaller one"):
        train(plane, epochs=2, learning_rate=1e30, hidden=(4,))


def test_a_family_with_its_parameter_as_input() -> None:
    data = sample_family(ld.systems.arctan_2d, "alpha", [4.0, 5.0, 6.0], 200, lower=-1.0, upper=7.0)
    assert (data.inputs.shape, data.parameter_names) == ((600, 3), ("alpha",))
    surrogate = train(data, epochs=100, finish_iterations=600, hidden=(24, 24), batch_size=100, learning_rate=5e-3)
    between = ld.systems.arctan_2d(alpha=4.5)
    x = np.random.default_rng(3).uniform(0.0, 6.0, (200, 2))
    assert np.abs(surrogate.at(alpha=4.5).energy(x) - between.energy(x)).max() < 0.3
    assert surrogate.provenance["errors"]["fitted_rms"] < 0.05


def test_noise_goes_to_a_nested_share_of_the_energies() -> None:
    problem = ld.systems.arctan_2d()
    clean, some, more = (sample(problem, 200, noise=0.1, noise_ratio=r) for r in (0.0, 0.3, 0.6))
    assert np.array_equal(clean.x, more.x)
    noisy = [np.flatnonzero(part.energy != clean.energy) for part in (some, more)]
    assert [len(rows) for rows in noisy] == [60, 120]
    assert set(noisy[0]) <= set(noisy[1])
    assert 0.05 < (more.energy - clean.energy)[noisy[1]].std() < 0.15


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hidden": ()}, "hidden is"),
        ({"hidden": (0,)}, "hidden is"),
        ({"hidden": 12}, "hidden is 12; give the width of each"),
        ({"epochs": -1}, "epochs is -1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"validation": 1.0}, "validation is 1.0"),
        ({"patience": 5}, "patience is 5 and validation is 0"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"lr_step": 0}, "lr_step is 0"),
        ({"layers": 3}, "no training setting named 'layers'"),
    ],
)
def test_errors(plane: TrainingData, change: dict, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        train(plane, **change)


def test_steplr() -> None:
    settings = TrainingSettings(epochs=100, learning_rate=1.0, lr_step=30, lr_factor=0.1)
    assert [settings.rate(e) for e in (0, 29, 30, 99)] == pytest.approx([1.0, 1.0, 0.1, 1e-3])
    assert TrainingSettings(epochs=100, learning_rate=1.0).rate(10) == 0.5


def test_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    often, seldom = print_progress("member 1", seconds=0.0, write=lines.append), print_progress(seconds=1e6)
    for done in (1, 2):
        status = TrainingStatus("adam", done, 9, 0.5, float("nan"), 1e-3)
        often(status)
        seldom(status)
    assert lines == ["member 1: 1 of 9 epochs, loss 0.5", "member 1: 2 of 9 epochs, loss 0.5"]
    print_progress(seconds=0.0)(TrainingStatus("finish", 3, 9, 0.5, 0.25, 1e-3))
    assert capsys.readouterr().err == "3 of 9 iterations of the finish, loss 0.5, held out 0.25\n"
