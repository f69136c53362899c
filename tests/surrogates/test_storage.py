"""Surrogates on disk: round trip, and clear errors for what is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_dist.errors import StoreError, StoreFormatError, StoreMismatchError, StoreNotFoundError
from landscape_dist.surrogates import (
    Surrogate,
    TrainingData,
    TrainingSettings,
    fit_gaussian_process,
    load,
    save,
    train_once,
)

X = np.random.default_rng(0).uniform(-1, 3, (5, 2))


@pytest.fixture
def folder(mixed: Surrogate, tmp_path: Path) -> Path:
    save(mixed, tmp_path / "s")
    return tmp_path / "s"


def test_round_trip(mixed: Surrogate, folder: Path) -> None:
    again = load(folder)
    assert again.fingerprint() == mixed.fingerprint()
    assert np.array_equal(again.hessian(X), mixed.hessian(X))
    for name in ("name", "coordinates", "parameters", "provenance", "domain"):
        assert getattr(again, name) == getattr(mixed, name)
    assert sorted(path.name for path in folder.iterdir()) == ["surrogate.json", "weights.safetensors"]


def test_round_trip_of_what_was_fitted(trained: Surrogate, plane: TrainingData, tmp_path: Path) -> None:
    for surrogate in (trained, fit_gaussian_process(plane.rows(np.arange(40)), restarts=0)):
        save(surrogate, tmp_path / surrogate.model.kind)
        again = load(tmp_path / surrogate.model.kind)
        assert again.fingerprint() == surrogate.fingerprint()
        assert again.provenance == surrogate.provenance
        assert np.array_equal(again.suggested_start, surrogate.suggested_start)


def test_nothing_is_overwritten_by_accident(mixed: Surrogate, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there already; give overwrite=True"):
        save(mixed, folder)
    save(mixed.at(alpha=1.0), folder, overwrite=True)
    assert load(folder).parameters == {"alpha": 1.0}
    (tmp_path / "mine").mkdir()
    with pytest.raises(StoreError, match="there already; remove it"):
        save(mixed, tmp_path / "mine", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "s"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match="nothing is there"):
        load(tmp_path / "none")
    with pytest.raises(StoreNotFoundError, match=r"it has no surrogate\.json"):
        load(tmp_path)


def change(folder: Path, **fields: Any) -> None:
    path = folder / "surrogate.json"
    data = json.loads(path.read_text())
    for key, value in fields.items():
        data[key] = value
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"format": "x"}, "describes no surrogate"),
        ({"version": 99}, "version 99 .*update it"),
        ({"model": "os.system"}, "holds a model 'os.system'; known are perceptron"),
        ({"sha256": "0"}, "checksum"),
        ({"features": {}}, "features are {}"),
        ({"features": None}, "features are None"),
        ({"energy_scale": "x"}, "damaged"),
        ({"energy_scale": -1.0}, "scale > 0"),
        ({"parameters": {}}, "the model|coordinates"),
        ({"domain": {"kind": "__class__"}}, "domain kind"),
        ({"suggested_start": [1.0]}, "suggested_start"),
        ({"coordinates": None}, "damaged"),
        ({"provenance": 3}, "damaged"),
    ],
)
def test_damaged_descriptions(folder: Path, fields: dict, says: str) -> None:
    change(folder, **fields)
    with pytest.raises(StoreFormatError, match=says):
        load(folder)


def test_damaged_files(folder: Path) -> None:
    numbers = folder / "weights.safetensors"
    content = numbers.read_bytes()
    numbers.write_bytes(content[:-1])
    with pytest.raises(StoreFormatError, match="checksum is not the one"):
        load(folder)
    import hashlib

    for broken, says in ((content[:-8], "damaged"), (b"\x80\x04cos\nsystem\n", "damaged"), (b"", "damaged")):
        numbers.write_bytes(broken)
        change(folder, sha256=hashlib.sha256(broken).hexdigest())
        with pytest.raises(StoreFormatError, match=says):
            load(folder)
    numbers.unlink()
    with pytest.raises(StoreFormatError, match="copy the whole folder"):
        load(folder)
    (folder / "surrogate.json").write_text("{" * 100_000)
    with pytest.raises(StoreFormatError, match="damaged"):
        load(folder)


def test_weights_of_another_shape_or_not_finite(folder: Path, mixed: Surrogate) -> None:
    import hashlib

    from safetensors.numpy import save as dump

    arrays = mixed.model.arrays()
    for name, array, says in (
        ("0.weight", np.zeros((3, 3)), "layer 0 has weights of shape"),
        ("0.bias", np.full(24, np.nan), "not finite"),
        ("0.bias", np.zeros(24, dtype=np.float32), "float32"),
        ("x", np.zeros(1), "a perceptron has arrays"),
    ):
        content = dump(arrays | {name: array})
        (folder / "weights.safetensors").write_bytes(content)
        change(folder, sha256=hashlib.sha256(content).hexdigest())
        with pytest.raises(StoreFormatError, match=says):
            load(folder)


def test_trained_once(plane: TrainingData, tmp_path: Path, monkeypatch: Any) -> None:
    settings = TrainingSettings(hidden=(8,), epochs=2)
    first = train_once(tmp_path / "s", plane, settings)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    monkeypatch.setattr("landscape_dist.surrogates.training_once.train", None)  # not called again
    assert train_once(tmp_path / "s", plane, settings).fingerprint() == first.fingerprint()
    with pytest.raises(StoreMismatchError, match="other data, with other settings"):
        train_once(tmp_path / "s", plane, TrainingSettings(hidden=(8,), epochs=3))
    with pytest.raises(StoreMismatchError, match="other data"):
        train_once(tmp_path / "s", plane.rows(np.arange(10)), settings)


def test_trained_on_once(plane: TrainingData, tmp_path: Path) -> None:
    settings = TrainingSettings(hidden=(8,), epochs=2)
    first = train_once(tmp_path / "first", plane, settings)
    second = train_once(tmp_path / "second", plane, settings, initial=first)
    assert second.provenance["initial"] == first.fingerprint() != second.fingerprint()
    assert train_once(tmp_path / "second", plane, settings, initial=first).fingerprint() == second.fingerprint()
    for initial in (None, second):
        with pytest.raises(StoreMismatchError, match="from another initial surrogate"):
            train_once(tmp_path / "second", plane, settings, initial=initial)
