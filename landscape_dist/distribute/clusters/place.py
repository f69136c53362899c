"""Places where searches are computed: this process, worker processes here, a cluster that runs, one that is started."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from landscape_dist.errors import ClusterError, SettingsError

if TYPE_CHECKING:
    from distributed import Client

    from landscape_dist.distribute.clusters.cluster_file import ClusterFile

    On: TypeAlias = "Place | Client | None"
    """What `on=` takes."""

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Place(ABC):
    """Where searches are computed, as `on=` of `explore` takes it; another kind of place is a subclass with `client`.

    Args:
        preload: Python files that workers import: modules of yours that the problem imports.
    """

    preload: Sequence[PathLike] = field(default=(), kw_only=True)

    lasting: ClassVar[bool] = False
    """Whether the workers go on when the run ends, for others of the same client."""

    def __post_init__(self) -> None:
        if isinstance(self.preload, str) or not all(_is_path(file) for file in self.preload):
            raise SettingsError(f"preload is {self.preload!r}; give a list of paths of Python files")

    @abstractmethod
    def client(self) -> AbstractContextManager[Client | None]:
        """A context that yields a Dask client and ends what it started; None where this process computes."""

    @contextmanager
    def connect(self) -> Iterator[Client | None]:
        """As `client`, with the files to preload on the workers.

        Raises:
            ConfigError: the cluster file, or a file to preload, cannot be used.
            ClusterError: nobody answers at the address, or the cluster does not start.
        """
        from landscape_dist.distribute.clusters.environment import check_preload, preload

        for file in self.preload:
            check_preload(file)
        with self.client() as client:
            if client is None:
                yield None
                return
            preload(client, self.preload)
            try:
                yield client
            finally:
                if not self.lasting:  # nobody can use them again
                    from landscape_dist.distribute.worker.broadcast import withdraw_idle

                    withdraw_idle(client)


@dataclass(frozen=True)
class Serial(Place):
    """This process, without Dask."""

    def client(self) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(frozen=True)
class Local(Place):
    """Worker processes on this machine, one thread each.

    Args:
        workers: how many; default one a CPU.
        memory_limit: of each worker, as Dask takes it; "auto" divides the machine's memory.
        dashboard: show Dask's dashboard on the loopback interface, if bokeh is installed.
        config: Dask configuration values that override those chosen here.
        timeout: seconds to wait for the scheduler.
    """

    workers: int | None = None
    memory_limit: str | int | float | None = field(default="auto", kw_only=True)
    dashboard: bool = field(default=True, kw_only=True)
    config: Mapping[str, Any] | None = field(default=None, kw_only=True)
    timeout: float = field(default=10.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.workers is not None and not _is_count(self.workers):
            raise SettingsError(f"workers is {self.workers!r}; give a whole number of at least 1, or leave it out")

    def client(self) -> AbstractContextManager[Client]:
        from landscape_dist.distribute.clusters.local import local_client

        return local_client(
            self.workers, self.timeout, memory_limit=self.memory_limit, dashboard=self.dashboard, config=self.config
        )


@dataclass(frozen=True)
class Scheduler(Place):
    """A Dask cluster that runs already, left alone when the run ends.

    Args:
        address: of its scheduler, such as "tcp://node7:8786".
        file: the file that the scheduler wrote (`dask scheduler --scheduler-file`), instead of the address.
        timeout: seconds to wait for an answer.
    """

    address: str | None = None
    file: PathLike | None = None
    timeout: float = field(default=10.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.address is None) == (self.file is None):
            say = "neither address nor file" if self.file is None else "address and file together"
            raise SettingsError(f"Scheduler is given {say}; give one of them")
        if self.address is not None and not isinstance(self.address, str):
            raise SettingsError(f"scheduler is {self.address!r}; give its address, such as 'tcp://node7:8786'")
        if self.file is not None and not _is_path(self.file):
            raise SettingsError(f"scheduler_file is {self.file!r}; give the path of the file that the scheduler wrote")

    def client(self) -> AbstractContextManager[Client]:
        from landscape_dist.distribute.clusters.remote import remote_client, remote_client_of_file

        if self.address is not None:
            return remote_client(self.address, self.timeout, f"scheduler {self.address!r}")
        assert self.file is not None
        return remote_client_of_file(Path(self.file), self.timeout)


@dataclass(frozen=True)
class Cluster(Place):
    """A cluster that is started for the run, and ended with it, as a cluster file says.

    Args:
        file: path of the cluster file; see the folder cluster/ of the repository.
        jobs: jobs (of a job queue) or worker processes; default what the file says.
        adapt: "MIN:MAX" of them, instead: as many as there is work for.
    """

    file: PathLike | ClusterFile
    jobs: int | None = None
    adapt: str | tuple[int, int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.jobs is not None and not _is_count(self.jobs):
            raise SettingsError(f"jobs is {self.jobs!r}; give a whole number of at least 1, or leave it out")
        if self.jobs is not None and self.adapt is not None:
            raise SettingsError(f"jobs = {self.jobs} and adapt = {self.adapt} are given together; choose one of them")

    def client(self) -> AbstractContextManager[Client]:
        # these need pydantic, which a run on this machine does not
        from landscape_dist.distribute.clusters.cluster_file import ClusterFile, load_cluster_file
        from landscape_dist.distribute.clusters.starting import started

        file = self.file if isinstance(self.file, ClusterFile) else load_cluster_file(self.file)
        return started(file.sized(self.jobs, self.adapt))


@dataclass(frozen=True)
class Given(Place):
    """A Dask client of the caller's, left open; its workers keep the problem until the client runs another."""

    lasting: ClassVar[bool] = True

    dask_client: Client

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_client(self.dask_client):
            raise SettingsError(f"client is {self.dask_client!r}; give a distributed.Client")

    def client(self) -> AbstractContextManager[Client]:
        if self.dask_client.asynchronous:
            raise SettingsError("client is asynchronous; give a Client made with asynchronous=False")
        if self.dask_client.status != "running":
            raise ClusterError(f"client is {self.dask_client.status}, not running; give a connected one")
        return nullcontext(self.dask_client)


def is_client(value: object) -> bool:
    """Whether this is a Dask client, or acts as one."""
    return hasattr(value, "asynchronous")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)
