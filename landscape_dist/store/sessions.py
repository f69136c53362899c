"""Who wrote to a database: one entry a session, in the root attribute `sessions`.

An entry says `action` ('run', 'merge', 'retry', ...), `began` and `ended` (time of its last commit), `host`, `pid`,
`n_points` and `n_searches` (of that commit, with those of sessions before), and whatever the session said of itself:
versions, settings.  A session that commits nothing leaves none.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def now() -> str:
    """ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def begin_session(details: Mapping[str, Any] | None) -> dict[str, Any]:
    """The entry of a session of this process that begins now."""
    entry = {"action": "run", "began": now(), "ended": None, "host": socket.gethostname(), "pid": os.getpid()}
    return entry | dict(details or {})


def session_at(entry: Mapping[str, Any], pointer: Mapping[str, Any]) -> dict[str, Any]:
    """The entry at a commit."""
    return dict(entry) | {"ended": now(), "n_points": pointer["n_points"], "n_searches": pointer["n_searches"]}


def known_sessions(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries in a database's root attributes, oldest first; none where an older version wrote it."""
    entries = attributes.get("sessions")
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
