"""Configuration files: TOML to validated models, and from there to a problem and the arguments of `explore`.

The only map from names to classes.  The models of [explore], [solver] and [problem.domain] are made from the fields
of the classes that they stand for, so every setting is written once.
"""

from __future__ import annotations

import dataclasses
import os
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from landscape_dist.errors import ConfigError, ProblemError, SettingsError
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.problems.domain import Ball, Box, Domain, Unbounded, domain_from_dict
from landscape_dist.spaces.judgement import SameJudgement
from landscape_dist.spaces.kinds import JUDGEMENTS
from landscape_dist.surrogates.correction import CorrectionSettings
from landscape_dist.surrogates.settings import TrainingSettings
from landscape_dist.surrogates.tables import data_table, read_data
from landscape_dist.toml_file import kind_of, nearest, read_tables

if TYPE_CHECKING:
    from landscape_dist.problems.base import Problem
    from landscape_dist.surrogates.data import TrainingData

NONE = "none"
"""TOML has no null: this text stands for None wherever None is allowed."""

DOMAINS: dict[str, type[Domain]] = {"box": Box, "ball": Ball, "unbounded": Unbounded}

# Which keys of [problem] go with which way of saying what the problem is.
FORMS = {
    "system": ("parameters", "domain"),
    "expression": ("parameters", "domain", "dim", "name", "variables", "euler_characteristic"),
    "module": ("parameters",),
    "surrogate": ("parameters", "domain", "name", "euler_characteristic", "products"),
}


# -- fields ---------------------------------------------------------------------------------------------------
def _or_none(value: Any) -> Any:
    return None if value == NONE else value


def _numbers(value: Any) -> Any:
    """One start, or a list of them."""
    rows = value if isinstance(value, list) and value and all(isinstance(row, list) for row in value) else [value]
    for row in rows:
        if not isinstance(row, list) or not row or not all(type(value) in (int, float) for value in row):
            raise ValueError("give a list of numbers, such as [0.1, 0.2], or a list of such lists")
    return value


def _domain(value: Any) -> Any:
    """The keys of one kind of domain, as its class has them."""
    kind, missing = kind_of(value, DOMAINS)
    if missing:
        raise ValueError(f"a {kind} needs {' and '.join(missing)}, numbers or lists of one number a variable")
    try:
        domain_from_dict(value)
    except (ProblemError, TypeError, ValueError) as error:
        raise ValueError(str(error)) from error
    return value


def _same(value: Any) -> SameJudgement:
    """The judgement that the keys of one kind, the arguments of its class, make."""
    kind, missing = kind_of(value, JUDGEMENTS)
    if missing:
        raise ValueError(f"{kind} need {' and '.join(missing)}, as landscape_dist.{JUDGEMENTS[kind].__name__} says")
    try:
        return JUDGEMENTS[kind](**{key: v for key, v in value.items() if key != "kind"})
    except (SettingsError, TypeError, ValueError, MemoryError) as error:
        raise ValueError(str(error)) from error


def _settings_model(name: str, settings: type, **extra: Any) -> type[BaseModel]:
    """A model with the fields of a settings class; None where the class says so, also as the text 'none'."""
    hints = typing.get_type_hints(settings)
    fields: dict[str, Any] = {}
    for f in dataclasses.fields(settings):
        hint = hints[f.name]
        if type(None) in typing.get_args(hint):
            hint = Annotated[hint, BeforeValidator(_or_none)]
        fields[f.name] = (hint, None if f.default is dataclasses.MISSING else f.default)
    return create_model(name, __base__=_Section, **(fields | extra))


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ProblemSection(_Section):
    """[problem]: one of `system` (a named one), `expression` (a formula), `module` ("file.py:name") or `surrogate`.

    Attributes:
        system: name of a system; `parameters` are its parameters.
        expression: energy in x1..xd (or in `variables`); `parameters` are the values of other names in it.
        module: a Python file, relative to the configuration file, and the name of a `Problem` in it, or of a
            function that makes one from `parameters`.
        surrogate: folder of a trained surrogate, relative to the configuration file; `parameters` are values of its
            parameters, `products` is how it computes Hessian-vector products.
        dim, name, variables, euler_characteristic: as for `problems.symbolic`.
        domain: table with kind = "box" (lower, upper), "ball" (radius, center) or "unbounded".
    """

    system: str | None = None
    expression: str | None = None
    module: str | None = None
    surrogate: str | None = None
    products: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    dim: int | None = None
    name: str | None = None
    variables: list[str] | None = None
    euler_characteristic: int | None = None
    domain: Annotated[dict[str, Any] | None, BeforeValidator(_domain)] = None

    @property
    def form(self) -> str:
        """Which of the ways it is."""
        return next(form for form in FORMS if getattr(self, form) is not None)


class RunSection(_Section):
    """[run]: where the landscape is kept and where it is computed; see `explore`.

    `cluster` and `preload` are relative to the configuration file.
    """

    store: str | None = None
    workers: int | None = None
    scheduler: str | None = None
    scheduler_file: str | None = None
    cluster: str | None = None
    jobs: int | None = None
    adapt: str | None = None
    preload: list[str] | None = None
    log: str | None = None
    serial: bool | None = None
    hang_seconds: Annotated[float | None, BeforeValidator(_or_none)] = None
    lease_seconds: float | None = None


Start = Annotated[Any, BeforeValidator(_numbers)]
ExploreSection = _settings_model("ExploreSection", ExploreSettings, start=(Start, None), max_index=(int | None, None))
SolverSection = _settings_model("SolverSection", SolverSettings, step=(str, "auto"), eigensolver=(str, "flow"))
TrainingSection = _settings_model("TrainingSection", TrainingSettings, hidden=(list[int], None))
CorrectionSection = _settings_model("CorrectionSection", CorrectionSettings)


SECTIONS: dict[str, type[BaseModel]] = {
    "problem": ProblemSection,
    "explore": ExploreSection,
    "solver": SolverSection,
    "run": RunSection,
    "training": TrainingSection,
    "correction": CorrectionSection,
}

_File = create_model(
    "_File",
    __base__=_Section,
    problem=(ProblemSection, ...),
    explore=(ExploreSection, Field(default_factory=ExploreSection)),
    solver=(SolverSection, Field(default_factory=SolverSection)),
    run=(RunSection, Field(default_factory=RunSection)),
    same=(Annotated[Any, BeforeValidator(_same)], None),
    data=(Annotated[Any, BeforeValidator(data_table)], None),
    training=(TrainingSection, Field(default_factory=TrainingSection)),
    correction=(CorrectionSection, Field(default_factory=CorrectionSection)),
)
TABLES = tuple(_File.model_fields)


# -- configuration --------------------------------------------------------------------------------------------
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


def load_config(path: str | os.PathLike[str]) -> Config:
    """Read a configuration file, and what it extends.

    Raises:
        ConfigError: no such file, not TOML (with the line), an unknown key (with its path and the nearest known
            one), a value that cannot work.
    """
    return make_config(read_tables(path), str(path), Path(path).resolve().parent)


def make_config(data: dict[str, Any], source: str, folder: Path | None = None) -> Config:
    """Validate tables, from wherever they come.

    Args:
        data: {"problem": {...}, "explore": {...}, "solver": {...}, "same": {...}, "run": {...}}, all but the first
            optional.
        source: what messages call it.
        folder: what a relative `module` is relative to; default the current one.

    Raises:
        ConfigError: see `load_config`.
    """
    try:
        sections: Any = _File.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{source}: {text}" for text in _texts(error))) from error
    _check_form(sections.problem, source)
    explore = sections.explore.model_dump(exclude_unset=True, exclude={"start"})
    if explore.get("max_index") is None:  # the problem's suggestion, not known yet
        explore["max_index"] = explore.get("min_index", 0)
    for name, build, values in (
        ("explore", ExploreSettings, explore),
        ("solver", SolverSettings, sections.solver.model_dump(exclude_unset=True)),
        ("training", TrainingSettings, sections.training.model_dump(exclude_unset=True)),
        ("correction", CorrectionSettings, sections.correction.model_dump(exclude_unset=True)),
    ):
        try:
            build(**values)
        except SettingsError as error:
            raise ConfigError(f"{source}: {name}.{_without_prefix(str(error))}") from error
    if sections.same is not None and explore.get("same_atol") is not None:
        raise ConfigError(
            f"{source}: explore.same_atol is {explore['same_atol']!r} and there is a table [same]; give its atol there"
        )
    return Config(
        source, folder or Path.cwd(), sections.problem, sections.explore, sections.solver, sections.run,
        sections.same, sections.data, sections.training, sections.correction,
    )  # fmt: skip


def section_of(name: str) -> str:
    """The section that a setting of this name belongs to, [explore] or [solver].

    Raises:
        ConfigError: there is no such setting.
    """
    known = {key: section for section in ("explore", "solver") for key in SECTIONS[section].model_fields}
    if name not in known:
        raise ConfigError(f"no setting named {name!r}{nearest(name, known)}")
    return known[name]


def _without_prefix(message: str) -> str:
    for section in ("solver", "training", "correction"):
        message = message.removeprefix(f"{section} setting ")
    return message


# -- errors in words ------------------------------------------------------------------------------------------
def _check_form(section: ProblemSection, source: str) -> None:
    given = [form for form in FORMS if getattr(section, form) is not None]
    if len(given) != 1:
        say = "none of them is given" if not given else f"{' and '.join(given)} are given together"
        raise ConfigError(f"{source}: problem: {say}; give one of {', '.join(FORMS)}")
    for key in sorted(section.model_fields_set - {given[0]}):
        if key not in FORMS[given[0]]:
            cures = {"system": "write it under [problem.parameters]", "module": "say it in the Python file"}
            raise ConfigError(
                f"{source}: problem.{key} is {getattr(section, key)!r}, which {given[0]} does not use; "
                f"{cures.get(given[0], 'leave it out')}"
            )


def _texts(error: ValidationError) -> list[str]:
    return [_text(e["type"], e["loc"], e["msg"], e["input"]) for e in error.errors(include_url=False)]


def _text(kind: str, location: tuple[int | str, ...], message: str, value: Any) -> str:
    path = ".".join(str(part) for part in location)
    if kind == "extra_forbidden":
        name = str(location[-1])
        known = _File.model_fields if len(location) == 1 else SECTIONS[str(location[0])].model_fields
        elsewhere = [section for section, model in SECTIONS.items() if name in model.model_fields]
        cure = f"; it belongs into [{elsewhere[0]}]" if elsewhere else nearest(name, known)
        return f"unknown {'section' if isinstance(value, dict) and len(location) == 1 else 'key'} {path!r}{cure}"
    if kind == "missing":
        return f"{path} is missing; add a table [{path}] with one of {', '.join(FORMS)}"
    if kind == "value_error":
        return f"{path} is {value!r}: {message.removeprefix('Value error, ')}"
    return f"{path} is {value!r}; {message[0].lower()}{message[1:]}".replace("input should be", "it should be")
