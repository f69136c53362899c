"""Worker plugins: brought to all workers of a cluster, present, future and restarted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from landscape_dist.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client, WorkerPlugin

ATTEMPTS = 5


def bring(client: Client, plugin: WorkerPlugin, what: str) -> None:
    """Register a plugin; again where it is registered already, as after a worker reported it missing.

    Args:
        client: of the cluster.
        plugin: with a `name` of its own.
        what: what the error calls it.

    Raises:
        ClusterError: the scheduler is gone, or workers die while it is brought to them.
    """
    for attempt in range(ATTEMPTS):
        try:
            client.register_plugin(plugin)
            return
        except OSError as error:
            # a worker died during the broadcast; the scheduler has the plugin, the rest is a matter of asking again
            if attempt == ATTEMPTS - 1 or client.status != "running":
                raise ClusterError(f"{what} could not be brought to the workers: {error}") from error
            time.sleep(0.2 * 2**attempt)


def withdraw(client: Client, name: str) -> None:
    """Take a plugin off the workers; harmless where it is gone already."""
    if client.status != "running":
        return
    try:
        client.unregister_worker_plugin(name)
    except (OSError, ValueError, KeyError):
        # a worker or the scheduler went away, or another run of the same problem unregistered it first
        return
