"""The state of a training on disk: what a killed one goes on from."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError


def write_checkpoint(path: Path, state: dict[str, Any], of: str) -> None:
    """Replace the checkpoint at once, so that a kill leaves the old or the new one.

    Args:
        path: of the file. state: arrays and numbers by name. of: digest of data and settings.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".partial")
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, of=np.array(of), **state)
    os.replace(part, path)


def read_checkpoint(path: Path, of: str) -> dict[str, Any] | None:
    """What `write_checkpoint` wrote; None where there is none.

    Raises:
        SettingsError: the file is none, or one of other data or other settings.
    """
    if not path.exists():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            state = {name: file[name] for name in file.files}
        written = str(state.pop("of"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise SettingsError(f"checkpoint {path} cannot be read ({error}); remove it to train from the start") from error
    if written != of:
        raise SettingsError(
            f"checkpoint {path} is one of other data or other settings; give another path, or remove it to start anew"
        )
    return state
