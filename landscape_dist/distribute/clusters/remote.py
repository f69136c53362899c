"""Clients of schedulers that run already."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from landscape_dist.distribute.clusters.local import quiet
from landscape_dist.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client, Security


def _read_scheduler_file(path: Path, timeout: float) -> str:
    deadline = time.monotonic() + timeout
    while True:
        # a scheduler that is just starting writes the file in a moment
        try:
            return str(json.loads(path.read_text())["address"])
        except FileNotFoundError:
            problem = "does not exist"
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = f"is not one ({type(error).__name__}: {error})"
        if time.monotonic() > deadline:
            raise ClusterError(
                f"the scheduler file {path} {problem}; start a scheduler with `dask scheduler --scheduler-file {path}`"
            )
        time.sleep(0.1)


@contextmanager
def remote_client_of_file(path: Path, timeout: float, security: Security | None = None) -> Iterator[Client]:
    """The same for the scheduler that wrote a scheduler file."""
    address = _read_scheduler_file(path, timeout)
    what = f"scheduler {address!r} (from the file {path})"
    with remote_client(address, timeout, what, security) as client:
        yield client


@contextmanager
def remote_client(address: str, timeout: float, what: str, security: Security | None = None) -> Iterator[Client]:
    """A context that yields a client of the scheduler at an address, and leaves the scheduler alone.

    Args:
        address: host:port, with or without "tcp://" or "tls://".
        timeout: seconds to wait for an answer.
        what: what errors call it.
        security: certificates, where the scheduler wants them.

    Raises:
        ClusterError: nobody answers, or no scheduler.
    """
    from distributed import Client

    try:
        # what Dask logs about attempts to connect is said again in the error
        with quiet("distributed"):
            # Asked first, because a Client that fails in its constructor is left to the garbage collector, and Dask can
            # deadlock when that closes it at some later moment.
            kind = _identify(address, timeout, security)
            if kind == "Scheduler":
                client = Client(address, timeout=timeout, set_as_default=False, security=security)
    except (OSError, ValueError, TypeError) as error:  # TimeoutError is an OSError; TypeError: no certificates for TLS
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ClusterError(
            f"no {what} answered within {timeout:g} s ({reason}). Check that the address is host:port as the scheduler "
            "printed it, that it runs (`dask scheduler`), and that this machine reaches it, with certificates "
            "([tls] in a cluster file) if its address begins with tls://; or leave it out to use "
            "worker processes on this machine"
        ) from error
    if kind != "Scheduler":
        raise ClusterError(f"no {what}: what answers there is a {kind}; give the address that the scheduler printed")
    try:
        yield client
    finally:
        with quiet("distributed.client"), suppress(TimeoutError):
            client.close(timeout=2)


def _identify(address: str, timeout: float, security: Security | None) -> str:
    """What kind of Dask server answers at the address.  OSError or ValueError if none does."""
    from distributed import Security, rpc
    from distributed.comm.addressing import normalize_address

    async def ask() -> str:
        options = (security or Security()).get_connection_args("client")
        async with rpc(normalize_address(address), timeout=timeout, connection_args=options) as server:
            return str((await server.identity())["type"])

    def run() -> str:
        return asyncio.run(asyncio.wait_for(ask(), timeout + 0.5))

    # in a thread of its own: the caller's may have a running event loop, as in a notebook
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()
