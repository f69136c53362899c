"""Several networks trained on the same data: what they disagree about is not in the data."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from landscape_dist.errors import ProblemError, SettingsError
from landscape_dist.records import FloatArray
from landscape_dist.surrogates.data import TrainingData
from landscape_dist.surrogates.problem import Surrogate
from landscape_dist.surrogates.settings import TrainingSettings
from landscape_dist.surrogates.storage import load, save
from landscape_dist.surrogates.training import train, training_settings


@dataclass(frozen=True)
class Ensemble:
    """Surrogates of one energy.

    Each member is a problem of its own; explore them one by one and ask `landscape_dist.analysis.survival` which points
    and arrows they agree about.

    Attributes:
        members: of the same variables and parameters.
    """

    members: tuple[Surrogate, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise ProblemError("an ensemble has no members; give at least one surrogate")
        first = self.members[0]
        for member in self.members[1:]:
            if (member.coordinates, set(member.parameters)) != (first.coordinates, set(first.parameters)):
                raise ProblemError(
                    f"members have coordinates {first.coordinates} and {member.coordinates}, parameters "
                    f"{list(first.parameters)} and {list(member.parameters)}; give surrogates of the same energy"
                )

    def __len__(self) -> int:
        return len(self.members)

    def energy(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n, d) -> mean and standard deviation over the members, (n,) each, in the energy's unit."""
        return _moments([member.energy(X) for member in self.members])

    def gradient(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n, d) -> mean and standard deviation over the members, (n, d) each."""
        return _moments([member.gradient(X) for member in self.members])

    def at(self, **parameters: float) -> Self:
        """The members at these values of the parameters."""
        return type(self)(tuple(member.at(**parameters) for member in self.members))

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the members to folders 0, 1, ... in a folder.

        Raises:
            StoreError: something is there already.
        """
        for number, member in enumerate(self.members):
            save(member, Path(folder) / str(number), overwrite=overwrite)


def load_ensemble(folder: str | os.PathLike[str]) -> Ensemble:
    """What `Ensemble.save` wrote; nothing of it is executed.

    Raises:
        StoreNotFoundError: no member is there. StoreFormatError: one is damaged.
    """
    members = [load(Path(folder) / "0")]
    while (Path(folder) / str(len(members))).exists():
        members.append(load(Path(folder) / str(len(members))))
    return Ensemble(tuple(members))


def train_ensemble(
    data: TrainingData,
    n_members: int = 5,
    settings: TrainingSettings | None = None,
    *,
    bootstrap: bool = False,
    client: Any = None,
    name: str = "surrogate",
    on_member: Callable[[int], None] | None = None,
    **changes: Any,
) -> Ensemble:
    """Train members that differ in initial weights, order of the batches and held-out points.

    Args:
        data: for all of them.
        n_members: how many.
        settings: of the first; the seeds of the others count on from there.
        bootstrap: each member gets points drawn with replacement, so that the spread holds the data's share, too; noisy
            data need it, exact data seem less certain with it than they are.
        client: a Dask client: members are trained as parallel futures, with the same result.
        name: of the members.
        on_member: called with the number of members that are done.
        changes: fields of `TrainingSettings`.

    Raises:
        SettingsError: a setting that cannot work.
    """
    if isinstance(n_members, bool) or not isinstance(n_members, int) or n_members < 1:
        raise SettingsError(f"n_members is {n_members!r}; give a whole number of at least 1")
    settings = training_settings(settings, changes)
    parts = [(data, dataclasses.replace(settings, seed=settings.seed + i), bootstrap, name) for i in range(n_members)]
    done = on_member or (lambda n: None)
    members: list[Surrogate] = []
    if client is None:
        for part in parts:
            members.append(train_member(*part))
            done(len(members))
        return Ensemble(tuple(members))
    futures = [client.submit(train_member, *part, pure=False, key=f"train-{name}-{i}-{data.digest()}")
               for i, part in enumerate(parts)]  # fmt: skip
    try:
        for future in futures:
            members.append(future.result())
            done(len(members))
    finally:
        client.cancel(futures)
    return Ensemble(tuple(members))


def train_member(data: TrainingData, settings: TrainingSettings, bootstrap: bool, name: str) -> Surrogate:
    """One member, on its own sample of the data."""
    if bootstrap:
        rows = np.random.default_rng([settings.seed, 0xB007]).integers(0, len(data), len(data))
        data = data.rows(np.sort(rows))
    return train(data, settings, name=name)


def _moments(values: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    stacked = np.stack([np.asarray(value) for value in values])
    return stacked.mean(axis=0), stacked.std(axis=0)
