"""An SSH server that runs what it is asked to: python ssh_server.py HOST_KEY AUTHORIZED_KEYS; prints its port."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import asyncssh


async def execute(process: Any) -> None:
    """Run one command, and end it when the client goes."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_shell(f"exec {process.command}", stdin=pipe, stdout=pipe, stderr=pipe)
    await process.redirect(child.stdin, child.stdout, child.stderr)
    ends = [asyncio.ensure_future(child.wait()), asyncio.ensure_future(process.wait_closed())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if child.returncode is None:
        child.terminate()
    process.exit(await child.wait())


async def serve(host_key: str, authorized_keys: str) -> None:
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[host_key], authorized_client_keys=authorized_keys,
        process_factory=execute, encoding=None,
    )  # fmt: skip
    print(server.get_port(), flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
