"""`explore` wired together: problem, policy, runner and store; the journal of a run; the landscape as users get it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MOVED = {
    "explore": "campaign",
    "open_landscape": "opening",
    "keep_certificates": "opening",
    "open_certificates": "opening",
    "open_overview": "opening",
    "open_sessions": "opening",
    "split_settings": "arguments",
}


def __getattr__(name: str) -> Any:
    # They were in a module of this name; imported when asked for, so that a header or a log costs no more than itself.
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MOVED[name]}"), name)
