"""A whole correction: the rounds, the refinement on the true energy, what can be said about each point and arrow."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_dist.analysis.survival import Survival, survival
from landscape_dist.campaign.arguments import split_settings
from landscape_dist.campaign.header import make_header
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.correction.arrows import carried_over, leading_down, searched_again
from landscape_dist.correction.bounds import Bound, estimate_bounds
from landscape_dist.correction.files import written_at_once
from landscape_dist.correction.loop import Found, Loop, OnRound, Rounds, member_pathways
from landscape_dist.correction.models import NETWORK, Fitter
from landscape_dist.correction.refinement import Refined, groups_of_same, refine
from landscape_dist.correction.result import (
    ArrowFate,
    CorrectedArrow,
    CorrectedPoint,
    Correction,
    PointFate,
)
from landscape_dist.correction.sampling import Frame, frame_of
from landscape_dist.correction.truth import TrueEnergy
from landscape_dist.distribute.clusters.shorthands import PLACE, place_and_lease
from landscape_dist.errors import SettingsError, StoreError, StoreFormatError, StoreMismatchError
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.pathways.connections import arrows
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.problems.base import Problem
from landscape_dist.records import FailureColumns, FloatArray, PointColumns, SearchColumns
from landscape_dist.spaces.default_judgement import judgement_by
from landscape_dist.spaces.flat import space_with
from landscape_dist.spaces.judgement import SameJudgement
from landscape_dist.spaces.symmetry import PeriodicCoordinates
from landscape_dist.surrogates.correction import CorrectionSettings
from landscape_dist.surrogates.data import TrainingData
from landscape_dist.surrogates.settings import TrainingSettings

if TYPE_CHECKING:
    from landscape_dist.distribute.clusters.place import On

DESCRIPTION, VALUES, ROUNDS, RESULT = "correction.json", "values", "rounds", "result.json"
SAME = 1e-5
"""Refined points of equal index within this fraction of the widths are one."""
# What may differ when a correction is gone on with: it says how long, and what else is looked at in the end.
FREE = ("max_values", "max_rounds", "check_arrows", "check_bounds")


def correct(
    problem: Problem,
    start: Any = None,
    max_index: int | None = None,
    *,
    data: TrainingData | None = None,
    folder: str | os.PathLike[str] | None = None,
    correction: CorrectionSettings | None = None,
    training: TrainingSettings | None = None,
    solver: SolverSettings | None = None,
    same: Any = None,
    on: On = None,
    hang_seconds: float | None = None,
    on_round: OnRound | None = None,
    **settings: Any,
) -> Correction:
    """Find the landscape of an expensive energy through a surrogate that is corrected where it matters.

    From a few values of the true energy a surrogate is fitted and its landscape found; the true energy is asked near
    the points found, along the arrows and where the surrogate knows least; a surrogate is fitted to all of that, and so
    on until points and arrows stay.  Then every point is refined on the true energy by Newton's method.
    Where the true energy raises, or is not finite, there is no value: such points are `left_out` of the result.

    Args:
        problem: the true energy, with a box as domain or `data` that span one.
        start: (d,) or (s, d) where the surrogate is searched from; default the problem's suggestion, else the middle.
        max_index: highest Morse index to look for; default the problem's suggestion, else min(d, 6).
        data: values of the true energy that are known already; None asks for `n_initial`.
        folder: keeps values, surrogates and landscapes; the same call goes on there where it was killed, and comes to
            the same result. Only what was asked in the last second is asked again; of an energy that takes batches,
            the batch that it was killed in.
        correction: settings of the correction; single ones can also be given by name.
        training: of networks; default small networks that end with L-BFGS.
        solver, same: as in `explore`.
        on, hang_seconds: where the surrogates are searched, and the true energy is evaluated, as in `explore`; default
            in this process. `hang_seconds` is for the searches only.
        on_round: called after each round with a `Round`.
        settings: fields of `CorrectionSettings`, `ExploreSettings` and `SolverSettings`; shorthands for `on`, as in
            `explore`.

    Raises:
        SettingsError: a setting that cannot work, no box to ask in, or data of another dimension or period.
        ProblemError: the true energy has a value at none of the first points.
        StoreError: the folder cannot be used. StoreInUseError: another process works in it.
        KeyboardInterrupt: Ctrl-C; what was asked is in the folder.
        StoreMismatchError: the folder holds a correction of another problem or other settings.
        ClusterError: no scheduler at the address, or it was lost; what was asked is in the folder.
    """
    if not problem.has_energy:
        raise SettingsError(f"{problem.name} is a vector field without an energy; a surrogate is fitted to energies")
    if problem.mass is not None:
        raise SettingsError(f"{problem.name} has a mass, which surrogates do not know; set problem.mass = None")
    _check_kinds(correction, training, data)
    known = {field.name for field in dataclasses.fields(CorrectionSettings)}
    mine = {name: settings.pop(name) for name in list(settings) if name in known}
    place, _ = place_and_lease(on, **{name: settings.pop(name) for name in PLACE if name in settings})
    chosen = dataclasses.replace(correction or CorrectionSettings(), **mine)
    frame = frame_of(problem, data)
    if max_index is None:
        max_index = min(problem.dim, 6) if problem.suggested_max_index is None else problem.suggested_max_index
    explore_settings, solver_settings = split_settings(
        settings, solver, also=("on", "data", "folder", *PLACE, *known), max_index=max_index
    )
    starts = _starts(problem, start, frame)
    path = None if folder is None else Path(folder)
    if path is not None:
        described = _described(problem, starts, chosen, training or NETWORK, explore_settings, solver_settings, data)
        _prepare(path, described)
    with ExitStack() as stack:
        if path is not None:
            from landscape_dist.store.lease import alone_in

            stack.enter_context(alone_in(path, "corrects"))  # two would write values of the same numbers
        connected = stack.enter_context(place.connect())  # one for all rounds
        remote = None
        if connected is not None:
            from landscape_dist.distribute.runs.evaluations import RemoteEvaluations

            remote = stack.enter_context(RemoteEvaluations(connected, problem))
        truth = TrueEnergy(problem, None if path is None else path / VALUES, remote)
        options: dict[str, Any] = settings | {"solver": solver_settings, "same": same, "on": connected}
        options = {name: value for name, value in options.items() if name not in solver_settings.as_dict()}
        options |= {"keep_trajectories": chosen.n_arrow > 0, "trajectory_points": 50}
        if connected is not None and hang_seconds is not None:
            options["hang_seconds"] = hang_seconds
        fitter = Fitter(chosen, training or NETWORK, problem, frame.domain, connected)
        fitter.check(data)
        rounds_folder = None if path is None else path / ROUNDS
        loop = Loop(truth, chosen, frame, fitter, starts, max_index, options, rounds_folder)
        rounds = loop.run(data, on_round or (lambda one: None))
        members = member_pathways(rounds, loop.search, rounds_folder)
        judgement = _judgement(problem, frame)
        result = _concluded(truth, rounds, members, frame, judgement, chosen, explore_settings, solver_settings, starts)
    if path is not None:
        _write_json(path / RESULT, result.as_dict())
    return result


# -- before -----------------------------------------------------------------------------------------------------------
def _check_kinds(correction: Any, training: Any, data: Any) -> None:
    kinds = {
        "correction": (correction, CorrectionSettings), "training": (training, TrainingSettings),
        "data": (data, TrainingData),
    }  # fmt: skip
    for name, (value, kind) in kinds.items():
        if value is not None and not isinstance(value, kind):
            raise SettingsError(f"{name} is a {type(value).__name__}; give a {kind.__name__}, or leave it out")


def _starts(problem: Problem, start: Any, frame: Frame) -> FloatArray:
    if start is None:
        start = problem.suggested_start
    if start is None:
        return (frame.lower + 0.5 * frame.width)[None, :]
    try:
        starts = np.atleast_2d(np.asarray(start, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"start cannot be read as numbers ({error}); give {problem.dim}, or rows of them"
        ) from error
    if starts.ndim != 2 or starts.shape[1] != problem.dim or not np.isfinite(starts).all():
        raise SettingsError(f"start is {start!r}; give {problem.dim} finite numbers, or rows of them")
    return starts


def _judgement(problem: Problem, frame: Frame) -> SameJudgement:
    """When ends of searches on the true energy are the same point."""
    return judgement_by(SAME * float(frame.width.max()), space_with(frame.period, problem.dim))


# -- folder -----------------------------------------------------------------------------------------------------------
def _described(
    problem: Problem, starts: FloatArray, correction: CorrectionSettings, training: TrainingSettings,
    explore: ExploreSettings, solver: SolverSettings, data: TrainingData | None,
) -> dict[str, Any]:  # fmt: skip
    """What must agree for a correction to be gone on with."""
    return {
        "problem": {"name": problem.name, "fingerprint": problem.fingerprint()},
        "start": starts.tolist(),
        "correction": {name: value for name, value in correction.as_dict().items() if name not in FREE},
        "training": training.as_dict(),
        "explore": explore.as_dict(),
        "solver": solver.as_dict(),
        "data": None if data is None else data.digest(),
    }


def _prepare(folder: Path, described: dict[str, Any]) -> None:
    """Make the folder, or see that it is one of the same correction."""
    path = folder / DESCRIPTION
    described = json.loads(json.dumps(described))
    try:
        if not path.exists():
            if folder.exists() and any(folder.iterdir()):
                raise StoreError(f"{folder} is no correction and not empty; give another folder")
            folder.mkdir(parents=True, exist_ok=True)
            _write_json(path, described)
            return
        text = path.read_text()
    except OSError as error:
        raise StoreError(f"{folder} cannot be used ({error.strerror or error}); give another folder") from error
    try:
        there = json.loads(text)
        wrong = [name for name in described if there[name] != described[name]]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreFormatError(f"{path} is damaged ({error}); give another folder") from error
    if wrong:
        name = wrong[0]
        raise StoreMismatchError(
            f"{folder} is a correction with another {name}: {_differing(there[name], described[name])}; give another "
            "folder, or remove it"
        )


def _differing(there: Any, now: Any) -> str:
    """What differs between two descriptions."""
    if not (isinstance(there, dict) and isinstance(now, dict)):
        return f"{there}, now {now}"
    names = [name for name in now | there if there.get(name) != now.get(name)]
    return "; ".join(f"{name} {there.get(name)}, now {now.get(name)}" for name in names)


def _write_json(path: Path, value: Any) -> None:
    with written_at_once(path) as file:
        file.write((json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


# -- after ------------------------------------------------------------------------------------------------------------
def _concluded(
    truth: TrueEnergy, rounds: Rounds, members: list[Any], frame: Frame, judgement: SameJudgement,
    settings: CorrectionSettings, explore: ExploreSettings, solver: SolverSettings, starts: FloatArray,
) -> Correction:  # fmt: skip
    """Refine, bound, check."""
    found, surrogate = rounds.found[-1], rounds.fitted.surrogate
    spent = [truth.n_evaluations]
    refined = refine(truth, surrogate, found.x, frame, 2 * settings.radius)
    spent.append(truth.n_evaluations)
    groups = groups_of_same(refined.x, refined.index, SAME, frame)
    away = frame.difference(refined.x, found.x)
    displacement = np.linalg.norm(away, axis=1)
    for group in groups:  # the nearest one is the point, the others are merged with it
        group.sort(key=lambda i: (refined.index[i] != found.index[i], displacement[i]))
    firsts = np.array([group[0] for group in groups], dtype=np.int64)
    bounds: list[Bound] = []
    if settings.check_bounds:
        bounds = estimate_bounds(
            truth, surrogate, refined.x[firsts], refined.hessian[firsts], displacement[firsts], frame
        )
    spent.append(truth.n_evaluations)
    id_of = np.full(len(found), -1, dtype=np.int64)
    for id, group in enumerate(groups):
        id_of[group] = id
    columns = _columns(refined, firsts)
    carried = leading_down(found.arrows, id_of, columns.index)
    searches = carried_over(carried[:, 0], carried[:, 1], columns.index)
    if settings.check_arrows:
        columns, searches = searched_again(truth, columns, judgement, solver, explore)
    spent.append(truth.n_evaluations)
    shares = _shares(found.landscape.pathways, members, frame, settings.radius)
    counters = truth.counters.as_dict()
    header = make_header(truth.problem, starts, explore, solver, judgement.as_dict())
    nothing = FailureColumns(np.zeros(0, np.int64), np.zeros((0, frame.dim)), np.zeros(0), [])
    landscape = Landscape(header, columns, searches, nothing, counters, finished=True, problem=truth.problem)
    names = ("rounds", "refinement", "bounds", "arrows")
    return Correction(
        rounds.status,
        _points(found, refined, groups, displacement, bounds, shares),
        tuple(range(len(groups), len(columns))),
        _arrows(found, id_of, carried, searches, shares, settings.check_arrows),
        rounds.rounds,
        counters,
        dict(zip(names, [spent[0], *np.diff(spent).tolist()], strict=True)),
        landscape,
        surrogate,
        rounds.data,
        rounds.left_out,
    )


def _shares(reference: PathwayMap, members: list[PathwayMap], frame: Frame, radius: float) -> Survival:
    """Which points and arrows are in which landscapes; `radius` is a fraction of the widths."""
    if not np.isfinite(frame.period).any():
        return survival(reference, members, radius * frame.width)

    def by_widths(one: PathwayMap) -> PathwayMap:
        scaled = copy.copy(one)
        scaled.points = dataclasses.replace(one.points, x=frame.inward(one.points.x))
        return scaled

    judgement = PeriodicCoordinates(frame.period / frame.width, radius)
    return survival(by_widths(reference), [by_widths(member) for member in members], judgement)


def _columns(refined: Refined, rows: Any) -> PointColumns:
    """The points of the true energy as those of a landscape."""
    n = len(rows)
    return PointColumns(
        x=refined.x[rows], energy=refined.energy[rows], index=refined.index[rows], nullity=refined.nullity[rows],
        gradient_norm=np.linalg.norm(refined.gradient[rows], axis=1), eigenvalues=refined.eigenvalues[rows],
        found_by=np.zeros(n, dtype=np.int64), round=np.zeros(n, dtype=np.int32),
    )  # fmt: skip


def _points(
    found: Found, refined: Refined, groups: list[list[int]], displacement: FloatArray, bounds: list[Bound],
    shares: Survival,
) -> tuple[CorrectedPoint, ...]:  # fmt: skip
    group_of = {i: id for id, group in enumerate(groups) for i in group}
    rate = {point.id: point.rate for point in shares.points}
    points = []
    for i in range(len(found)):
        index, x = int(found.index[i]), tuple(found.x[i].tolist())
        share = rate[int(found.order[i])]
        if i not in group_of:
            reason = refined.failure.get(i, "the Hessian there is not finite")
            points.append(
                CorrectedPoint(None, x, None, index, None, None, None, None, share, PointFate.VANISHED, reason)
            )
            continue
        id, true_index, reason = group_of[i], int(refined.index[i]), ""
        if groups[id][0] != i:
            fate = PointFate.MERGED
            first = ", ".join(f"{v:.4g}" for v in found.x[groups[id][0]])
            reason = f"the same point of the true energy as the surrogate's at ({first})"
        elif true_index != index:
            fate, reason = PointFate.OTHER_INDEX, f"index {true_index} on the true energy"
        else:
            fate = PointFate.KEPT
        points.append(
            CorrectedPoint(
                id, x, tuple(refined.x[i].tolist()), index, true_index, float(refined.energy[i]),
                float(displacement[i]), float(np.abs(refined.eigenvalues[i]).min()), share, fate, reason,
                bounds[id] if bounds and groups[id][0] == i else None,
            )
        )  # fmt: skip
    return tuple(points)


def _arrows(
    found: Found, id_of: Any, carried: Any, searches: SearchColumns, shares: Survival, checked: bool
) -> tuple[CorrectedArrow, ...]:
    id_of_found = {int(found.order[i]): int(id_of[i]) for i in range(len(found))}
    rates: dict[tuple[int, int], float] = {}
    for arrow in shares.arrows:
        if arrow.parent not in id_of_found or arrow.child not in id_of_found:  # of a surrogate that is not believed
            continue
        pair = id_of_found[arrow.parent], id_of_found[arrow.child]
        rates[pair] = max(rates.get(pair, 0.0), arrow.rate)
    pairs = {(int(a), int(b)) for a, b in carried}
    if not checked:
        return tuple(CorrectedArrow(*pair, rates[pair], ArrowFate.UNCHECKED) for pair in sorted(pairs))
    _, upper, lower, _ = arrows(searches, found.x.shape[1])
    true = set(zip(upper.tolist(), lower.tolist(), strict=True))
    fates = {pair: ArrowFate.SURVIVES if pair in true else ArrowFate.NOT_FOUND for pair in pairs}
    fates |= dict.fromkeys(true - pairs, ArrowFate.NEW)
    return tuple(CorrectedArrow(*pair, rates.get(pair, 0.0), fates[pair]) for pair in sorted(fates))
