"""The sections of a configuration as validated models.

Those of [explore], [solver], [training] and [correction] are made from the fields of the classes that they stand for,
so every setting is written once.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from landscape_dist.config.registry import DOMAINS, FORMS, JUDGEMENTS, SETTINGS
from landscape_dist.errors import ProblemError, SettingsError
from landscape_dist.problems.domain import domain_from_dict
from landscape_dist.spaces.judgement import SameJudgement
from landscape_dist.surrogates.tables import data_table
from landscape_dist.toml_file import kind_of

NONE = "none"
"""TOML has no null: this text stands for None wherever None is allowed."""


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


def _settings_model(section: str, **extra: Any) -> type[BaseModel]:
    """A model with the fields of a section's class of settings; None where that says so, also as the text 'none'."""
    settings = SETTINGS[section]
    hints = typing.get_type_hints(settings)
    fields: dict[str, Any] = {}
    for f in dataclasses.fields(settings):
        hint = hints[f.name]
        if type(None) in typing.get_args(hint):
            hint = Annotated[hint, BeforeValidator(_or_none)]
        fields[f.name] = (hint, None if f.default is dataclasses.MISSING else f.default)
    return create_model(f"{section.capitalize()}Section", __base__=_Section, **(fields | extra))


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
ExploreSection = _settings_model("explore", start=(Start, None), max_index=(int | None, None))
SolverSection = _settings_model("solver", step=(str, "auto"), eigensolver=(str, "flow"))
TrainingSection = _settings_model("training", hidden=(list[int], None))
CorrectionSection = _settings_model("correction")


SECTIONS: dict[str, type[BaseModel]] = {
    "problem": ProblemSection,
    "explore": ExploreSection,
    "solver": SolverSection,
    "run": RunSection,
    "training": TrainingSection,
    "correction": CorrectionSection,
}

Tables: type[Any] = create_model(
    "Tables",
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
TABLES = tuple(Tables.model_fields)
