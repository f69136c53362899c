"""The surrogates of a correction: fitted round by round, each from the one before, and what they do not know."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Domain
from landscape_dist.records import FloatArray
from landscape_dist.surrogates.correction import CorrectionSettings
from landscape_dist.surrogates.data import TrainingData
from landscape_dist.surrogates.ensemble import Ensemble
from landscape_dist.surrogates.gaussian_process import GaussianProcess, fit_gaussian_process, need_scikit_learn, spread
from landscape_dist.surrogates.perceptron import Perceptron
from landscape_dist.surrogates.problem import Surrogate
from landscape_dist.surrogates.settings import TrainingSettings
from landscape_dist.surrogates.storage import load, save
from landscape_dist.surrogates.training import train

MOST_FOR_A_PROCESS = 1500
"""Values up to which `model='auto'` fits a Gaussian process; its cost grows with their cube."""

FEW = 200
"""Values up to which the likelihood is maximised from several starts: with few it has false maxima, and is cheap."""

NETWORK = TrainingSettings(hidden=(64, 64), epochs=300, learning_rate=2e-3, lr_step=30, finish_iterations=2000)
"""Training of a network where none is said: small data, so that most of it is L-BFGS."""


@dataclass(frozen=True)
class Fitted:
    """The surrogates of one round.

    Attributes:
        members: the first is the one whose landscape counts; a Gaussian process is alone.
    """

    members: tuple[Surrogate, ...]

    @property
    def surrogate(self) -> Surrogate:
        return self.members[0]

    def spread(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n,) standard deviation of the energy, in its unit."""
        if isinstance(self.surrogate.model, GaussianProcess):
            return spread(self.surrogate, X)
        return Ensemble(self.members).energy(X)[1]


class Fitter:
    """Fits the surrogates of each round.

    Args:
        settings: of the correction. training: of networks.
        domain: of the true energy, which the surrogates are searched in.
        client: a Dask client on which the members of an ensemble are trained; None trains them here.
    """

    def __init__(
        self, settings: CorrectionSettings, training: TrainingSettings, problem: Problem, domain: Domain, client: Any
    ) -> None:
        self.settings, self.training, self.problem, self.domain = settings, training, problem, domain
        self.client = client

    def check(self, data: TrainingData | None) -> None:
        """Raise, before the energy is asked for anything, where the first surrogate cannot be fitted.

        Args:
            data: values to begin with.

        Raises:
            SettingsError: it is a Gaussian process, and scikit-learn is not installed.
        """
        model = self.settings.model
        if model == "auto" and (self.settings.gradients or (data is not None and self.kind(data) == "network")):
            return
        if model != "network":
            need_scikit_learn()

    def kind(self, data: TrainingData) -> str:
        """'gaussian_process' or 'network'."""
        if self.settings.model != "auto":
            return self.settings.model
        few = len(data) <= MOST_FOR_A_PROCESS and data.gradient is None
        return "gaussian_process" if few else "network"

    def fit(self, data: TrainingData, before: Fitted | None, folder: Path | None) -> Fitted:
        """Fit to all data so far.

        Args:
            data: all of them.
            before: of the round before, to begin from.
            folder: where the members are kept, as 0, 1, ...; what is there already is opened.
        """
        kind = self.kind(data)
        n = 1 if kind == "gaussian_process" else self.settings.n_members
        paths = [None if folder is None else folder / str(i) for i in range(n)]
        members = [None if path is None or not path.exists() else load(path) for path in paths]
        missing = [i for i, member in enumerate(members) if member is None]
        for i, fitted in zip(missing, self._fitted(kind, data, before, missing), strict=True):
            member = fitted
            path = paths[i]
            if path is not None:
                save(member, path)
                member = load(path)  # arrays in another order of memory differ in the last digit
            members[i] = member
        complete = tuple(member for member in members if member is not None)
        for member in complete:
            member.domain = self.domain
            member.euler_characteristic = None  # whatever the true energy's is, the surrogate may be wrong
            member.suggested_max_index = self.problem.suggested_max_index
        return Fitted(complete)

    def _fitted(self, kind: str, data: TrainingData, before: Fitted | None, which: list[int]) -> list[Surrogate]:
        name = f"surrogate of {self.problem.name}"
        if kind == "gaussian_process":
            like = None
            if before is not None and isinstance(before.surrogate.model, GaussianProcess):
                like = before.surrogate
            restarts = 3 if like is None or len(data) <= FEW else 1
            return [
                fit_gaussian_process(
                    data, noise=self.settings.noise, restarts=restarts, seed=self.settings.seed, name=name, like=like
                )
                for _ in which
            ]
        parts = []
        for i in which:
            initial = None
            if before is not None and len(before.members) > i and isinstance(before.members[i].model, Perceptron):
                initial = before.members[i]
            training = dataclasses.replace(self.training, seed=self.training.seed + self.settings.seed + i)
            parts.append((data, training, name, initial))
        if self.client is None:
            return [_train(*part) for part in parts]
        futures = [self.client.submit(_train, *part, pure=False) for part in parts]
        try:
            return [future.result() for future in futures]
        finally:
            self.client.cancel(futures)


def _train(data: TrainingData, training: TrainingSettings, name: str, initial: Surrogate | None) -> Surrogate:
    return train(data, training, name=name, initial=initial)


def fitted_to(folder: Path, data: TrainingData) -> bool:
    """Whether the surrogates in a folder, if there are any, were fitted to these data."""
    return all(
        load(path).provenance.get("data", {}).get("digest") == data.digest()
        for path in (folder.iterdir() if folder.exists() else [])
        if path.name.isdigit()
    )
