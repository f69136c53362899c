"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from landscape_dist.cli import analyses, cluster, correct, maintenance, proofs, run, stores, systems, train, watch
from landscape_dist.reports.analyses import ANALYSES

HELP = """Find the stationary points of an energy (minima, transition states, saddles of every index) and the arrows
between them, by high-index saddle dynamics, on this machine or a Dask cluster.

Exit codes: 0 done; 1 diff found a difference, or verify something wrong; 2 an error, said in one line; 3 the cluster
was lost during a run; 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP. After 3 and these the same command goes on where it
stopped."""


def _version(wanted: bool) -> None:
    if wanted:
        from landscape_dist import __version__

        typer.echo(f"landscape-dist {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def make_app() -> typer.Typer:
    """The program: its commands, and one more for each of `ANALYSES`."""
    app = typer.Typer(
        name="landscape-dist", help=HELP, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
    )
    app.callback(help=HELP)(_options)
    app.command("run")(run.run)
    app.command("train")(train.train)
    app.command("correct")(correct.correct)
    app.command("watch")(watch.watch)
    app.command("info")(stores.info)
    app.command("points")(stores.points)
    app.command("connections")(stores.connections)
    app.command("plot")(stores.plot)
    app.command("export")(stores.export)
    for name, analysis in ANALYSES.items():
        app.command(name, help=analysis.help)(analyses.command_of(name, analysis))
    app.command("report")(stores.report)
    app.command("prove")(proofs.prove)
    app.command("certify")(proofs.certify)
    app.command("verify")(maintenance.verify)
    app.command("repair")(maintenance.repair)
    app.command("compact")(maintenance.compact)
    app.command("merge")(maintenance.merge)
    app.command("diff")(maintenance.diff)
    app.command("retry")(maintenance.retry)
    app.command("extend")(maintenance.extend)
    app.command("systems")(systems.systems)
    app.add_typer(cluster.app, name="cluster")
    return app


app = make_app()
