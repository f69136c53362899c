"""`landscape-dist systems`: the named systems."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

import typer

from landscape_dist.cli.guard import Debug, guarded


@guarded
def systems(
    name: Annotated[str | None, typer.Argument(help="Only this one.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list of systems.")] = False,
    debug: Debug = False,
) -> None:
    """List the named systems: formula, parameters, what is known about them, source."""
    from landscape_dist.cli.tables import print_json_list
    from landscape_dist.problems.systems import describe

    found = [{f.name: getattr(s, f.name) for f in fields(s) if f.name != "factory"} for s in describe(name)]
    if as_json:
        print_json_list(found)
        return
    for i, system in enumerate(found):
        if i:
            typer.echo()
        _print(system)


def _print(system: dict[str, Any]) -> None:
    typer.secho(system["name"], bold=True)
    parameters = ", ".join(f"{name}={value}" for name, value in system["parameters"].items()) or "none"
    variables = "any number (parameter dim)" if system["dim"] == "any" else str(system["dim"])
    typer.echo(f"  {system['summary']}")
    for label, text in (
        ("energy", system["formula"]),
        ("variables", variables),
        ("parameters", parameters),
        ("known", system["known"]),
        ("source", system["source"]),
    ):
        typer.echo(f"  {label + ':':<12}{text}")
