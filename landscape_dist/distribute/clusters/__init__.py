"""Clusters: files that describe them, starting them, reaching them, keeping them at their size."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    # It was in a module of this name; imported when asked for, so that a place costs no more than itself.
    if name != "connect":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from landscape_dist.distribute.clusters.connecting import connect

    return connect
