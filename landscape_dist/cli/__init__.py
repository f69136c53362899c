"""The command line, `landscape-dist`: arguments in, text out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape_dist.cli.program import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of `landscape-dist`; from its first moment on a signal ends it by an exception, without a trace of
    where that was."""
    try:
        from landscape_dist.distribute.runs.interrupts import end_cleanly

        end_cleanly()
        from landscape_dist.cli.program import app

        app(prog_name="landscape-dist")
    except KeyboardInterrupt:
        from landscape_dist.cli.guard import INTERRUPTED

        sys.exit(INTERRUPTED)


def __getattr__(name: str) -> Any:
    if name == "app":
        from landscape_dist.cli.program import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
