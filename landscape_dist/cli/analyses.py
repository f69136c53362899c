"""The commands that ask a landscape something, one for each analysis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from landscape_dist.cli.guard import Debug, guarded, note
from landscape_dist.cli.stores import AsJson, Store, opened
from landscape_dist.errors import SettingsError
from landscape_dist.reports.analyses import Analysis

Picture = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Picture to write, where there is one: .png, .pdf or .svg.", show_default=False),
]


def command_of(name: str, analysis: Analysis) -> Callable[..., None]:
    """The command of an analysis."""

    @guarded
    def command(store: Store, as_json: AsJson = False, out: Picture = None, debug: Debug = False) -> None:
        if out is not None:
            from landscape_dist.plots.files import check_path

            if analysis.plot is None:
                raise SettingsError(f"--out is {str(out)!r}, and {name} has no picture; leave it out")
            check_path(out)
        landscape = opened(store)
        result = analysis.compute(landscape)
        if out is not None and analysis.plot is not None:
            from landscape_dist.plots.files import save

            save(analysis.plot(landscape, result), out)
            note(f"picture: {out}")
        if as_json:
            from landscape_dist.cli.tables import print_json

            print_json(result.as_dict())
        else:
            typer.echo(str(result))

    return command
