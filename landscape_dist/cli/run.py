"""`landscape-dist run`: from a configuration or a system's name to a landscape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landscape_dist.cli.guard import CLUSTER_LOST, INTERRUPTED, Debug, complain, guarded, note
from landscape_dist.cli.stores import info_dict
from landscape_dist.errors import ClusterError, ConfigError, SettingsError

if TYPE_CHECKING:
    from landscape_dist.campaign.landscape import Landscape
    from landscape_dist.config import Config
    from landscape_dist.distribute.clusters.place import Place

MOST_LISTED = 20


@guarded
def run(
    target: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG.toml|SYSTEM", help="A configuration file, or the name of a system.", show_default=False
        ),
    ],
    store: Annotated[
        str | None,
        typer.Option(
            help="Database to write, or to go on with. Default: NAME.zarr in this folder.", show_default=False
        ),
    ] = None,
    no_store: Annotated[bool, typer.Option("--no-store", help="Keep nothing on disk.")] = False,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes on this machine. Default: one a CPU.", show_default=False)
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run on the Dask cluster of this scheduler.", show_default=False),
    ] = None,
    scheduler_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The same, by the file that the scheduler wrote.", show_default=False),
    ] = None,
    cluster: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Run on the cluster of this cluster file (TOML).", show_default=False),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Jobs, or workers, of that cluster. Default: the file's.", show_default=False)
    ] = None,
    adapt: Annotated[
        str | None,
        typer.Option(metavar="MIN:MAX", help="As many of them as there is work for.", show_default=False),
    ] = None,
    preload: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A Python file that the problem's file imports, for the workers.", show_default=False
        ),
    ] = None,
    serial: Annotated[bool, typer.Option("--serial", help="Run in this process, without Dask.")] = False,
    start: Annotated[
        list[str] | None,
        typer.Option(metavar="X1,X2,...", help="Where to start; may be given several times.", show_default=False),
    ] = None,
    max_index: Annotated[int | None, typer.Option(help="Highest Morse index to look for.", show_default=False)] = None,
    min_index: Annotated[int | None, typer.Option(help="Lowest one. Default: 0.", show_default=False)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the search or of the solver, by its name in the configuration.",
            show_default=False,
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter of the system, such as dim=6.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Picture to draw: .png, .pdf or .svg. Default: a .png next to the store.", show_default=False
        ),
    ] = None,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw no picture.")] = False,
    steal: Annotated[
        bool,
        typer.Option("--steal", help="Take the store over from a run on another machine that gives no sign of life."),
    ] = False,
    log: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Append a line of JSON to this file for each thing that happens.", show_default=False
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, as `info --json` does.")] = False,
    debug: Debug = False,
) -> None:
    """Find a landscape, keep it in a store and draw it; run again to go on where it stopped.

    Options override the configuration file. A system needs no more than its name: landscape-dist run muller_brown
    """
    from landscape_dist.campaign.campaign import explore
    from landscape_dist.cli.progress import progress
    from landscape_dist.distribute.clusters.place import Local

    where = {
        "workers": workers,
        "scheduler": scheduler,
        "scheduler_file": scheduler_file,
        "cluster": None if cluster is None else str(cluster.resolve()),
        "serial": serial or None,
    }
    size = {"jobs": jobs, "adapt": adapt}
    files = [str(path.resolve()) for path in preload or []]
    explored = {"max_index": max_index, "min_index": min_index, "start": start_points(start or [])}
    config = configured(target, explored, where, settings or [], param or [], size, files)
    store = _store(config, store, no_store)
    picture = _picture(store, plot, no_plot)
    problem = config.problem()
    arguments = with_place(config.explore_arguments() | {"steal": steal}, Local()) | {"store": store}
    if log is not None:
        arguments["log"] = log
    talk = not quiet and not as_json
    if talk:
        found = store is not None and Path(store).exists()
        kept = "nothing is kept" if store is None else f"{'going on with' if found else 'store'} {store}"
        note(f"{problem.name}, {problem.dim} variable{'s' * (problem.dim != 1)}; {kept}")
        noise = getattr(problem, "noise", None)
        if noise is not None:
            note(noise.text())
    try:
        with hushed(not debug), progress(problem.name, quiet or as_json) as show:
            landscape = explore(problem, on_status=show, **arguments)
    except KeyboardInterrupt as error:
        complain(_resumable(store), "interrupted: ", "bold yellow")
        raise typer.Exit(INTERRUPTED) from error
    except SystemExit:  # SIGTERM or SIGHUP
        complain(_resumable(store), "ended by a signal: ", "bold yellow")
        raise
    except ClusterError as error:
        if debug or not show.started:
            raise
        complain(f"{error}\n{_resumable(store)}")
        raise typer.Exit(CLUSTER_LOST) from error
    spent = budget_spent(landscape, arguments)
    if picture is not None:
        landscape.plot(picture)
    if as_json:
        from landscape_dist.cli.tables import print_json

        said = info_dict(landscape.overview)
        print_json(said | {"store": store, "picture": None if picture is None else str(picture)})
    elif talk:
        report(landscape, store, picture, spent)
    if not landscape.finished and spent is None:
        complain(_resumable(store), "interrupted: ", "bold yellow")
        raise typer.Exit(INTERRUPTED)


@contextmanager
def hushed(active: bool) -> Iterator[None]:
    """Keep Dask's own accounts of a lost cluster, tracebacks included, off the terminal; the error says it.

    By switching logging off, as Dask sets the levels of its loggers when it is imported.
    """
    import logging

    before = logging.root.manager.disable
    if active:
        logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


# -- before -----------------------------------------------------------------------------------------------------
def configured(
    target: str,
    explored: dict[str, Any],
    where: dict[str, Any],
    settings: list[str],
    parameters: list[str],
    size: dict[str, Any],
    preload: list[str],
) -> Config:
    """The configuration of a file, or of a system's defaults, with what the command line says put over it.

    Raises:
        ConfigError: neither file nor system, or a value that cannot work.
    """
    from landscape_dist.config import TABLES, make_config, section_of
    from landscape_dist.toml_file import nearest

    data, folder = _tables(target)

    def put(section: str, name: str, value: Any) -> None:
        table = data.setdefault(section, {})
        if isinstance(table, dict):  # if not, validation says so
            table[name] = value

    for name, value in explored.items():
        if value is not None:
            put("explore", name, value)
    for choice in (where | dict.fromkeys(size), size):
        if any(value is not None for value in choice.values()):  # replaces the file's choice as a whole
            for name, value in choice.items():
                put("run", name, value)
    if preload:
        put("run", "preload", preload)
    for text in settings:
        name, value = assignment("--set", text)
        section, dot, key = name.rpartition(".")
        if dot and section not in TABLES:
            raise ConfigError(f"--set {text}: no section {section!r}{nearest(section, TABLES)}")
        put(section if dot else section_of(name), key, value)
    for text in parameters:
        name, value = assignment("--param", text)
        problem = data.get("problem")
        if isinstance(problem, dict):
            problem.setdefault("parameters", {})[name] = value
    return make_config(data, target, folder)


def with_place(arguments: dict[str, Any], default: Place | None = None) -> dict[str, Any]:
    """Arguments of `explore` with place and lease in full, instead of the shorthands of a configuration.

    Args:
        default: where to run if they do not say it; default this process.

    Raises:
        SettingsError: they contradict each other.
    """
    from landscape_dist.distribute.clusters.shorthands import LEASE, PLACE, place_and_lease

    shorthands = {name: value for name, value in arguments.items() if name in (*PLACE, *LEASE)}
    place, lease = place_and_lease(default=default, **shorthands)
    others = {name: value for name, value in arguments.items() if name not in shorthands}
    return others | {"on": place, "lease": lease}


def _tables(target: str) -> tuple[dict[str, Any], Path]:
    from landscape_dist.problems.systems import names
    from landscape_dist.toml_file import nearest, read_tables

    if target.endswith(".toml") or Path(target).is_file():
        return read_tables(target), Path(target).resolve().parent
    if target in names():
        return {"problem": {"system": target}}, Path.cwd()
    raise ConfigError(f"{target!r} is neither a configuration file (.toml) nor a system{nearest(target, names())}")


def assignment(option: str, text: str) -> tuple[str, Any]:
    """'name=value' taken apart; the value is read as in a configuration file, but text needs no quotes.

    Raises:
        ConfigError: not of that form.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"{option} {text}: give NAME=VALUE")
    return name.strip(), read_value(value.strip())


def read_value(text: str) -> Any:
    """A TOML value, numbers such as '.5' or 'inf', 'a,b' as a list, or the text itself."""
    import tomllib

    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        parsed = {}
    if len(parsed) == 1:
        return parsed["value"]
    try:
        return float(text)
    except ValueError:
        return [read_value(part.strip()) for part in text.split(",")] if "," in text else text


def start_points(texts: list[str]) -> Any:
    if not texts:
        return None
    starts = []
    for text in texts:
        try:
            starts.append([float(part) for part in text.strip("[]() ").split(",")])
        except ValueError as error:
            raise SettingsError(f"--start {text}: {error}; give numbers and commas, such as 0.1,0.2") from error
    return starts[0] if len(starts) == 1 else starts


def _store(config: Config, store: str | None, no_store: bool) -> str | None:
    if store is not None and no_store:
        raise SettingsError("--store and --no-store are given together; choose one of them")
    if no_store:
        return None
    section = config.problem_section
    name = re.sub(r"[^\w.-]+", "_", section.name or section.system or Path(config.source).stem)  # no path
    return store or config.run.store or f"{name}.zarr"


def _picture(store: str | None, plot: Path | None, no_plot: bool) -> Path | None:
    from landscape_dist.plots import check_path

    if plot is not None and no_plot:
        raise SettingsError("--plot and --no-plot are given together; choose one of them")
    if plot is not None:
        return check_path(plot)
    if no_plot or store is None or "://" in store:
        return None
    picture = Path(store).with_suffix(".png")
    picture.parent.mkdir(parents=True, exist_ok=True)
    return picture


# -- after ------------------------------------------------------------------------------------------------------
def report(landscape: Landscape, store: str | None, picture: Path | None, spent: str | None) -> None:
    """Summary, points if they are few, verdict of the audit, where everything is."""
    typer.echo(landscape.summary())
    if spent is not None:
        typer.echo(f"  stopped at {spent}; the same command with a larger one goes on")
    if 0 < len(landscape.points) <= MOST_LISTED:
        from landscape_dist.cli.tables import point_table
        from landscape_dist.pathways.export import point_dicts

        typer.echo()
        point_table(point_dicts(landscape.pathways))
    typer.echo()
    typer.echo(f"audit:   {verdict(landscape)}")
    if store is not None:
        typer.echo(f"store:   {store}")
    if picture is not None:
        typer.echo(f"picture: {picture}")
    if store is not None:
        typer.echo(f"more:    landscape-dist audit {store}; also info, points, connections, plot, export")


def budget_spent(landscape: Landscape, arguments: dict[str, Any]) -> str | None:
    """'max_searches = 100' where that, and not Ctrl-C, ended the run; None where nothing of the kind did."""
    for name, n in (("max_searches", len(landscape.searches)), ("max_points", len(landscape.points))):
        budget = arguments.get(name)  # not the header's: it may differ between runs on one store
        if not landscape.finished and budget is not None and n >= budget:
            return f"{name} = {budget}"
    return None


def verdict(landscape: Landscape) -> str:
    """The audit in one line."""
    if not landscape.finished:
        return "the run is not finished, so points are missing"
    found = landscape.audit()
    if found.contradictions:
        return "contradicted; something is missing: " + "; ".join(found.contradictions)
    if found.verdict == "proved":
        assert found.proof is not None
        doubts = "; of arrows: " + "; ".join(found.weaknesses) if found.weaknesses else ""
        return f"proved; these are all points in {found.proof.box_text}{doubts}"
    if found.weaknesses:
        return "weak: " + "; ".join(found.weaknesses)
    morse = found.morse
    if morse.sum_verdict == "consistent":
        why = f"Morse sum {morse.morse_sum}, as the Euler characteristic demands"
    else:
        why = "the Morse sum says nothing here"
    return f"supported; nothing contradicts completeness ({why})"


def _resumable(store: str | None) -> str:
    if store is None:
        return "nothing is kept, because there is no store"
    return f"what was found is in {store}; run the same command again to go on"
