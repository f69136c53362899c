"""Reading a configuration: tables, from a file or elsewhere, checked; what is wrong with them in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from landscape_dist.config.building import Config
from landscape_dist.config.models import SECTIONS, ProblemSection, Tables
from landscape_dist.config.registry import FORMS, SETTINGS
from landscape_dist.errors import ConfigError, SettingsError
from landscape_dist.toml_file import nearest, read_tables


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
        sections: Any = Tables.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{source}: {text}" for text in _texts(error))) from error
    _check_form(sections.problem, source)
    explore = sections.explore.model_dump(exclude_unset=True, exclude={"start"})
    if explore.get("max_index") is None:  # the problem's suggestion, not known yet
        explore["max_index"] = explore.get("min_index", 0)
    given = {name: getattr(sections, name).model_dump(exclude_unset=True) for name in SETTINGS if name != "explore"}
    for name, values in {"explore": explore, **given}.items():
        try:
            SETTINGS[name](**values)
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
        known = Tables.model_fields if len(location) == 1 else SECTIONS[str(location[0])].model_fields
        elsewhere = [section for section, model in SECTIONS.items() if name in model.model_fields]
        cure = f"; it belongs into [{elsewhere[0]}]" if elsewhere else nearest(name, known)
        return f"unknown {'section' if isinstance(value, dict) and len(location) == 1 else 'key'} {path!r}{cure}"
    if kind == "missing":
        return f"{path} is missing; add a table [{path}] with one of {', '.join(FORMS)}"
    if kind == "value_error":
        return f"{path} is {value!r}: {message.removeprefix('Value error, ')}"
    return f"{path} is {value!r}; {message[0].lower()}{message[1:]}".replace("input should be", "it should be")
