"""From a validated configuration to a problem, settings, and the arguments of `explore`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from landscape_dist.config.models import CorrectionSection, ProblemSection, RunSection, TrainingSection
from landscape_dist.errors import ConfigError, ProblemError
from landscape_dist.problems.domain import domain_from_dict
from landscape_dist.spaces.judgement import SameJudgement
from landscape_dist.surrogates.correction import CorrectionSettings
from landscape_dist.surrogates.settings import TrainingSettings
from landscape_dist.surrogates.tables import read_data

if TYPE_CHECKING:
    from landscape_dist.problems.base import Problem
    from landscape_dist.surrogates.data import TrainingData


@dataclass(frozen=True)
class Config:
    """A validated configuration.

    Attributes:
        source: what messages call it, usually the path.
        folder: what a relative `module` is relative to.
        problem_section, explore, solver, run: the validated sections.
        same: what [same] makes; None where there is none.
        data, training: what a surrogate is trained on, and how: the tables [data], None where there is none, and
            [training].
        correction: how a surrogate is corrected against the problem: the table [correction].
    """

    source: str
    folder: Path
    problem_section: ProblemSection
    explore: BaseModel
    solver: BaseModel
    run: RunSection
    same: SameJudgement | None = None
    data: dict[str, Any] | None = None
    training: BaseModel = dataclasses.field(default_factory=TrainingSection)
    correction: BaseModel = dataclasses.field(default_factory=CorrectionSection)

    def training_data(self) -> TrainingData:
        """What [data] says, read or sampled.

        Raises:
            ConfigError: there is no [data].
            ProblemError: the file is not what it should be.
        """
        if self.data is None:
            raise ConfigError(f"{self.source}: there is no table [data]; say there what to train on")
        return read_data(self.data, self.folder, self.source)

    def training_settings(self) -> TrainingSettings:
        """What [training] says."""
        return TrainingSettings(**self.training.model_dump(exclude_unset=True))

    def correction_settings(self) -> CorrectionSettings:
        """What [correction] says."""
        return CorrectionSettings(**self.correction.model_dump(exclude_unset=True))

    def surrogate_folder(self) -> Path:
        """Where the surrogate of [problem] is, or will be.

        Raises:
            ConfigError: the problem is no surrogate.
        """
        name = self.problem_section.surrogate
        if name is None:
            raise ConfigError(f'{self.source}: problem has no surrogate; give surrogate = "NAME.surrogate" there')
        return self.folder / name

    def problem(self) -> Problem:
        """Build the problem.

        Raises:
            ProblemError: the problem is not what it should be.
            ConfigError: the Python file cannot be used.
        """
        for file in self.run.preload or []:
            self._import(file)
        try:
            return self._build(self.problem_section)
        except ConfigError:
            raise
        except ProblemError as error:
            raise ProblemError(f"{self.source}: problem: {error}") from error
        except MemoryError as error:
            raise ProblemError(f"{self.source}: problem: takes more memory than there is; lower its size") from error

    def _import(self, file: str) -> None:
        from landscape_dist.problems.python_file import import_file

        try:
            import_file(self.folder / file)
        except ConfigError as error:
            raise ConfigError(f"{self.source}: run.preload: {error}") from error

    def _build(self, section: ProblemSection) -> Problem:
        from landscape_dist.problems import symbolic, systems

        if section.system is not None:
            parameters = dict(section.parameters)
            if section.domain is not None:
                parameters["domain"] = domain_from_dict(section.domain)
            return systems.get(section.system, **parameters)
        if section.expression is not None:
            return symbolic(
                section.expression,
                section.dim,
                variables=section.variables,
                name=section.name,
                parameters=section.parameters,
                domain=section.domain,
                euler_characteristic=section.euler_characteristic,
            )
        if section.surrogate is not None:
            from landscape_dist.surrogates.tables import open_surrogate

            return open_surrogate(self.surrogate_folder(), section)
        from landscape_dist.problems.python_file import problem_from_file

        assert section.module is not None
        try:
            return problem_from_file(section.module, self.folder, section.parameters)
        except ConfigError as error:
            raise ConfigError(f"{self.source}: problem.module: {error}") from error

    def explore_arguments(self) -> dict[str, Any]:
        """Keyword arguments of `explore`: what the file sets and nothing else, so that defaults stay where they are."""
        arguments: dict[str, Any] = {}
        for section in (self.explore, self.solver, self.run):
            arguments |= section.model_dump(exclude_unset=True)
        if arguments.get("cluster") is not None:
            arguments["cluster"] = self.folder / arguments["cluster"]
        if arguments.get("preload") is not None:
            arguments["preload"] = [self.folder / path for path in arguments["preload"]]
        return arguments if self.same is None else arguments | {"same": self.same}
