"""Reading TOML files, and what messages about their keys have in common."""

from __future__ import annotations

import difflib
import inspect
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from landscape_dist.errors import ConfigError

MAX_CHARACTERS = 4_000_000
"""Longest file that is read."""

MAX_EXTENDED = 10
"""Most files that one configuration is made of."""


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: no such file, not TOML, or beyond what a configuration can be.
    """
    try:
        if Path(path).exists() and not Path(path).is_file():  # a device or a pipe may have no end
            raise ConfigError(f"{path}: not a file; give the path of a TOML file")
        with open(path, encoding="utf-8") as file:
            text = file.read(MAX_CHARACTERS + 1)
        if len(text) > MAX_CHARACTERS:
            raise ConfigError(f"{path}: longer than {MAX_CHARACTERS} characters, no configuration; give a TOML file")
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}; text needs quotes, tables are written [name]") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file in UTF-8 ({error})") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: tables or lists are nested too deeply; give a flatter file") from error
    except ValueError as error:  # a null byte in the path, a number of thousands of digits
        raise ConfigError(f"{str(path)!r}: cannot be read ({str(error).partition(';')[0]}); correct it") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give the path of a TOML file") from error


def read_tables(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file, over those of the file that it names as `extends = "other.toml"`, key by key.

    Raises:
        ConfigError: see `read_toml`; or `extends` is no path, or leads back to a file that it came from.
    """
    tables: dict[str, Any] = {}
    seen: list[Path] = []
    following: str | os.PathLike[str] | None = path
    while following is not None:
        layer = read_toml(following)
        following = Path(following)
        here = following.resolve()
        if here in seen or len(seen) == MAX_EXTENDED:
            raise ConfigError(f"{path}: extends leads to {following} again, or too far; let the last file extend none")
        seen.append(here)
        base = layer.pop("extends", None)
        if base is not None and not isinstance(base, str):
            raise ConfigError(f"{following}: extends is {base!r}; give the path of a TOML file, relative to this one")
        tables = _over(tables, layer)
        following = None if base is None else following.parent / base
    return tables


def _over(tables: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """The tables, each with the keys of the base's that it does not set."""
    merged = base | tables
    for name in base.keys() & tables.keys():
        if isinstance(base[name], dict) and isinstance(tables[name], dict):
            merged[name] = base[name] | tables[name]
    return merged


def nearest(name: str, known: Iterable[str]) -> str:
    """'; did you mean ...?' or what is known."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {listed(known)}"


def listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def kind_of(value: Any, kinds: Mapping[str, Callable[..., Any]]) -> tuple[str, list[str]]:
    """Which kind a table is of, and which keys it lacks; its other keys are arguments of that kind's class or function.

    Raises:
        ValueError: no table with a kind, or a key that this kind does not have.
    """
    if not isinstance(value, dict) or "kind" not in value:
        raise ValueError(f"give a table with kind = one of {listed(kinds)} and the fields of that kind")
    kind = value["kind"]
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"kind is {kind!r}{nearest(str(kind), kinds)}")
    fields = inspect.signature(kinds[kind]).parameters
    for key in value:
        if key != "kind" and key not in fields:
            raise ValueError(f"kind {kind!r} has no key {key!r}{nearest(key, ['kind', *fields])}")
    return kind, [name for name, f in fields.items() if f.default is f.empty and name not in value]
