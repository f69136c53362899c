"""The SSH cluster file, against an SSH server on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_clusters import environment

import landscape_dist as ld
from landscape_dist.errors import ClusterError

asyncssh = pytest.importorskip("asyncssh")

FILE = """
module = "distributed"
class = "SSHCluster"

[kwargs]
hosts = ["127.0.0.1", "127.0.0.1"]
connect_options = { port = PORT, username = "me", client_keys = ["KEY"], known_hosts = "HOSTS" }

[workers]
processes = 2
memory = "1GiB"
environment = { COLOUR = "blue" }
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Path]:
    keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("host", "user")}
    for name, key in keys.items():
        key.write_private_key(tmp_path / name)
        key.write_public_key(tmp_path / f"{name}_public")
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "ssh_server.py"), tmp_path / "host", tmp_path / "user_public"],
        stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment() | {"PYTHONWARNINGS": ""},
    )  # fmt: skip
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        (tmp_path / "hosts").write_text(f"[127.0.0.1]:{port} {(tmp_path / 'host_public').read_text()}")
        text = FILE
        for name, value in (("PORT", port), ("KEY", tmp_path / "user"), ("HOSTS", tmp_path / "hosts")):
            text = text.replace(name, str(value))
        path = tmp_path / "ssh.toml"
        path.write_text(text)
        yield path
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def test_run_over_ssh(cluster: Path) -> None:
    landscape = ld.explore(ld.systems.butterfly(), cluster=cluster)
    assert (len(landscape.points), len(landscape.connections)) == (9, 12)


def test_host_that_does_not_know_us(cluster: Path) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(cluster.parent / "user")
    with pytest.raises(ClusterError, match=r"the cluster could not be started: .*[Pp]ermission denied"):
        ld.explore(ld.systems.butterfly(), cluster=cluster)
