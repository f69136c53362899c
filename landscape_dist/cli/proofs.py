"""The commands that prove which points there are, and that those of a store are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from landscape_dist.cli.guard import Debug, guarded, note
from landscape_dist.cli.maintenance import Parameters, ProblemOf, Workers, given
from landscape_dist.cli.stores import AsJson, Store
from landscape_dist.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from landscape_dist.exploration.proofs.completeness import State

NOT_COMPLETE = 1
"""Exit code where boxes are left, or the store lacks points."""


@guarded
def prove(
    store: Store,
    box: Annotated[
        str | None,
        typer.Option(
            "--box",
            metavar="LOWER,UPPER[;...]",
            help="Of all coordinates, or a pair for each. Default: the domain, or what is shown to hold all points.",
            show_default=False,
        ),
    ] = None,
    boxes: Annotated[int | None, typer.Option(help="How many boxes to look at.", min=1, show_default=False)] = None,
    cpu_seconds: Annotated[float | None, typer.Option(help="CPU time to spend.", show_default=False)] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Keep what is known in it, and go on from it.", show_default=False),
    ] = None,
    workers: Workers = None,
    problem: ProblemOf = None,
    param: Parameters = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Prove which stationary points there are in a box, and compare with those of a store, which stays as it is.

    Needs a problem that is a formula or a named system. Exit code 0: all points are proved and in the store; 1: boxes
    are left undecided, or points are missing.
    """
    from landscape_dist.campaign.proving import missing_points
    from landscape_dist.cli.stores import opened
    from landscape_dist.problems.definition import check_same_problem

    landscape = opened(store)
    built = given(problem, param)[0]
    if built is not None:
        check_same_problem(landscape.header, built)
        landscape.problem = built
    options: dict[str, Any] = {"cpu_seconds": cpu_seconds, "checkpoint": checkpoint, "on_progress": _progress}
    options |= {name: value for name, value in (("boxes", boxes), ("workers", workers)) if value is not None}
    proof = landscape.prove(None if box is None else _pairs(box), **options)
    missing = missing_points(proof, landscape.columns, landscape.header)
    if as_json:
        from landscape_dist.cli.tables import print_json

        print_json(proof.as_dict() | {"missing": missing})
    else:
        typer.echo(str(proof))
        for k in missing:
            point = proof.points[k]
            x = ", ".join(f"{v:.10g}" for v in point.x[:8]) + (", ..." if len(point.x) > 8 else "")
            typer.echo(f"  not in the store: ({x}), index {point.index}")
        if missing:
            typer.echo("`landscape-dist extend` with these as --start searches from them")
    if missing or not proof.complete:
        raise typer.Exit(NOT_COMPLETE)


@guarded
def certify(
    store: Store,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE", help="Write them as JSON to it.", show_default=False)
    ] = None,
    arrows: Annotated[
        bool, typer.Option("--arrows", help="Where the branches of index-1 points lead, too, which takes longer.")
    ] = False,
    problem: ProblemOf = None,
    param: Parameters = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Prove of each point of a store that it is there: a tiny box with exactly one, its Morse index and energy.

    Needs a problem that is a formula or a named system. How many there are is kept in the store, for `info` and
    `audit`. Exit code 0: all are certified; 1: some are not, or an index or an arrow is wrong.
    """
    import json
    from pathlib import Path

    from landscape_dist.campaign.certifying import certify as certify_landscape
    from landscape_dist.campaign.opening import keep_certificates
    from landscape_dist.cli.stores import opened
    from landscape_dist.cli.tables import print_json

    if out is not None and not Path(out).absolute().parent.is_dir():
        raise SettingsError(f"--out is {out!r}, in a folder that is not there; make it first")
    built = given(problem, param)[0]
    certificates = certify_landscape(opened(store), built, arrows=arrows)
    if out is not None:
        Path(out).write_text(json.dumps(certificates.as_dict()), encoding="utf-8")
    if as_json:
        print_json(certificates.as_dict())
    else:
        typer.echo(str(certificates))
    try:
        keep_certificates(store, certificates.summary())
    except StoreError as error:
        note(f"not kept in the store: {error}")
    if certificates.wrong or certificates.wrong_arrows or certificates.n_certified < len(certificates.points):
        raise typer.Exit(NOT_COMPLETE)


def _pairs(text: str) -> Any:
    try:
        pairs = [[float(end) for end in pair.split(",")] for pair in text.split(";")]
    except ValueError:
        pairs = []
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise SettingsError(f"--box is {text!r}; give LOWER,UPPER, as in -2,2, or a pair for each coordinate: -2,2;0,5")
    return pairs[0] if len(pairs) == 1 else pairs


def _progress(state: State) -> None:
    if state.n_looks > 50_000:
        note(f"{state.n_looks} boxes, {len(state.zeros)} with a point, {100 * state.volume_left:.2g} % undecided")
