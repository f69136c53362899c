"""Keywords that stand for a place and a lease: `workers=4` for `on=Local(4)`, `steal=True` for a `Lease`.

They were the only way to say it in version 0.1, and are what configurations and the command line speak of.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from landscape_dist.distribute.clusters.place import Cluster, Given, Local, Place, Scheduler, Serial, is_client
from landscape_dist.errors import SettingsError
from landscape_dist.store.settings import Lease, check_seconds

if TYPE_CHECKING:
    from distributed import Client

    from landscape_dist.distribute.clusters.cluster_file import ClusterFile
    from landscape_dist.distribute.clusters.place import On

PLACE = ("client", "workers", "scheduler", "scheduler_file", "cluster", "jobs", "adapt", "preload", "serial")
LEASE = ("steal", "lease_seconds")


def place_and_lease(
    on: On = None,
    lease: Lease | None = None,
    *,
    client: Client | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    scheduler_file: str | os.PathLike[str] | None = None,
    cluster: str | os.PathLike[str] | ClusterFile | None = None,
    jobs: int | None = None,
    adapt: str | tuple[int, int] | None = None,
    preload: Sequence[str | os.PathLike[str]] | None = None,
    serial: bool | None = None,
    steal: bool = False,
    lease_seconds: float | None = None,
    default: Place | None = None,
) -> tuple[Place, Lease]:
    """Where to run, and how to hold the store, from what the caller gave.

    Args:
        on, lease: said in full.
        client, workers, scheduler, scheduler_file, cluster, jobs, adapt, preload: the fields of places.
        serial: True this process; False worker processes here where no other place is given.
        steal, lease_seconds: the fields of `Lease`.
        default: where to run if nothing says it; default this process.

    Raises:
        SettingsError: they contradict each other, or have values that cannot work.
    """
    held = _lease(lease, steal, lease_seconds)
    size_and_files = {"jobs": jobs, "adapt": adapt, "preload": preload}
    places: dict[str, Any] = {
        "client": client, "workers": workers, "scheduler": scheduler, "scheduler_file": scheduler_file,
        "cluster": cluster,
    }  # fmt: skip
    if isinstance(on, Place):
        also = [name for name, value in {**places, **size_and_files, "serial": serial}.items() if value is not None]
        if also:
            raise SettingsError(f"on= and {also[0]}= are given together; choose one of them")
        return on, held
    if on is not None:
        if not is_client(on):
            raise SettingsError(
                f"on is {on!r}; give ld.Serial(), ld.Local(4), ld.Scheduler('tcp://node7:8786'), "
                "ld.Cluster('slurm.toml') or a Dask client"
            )
        if client is not None:
            raise SettingsError("on= and client= are given together; choose one of them")
        places["client"] = on
    given = {name: value for name, value in places.items() if value is not None}
    _check(given, workers, jobs, adapt, serial)
    files = tuple(preload or ()) if not isinstance(preload, str) else preload
    if "client" in given:
        return Given(given["client"], preload=files), held
    if scheduler is not None or scheduler_file is not None:
        return Scheduler(scheduler, scheduler_file, preload=files), held
    if cluster is not None:
        return Cluster(cluster, jobs, adapt, preload=files), held
    if workers is not None or serial is False:
        return Local(workers, preload=files), held
    if serial or default is None:
        return Serial(), held  # this process imports by itself what workers would preload
    return replace(default, preload=files), held


def _lease(lease: Lease | None, steal: bool, lease_seconds: float | None) -> Lease:
    if lease is None:
        if lease_seconds is None:
            return Lease(steal=steal)
        check_seconds("lease_seconds", lease_seconds)
        return Lease(lease_seconds, steal)
    if not isinstance(lease, Lease):
        raise SettingsError(f"lease is {lease!r}; give ld.Lease(seconds=60.0, steal=False)")
    if steal or lease_seconds is not None:
        other = "steal" if steal else "lease_seconds"
        raise SettingsError(f"lease= and {other}= are given together; choose one of them")
    return lease


def _check(given: dict[str, Any], workers: Any, jobs: Any, adapt: Any, serial: bool | None) -> None:
    """Raise where keywords contradict each other."""
    if serial and given:
        raise SettingsError(f"serial=True and {next(iter(given))}= contradict each other; give one of them")
    own = [name for name in ("client", "scheduler", "scheduler_file", "cluster") if name in given]
    if len(own) > 1:
        raise SettingsError(f"{' and '.join(own)} are given together; choose one of them")
    if workers is not None:
        Local(workers)
        if own:
            raise SettingsError(
                f"workers={workers} is given together with {own[0]}, whose workers are its own; leave workers out, or "
                f"leave {own[0]} out to start {workers} on this machine"
            )
    if "cluster" not in given and (jobs is not None or adapt is not None):
        name = "jobs" if jobs is not None else "adapt"
        raise SettingsError(f"{name} is given without a cluster file, whose size it says; give cluster= as well")
