"""What the tables of a configuration file say about surrogates: [data], and [problem] with surrogate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape_dist.errors import ConfigError, ProblemError, StoreNotFoundError
from landscape_dist.problems.domain import domain_from_dict
from landscape_dist.surrogates import readers
from landscape_dist.surrogates.data import TrainingData, sample_system
from landscape_dist.toml_file import kind_of

if TYPE_CHECKING:
    from landscape_dist.surrogates.problem import Surrogate

DATA: dict[str, Callable[..., TrainingData]] = {
    "csv": readers.read_csv,
    "arrays": readers.read_arrays,
    "grid": readers.read_grid,
    "plumed": readers.read_plumed,
    "alphacryo4d": readers.read_alphacryo4d,
    "sample": sample_system,
}
"""Kinds of [data]; the other keys are the arguments of these functions."""

_FILES = ("path", "particles")


def data_table(value: Any) -> Any:
    """Check the table [data].

    Raises:
        ValueError: no such kind, a key that it does not have, or one that is missing.
    """
    kind, missing = kind_of(value, DATA)
    if missing:
        raise ValueError(f"kind {kind!r} needs {' and '.join(missing)}")
    for key in _FILES:
        if key in value and (not isinstance(value[key], str) or "\0" in value[key]):
            raise ValueError(f"{key} is {value[key]!r}; give the path of a file")
    return value


def read_data(table: dict[str, Any], folder: Path, source: str) -> TrainingData:
    """Read or sample what [data] says.

    Args:
        table: checked by `data_table`. folder: what relative paths are relative to. source: what messages call it.

    Raises:
        ProblemError: the data are not what they should be.
    """
    arguments = {key: folder / value if key in _FILES else value for key, value in table.items() if key != "kind"}
    try:
        return DATA[table["kind"]](**arguments)
    except ProblemError as error:
        raise ProblemError(f"{source}: data: {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{source}: data cannot be used ({error}); correct its values") from error


def open_surrogate(folder: Path, section: Any) -> Surrogate:
    """The surrogate in a folder, with what [problem] changes of it.

    Raises:
        StoreNotFoundError: it is not trained yet. StoreFormatError: it is damaged. ProblemError: no such parameter.
    """
    from landscape_dist.surrogates.storage import load

    if not folder.exists():
        raise StoreNotFoundError(f"{folder} is not there; train it first: landscape-dist train, with this file")
    surrogate = load(folder)
    if section.parameters:
        surrogate = surrogate.at(**section.parameters)
    if section.products is not None:
        surrogate = surrogate.with_products(section.products)
    if section.domain is not None:
        surrogate.domain = domain_from_dict(section.domain)
        surrogate.domain.check(surrogate.dim)
    if section.euler_characteristic is not None:
        surrogate.euler_characteristic = section.euler_characteristic
    surrogate.name = section.name or surrogate.name
    return surrogate
