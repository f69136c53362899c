"""What workers must have in common with this process: versions, and Python files that a problem imports."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape_dist.errors import ClusterError, ConfigError

if TYPE_CHECKING:
    from distributed import Client

COMPARED = {"landscape_dist": None, "distributed": None, "python": 2, "numpy": 2}
"""What must be equal, and in how many parts of the version; None for all of it."""


class VersionCheck:
    """Compares the versions of each worker with those here, once.

    Batches travel as pickled arrays and records, and results are compared with those of other workers: different
    versions fail somewhere in between, or give slightly different points.

    Args:
        client: of the cluster. Worker processes that were started on this machine share its Python and are not asked.
    """

    def __init__(self, client: Client) -> None:
        from distributed import LocalCluster

        self._client = client
        self._checked: set[str] | None = None if isinstance(client.cluster, LocalCluster) else set()

    def check(self, workers: Iterable[str]) -> None:
        """Look at those of the workers, by their addresses, that were not looked at yet.

        Raises:
            ClusterError: a worker has another version of something that must be equal, or lacks it.
            OSError: the scheduler does not answer.
        """
        if self._checked is None or self._checked.issuperset(workers):
            return
        versions: Any = self._client.get_versions(packages=["landscape_dist"])
        here = _flat(versions["client"])
        for address, found in versions["workers"].items():
            if isinstance(found, dict) and address not in self._checked:
                wrong = differences(here, _flat(found))
                if wrong:
                    raise ClusterError(
                        f"the worker at {address} does not have the versions of this process: {'; '.join(wrong)}. Use "
                        "the same environment on both sides, or install the version that is wanted where it is missing"
                    )
                self._checked.add(address)


def differences(here: dict[str, str | None], there: dict[str, str | None]) -> list[str]:
    """What of COMPARED is not equal, in words.

    Args:
        here, there: versions by name; None where something is not installed.
    """
    return [
        f"{name} is {here.get(name)} here and {there.get(name) or 'not installed'} there"
        for name, parts in COMPARED.items()
        if _leading(here.get(name), parts) != _leading(there.get(name), parts)
    ]


def _leading(version: str | None, parts: int | None) -> list[str]:
    return [] if version is None else version.split(".")[:parts]


def _flat(versions: Any) -> dict[str, str | None]:
    # "3.11.7.final.0" is how Dask writes it
    python = ".".join(str(versions["host"]["python"]).split(".")[:3])
    return {**versions["packages"], "python": python}


def preload(client: Client, files: Sequence[str | os.PathLike[str]]) -> None:
    """Bring Python files to all workers, present and future, where they can be imported by name.

    What is defined in a script, or in the file that a configuration names, travels by value; the modules of its own
    that this imports do not.

    Raises:
        ConfigError: no such file, or it cannot be imported on a worker.
        ClusterError: the scheduler does not answer.
    """
    from distributed.diagnostics.plugin import UploadFile

    for file in files:
        path = check_preload(file)
        try:
            client.register_plugin(UploadFile(str(path)), name=f"landscape-preload-{path.stem}")
        except OSError as error:
            raise ClusterError(f"{path} could not be brought to the workers: {error}") from error
        except Exception as error:  # whatever the file raises
            raise ConfigError(f"{path} cannot be imported on a worker ({type(error).__name__}: {error})") from error


def check_preload(file: str | os.PathLike[str]) -> Path:
    """The path of a Python file that can be preloaded.

    Raises:
        ConfigError: it is none.
    """
    path = Path(file)
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ConfigError(f"preload: {str(file)!r} is no Python file that can be imported; give the path of NAME.py")
    if not path.is_file():
        raise ConfigError(f"preload: there is no file {path}")
    return path
