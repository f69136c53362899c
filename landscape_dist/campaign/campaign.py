"""A whole exploration: problem, policy, runner and store wired together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from landscape_dist.campaign.arguments import highest_index, split_settings, starts_of
from landscape_dist.campaign.header import make_header, session_details
from landscape_dist.campaign.journal import Journal, open_journal
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.campaign.run_log import RunLog
from landscape_dist.campaign.status import OnStatus
from landscape_dist.distribute.clusters.place import Place
from landscape_dist.distribute.clusters.shorthands import LEASE, PLACE, place_and_lease
from landscape_dist.distribute.runs.settings import HANG_SECONDS, check_hang_seconds
from landscape_dist.errors import SettingsError, StoreNotFoundError
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.proofs.prover import Prover, prover_for
from landscape_dist.exploration.settings import BEFORE, ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.solver import check_settings, eigenvalue_columns, steps_use_hessians
from landscape_dist.hisd.units import with_lengths
from landscape_dist.spaces.default_judgement import chosen_judgement, space_of_points
from landscape_dist.store.settings import Lease

if TYPE_CHECKING:
    from landscape_dist.distribute.clusters.place import On
    from landscape_dist.problems.base import Problem

ARGUMENTS = ("start", "store", "on", "same", "lease", "hang_seconds", "on_status", "log", *PLACE, *LEASE)
"""What `explore` takes besides settings, for the message where a name is misspelt."""


def explore(
    problem: Problem,
    start: Any = None,
    max_index: int | None = None,
    *,
    min_index: int = 0,
    store: Any = None,
    on: On = None,
    same: Any = None,
    solver: SolverSettings | None = None,
    lease: Lease | None = None,
    hang_seconds: float | None = HANG_SECONDS,
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
        on: where to run: `Serial()` in this process (the default), `Local(4)` on worker processes of this machine,
            `Scheduler("tcp://node7:8786")` or `Scheduler(file=...)` on a Dask cluster that runs already,
            `Cluster("slurm.toml", jobs=20)` on one that is started for the run, or a Dask client, whose workers keep
            the problem until it runs another. Their `preload=` brings Python files that the problem imports.
        same: when two points of equal index are the same: a 2-norm distance (modulo the problem's `periods`, where it
            has some), d tolerances, a function of two points, or a `SameJudgement`; default a distance of 1e-4 times
            max(1, largest coordinate of the start, half the period of a periodic one). A store from before problems
            had periods keeps to its own distance.
        solver: settings of the solver; single ones can also be given by name.
        lease: how the store is held: `Lease(steal=True)` takes it over from a process on another machine that is gone,
            `Lease(seconds=600)` says how long this one may be silent before others may do the same.
        hang_seconds: a call of the energy that does not return for so long, in seconds, costs its worker process, and
            the search the status 'hung' where that happens again; None waits for ever. A serial run cannot be
            interrupted from within: there only `deadline` and `max_steps` count, between calls.
        on_status: called about twice a second with a `Status`.
        log: file to append a line of JSON to for each thing that happens, see `landscape_dist.campaign.run_log`.
        settings: fields of `ExploreSettings` and `SolverSettings`. Shorthands for `on` and `lease`, as in `workers=4`,
            are `serial`, `workers`, `client`, `scheduler`, `scheduler_file`, `cluster`, `jobs`, `adapt`, `preload`,
            `steal` and `lease_seconds`.

    Raises:
        SettingsError: a setting that cannot work.
        StoreMismatchError: the store holds a landscape of another problem or other settings.
        StoreInUseError: another process writes to the store, or took over from this one.
        StoreError: the store cannot be written, or not any more; everything committed is in it.
        ClusterError: no scheduler at the address, or it was lost; everything committed is in the store.
        SystemExit: SIGTERM or SIGHUP came (scancel, preemption, a time limit), with 128 plus the signal's number; what
            was found is committed, as after Ctrl-C, and the store can be resumed.
        KeyboardInterrupt: a second Ctrl-C, while results are taken note of; everything committed is in the store.

    Returns:
        Landscape. After Ctrl-C it holds what was found, with `finished` False, and the store can be resumed.
    """
    shorthands = {name: settings.pop(name) for name in (*PLACE, *LEASE) if name in settings}
    starts = starts_of(problem, start)
    highest = highest_index(problem, max_index)
    explore_settings, solver_settings = split_settings(
        settings, solver, also=ARGUMENTS, max_index=highest, min_index=min_index
    )
    if highest > problem.space.dim:
        raise SettingsError(
            f"max_index is {highest}, above the dimension {problem.space.dim}; give at most {problem.space.dim}"
        )
    kept = _header_in(store)
    before = problem.counters.copy()
    if kept is None:
        solver_settings = with_lengths(problem, solver_settings, starts[0])
    else:
        explore_settings, solver_settings = _as_kept(kept, explore_settings, solver_settings, settings)
    measured = problem.counters.minus(before)
    check_settings(problem, solver_settings)
    if explore_settings.restarts == "auto" and not steps_use_hessians(problem, solver_settings):
        explore_settings = replace(explore_settings, restarts="none")
    same_before = None if kept is None else kept.get("same")
    judgement = chosen_judgement(
        same,
        explore_settings.same_atol,
        problem.space,
        starts,
        same_before,
        solver_settings.lengths,
        problem.position_noise,
    )
    n_eigenvalues = eigenvalue_columns(problem, solver_settings)
    space = space_of_points(problem.space, judgement)
    prover = prover_for(problem, explore_settings.prove, explore_settings.min_index, explore_settings.max_index)
    coordinator = Coordinator(
        starts, explore_settings, judgement, n_eigenvalues, space, problem.domain, solver_settings.lengths, prover
    )
    header = make_header(problem, starts, explore_settings, solver_settings, judgement.as_dict())
    check_hang_seconds(hang_seconds)
    with _logged(log) as run_log:
        place, held = place_and_lease(on, lease, **shorthands)
        with open_journal(
            store, header, problem, coordinator, n_eigenvalues,
            lease=held, session=session_details(explore_settings, solver_settings), on_status=on_status, log=run_log,
            counters=measured,
        ) as journal:  # fmt: skip
            ended_by = _run(place, coordinator, problem, solver_settings, journal, hang_seconds)
        if run_log is not None:
            run_log.ended(journal.finished, journal.tracker.status())
    if ended_by is not None:
        from landscape_dist.distribute.runs.interrupts import EXIT_CODE

        raise SystemExit(EXIT_CODE + ended_by)
    return journal.landscape()


def _as_kept(
    kept: dict[str, Any], explore: ExploreSettings, solver: SolverSettings, given: dict[str, Any]
) -> tuple[ExploreSettings, SolverSettings]:
    """The settings, where nothing was given, as a store has them: with its lengths, and as its version had them."""
    before: dict[str, Any] = {
        n: v for n, v in BEFORE.items() if n not in given and n not in (kept.get("explore") or {})
    }
    if solver.lengths is None:  # stores of versions that had no lengths go on with none
        about = kept.get("solver") or {}
        solver = replace(solver, lengths=about.get("lengths"), origin=about.get("origin"))
    return replace(explore, **before), solver


def _header_in(store: Any) -> dict[str, Any] | None:
    """The header of a store; None where there is no store yet."""
    if store is None:
        return None
    from landscape_dist.store.database import Database

    try:
        with Database.open(store) as database:
            return database.header
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
    place: Place,
    coordinator: Coordinator,
    problem: Problem,
    settings: SolverSettings,
    journal: Journal,
    hang_seconds: float | None,
) -> int | None:
    """Run; the number of the signal that is to end the process, None where none came."""
    if coordinator.finished:
        return None
    from landscape_dist.distribute.runs.proof_packs import packs_on
    from landscape_dist.distribute.runs.runner import DaskRunner, run_serial

    with place.connect() as client:
        if client is None:
            return run_serial(
                coordinator, problem, settings, on_decisions=journal.write, on_progress=journal.report
            ).ended_by
        journal.cluster(client)
        if isinstance(coordinator.prover, Prover):
            coordinator.prover.packs = packs_on(client, coordinator.prover.equations)
        runner = DaskRunner(client, problem, settings, hang_seconds=hang_seconds)
        return runner.run(coordinator, on_decisions=journal.write, on_progress=journal.report).ended_by
