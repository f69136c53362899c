"""`landscape-dist train`, and `run` of what it trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import landscape_dist as ld
from landscape_dist.cli import app
from landscape_dist.config import load_config
from landscape_dist.errors import ConfigError, LandscapeError

CONFIG = """
[problem]
surrogate = "plane.surrogate"

[data]
kind = "sample"
system = "arctan_2d"
points = 600
lower = -1.0
upper = 7.0

[training]
hidden = [24, 24]
epochs = 100
batch_size = 100
learning_rate = 5e-3
finish_iterations = 800

[run]
store = "plane.zarr"
"""


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def write(folder: Path, text: str = CONFIG) -> str:
    path = folder / "config.toml"
    path.write_text(text)
    return str(path)


def test_train_and_run(tmp_path: Path) -> None:
    config = write(tmp_path)
    before = invoke("run", config, "--serial", "--no-store")
    assert before.exit_code == 2
    assert "train it first: landscape-dist train" in before.stderr
    done = invoke("train", config)
    assert done.exit_code == 0, done.output
    assert "error of the energy, fitted points: rms" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "plane.surrogate"]
    again = invoke("train", config)
    assert again.exit_code == 2
    assert "give --overwrite" in again.stderr
    ran = invoke("run", config, "--serial", "--store", str(tmp_path / "a.zarr"), "--no-plot", "--json")
    assert ran.exit_code == 0, ran.output
    landscape = ld.open(tmp_path / "a.zarr")
    assert landscape.counts_by_index == {0: 3, 1: 2}
    assert landscape.header["problem"]["definition"]["model"] == "perceptron"


def test_interrupted_training_goes_on(tmp_path: Path, monkeypatch: Any) -> None:
    config = write(tmp_path)
    options = ("train", config, "--set", "training.finish_iterations=0", "--set", "training.checkpoint_epochs=10")
    from landscape_dist.surrogates import training

    def interrupted(self: Any, *arguments: Any) -> None:
        if arguments[1] == 25:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training._Training, "_report", interrupted)
        stopped = invoke(*options)
    assert stopped.exit_code == 130
    assert "run the same command again" in stopped.stderr
    resumed = invoke(*options)
    assert "going on from its checkpoint" in resumed.stderr
    whole = invoke(*options, "--out", str(tmp_path / "whole"), "--json")
    assert json.loads(whole.stdout)["errors"] == ld.surrogates.load(tmp_path / "plane.surrogate").provenance["errors"]


def test_parameters_domain_and_products_of_a_surrogate(tmp_path: Path, mixed: Any) -> None:
    ld.surrogates.save(mixed, tmp_path / "m")
    text = """
    [problem]
    surrogate = "m"
    parameters = {alpha = 3.5}
    products = "closed"
    name = "mine"
    euler_characteristic = 0
    domain = {kind = "box", lower = -1.0, upper = 2.0}
    """
    problem = load_config(write(tmp_path, text)).problem()
    assert (problem.name, problem.parameters, problem.products) == ("mine", {"alpha": 3.5}, "closed")
    assert problem.domain.as_dict()["upper"] == 2.0
    assert problem.euler_characteristic == 0


def test_data_from_files_beside_the_configuration(tmp_path: Path) -> None:
    np.savez(tmp_path / "g.npz", a=np.arange(4.0), b=np.arange(3.0), F=np.zeros((4, 3)))
    text = '[problem]\nsurrogate = "s"\n[data]\nkind = "grid"\npath = "g.npz"\naxes = ["a", "b"]\nenergy = "F"\n'
    data = load_config(write(tmp_path, text)).training_data()
    assert (len(data), data.coordinates) == (12, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[data]\nkind = "csx"', "data is .*kind is 'csx'; did you mean 'csv'"),
        ('[data]\nkind = "csv"\npath = "a"', "kind 'csv' needs coordinates"),
        ('[data]\nkind = "csv"\npath = 3\ncoordinates = ["x"]', "path is 3; give the path"),
        ('[data]\nkind = "plumed"\npath = "a"\nperiod = 3', "kind 'plumed' has no key 'period'"),
        ("[training]\nepochs = -1", "training.epochs is -1; give a whole number"),
        ("[training]\nlayers = 3", "unknown key 'training.layers'"),
        ("[training]\nhidden = 3", "training.hidden is 3"),
        ('[problem.domain]\nkind = "box"', "a box needs lower and upper"),
    ],
)
def test_errors_in_the_configuration(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config(write(tmp_path, '[problem]\nsurrogate = "s"\n' + text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"there is no table \[data\]"),
        ('[data]\nkind = "csv"\npath = "none.csv"\ncoordinates = ["x"]', "data: .*none.csv cannot be read"),
        ('[data]\nkind = "csv"\npath = "none.csv"\ncoordinates = 3', "data cannot be used"),
        ('[data]\nkind = "sample"\nsystem = "arctan_2d"\npoints = 5\nfamily = "alpha"', "data: family is 'alpha'"),
        ('[data]\nkind = "sample"\nsystem = "arctan"\npoints = 5', "data: no system named 'arctan'"),
    ],
)
def test_errors_of_the_data(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(LandscapeError, match=says):
        load_config(write(tmp_path, f'[problem]\nsurrogate = "s"\n{text}')).training_data()


def test_only_surrogates_are_trained(tmp_path: Path) -> None:
    done = invoke("train", write(tmp_path, '[problem]\nsystem = "butterfly"\n'))
    assert done.exit_code == 2
    assert "problem has no surrogate" in done.stderr
