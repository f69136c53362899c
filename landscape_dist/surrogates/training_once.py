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
    initial: Surrogate | None = None,
    on_status: OnStatus | None = None,
) -> Surrogate:
    """The surrogate in a folder; trained and written there if there is none, from its checkpoint where there is one.

    Args:
        folder: of the surrogate; the checkpoint lies beside it until the training is done.
        data, settings, initial, on_status: see `train`.

    Raises:
        StoreMismatchError: it was trained on other data, with other settings or from another initial surrogate.
    """
    folder = Path(folder)
    if not folder.exists():
        checkpoint = folder.with_name(folder.name + ".checkpoint.npz")
        surrogate = train(data, settings, name=folder.stem, initial=initial, checkpoint=checkpoint, on_status=on_status)
        save(surrogate, folder)
        checkpoint.unlink(missing_ok=True)
        return surrogate
    surrogate = load(folder)
    made = surrogate.provenance
    trained = (made.get("settings"), made.get("data", {}).get("digest"), made.get("initial"))
    if trained != (settings.as_dict(), data.digest(), None if initial is None else initial.fingerprint()):
        raise StoreMismatchError(
            f"{folder} was trained on other data, with other settings or from another initial surrogate; give another "
            "folder, or remove it"
        )
    return surrogate
