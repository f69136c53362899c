"""From exceptions to one clear line and an exit code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

import typer

from landscape_dist.errors import LandscapeError

ERROR, CLUSTER_LOST, INTERRUPTED = 2, 3, 130

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose errors end it with one line on stderr; with its argument `debug`, with their traceback."""

    @functools.wraps(command)
    def call(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except LandscapeError as error:
            if kwargs.get("debug"):
                raise
            complain(str(error))
            raise typer.Exit(ERROR) from error
        except KeyboardInterrupt as error:
            complain("", "interrupted", "bold yellow")
            raise typer.Exit(INTERRUPTED) from error

    return call


def complain(message: str, label: str = "error: ", style: str = "bold red") -> None:
    """'error: ...' on stderr, in red on a terminal."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text.assemble((label, style), message), soft_wrap=True)


def note(message: str) -> None:
    """A line on stderr, for people."""
    typer.echo(message, err=True)
