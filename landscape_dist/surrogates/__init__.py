"""Surrogates: smooth energies learned from data, to be explored like any other problem.

`train` fits a network, `fit_gaussian_process` a Gaussian process where data are few; both give a `Surrogate`, which is
a `Problem` in the coordinates and units of the data.  Names are imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape_dist.surrogates.data import TrainingData, sample, sample_family
    from landscape_dist.surrogates.ensemble import Ensemble, load_ensemble, train_ensemble
    from landscape_dist.surrogates.gaussian_process import fit_gaussian_process
    from landscape_dist.surrogates.problem import Surrogate
    from landscape_dist.surrogates.progress import print_progress
    from landscape_dist.surrogates.readers import (
        from_grid,
        read_alphacryo4d,
        read_arrays,
        read_csv,
        read_grid,
        read_plumed,
    )
    from landscape_dist.surrogates.settings import TrainingSettings
    from landscape_dist.surrogates.storage import load, save
    from landscape_dist.surrogates.training import TrainingStatus, train
    from landscape_dist.surrogates.training_once import train_once

_WHERE = {
    "Ensemble": "ensemble",
    "Surrogate": "problem",
    "TrainingData": "data",
    "TrainingSettings": "settings",
    "TrainingStatus": "training",
    "fit_gaussian_process": "gaussian_process",
    "from_grid": "readers",
    "load": "storage",
    "load_ensemble": "ensemble",
    "print_progress": "progress",
    "read_alphacryo4d": "readers",
    "read_arrays": "readers",
    "read_csv": "readers",
    "read_grid": "readers",
    "read_plumed": "readers",
    "sample": "data",
    "sample_family": "data",
    "save": "storage",
    "train": "training",
    "train_ensemble": "ensemble",
    "train_once": "training_once",
}

__all__ = [
    "Ensemble",
    "Surrogate",
    "TrainingData",
    "TrainingSettings",
    "TrainingStatus",
    "fit_gaussian_process",
    "from_grid",
    "load",
    "load_ensemble",
    "print_progress",
    "read_alphacryo4d",
    "read_arrays",
    "read_csv",
    "read_grid",
    "read_plumed",
    "sample",
    "sample_family",
    "save",
    "train",
    "train_ensemble",
    "train_once",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _WHERE:
        raise AttributeError(f"module 'landscape_dist.surrogates' has no attribute {name!r}")
    return getattr(importlib.import_module(f"landscape_dist.surrogates.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
