"""Cluster files: which cluster to use, as TOML.

The keys `module`, `class`, `args` and `kwargs` say which cluster class is made, as in dask-ctl, so a specification
written for that tool needs no more than its translation from YAML.  Everything else is checked here and means the same
for every kind of cluster.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from landscape_dist.errors import ConfigError
from landscape_dist.toml_file import nearest, read_toml

_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")


def _limits(value: Any) -> Any:
    """'MIN:MAX' as two numbers."""
    if value is None or (isinstance(value, tuple) and len(value) == 2):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+):(\d+)", value.strip())):
        low, high = int(match[1]), int(match[2])
        if low <= high and high >= 1:
            return low, high
    raise ValueError("give 'MIN:MAX', such as '0:20'")


def _memory(value: Any) -> Any:
    if value is not None:
        from dask.utils import parse_bytes

        try:
            if not isinstance(value, str) or parse_bytes(value) < 1:
                raise ValueError
        except ValueError:
            raise ValueError("give a number with a unit, such as '2GiB'") from None
    return value


def _walltime(value: Any) -> Any:
    if value is not None and (not isinstance(value, str) or _WALLTIME.fullmatch(value) is None):
        raise ValueError("give 'HH:MM:SS' or 'DAYS-HH:MM:SS'")
    return value


def _environment(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("give a table of names and values")
    for name, text in value.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"{name!r} is no name of an environment variable")
        if isinstance(text, bool) or not isinstance(text, (str, int, float)) or "\n" in str(text):
            raise ValueError(f"{name} is {text!r}; give one line of text or a number")
    return {name: str(text) for name, text in value.items()}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Workers(_Section):
    """[workers]: what a worker process gets, on every kind of cluster that this package can tell.

    Attributes:
        threads: threads of a worker process; each solves searches of its own. Default 1.
        processes: worker processes of a job (job queues only). Default 1.
        memory: of one worker process, such as "2GiB"; Dask restarts a worker that needs more.
        walltime: of a job (job queues only), "HH:MM:SS". Workers end in good time before it, not all at once.
        local_directory: where a worker may write, on a disk of its node.
        environment: environment variables of the worker processes.
    """

    threads: Annotated[int, Field(ge=1)] = 1
    processes: Annotated[int, Field(ge=1)] = 1
    memory: Annotated[str | None, BeforeValidator(_memory)] = None
    walltime: Annotated[str | None, BeforeValidator(_walltime)] = None
    local_directory: str | None = None
    environment: Annotated[dict[str, str], BeforeValidator(_environment)] = Field(default_factory=dict)

    @property
    def walltime_seconds(self) -> int | None:
        """The walltime in seconds; None where there is none."""
        match = None if self.walltime is None else _WALLTIME.fullmatch(self.walltime)
        if match is None:
            return None
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


class Tls(_Section):
    """[tls]: encrypt all connections and let nobody else in.

    Attributes:
        temporary: make certificates for this run; they live no longer (local clusters and job queues; needs the
            package cryptography).
        ca_file, cert, key: PEM files, relative to the cluster file; for all roles.
    """

    temporary: bool = False
    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None


class ClusterFile(_Section):
    """A validated cluster file.

    Attributes:
        source: what messages call it, the path.
        version: of the dask-ctl convention, 1.
        module, class_name, args, kwargs: the cluster class and its arguments; `class` in the file.
        address, scheduler_file: a scheduler that runs already, instead of a class.
        jobs: jobs of a job queue, worker processes elsewhere. Default 1.
        adapt: smallest and largest number of them, "MIN:MAX" in the file, instead of `jobs`.
        timeout: seconds to wait for a scheduler that runs already.
        workers, tls: see `Workers` and `Tls`.
    """

    source: str
    version: Annotated[int, Field(ge=1, le=1)] = 1
    module: str | None = None
    class_name: str | None = Field(default=None, alias="class")
    args: list[Any] = Field(default_factory=list)
    kwargs: dict[str, Any] = Field(default_factory=dict)
    address: str | None = None
    scheduler_file: str | None = None
    jobs: Annotated[int | None, Field(ge=1)] = None
    adapt: Annotated[tuple[int, int] | None, BeforeValidator(_limits)] = None
    timeout: Annotated[float, Field(gt=0, strict=False)] = 10.0
    workers: Workers = Field(default_factory=Workers)
    tls: Tls | None = None

    @property
    def folder(self) -> Path:
        """What relative paths in it are relative to."""
        return Path(self.source).resolve().parent

    @property
    def is_running(self) -> bool:
        """Whether it names a scheduler that runs already."""
        return self.module is None

    def sized(self, jobs: int | None, adapt: str | tuple[int, int] | None) -> ClusterFile:
        """The same with another size; itself where neither is given.

        Raises:
            ConfigError: both are given, or one that cannot be.
        """
        if jobs is None and adapt is None:
            return self
        data = self.model_dump(by_alias=True, exclude_unset=True, exclude={"jobs", "adapt"})
        return _validated(data | {"jobs": jobs, "adapt": adapt}, self.source)


def load_cluster_file(path: str | os.PathLike[str]) -> ClusterFile:
    """Read and check a cluster file; nothing is imported or started.

    Raises:
        ConfigError: no such file, not TOML, a key that is unknown or has a value that cannot work.
    """
    data = read_toml(path)
    if "source" in data:
        raise ConfigError(f"{path}: unknown key 'source'{nearest('source', _keys(ClusterFile))}")
    return _validated(data | {"source": str(path)}, str(path))


def _validated(data: dict[str, Any], source: str) -> ClusterFile:
    try:
        file = ClusterFile.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_text(e, source) for e in error.errors(include_url=False))) from error
    for problem in (_contradiction(file), _tls_contradiction(file.tls)):
        if problem is not None:
            raise ConfigError(f"{source}: {problem}")
    return file


def _contradiction(file: ClusterFile) -> str | None:
    ways = [name for name in ("module", "address", "scheduler_file") if getattr(file, name) is not None]
    if len(ways) != 1:
        say = f"{' and '.join(ways)} are given together" if ways else "it names no cluster"
        return f"{say}; give module and class of a cluster class, or the address or scheduler_file of a scheduler"
    if (file.module is None) != (file.class_name is None):
        return "module and class belong together, such as module = 'dask_jobqueue' and class = 'SLURMCluster'"
    if file.jobs is not None and file.adapt is not None:
        return f"jobs = {file.jobs} and adapt = {file.adapt[0]}:{file.adapt[1]} are given together; choose one of them"
    if file.is_running:
        other = file.model_fields_set & {"jobs", "adapt", "workers", "args", "kwargs"}
        if other:
            return (
                f"{sorted(other)[0]} is given together with {ways[0]}, whose workers are its own; leave it out, and "
                "give those keys where the workers are started"
            )
    return None


def _tls_contradiction(tls: Tls | None) -> str | None:
    if tls is None:
        return None
    files = [name for name in ("ca_file", "cert", "key") if getattr(tls, name) is not None]
    if tls.temporary and files:
        return f"tls.temporary and tls.{files[0]} are given together; choose one of them"
    if not tls.temporary and len(files) < 3:
        return "tls needs ca_file, cert and key, three PEM files, or temporary = true"
    return None


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if name != "source"]


def _text(error: Any, source: str) -> str:
    location, value = error["loc"], error["input"]
    path = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        sections: dict[str, type[BaseModel]] = {"workers": Workers, "tls": Tls}
        model = sections.get(str(location[0]), ClusterFile)
        elsewhere = "; it belongs into [workers]" if path in Workers.model_fields else None
        return f"{source}: unknown key {path!r}{elsewhere or nearest(str(location[-1]), _keys(model))}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{source}: {path} is {value!r}; {message[0].lower()}{message[1:]}".replace("input should", "it should")
