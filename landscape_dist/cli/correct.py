"""`landscape-dist correct`: a landscape from few values of the true energy, through a surrogate that is corrected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landscape_dist.cli.guard import CLUSTER_LOST, INTERRUPTED, Debug, complain, guarded, note
from landscape_dist.cli.run import configured, hushed, with_place
from landscape_dist.errors import ClusterError

if TYPE_CHECKING:
    from landscape_dist.correction.result import Correction, Round

MOST_LISTED = 30


@guarded
def correct(
    target: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG.toml|SYSTEM", help="A configuration file, or the name of a system.", show_default=False
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Option(help="Keep everything here, or go on with what is here.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes on this machine. Default: none.", show_default=False)
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run on the Dask cluster of this scheduler.", show_default=False),
    ] = None,
    cluster: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Run on the cluster of this cluster file (TOML).", show_default=False),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="TABLE.NAME=VALUE",
            help="A value of the configuration, such as correction.max_values=500.",
            show_default=False,
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter of the system, such as alpha=6.", show_default=False),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture to draw: .png, .pdf or .svg.", show_default=False)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Find the landscape of an expensive energy from few values, and refine its points on that energy.

    Values of a table data come first. Run again with the same --folder to go on where it stopped.
    """
    from landscape_dist.correction.correct import correct as run

    if plot is not None:  # not after all has been asked
        from landscape_dist.plots import check_path

        check_path(plot)
    where = {
        "workers": workers,
        "scheduler": scheduler,
        "scheduler_file": None,
        "cluster": None if cluster is None else str(cluster.resolve()),
        "serial": None,
    }
    config = configured(target, {}, where, settings or [], param or [], {}, [])
    problem = config.problem()
    arguments = with_place(config.explore_arguments())
    place = {name: arguments[name] for name in ("on", "hang_seconds") if name in arguments}
    searched = config.explore.model_dump(exclude_unset=True) | config.solver.model_dump(exclude_unset=True)
    training = config.training_settings() if config.training.model_fields_set else None
    talk = not quiet and not as_json
    if talk:
        note(f"{problem.name}, {problem.dim} variable{'s' * (problem.dim != 1)}; kept in: {folder or 'memory'}")
    try:
        with hushed(not debug):
            result = run(
                problem,
                data=None if config.data is None else config.training_data(),
                folder=folder,
                correction=config.correction_settings(),
                training=training,
                same=config.same,
                on_round=(lambda one: note(_line(one))) if talk else None,
                **place,
                **searched,
            )
    except KeyboardInterrupt as error:
        complain(_resumable(folder), "interrupted: ", "bold yellow")
        raise typer.Exit(INTERRUPTED) from error
    except ClusterError as error:
        if debug:
            raise
        complain(f"{error}\n{_resumable(folder)}")
        raise typer.Exit(CLUSTER_LOST) from error
    if as_json:
        from landscape_dist.cli.tables import print_json

        print_json(result.as_dict() | {"folder": None if folder is None else str(folder)})
    elif talk:
        _report(result)
    if plot is not None:
        result.landscape.plot(plot)


def _line(one: Round) -> str:
    """A round in a line."""
    counts = "/".join(str(one.counts.get(k, 0)) for k in range(max(one.counts, default=0) + 1))
    move = "-" if one.largest_move is None else f"{one.largest_move:.1e}"
    return (
        f"round {one.number}: {one.n_values} values, points by index {counts or 'none'}, {one.n_arrows} arrows; "
        f"{one.n_new} new, {one.n_lost} lost, largest move {move}"
    )


def _report(result: Correction) -> None:
    """The summary, the points if they are few, and the arrows."""
    from landscape_dist.cli.tables import MOST_COORDINATES, number, numbers, print_table

    typer.echo(str(result))
    if not 0 < len(result.points) <= MOST_LISTED:
        return
    typer.echo()
    rows = [
        [
            "-" if point.id is None else str(point.id),
            str(point.index_surrogate),
            point.fate.value,
            numbers(point.x_surrogate if point.x is None else point.x, MOST_COORDINATES),
            number(point.energy),
            number(point.displacement, ".1e"),
            number(point.mu, ".4g"),
            *_bounds(point.bound),
            f"{point.rate:.0%}",
        ]
        for point in result.points
    ]
    names = ("id", "index", "fate", "x", "energy", "displacement", "mu", "4 eps/mu", "holds", "best bound", "rate")
    print_table(names, rows, (True, True, False, False, True, True, True, True, False, True, True))
    if result.arrows:
        typer.echo()
        arrows = [[str(a.parent), str(a.child), f"{a.rate:.0%}", a.fate.value] for a in result.arrows]
        print_table(("parent", "child", "rate", "fate"), arrows, (True, True, True, False))


def _bounds(bound: Any) -> list[str]:
    from landscape_dist.cli.tables import number

    if bound is None:
        return ["-", "-", "-"]
    return [f"{bound.bound:.2g}", "yes" if bound.condition else "no", number(bound.best, ".1e")]


def _resumable(folder: Path | None) -> str:
    if folder is None:
        return "nothing is kept, because there is no --folder"
    return f"what was asked is in {folder}; run the same command again to go on"
