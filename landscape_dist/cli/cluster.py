"""`landscape-dist cluster`: looking at a cluster file, and trying the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landscape_dist.cli.guard import ERROR, Debug, complain, guarded, note

app = typer.Typer(no_args_is_help=True, help="Look at a cluster file, or try its cluster.")

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A cluster file (TOML), see cluster/README.md.", show_default=False)
]


@app.command("script")
@guarded
def script(file: File, debug: Debug = False) -> None:
    """Print the script that is submitted for each job; nothing is started."""
    from landscape_dist.distribute.clusters.cluster_file import load_cluster_file
    from landscape_dist.distribute.clusters.kinds import job_script

    found = job_script(load_cluster_file(file))
    if found is None:
        note(f"{file} is in order; its cluster submits no jobs, so there is no script")
    else:
        typer.echo(found.rstrip())


@app.command("check")
@guarded
def check(
    file: File,
    timeout: Annotated[
        float, typer.Option(help="Seconds to wait for the worker; its job may have to queue.", min=1)
    ] = 300.0,
    debug: Debug = False,
) -> None:
    """Print the job script, start one worker, run one search on it; say what fails and what helps."""
    from landscape_dist.cli.run import hushed
    from landscape_dist.distribute.runs.cluster_check import check_cluster

    with hushed(not debug):
        for step in check_cluster(file, timeout):
            if step.error is not None:
                complain(step.error, f"{step.name}: failed: ")
                raise typer.Exit(ERROR)
            typer.echo(f"{step.name}: {step.text}")
