"""Landscapes made anew from what stores hold: merged, freed of failures, extended.

A new coordinator is told what is known (see `exploration.earlier_searches`), so the result is what a run with the new
starts and settings would have come to had it found this out itself: it can be gone on with by the same call of
`explore` that would make it afresh, and comes to the same points and arrows.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.analysis.proof_evidence import ProofEvidence
from landscape_dist.campaign.arguments import split_settings
from landscape_dist.campaign.campaign import explore
from landscape_dist.campaign.header import check_header, differences, session_details
from landscape_dist.campaign.journal import Journal
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.distribute.clusters.shorthands import place_and_lease
from landscape_dist.errors import LandscapeError, SettingsError, StoreError, StoreFormatError, StoreMismatchError
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.earlier_searches import MadeBefore, tell_known
from landscape_dist.exploration.proofs.prover import Proved
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.numerics.plain_json import plain_json
from landscape_dist.problems.base import Problem
from landscape_dist.problems.definition import problem_of
from landscape_dist.problems.domain import domain_from_dict
from landscape_dist.records import Counters, FloatArray, SearchColumns, SearchStatus
from landscape_dist.spaces.default_judgement import default_atol, judgement_by, space_of_points, space_of_store
from landscape_dist.spaces.judgement import SameJudgement
from landscape_dist.spaces.kinds import judgement_of, space_of
from landscape_dist.store.consistency import contradictions
from landscape_dist.store.database import Database
from landscape_dist.store.replacing import replacing
from landscape_dist.store.settings import Lease
from landscape_dist.store.trajectories import StoredPaths
from landscape_dist.toml_file import nearest


@dataclass(frozen=True, slots=True)
class Revision:
    """What a store made anew holds.

    Attributes:
        n_points, n_searches: in it. n_dropped: failed searches left out, to be made again.
        finished: whether nothing is left to be searched.
        header: problem, starts and settings to go on with.
    """

    n_points: int
    n_searches: int
    n_dropped: int
    finished: bool
    header: dict[str, Any]


def merge(stores: Sequence[Any], out: Any, *, same: Any = None) -> Revision:
    """Join landscapes of the same problem and settings into a new store.

    Points that are the same are one, arrows go to the new ids, and the starts of all are kept.

    Args:
        stores: paths, URLs or Zarr store objects; two or more.
        out: where to write.
        same: as in `explore`; needed where the stores were made with a function of yours.

    Raises:
        StoreMismatchError: they differ in more than their starts; says in what.
    """
    if len(stores) < 2:
        raise SettingsError(f"merge is given {len(stores)} store; give two or more")
    known = [_Known(store) for store in stores]
    first = known[0]
    for other in known[1:]:
        theirs = other.header | {"start": first.header["start"], "same": first.header["same"]}
        wrong = differences(first.header, theirs)
        default = first.has_default_tolerance() and other.has_default_tolerance()
        if first.header["same"] != other.header["same"] and not default:
            wrong.append(f"same: {first.header['same']}, now {other.header['same']}")
        if wrong:
            raise StoreMismatchError(
                f"{first.where} and {other.where} cannot be merged: {'; '.join(wrong)}; merge stores of one problem "
                "and the same settings"
            )
    starts = _joined([one.starts for one in known])
    judgement = first.judgement_for(starts, same)
    details: dict[str, Any] = {"action": "merge", "of": [one.where for one in known]}
    earlier = [entry | {"store": one.where} for one in known for entry in one.sessions]
    return _make(out, known, starts, first.explore, first.solver, judgement, details, earlier)


def retry(
    store: Any,
    statuses: Sequence[str],
    *,
    settings: dict[str, Any] | None = None,
    out: Any = None,
    same: Any = None,
    lease: Lease | None = None,
    steal: bool = False,
) -> Revision:
    """Leave out failed searches, so that a run makes them again, with other settings if wanted.

    From then on the store is one of the new settings, as if the searches that are kept had been made with them; what
    the settings were is in its sessions.

    Args:
        store: path, URL or Zarr store object.
        statuses: labels of `SearchStatus`, such as 'hung' and 'max_steps'.
        settings: fields of `SolverSettings` and `ExploreSettings` to change.
        out: another store to write; default is in place of the old one, in one step.
        same: as for `merge`. lease, steal: as for `explore`.
    """
    codes = [_status(label) for label in statuses]
    if not codes:
        raise SettingsError("no status is given; give some of " + ", ".join(s.label for s in SearchStatus))

    def plan(known: _Known) -> tuple[FloatArray, ExploreSettings, SolverSettings, dict[str, Any]]:
        known.leave_out(codes)
        explore, solver = known.changed(settings or {})
        return known.starts, explore, solver, {"statuses": [s.label for s in codes], "n_dropped": known.n_dropped}

    return _revise(store, "retry", plan, out, same, place_and_lease(lease=lease, steal=steal)[1])


def extend(
    store: Any,
    *,
    starts: Any = None,
    max_index: int | None = None,
    settings: dict[str, Any] | None = None,
    out: Any = None,
    same: Any = None,
    lease: Lease | None = None,
    steal: bool = False,
) -> Revision:
    """Add starting points or raise the highest index, so that a run goes on from there.

    Args:
        store: path, URL or Zarr store object.
        starts: (d,) or (s, d) further starting points, inside the domain.
        max_index: highest Morse index to look for, not below the present one.
        settings: other settings of the policy, such as `n_random`.
        out, same, lease, steal: as for `retry`.
    """

    def plan(known: _Known) -> tuple[FloatArray, ExploreSettings, SolverSettings, dict[str, Any]]:
        more = known.starts if starts is None else _joined([known.starts, _inside(_matrix(starts, known.dim), known)])
        highest = known.explore.max_index if max_index is None else max_index
        if not known.explore.max_index <= highest <= known.dim:
            raise SettingsError(
                f"max_index is {highest}; give a whole number from {known.explore.max_index}, that of the store, to "
                f"{known.dim}, the number of variables"
            )
        explore, solver = known.changed({**(settings or {}), "max_index": highest})
        return more, explore, solver, {"n_starts": len(more), "max_index": highest}

    return _revise(store, "extend", plan, out, same, place_and_lease(lease=lease, steal=steal)[1])


# -- one store in, one store out ------------------------------------------------------------------------------
Plan = Callable[["_Known"], tuple[FloatArray, ExploreSettings, SolverSettings, dict[str, Any]]]
"""What is to become of a store: starts, settings, and what its session says of it."""


def _revise(store: Any, action: str, plan: Plan, out: Any, same: Any, lease: Lease) -> Revision:
    def make(target: Any) -> Revision:
        known = _Known(store)
        starts, explore, solver, details = plan(known)
        before = {"starts": len(known.starts), "explore": known.header["explore"], "solver": known.header["solver"]}
        details = {"action": action, **details, "before": before}
        judgement = known.judgement_for(starts, same)
        return _make(target, [known], starts, explore, solver, judgement, details, known.sessions)

    if out is not None:
        return make(out)
    with replacing(store, steal=lease.steal, lease_seconds=lease.seconds) as new:
        return make(new)


def _make(
    out: Any,
    known: Sequence[_Known],
    starts: FloatArray,
    explore: ExploreSettings,
    solver: SolverSettings,
    judgement: SameJudgement,
    details: dict[str, Any],
    earlier: list[dict[str, Any]],
) -> Revision:
    first = known[0]
    header = first.header | {"start": starts.tolist(), "explore": explore.as_dict(), "solver": solver.as_dict()}
    header["same"] = plain_json("same", judgement.as_dict())
    # Budgets end a run, not the telling of what is known.
    unlimited = dataclasses.replace(explore, max_searches=None, max_points=None)
    width = max(one.n_eigenvalues for one in known)
    space = space_of_points(space_of(header), judgement)
    domain = domain_from_dict(header["problem"]["domain"])
    coordinator = Coordinator(
        starts, unlimited, judgement, width, space, domain, solver.lengths, _proved(known, explore)
    )
    session = session_details(explore, solver) | details
    with Database.create(out, header, dim=first.dim, n_eigenvalues=width, session=session, earlier=earlier) as database:
        spent = Counters()
        for one in known:
            spent.add(one.counters)
        journal = Journal(header, None, coordinator, database, store=out, counters=spent)
        for result, decisions in tell_known(coordinator, [one.made for one in known]):
            journal.write(result, decisions)
        coordinator.validate()
        journal.finish()
    n_dropped = sum(one.n_dropped for one in known)
    return Revision(len(coordinator.points), len(coordinator.searches), n_dropped, journal.finished, header)


def _proved(known: Sequence[_Known], explore: ExploreSettings) -> Proved | None:
    """What one of these has proved, if that is what is asked for."""
    for one in known:
        asked = (one.explore.min_index, one.explore.max_index) == (explore.min_index, explore.max_index)
        found = None if one.n_dropped else ProofEvidence.of(one.proof, len(one.made.points))
        if one.proof is not None and found is not None and found.settled and asked and explore.prove != "none":
            return Proved(one.proof)
    return None


class _Known:
    """A store, read and checked."""

    def __init__(self, store: Any) -> None:
        self.where = str(store) if isinstance(store, str | os.PathLike) else repr(store)
        with Database.open(store) as database:
            check_header(database.header, database.dim, self.where)
            snapshot = database.read()
            self.dim, self.n_eigenvalues, self.sessions = database.dim, database.n_eigenvalues, database.sessions
        found = contradictions(snapshot.points, snapshot.searches, snapshot.failures)
        if found:
            raise StoreFormatError(f"{self.where} is damaged: {found[0]}; see landscape-dist verify")
        self.header = snapshot.header
        self.proof = snapshot.proof
        self.space = space_of_store(self.header)
        self.starts = np.array(self.header["start"], dtype=np.float64)
        try:
            self.explore = ExploreSettings.of_store(self.header["explore"])
            self.solver = SolverSettings(**self.header["solver"])
        except (TypeError, LandscapeError) as error:
            raise StoreError(
                f"{self.where} was made with settings that this version does not know ({error}); use the version that "
                "made it"
            ) from error
        self.counters = Counters(**{name: int(snapshot.counters.get(name, 0)) for name in Counters.__slots__})
        self.n_dropped = 0
        paths = StoredPaths(store)
        slot, end = paths.index()
        begin = np.concatenate([[0], end])[:-1]
        first = {s: (i, j) for s, i, j in zip(slot.tolist(), begin.tolist(), end.tolist(), strict=True)}
        self.made = MadeBefore(
            snapshot.points,
            snapshot.searches,
            snapshot.failures,
            self.starts,
            self.explore,
            domain_from_dict(self.header["problem"]["domain"]),
            frozenset(first),
            lambda slot: paths.points(*first[slot]),
        )

    def leave_out(self, statuses: Sequence[SearchStatus]) -> None:
        """Forget failed searches of these statuses."""
        searches = self.made.searches
        kept = ~(np.isin(searches.status, [int(s) for s in statuses]) & (searches.child < 0))
        self.n_dropped = int(np.count_nonzero(~kept))
        self.made.searches = SearchColumns(*(getattr(searches, name)[kept] for name in searches.__slots__))

    def changed(self, settings: dict[str, Any]) -> tuple[ExploreSettings, SolverSettings]:
        """The settings of the store with some of them changed."""
        if "same_atol" in settings:
            raise SettingsError("same_atol cannot be changed: points of the store were told apart by the old one")
        values = {name: value for name, value in self.explore.as_dict().items() if name not in settings}
        explore_only = {name: values.pop(name) for name in ("max_index",) if name in values}
        return split_settings(values | settings, self.solver, **explore_only)

    def has_default_tolerance(self) -> bool:
        """Whether points are told apart by what `explore` takes by default, which goes by the starts."""
        default = self._default(self.starts).as_dict()
        return self.explore.same_atol is None and self.header["same"] == default

    def judgement_for(self, starts: FloatArray, same: Any) -> SameJudgement:
        """The judgement of the store, with other starts."""
        if same is not None:
            judgement = judgement_by(same, self.space)
            if plain_json("same", judgement.as_dict()) != self.header["same"]:
                raise StoreMismatchError(
                    f"{self.where} was made with same = {self.header['same']}, and now it is {judgement.as_dict()}; "
                    "give the same one"
                )
            return judgement
        if self.has_default_tolerance():
            return self._default(starts)
        return judgement_of(self.header)

    def _default(self, starts: FloatArray) -> SameJudgement:
        """What `explore` takes by default with these starts."""
        return judgement_by(default_atol(starts, self.space), self.space)


def _joined(starts: Sequence[FloatArray]) -> FloatArray:
    """All starts in order, each once."""
    seen: dict[bytes, FloatArray] = {}
    for start in np.concatenate(starts) + 0.0:
        seen.setdefault(start.tobytes(), start)
    return np.stack(list(seen.values()))


def _matrix(starts: Any, dim: int) -> FloatArray:
    try:
        matrix = np.atleast_2d(np.asarray(starts, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise SettingsError(f"start is {starts!r}; give lists of {dim} numbers") from error
    if matrix.ndim != 2 or matrix.shape[1] != dim or not np.isfinite(matrix).all():
        raise SettingsError(f"start is {starts!r}; give lists of {dim} finite numbers")
    return matrix


def _inside(starts: FloatArray, known: _Known) -> FloatArray:
    """The starts; an error where one is outside of the domain: in the header, it would keep every run from going on."""
    domain = domain_from_dict(known.header["problem"]["domain"])
    outside = ~np.asarray(domain.contains(starts))
    if outside.any():
        raise SettingsError(f"start {starts[outside][0].tolist()} lies outside of the domain {domain}; move it inside")
    return starts


def _status(label: str) -> SearchStatus:
    labels = {status.label: status for status in SearchStatus}
    if label not in labels:
        raise SettingsError(f"status {label!r} is none{nearest(label, labels)}")
    return labels[label]


def go_on(store: Any, problem: Problem | None = None, *, same: Any = None, **where: Any) -> Landscape:
    """Go on with what a store holds, by the settings in its header.

    Args:
        store: path, URL or Zarr store object.
        problem: that the store was made with; default built from its header.
        same: as for `merge`.
        where: `on`, `max_searches`, `on_status`, ... of `explore`.
    """
    known = _Known(store)
    problem = problem_of(known.header) if problem is None else problem
    # Budgets were those of earlier sessions.
    settings = known.explore.as_dict() | {"max_searches": None, "max_points": None} | where
    judgement = known.judgement_for(known.starts, same)
    return explore(problem, known.starts, store=store, same=judgement, solver=known.solver, **settings)
