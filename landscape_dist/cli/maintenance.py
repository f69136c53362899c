"""The commands that look after stores: verify, repair, compact, merge, diff, retry, extend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landscape_dist.cli.guard import INTERRUPTED, Debug, complain, guarded, note
from landscape_dist.cli.stores import AsJson, Store
from landscape_dist.errors import SettingsError, StoreNotFoundError

if TYPE_CHECKING:
    from landscape_dist.problems.base import Problem
    from landscape_dist.spaces.judgement import SameJudgement
    from landscape_dist.upkeep.revision import Revision

DIFFERENT = 1
"""Exit code of `diff` where there is a difference, and of `verify` where something is wrong."""

ProblemOf = Annotated[
    str | None,
    typer.Option(
        "--problem",
        metavar="CONFIG.toml|SYSTEM",
        help="What the store was made with; needed only where that was functions of Python.",
        show_default=False,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A parameter of that system.", show_default=False),
]
Steal = Annotated[
    bool, typer.Option("--steal", help="Take the store over from a process elsewhere that gives no sign of life.")
]
Out = Annotated[
    str | None,
    typer.Option("--out", "-o", metavar="STORE", help="Write this store, and leave the old one.", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting to change from here on.", show_default=False),
]
Workers = Annotated[
    int | None,
    typer.Option(help="Worker processes on this machine. Default: none, in this process.", show_default=False, min=1),
]
PrepareOnly = Annotated[
    bool, typer.Option("--prepare-only", help="Search nothing yet; `landscape-dist run` with the new settings goes on.")
]


def given(problem: str | None, parameters: list[str] | None) -> tuple[Problem | None, SameJudgement | None]:
    """Problem and judgement of --problem; None where the store is to say."""
    if problem is None:
        if parameters:
            raise SettingsError("--param is given without --problem; name the system with --problem")
        return None, None
    from landscape_dist.cli.run import configured

    config = configured(problem, {}, {}, [], parameters or [], {}, [])
    return config.problem(), config.same


@guarded
def verify(
    store: Store,
    problem: ProblemOf = None,
    param: Parameters = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Read every committed row of a store, check that rows agree with one another, and compute gradients again.

    Exit code 0: sound; 1: something is wrong; 2: it cannot be read. Works while a run is writing to the store. Nothing
    in a store is ever executed.
    """
    from landscape_dist.upkeep.verification import verify_store

    built, same = given(problem, param)
    report = verify_store(store, problem=built, same=same)
    if as_json:
        from landscape_dist.cli.tables import print_json

        print_json(report.as_dict())
    else:
        typer.echo(str(report))
    if not report.sound:
        raise typer.Exit(DIFFERENT)


@guarded
def repair(
    store: Store,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    steal: Steal = False,
    debug: Debug = False,
) -> None:
    """Remove what killed runs left: rows that no commit counts, temporary files. Committed rows are not touched."""
    from landscape_dist.store.repair import repair as remove

    found = remove(store, dry_run=dry_run, steal=steal)
    did = "would be removed" if dry_run else "removed"
    for path, n in found.tails.items():
        typer.echo(f"{did}: {n} rows of {path} behind the committed ones")
    if found.partial_files:
        typer.echo(f"{did}: {found.partial_files} temporary files")
    if found.directory is not None:
        typer.echo(f"{did}: {found.directory}, half made")
    if found.is_empty:
        typer.echo("nothing to repair")


@guarded
def compact(store: Store, out: Out = None, steal: Steal = False, debug: Debug = False) -> None:
    """Write a store anew, in fewer files and without dead space, in place of the old one in one step."""
    from landscape_dist.store.compact import compact as rewrite

    done = rewrite(store, out, steal=steal)
    typer.echo(f"{done.n_points} points and {done.n_searches} searches in {out or store}")
    if None not in (*done.n_files, *done.n_bytes):
        typer.echo(f"files {done.n_files[0]} -> {done.n_files[1]}, bytes {done.n_bytes[0]} -> {done.n_bytes[1]}")


@guarded
def merge(
    stores: Annotated[
        list[str], typer.Argument(metavar="STORE...", help="Two stores or more, of one problem.", show_default=False)
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="STORE", help="Store to write.", show_default=False)],
    problem: ProblemOf = None,
    param: Parameters = None,
    debug: Debug = False,
) -> None:
    """Join landscapes of one problem, made with the same settings, into a new store."""
    from landscape_dist.upkeep.revision import merge as join

    _, same = given(problem, param)
    _report(join(stores, out, same=same), out)


@guarded
def diff(
    store: Store,
    other: Annotated[str, typer.Argument(metavar="STORE", help="Another one.", show_default=False)],
    problem: ProblemOf = None,
    param: Parameters = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare two landscapes as sets of points and arrows; points that are the same are matched.

    Exit code 0: no difference; 1: there is one. JSON: {same, n_common, points_only_in_a, points_only_in_b,
    arrows_only_in_a, arrows_only_in_b}; ids are those of the store that has them.
    """
    from landscape_dist.analysis.matching import compare
    from landscape_dist.campaign.opening import open_landscape
    from landscape_dist.spaces.kinds import judgement_of

    a, b = open_landscape(store), open_landscape(other)
    if a.header["problem"]["dim"] != b.header["problem"]["dim"]:
        raise SettingsError(
            f"{store} has {a.header['problem']['dim']} variables and {other} {b.header['problem']['dim']}; give stores "
            "of one problem"
        )
    _, same = given(problem, param)
    found = compare(a.pathways, b.pathways, judgement=same or judgement_of(a.header))
    if as_json:
        from landscape_dist.cli.tables import print_json

        print_json(
            {
                "same": found.is_empty,
                "n_common": len(found.pairs),
                "points_only_in_a": list(found.only_in_a),
                "points_only_in_b": list(found.only_in_b),
                "arrows_only_in_a": [list(arrow) for arrow in found.arrows_only_in_a],
                "arrows_only_in_b": [list(arrow) for arrow in found.arrows_only_in_b],
            }
        )
    else:
        typer.echo(str(found))
    if not found.is_empty:
        raise typer.Exit(DIFFERENT)


@guarded
def retry(
    store: Store,
    status: Annotated[
        str,
        typer.Option(metavar="NAME,NAME", help="Which failures, such as hung,max_steps.", show_default=False),
    ],
    settings: Settings = None,
    problem: ProblemOf = None,
    param: Parameters = None,
    out: Out = None,
    workers: Workers = None,
    prepare_only: PrepareOnly = False,
    steal: Steal = False,
    debug: Debug = False,
) -> None:
    """Make failed searches again, with other settings if wanted: landscape-dist retry s.zarr --status max_steps --set
    max_steps=5000

    The store is then one of the new settings; the old ones stay in its list of sessions.
    """
    from landscape_dist.upkeep.revision import retry as leave_out

    built, same = _to_go_on_with(store, problem, param, prepare_only)
    statuses = [label.strip() for label in status.split(",") if label.strip()]
    done = leave_out(store, statuses, settings=_assigned(settings), out=out, same=same, steal=steal)
    note(f"{done.n_dropped} failed searches to be made again")
    _go_on(out or store, done, built, same, workers, prepare_only)


@guarded
def extend(
    store: Store,
    start: Annotated[
        list[str] | None,
        typer.Option(metavar="X1,X2,...", help="Another start; may be given several times.", show_default=False),
    ] = None,
    max_index: Annotated[int | None, typer.Option(help="Highest Morse index from here on.", show_default=False)] = None,
    settings: Settings = None,
    problem: ProblemOf = None,
    param: Parameters = None,
    out: Out = None,
    workers: Workers = None,
    prepare_only: PrepareOnly = False,
    steal: Steal = False,
    debug: Debug = False,
) -> None:
    """Add starts to a landscape, or raise its highest index, and go on; searches that were made are not made again."""
    from landscape_dist.cli.run import start_points
    from landscape_dist.upkeep.revision import extend as widen

    if not start and max_index is None and not settings:
        raise SettingsError("nothing to extend: give --start, --max-index or --set")
    built, same = _to_go_on_with(store, problem, param, prepare_only)
    done = widen(
        store,
        starts=start_points(start or []),
        max_index=max_index,
        settings=_assigned(settings),
        out=out,
        same=same,
        steal=steal,
    )
    _go_on(out or store, done, built, same, workers, prepare_only)


def _to_go_on_with(
    store: str, problem: str | None, param: list[str] | None, prepare_only: bool
) -> tuple[Problem | None, SameJudgement | None]:
    """Problem and judgement: what cannot be gone on with is said before the store is replaced, not after."""
    built, same = given(problem, param)
    if "://" not in store and not Path(store).exists():
        raise StoreNotFoundError(f"there is no store at {store}; check the path")
    if prepare_only:
        return built, same
    from landscape_dist.campaign.header import check_header
    from landscape_dist.problems.definition import check_same_problem, problem_of
    from landscape_dist.store.database import Database

    with Database.open(store) as database:
        header = database.header
        check_header(header, database.dim, store)
    if built is None:
        return problem_of(header), same
    check_same_problem(header, built)
    return built, same


def _assigned(settings: list[str] | None) -> dict[str, Any]:
    from landscape_dist.cli.run import assignment
    from landscape_dist.config import NONE

    values = dict(assignment("--set", text) for text in settings or [])
    return {name.rpartition(".")[2]: None if value == NONE else value for name, value in values.items()}


def _report(done: Revision, store: str) -> None:
    state = "finished" if done.finished else "not finished: searches are left to be made"
    typer.echo(f"{done.n_points} points and {done.n_searches} searches in {store}; {state}")


def _go_on(
    store: str,
    done: Revision,
    problem: Problem | None,
    same: SameJudgement | None,
    workers: int | None,
    prepare_only: bool,
) -> None:
    if prepare_only or done.finished:
        _report(done, store)
        return
    from landscape_dist.cli.progress import progress
    from landscape_dist.upkeep.revision import go_on

    with progress(str(done.header["problem"]["name"]), False) as show:
        landscape = go_on(store, problem, same=same, workers=workers, on_status=show)
    typer.echo(landscape.summary())
    if not landscape.finished:
        complain(f"what was found is in {store}; `landscape-dist run` with its settings goes on", "interrupted: ")
        raise typer.Exit(INTERRUPTED)
