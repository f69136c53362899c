"""Surrogates on disk: a folder with a description in JSON and the numbers in safetensors.

Opening one executes nothing of it: both formats hold data only, every field is checked before it is used, and the
description holds a checksum of the numbers.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError, StoreError, StoreFormatError, StoreNotFoundError
from landscape_dist.records import FloatArray
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.gaussian_process import GaussianProcess
from landscape_dist.surrogates.model import Model
from landscape_dist.surrogates.perceptron import Perceptron
from landscape_dist.surrogates.problem import Surrogate

FORMAT, VERSION = "landscape_dist surrogate", 1
DESCRIPTION, NUMBERS = "surrogate.json", "weights.safetensors"
MODELS: dict[str, type[Model]] = {kind.kind: kind for kind in (Perceptron, GaussianProcess)}
_MOST_DESCRIPTION = 16 << 20


def save(surrogate: Surrogate, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a surrogate to a folder, all at once.

    Args:
        surrogate: any, on whatever device.
        folder: made by this; a kill leaves it as it was or complete.
        overwrite: replace a surrogate that is there.

    Raises:
        StoreError: something is there already, or the folder cannot be written.
    """
    from safetensors.numpy import save as dump

    folder = Path(folder)
    if folder.exists() and not (overwrite and (folder / DESCRIPTION).is_file()):
        cure = "remove it or give another name" if overwrite else "give overwrite=True or another name"
        raise StoreError(f"{folder} is there already; {cure}")
    numbers = dump({name: np.ascontiguousarray(array) for name, array in surrogate.model.arrays().items()})
    part = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    try:
        part.mkdir(parents=True)
        (part / NUMBERS).write_bytes(numbers)
        (part / DESCRIPTION).write_text(json.dumps(_described(surrogate, numbers), indent=1, allow_nan=False) + "\n")
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _described(surrogate: Surrogate, numbers: bytes) -> dict[str, Any]:
    start = surrogate.suggested_start
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": surrogate.model.kind,
        "arrays": {name: list(array.shape) for name, array in surrogate.model.arrays().items()},
        "sha256": hashlib.sha256(numbers).hexdigest(),
        "features": surrogate.features.as_dict(),
        "energy_shift": surrogate.energy_shift,
        "energy_scale": surrogate.energy_scale,
        "coordinates": list(surrogate.coordinates),
        "parameters": surrogate.parameters,
        "name": surrogate.name,
        "domain": surrogate.domain.as_dict(),
        "euler_characteristic": surrogate.euler_characteristic,
        "suggested_start": None if start is None else start.tolist(),
        "suggested_max_index": surrogate.suggested_max_index,
        "provenance": surrogate.provenance,
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
    }


def load(folder: str | os.PathLike[str]) -> Surrogate:
    """Open a surrogate that `save` wrote; nothing of it is executed, so it may come from anybody.

    Raises:
        StoreNotFoundError: nothing is there.
        StoreFormatError: something else is there, or the files are damaged.
    """
    folder = Path(folder)
    if not (folder / DESCRIPTION).is_file():
        say = "nothing is there" if not folder.exists() else f"it has no {DESCRIPTION}"
        raise StoreNotFoundError(f"{folder} is no surrogate: {say}; give the folder that `landscape-dist train` wrote")
    try:
        return _built(_description(folder / DESCRIPTION), folder / NUMBERS)
    except ProblemError as error:
        raise StoreFormatError(f"{folder}: {error}") from error


def _description(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MOST_DESCRIPTION:
        raise StoreFormatError(f"{path} has {path.stat().st_size} bytes, no description of a surrogate")
    try:
        data = json.loads(path.read_text())
    except (ValueError, OSError, RecursionError) as error:
        raise StoreFormatError(f"{path} is damaged ({error}); copy or train it again") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise StoreFormatError(f"{path} describes no surrogate of landscape_dist")
    if data.get("version") != VERSION:
        raise StoreFormatError(
            f"{path} is of version {data.get('version')!r} and this landscape_dist reads version {VERSION}; update it"
        )
    return data


def _built(data: dict[str, Any], path: Path) -> Surrogate:
    kind = data.get("model")
    if kind not in MODELS:
        raise StoreFormatError(f"{path.parent} holds a model {kind!r}; known are {', '.join(MODELS)}")
    arrays = _numbers(path, data)
    try:
        return Surrogate(
            MODELS[kind].from_arrays(arrays),
            Features.from_dict(data["features"]),
            float(data["energy_shift"]),
            float(data["energy_scale"]),
            parameters={str(name): float(value) for name, value in data["parameters"].items()},
            coordinates=tuple(map(str, data["coordinates"])),
            name=str(data["name"]),
            domain=data["domain"],
            euler_characteristic=_whole(data["euler_characteristic"]),
            suggested_start=data["suggested_start"],
            suggested_max_index=_whole(data["suggested_max_index"]),
            provenance=dict(data["provenance"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ProblemError):
            raise
        raise StoreFormatError(
            f"{path.parent / DESCRIPTION} is damaged ({type(error).__name__}: {error}); copy or train it again"
        ) from error


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _numbers(path: Path, data: dict[str, Any]) -> dict[str, FloatArray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as parse

    damaged = f"{path} is damaged"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreFormatError(f"{path} cannot be read ({error}); copy the whole folder") from error
    if hashlib.sha256(content).hexdigest() != data.get("sha256"):
        raise StoreFormatError(f"{damaged}: its checksum is not the one in {DESCRIPTION}; copy or train it again")
    try:
        arrays = parse(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StoreFormatError(f"{damaged} ({error}); copy or train it again") from error
    for name, array in arrays.items():
        if array.dtype != np.float64 or not np.isfinite(array).all():
            raise StoreFormatError(f"{damaged}: array {name!r} is {array.dtype}, or not finite; numbers are float64")
    return dict(sorted(arrays.items()))
