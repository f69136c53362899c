"""A Dask client for a while: of the client given, of a cluster that runs, or of one that is started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from landscape_dist.distribute.clusters.place import Local
from landscape_dist.distribute.clusters.shorthands import place_and_lease
from landscape_dist.errors import SettingsError

if TYPE_CHECKING:
    from distributed import Client

    from landscape_dist.distribute.clusters.place import On

OPTIONS = ("timeout", "memory_limit", "dashboard", "config")


@contextmanager
def connect(on: On = None, **where: Any) -> Iterator[Client]:
    """A context that yields a Dask client and closes whatever it opened.

    Args:
        on: a `Local`, `Scheduler`, `Cluster`, or a client, which is used as it is and left open; default worker
            processes on this machine, one a CPU.
        where: `workers`, `scheduler`, `cluster`, ... instead, see `shorthands`; `timeout`, `memory_limit`, `dashboard`
            and `config` of the places that have them.

    Raises:
        SettingsError: contradictory arguments.
        ConfigError: the cluster file, or a file to preload, cannot be used.
        ClusterError: nobody answers at the address, or the cluster does not start.
    """
    options = {name: where.pop(name) for name in OPTIONS if name in where}
    place, _ = place_and_lease(on, default=Local(), **where)
    known = {field.name for field in fields(place)}
    with replace(place, **{name: value for name, value in options.items() if name in known}).connect() as client:
        if client is None:
            raise SettingsError("this process alone has no client; give on=ld.Local(1) for a worker process")
        yield client
