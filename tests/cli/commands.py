"""Commands as users call them, in this process."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner

from landscape_dist.cli import app


def command(*arguments: Any, code: int = 0) -> Any:
    """What a command prints, on both streams; it must end with this exit code."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done
