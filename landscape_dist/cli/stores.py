"""The commands that read a store."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landscape_dist.cli.guard import Debug, guarded, note
from landscape_dist.errors import SettingsError
from landscape_dist.plots.kinds import KINDS

if TYPE_CHECKING:
    from landscape_dist.analysis.overview import Overview
    from landscape_dist.campaign.landscape import Landscape

MOST_SESSIONS = 5

Store = Annotated[str, typer.Argument(metavar="STORE", help="Database that a run wrote.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV and nothing else.")]


class Format(enum.StrEnum):
    """What `export` writes."""

    graphml = "graphml"
    json = "json"
    csv = "csv"
    mat = "mat"


def opened(store: str) -> Landscape:
    """The landscape in a store."""
    from landscape_dist.campaign.opening import open_landscape

    return open_landscape(store)


def _one_format(as_json: bool, as_csv: bool) -> None:
    if as_json and as_csv:
        raise SettingsError("--json and --csv are given together; choose one of them")


def info_dict(overview: Overview) -> dict[str, Any]:
    """What `info --json` prints."""
    header = overview.header
    return {
        "name": overview.name,
        "dim": header["problem"]["dim"],
        "finished": overview.finished,
        "n_points": overview.n_points,
        "n_connections": overview.n_connections,
        "counts_by_index": {str(k): some.n for k, some in sorted(overview.by_index.items())},
        "counters": overview.counters,
        "problem": header["problem"],
        "start": header["start"],
        "explore": header["explore"],
        "solver": header["solver"],
        "same": header["same"],
        "made_by": header["made_by"],
    }


@guarded
def info(store: Store, as_json: AsJson = False, debug: Debug = False) -> None:
    """Say what is in a store: points by index, searches, evaluations, settings. Works while a run is writing to it."""
    from landscape_dist.analysis.proof_evidence import CertificateEvidence
    from landscape_dist.campaign.opening import open_certificates, open_overview, open_sessions
    from landscape_dist.cli.tables import numbers, print_json

    overview = open_overview(store)
    sessions = open_sessions(store)
    certificates = open_certificates(store)
    said = info_dict(overview) | {"certificates": certificates, "sessions": sessions}
    if as_json:
        print_json(said)
        return
    typer.echo(str(overview))
    problem = said["problem"]
    domain = dict(problem["domain"])
    certified = CertificateEvidence.of(certificates)
    rows = {
        "store": store,
        "finished": "yes" if overview.finished else "no: run the same command again to go on",
        "variables": f"{said['dim']}, domain {domain.pop('kind')} " + ", ".join(f"{k} {v}" for k, v in domain.items()),
        "start": "; ".join(f"({numbers(x, 6, '.6g')})" for x in said["start"]),
        "explore": _settings(said["explore"]),
        "solver": _settings(said["solver"]),
        "same point": _settings(said["same"]),
        **({} if certified is None else {"certified": str(certified)}),
        "made by": ", ".join(f"{name} {version}" for name, version in said["made_by"].items()),
    }
    for label, text in rows.items():
        typer.echo(f"  {label + ':':<12}{text.rstrip()}")
    if len(sessions) > MOST_SESSIONS:
        typer.echo(f"  sessions:   {len(sessions)}, the last {MOST_SESSIONS} of them (all with --json)")
    for number, one in enumerate(sessions[-MOST_SESSIONS:]):
        label = "sessions:" if not number and len(sessions) <= MOST_SESSIONS else ""
        typer.echo(f"  {label:<12}{_session(one)}")


def _session(one: dict[str, Any]) -> str:
    ended = one.get("ended")
    span = f"{one.get('began')} to {ended}" if ended else f"{one.get('began')}, nothing committed"
    found = (
        f": {one['n_points']} points, {one['n_searches']} searches" if "n_points" in one and "n_searches" in one else ""
    )
    return f"{one.get('action')} on {one.get('host')}, {span}{found}"


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items() if value is not None)


@guarded
def points(
    store: Store,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    index: Annotated[int | None, typer.Option(help="Only points of this Morse index.", show_default=False)] = None,
    debug: Debug = False,
) -> None:
    """Print the stationary points.

    JSON: a list of {id, x, energy, index, nullity, gradient_norm, eigenvalues, hits}; energy is null in vector fields.
    After `certify` with `certified`, too: whether the point and its index are proved; null where that is not kept.
    """
    import numpy as np

    from landscape_dist.analysis.proof_evidence import CertificateEvidence
    from landscape_dist.cli import tables
    from landscape_dist.pathways.export import iter_point_dicts

    _one_format(as_json, as_csv)
    landscape = opened(store)
    pathways = landscape.pathways
    found = iter_point_dicts(pathways, None if index is None else np.flatnonzero(pathways.points.index == index))
    certificates = CertificateEvidence.of(landscape.certificates)
    if certificates is not None:
        found = (point | {"certified": certificates.is_certified(point["id"])} for point in found)
    show = tables.print_json_list if as_json else tables.point_csv if as_csv else tables.point_table
    show(found)


@guarded
def connections(store: Store, as_json: AsJson = False, as_csv: AsCsv = False, debug: Debug = False) -> None:
    """Print the arrows, from each saddle to the lower points that its downward searches ended at.

    JSON: a list of {parent, child, count, origins}; parent and child are ids of points, count is the number of
    searches behind the arrow, origins lists which of the parent's searches they were.
    """
    from landscape_dist.cli import tables
    from landscape_dist.pathways.export import iter_connection_dicts

    _one_format(as_json, as_csv)
    landscape = opened(store)
    found = iter_connection_dicts(landscape.pathways)
    if as_json:
        tables.print_json_list(found)
    elif as_csv:
        tables.connection_csv(found)
    else:
        tables.connection_table(found, landscape.columns.index.tolist())


@guarded
def plot(
    store: Store,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Picture to write: .png, .pdf or .svg.", show_default=False)
    ] = None,
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="; ".join(f"{name}: {kind.shows}" for name, kind in KINDS.items()) + ".")
    ] = "auto",
    labels: Annotated[
        bool | None,
        typer.Option("--labels/--no-labels", help="Write ids on points. Default up to 40.", show_default=False),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the picture.", show_default=False)] = None,
    trajectories: Annotated[
        bool,
        typer.Option("--trajectories", help="Draw the paths of the searches, if the run had keep_trajectories = true."),
    ] = False,
    project: Annotated[
        str | None,
        typer.Option(
            metavar="PLANE",
            help="Project more than two variables: pca, oblique, or two of them, such as x1,x3.",
            show_default=False,
        ),
    ] = None,
    animate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.gif",
            help="Film of the search to write, in the order of discovery: .gif, or .mp4 with ffmpeg.",
            show_default=False,
        ),
    ] = None,
    frames: Annotated[int, typer.Option(help="Pictures of the film.")] = 60,
    debug: Debug = False,
) -> None:
    """Draw the landscape in a store, as a picture or a film."""
    from landscape_dist.plots import check_film, check_path

    if out is None and animate is None:
        raise SettingsError("nothing to draw: give --out FILE.png (or .pdf, .svg), --animate FILE.gif, or both")
    if out is not None:
        check_path(out)
    if animate is not None:
        check_film(animate)
    landscape = opened(store)
    options = {
        "kind": kind,
        "labels": labels,
        "title": title,
        "trajectories": trajectories,
        "projection": project,
    }
    if out is not None:
        landscape.plot(out, **options)
        note(f"picture: {out}")
    if animate is not None:
        landscape.animate(animate, frames=frames, **options)
        note(f"film: {animate}")


@guarded
def export(
    store: Store,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write; for csv a folder.", show_default=False)],
    format: Annotated[Format, typer.Option("--format", "-f", help="What to write.", show_default=False)],
    debug: Debug = False,
) -> None:
    """Write points and connections for other programs."""
    pathways = opened(store).pathways
    if not out.parent.is_dir():
        raise SettingsError(f"--out {str(out)!r}: there is no folder {str(out.parent)!r}; make it first")
    try:
        getattr(pathways, f"to_{format.value}")(out)
    except OSError as error:
        raise SettingsError(f"--out {str(out)!r} cannot be written ({error.strerror}); give another path") from error
    note(f"{format.value}: {out}")


@guarded
def report(store: Store, as_json: AsJson = False, debug: Debug = False) -> None:
    """Say all that there is to say of a landscape in one JSON document: {name, panels: [{name, title, data}]}.

    JSON is the only form there is, with --json and without.
    """
    from landscape_dist.cli.tables import print_json
    from landscape_dist.reports.panels import report_data

    print_json(report_data(opened(store)))
