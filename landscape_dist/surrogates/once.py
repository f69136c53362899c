"""Training that is done once: a script that is run again opens what it trained before."""

from __future__ import annotations

import os
from pathlib import Path

from landscape_dist.errors import StoreMismatchError
from landscape_dist.surrogates.data import TrainingData
from landscape_dist.surrogates.problem import Surrogate
from landscape_dist.surrogates.settings import TrainingSettings
from landscape_dist.surrogates.storage import load, save
from landscape_dist.surrogates.training import OnStatus, train


def train_once(
    folder: str | os.PathLike[str],
    data: TrainingData,
    settings: TrainingSettings,
    *,
    on_status: OnStatus | None = None,
) -> Surrogate:
    """The surrogate in a folder; trained and written there if there is none, from its checkpoint where there is one.

    Args:
        folder: of the surrogate; the checkpoint lies beside it until the training is done.
        data, settings, on_status: see `train`.

    Raises:
        StoreMismatchError: it was trained on other data or with other settings.
    """
    folder = Path(folder)
    if not folder.exists():
        checkpoint = folder.with_name(folder.name + ".checkpoint.npz")
        surrogate = train(data, settings, name=folder.stem, checkpoint=checkpoint, on_status=on_status)
        save(surrogate, folder)
        checkpoint.unlink(missing_ok=True)
        return surrogate
    surrogate = load(folder)
    made = surrogate.provenance
    if made.get("settings") != settings.as_dict() or made.get("data", {}).get("digest") != data.digest():
        raise StoreMismatchError(
            f"{folder} was trained on other data or with other settings; give another folder, or remove it"
        )
    return surrogate
