"""A whole exploration: problem, policy, runner and store wired together."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from landscape_dist.analysis.overview import Overview
from landscape_dist.campaign.header import check_header, make_header, session_details
from landscape_dist.campaign.journal import Journal, open_journal
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.campaign.run_log import RunLog
from landscape_dist.campaign.status import OnStatus
from landscape_dist.distribute.runs.settings import HANG_SECONDS, check_hang_seconds
from landscape_dist.errors import SettingsError, StoreNotFoundError
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.solver import check_settings, eigenvalue_columns
from landscape_dist.records import FloatArray
from landscape_dist.spaces.default_judgement import chosen_judgement, space_of_points
from landscape_dist.toml_file import nearest


def explore(
    problem: Any,
    start: Any = None,
    max_index: int | None = None,
    *,
    min_index: int = 0,
    store: Any = None,
    client: Any = None,
    workers: int | None = None,
    scheduler: str | None = None,
    scheduler_file: str | os.PathLike[str] | None = None,
    cluster: Any = None,
    jobs: int | None = None,
    adapt: str | None = None,
    preload: Sequence[str | os.PathLike[str]] | None = None,
    serial: bool | None = None,
    hang_seconds: float | None = HANG_SECONDS,
    steal: bool = False,
    lease_seconds: float = 60.0,
    same: Any = None,
    solver: SolverSettings | None = None,
    on_status: OnStatus | None = None,
    log: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Landscape:
    """Find the stationary points of a problem and the arrows between them.

    From the start, high-index saddle dynamics look for a point of `max_index` (or the highest below it that is found),
    downward searches for all that lies below, upward searches for what lies beside.  With a `store`, the same
    call goes on where an earlier one stopped.

    Args:
        problem: see `landscape_dist.problems` and `landscape_dist.systems`.
        start: (d,) or (s, d) starting points; default the problem's own suggestion.
        max_index: highest Morse index to look for; default the problem's suggestion, else min(d, 6).
        min_index: lowest index to look for.
        store: path of the database (or a Zarr store, or a URL); None keeps the landscape in memory.
        client: a Dask client to run on; its workers keep the problem until the client runs another.
        workers: run on that many worker processes of a Dask cluster on this machine.
        scheduler: run on the Dask cluster of the scheduler at this address.
        scheduler_file: the same, by the file that the scheduler wrote.
        cluster: run on the cluster that a cluster file names (its path); see the folder cluster/ of the repository.
        jobs: jobs or workers of that cluster; default what the file says.
        adapt: "MIN:MAX" of them, as many as there is work for.
        preload: Python files that workers import: modules of yours that the problem imports.
        serial: True runs in this process, the default where no other place is given; False starts worker
            processes there, too, one a CPU.
        hang_seconds: a call of the energy that does not return for so long, in seconds, costs its worker process, and
            the search the status 'hung' where that happens again; None waits for ever. A serial run cannot be
            interrupted from within: there only `deadline` and `max_steps` count, between calls.
        steal: take a store over from a process on another machine that writes to it and is gone: waits until no
            heartbeat of it was seen for its `lease_seconds`. What a killed run on this machine left needs no stealing.
        lease_seconds: how long this process may be silent before others may do the same, in seconds.
        same: when two points of equal index are the same: a 2-norm distance (modulo the problem's `periods`, where it
            has some), d tolerances, a function of two points, or a `SameJudgement`; default a distance of 1e-4 times
            max(1, largest coordinate of the start, half the period of a periodic one). A store from before problems
            had periods keeps to its own distance.
        solver: settings of the solver; single ones can also be given by name.
        on_status: called about twice a second with a `Status`.
        log: file to append a line of JSON to for each thing that happens, see `landscape_dist.campaign.run_log`.
        settings: fields of `ExploreSettings` and `SolverSettings`.

    Raises:
        SettingsError: a setting that cannot work.
        StoreMismatchError: the store holds a landscape of another problem or other settings.
        StoreInUseError: another process writes to the store, or took over from this one.
        StoreError: the store cannot be written, or not any more; everything committed is in it.
        ClusterError: no scheduler at the address, or it was lost; everything committed is in the store.
        KeyboardInterrupt: a second Ctrl-C, while results are taken note of; everything committed is in the store.

    Returns:
        Landscape. After Ctrl-C it holds what was found, with `finished` False, and the store can be resumed.
    """
    starts = _starts(problem, start)
    if max_index is None:
        suggested = getattr(problem, "suggested_max_index", None)
        max_index = min(problem.dim, 6) if suggested is None else suggested
    explore_settings, solver_settings = split_settings(settings, solver, max_index=max_index, min_index=min_index)
    if explore_settings.max_index > problem.dim:
        raise SettingsError(f"max_index is {max_index}, above the dimension {problem.dim}; give at most {problem.dim}")
    check_settings(problem, solver_settings)
    judgement = chosen_judgement(same, explore_settings.same_atol, problem.space, starts, lambda: _same_in(store))
    n_eigenvalues = eigenvalue_columns(problem, solver_settings)
    space = space_of_points(problem.space, judgement)
    coordinator = Coordinator(starts, explore_settings, judgement, n_eigenvalues, space)
    header = make_header(problem, starts, explore_settings, solver_settings, judgement.as_dict())
    check_hang_seconds(hang_seconds)
    lease = {
        "steal": steal,
        "lease_seconds": lease_seconds,
        "session": session_details(explore_settings, solver_settings),
    }
    with _logged(log) as run_log:
        with open_journal(store, header, problem, coordinator, n_eigenvalues, lease) as journal:
            journal.watch(on_status, run_log)
            _run(
                coordinator, problem, solver_settings, journal,
                {
                    "client": client, "workers": workers, "scheduler": scheduler, "scheduler_file": scheduler_file,
                    "cluster": cluster,
                },
                {"jobs": jobs, "adapt": adapt, "preload": preload}, serial,
                hang_seconds,
            )  # fmt: skip
        if run_log is not None:
            run_log.ended(journal.finished, journal.tracker.status())
    return journal.landscape()


def open_landscape(store: Any) -> Landscape:
    """The landscape in a store, as of its last commit; also while a run is writing to it.

    Raises:
        StoreNotFoundError: nothing is there.
        StoreFormatError: something else is there.
    """
    from landscape_dist.store.consistency import check_rows
    from landscape_dist.store.database import Database
    from landscape_dist.store.trajectories import StoredPaths

    with Database.open(store) as database:
        check_header(database.header, database.dim, str(store))
        snapshot = database.read()
    check_rows(snapshot.points, snapshot.searches, str(store))
    return Landscape(
        snapshot.header,
        snapshot.points,
        snapshot.searches,
        snapshot.failures,
        snapshot.counters,
        finished=snapshot.progress.final,
        paths=StoredPaths(store),
    )


def open_overview(store: Any) -> Overview:
    """A store in numbers, as of its last commit; errors as `open_landscape`.

    A finished landscape was counted in its last commit; an unfinished one is read.
    """
    from landscape_dist.store.database import Database

    with Database.open(store) as database:
        check_header(database.header, database.dim, str(store))
        progress = database.progress()
        known = Overview.from_state(database.header, progress.state, progress.counters, progress.final)
    return open_landscape(store).overview if known is None else known


def open_sessions(store: Any) -> list[dict[str, Any]]:
    """Who wrote to a store and when, oldest first, see `landscape_dist.store.sessions`; errors as `open_landscape`."""
    from landscape_dist.store.database import Database

    with Database.open(store) as database:
        return list(database.sessions)


# -- settings -------------------------------------------------------------------------------------------------
def split_settings(
    settings: dict[str, Any], solver: SolverSettings | None = None, **explore: Any
) -> tuple[ExploreSettings, SolverSettings]:
    """Sort single settings by name into those of the policy and those of the solver.

    Raises:
        SettingsError: a name that neither knows, with the nearest one.
    """
    explore_names = {f.name for f in dataclasses.fields(ExploreSettings)}
    solver_names = {f.name for f in dataclasses.fields(SolverSettings)}
    unknown = [name for name in settings if name not in explore_names | solver_names]
    if unknown:
        raise SettingsError(f"no setting named {unknown[0]!r}{nearest(unknown[0], explore_names | solver_names)}")
    mine = {name: value for name, value in settings.items() if name in solver_names}
    solver = solver or SolverSettings()
    if mine:
        solver = dataclasses.replace(solver, **mine)
    rest = {name: value for name, value in settings.items() if name in explore_names}
    return ExploreSettings(**explore, **rest), solver


def _starts(problem: Any, start: Any) -> FloatArray:
    if start is None:
        start = getattr(problem, "suggested_start", None)
        if start is None:
            raise SettingsError(
                f"no start given, and {problem.name} suggests none; give start=, a list of {problem.dim} numbers"
            )
    try:
        starts = np.atleast_2d(np.asarray(start, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise SettingsError(f"start is {start!r}; give a list of {problem.dim} numbers") from error
    if starts.ndim != 2 or starts.shape[1] != problem.dim or not len(starts):
        raise SettingsError(
            f"start has dimension {starts.shape[-1]} but {problem.name} has {problem.dim} variables; give "
            f"{problem.dim} numbers"
        )
    if not np.isfinite(starts).all():
        raise SettingsError(f"start is {start!r}; all numbers must be finite")
    outside = ~problem.domain.contains(starts)
    if outside.any():
        raise SettingsError(
            f"start {starts[outside][0].tolist()} lies outside of the domain {problem.domain}; move it inside or "
            "enlarge the domain"
        )
    return starts


def _same_in(store: Any) -> Any:
    """What the header of a store says of when points are the same; None where there is no store yet."""
    if store is None:
        return None
    from landscape_dist.store.database import Database

    try:
        with Database.open(store) as database:
            return database.header.get("same")
    except StoreNotFoundError:
        return None


# -- run log ------------------------------------------------------------------------------------------------
@contextmanager
def _logged(path: str | os.PathLike[str] | None) -> Iterator[RunLog | None]:
    """The log at that path, closed at the end; an error is its last line."""
    if path is None:
        yield None
        return
    log = RunLog(path)
    try:
        yield log
    except BaseException as error:
        log.failed(error)
        raise
    finally:
        log.close()


# -- run ------------------------------------------------------------------------------------------------------
def _run(
    coordinator: Coordinator,
    problem: Any,
    settings: SolverSettings,
    journal: Journal,
    where: dict[str, Any],
    how: dict[str, Any],
    serial: bool | None,
    hang_seconds: float | None,
) -> None:
    chosen = [name for name, value in where.items() if value is not None]
    if serial and chosen:
        raise SettingsError(f"serial=True and {chosen[0]}= contradict each other; give one of them")
    report = journal.report
    if coordinator.finished:
        journal.finished = coordinator.complete
        return
    if serial or (serial is None and not chosen):
        from landscape_dist.distribute.runs.runner import run_serial

        run_serial(coordinator, problem, settings, on_decisions=journal.write, on_progress=report)
    else:
        from landscape_dist.distribute.clusters.connecting import connect
        from landscape_dist.distribute.runs.runner import DaskRunner

        with connect(**where, **how) as connected:
            journal.tracker.cluster(connected)
            runner = DaskRunner(connected, problem, settings, hang_seconds=hang_seconds)
            runner.run(coordinator, on_decisions=journal.write, on_progress=report)
    journal.finished = coordinator.complete
