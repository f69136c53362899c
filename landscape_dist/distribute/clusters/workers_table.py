"""The keys of [workers] and the certificates of [tls] in the words of cluster classes."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landscape_dist.distribute.clusters.cluster_file import ClusterFile, Tls
from landscape_dist.distribute.clusters.local import THREADS
from landscape_dist.errors import ConfigError

EXTRAS = {
    "dask_jobqueue": "jobqueue",
    "dask_kubernetes": "kubernetes",
    "dask_gateway": "gateway",
    "asyncssh": "ssh",
    "cryptography": "tls",
}
"""The extra of this package that brings each module."""

# Dask's default gives freed memory back at once, see `local.DASK_CONFIG`; nothing reads the profile.
WORKER_ENVIRONMENT = {
    **THREADS,
    "DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON": '{"MALLOC_TRIM_THRESHOLD_": None}',
    "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "spawn",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}

NANNY_KEYS = {"memory": "memory_limit", "local_directory": "local_directory", "environment": "env"}
"""Where keys of [workers] go, as keywords of `distributed.Nanny`."""


def renamed(file: ClusterFile, names: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of [workers] that the file sets, under the class's names."""
    found = {}
    for ours, theirs in names.items():
        if ours in file.workers.model_fields_set:
            if theirs in given:
                raise ConfigError(given_twice(file, ours, theirs))
            found[theirs] = getattr(file.workers, ours)
    return found


def given_twice(file: ClusterFile, ours: str, theirs: str) -> str:
    """What is said where a key and the keyword that it becomes are both given."""
    return f"{file.source}: workers.{ours} and the class's own {theirs} are given together; keep one of them"


def refuse(file: ClusterFile, keys: set[str], instead: str) -> None:
    """Raise `ConfigError` where the file sets a key of [workers] that means nothing to its class.

    Args:
        keys: that mean nothing. instead: what to give, for the message.
    """
    refused = sorted(keys & file.workers.model_fields_set)
    if refused:
        raise ConfigError(
            f"{file.source}: workers.{refused[0]} does not apply to {file.class_name}; leave it out, and give {instead}"
        )


def refuse_tls(file: ClusterFile) -> None:
    """Raise `ConfigError` where the file has [tls] and its class makes nothing of it."""
    if file.tls is not None:
        raise ConfigError(
            f"{file.source}: [tls] does not apply to {file.class_name}, whose connections are its own matter; leave it "
            "out, and give what it needs under [kwargs]"
        )


def exports(environment: Mapping[str, Any]) -> list[str]:
    """Lines of a job script that set environment variables."""
    return [f"export {name}={shlex.quote(str(value))}" for name, value in environment.items()]


def not_installed(file: ClusterFile, module: str) -> str:
    """What is said where a package is missing that a class needs."""
    package = module.replace("_", "-")
    wanted = f"'landscape-dist[{EXTRAS[module]}]'" if module in EXTRAS else package
    return f"{file.source}: the package {package} is not installed; install it with: pip install {wanted}"


def security(file: ClusterFile) -> Any:
    """The `distributed.Security` that [tls] asks for; None where there is no such table.

    Raises:
        ConfigError: a certificate is not there, or what makes temporary ones is not installed.
    """
    from distributed import Security

    if file.tls is None:
        return None
    if file.tls.temporary:
        if file.is_running:
            raise ConfigError(
                f"{file.source}: tls.temporary cannot be what a scheduler that runs already uses; give ca_file, cert "
                "and key"
            )
        if importlib.util.find_spec("cryptography") is None:
            raise ConfigError(not_installed(file, "cryptography"))
        return Security.temporary()
    paths = {name: str(_existing(file, file.tls, name)) for name in ("ca_file", "cert", "key")}
    roles = {
        f"tls_{role}_{part}": paths[part] for role in ("client", "scheduler", "worker") for part in ("cert", "key")
    }
    return Security(require_encryption=True, tls_ca_file=paths["ca_file"], **roles)


def _existing(file: ClusterFile, tls: Tls, name: str) -> Path:
    path = file.folder / Path(getattr(tls, name)).expanduser()
    if not path.is_file():
        raise ConfigError(f"{file.source}: tls.{name}: there is no file {path}")
    return path
