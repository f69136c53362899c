"""Whether a store is sound: every committed row is read, rows agree with one another, points are stationary.

A store is data.  Nothing in it is executed: its problem is built from names and formulas only, or given by the user.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from landscape_dist.campaign.header import check_header
from landscape_dist.errors import LandscapeError, SettingsError
from landscape_dist.exploration.identification import Identification
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.exploration.slots import Slots
from landscape_dist.exploration.tables import PointTable
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.problems.base import Problem
from landscape_dist.problems.definition import check_same_problem, problem_of
from landscape_dist.records import FloatArray, IntArray, PointColumns, SearchColumns
from landscape_dist.spaces.judgement import SameJudgement
from landscape_dist.spaces.kinds import judgement_of, space_of
from landscape_dist.store.consistency import contradictions
from landscape_dist.store.database import Database
from landscape_dist.store.snapshot import Snapshot

POINTS_TOGETHER = 4096
PATH_NUMBERS_TOGETHER = 1 << 22

SLACK = 100.0
"""A gradient may be so many times larger than when the point was found, or than its tolerance: other versions and other
machines round differently."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a look at all of a store found.

    Attributes:
        n_points, n_searches, n_failures, n_paths: committed rows, all of which were read.
        n_gradients: points whose gradient was computed again. largest_gradient: of these, its 2-norm; None for none.
        skipped: what could not be looked at, and why.
        findings: what is wrong; empty for a sound store.
    """

    n_points: int
    n_searches: int
    n_failures: int
    n_paths: int
    n_gradients: int
    largest_gradient: float | None
    skipped: tuple[str, ...]
    findings: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return asdict(self) | {"skipped": list(self.skipped), "findings": list(self.findings), "sound": self.sound}

    def __str__(self) -> str:
        lines = [
            f"{self.n_points} points, {self.n_searches} searches, {self.n_failures} failures, {self.n_paths} paths read"
        ]
        if self.largest_gradient is not None:
            lines.append(f"{self.n_gradients} gradients computed again, the largest {self.largest_gradient:.1e}")
        lines += [f"not looked at: {text}" for text in self.skipped]
        lines += [f"wrong: {text}" for text in self.findings] or ["nothing is wrong"]
        return "\n".join(lines)


def verify_store(store: Any, *, problem: Problem | None = None, same: SameJudgement | None = None) -> Verification:
    """Look at all of a store, as of its last commit; also while a run is writing to it.

    Args:
        store: path, URL or Zarr store object.
        problem: that the store was made with; needed for gradients unless it is a named system or a formula.
        same: the judgement, where it was made of a function.

    Raises:
        StoreNotFoundError, StoreFormatError: there is no database, or its structure is damaged.
        StoreMismatchError: `problem` is another one.
    """
    where = str(store) if isinstance(store, str | os.PathLike) else repr(store)
    with Database.open(store) as database:
        check_header(database.header, database.dim, where)
        index = database.read_trajectory_index()  # before the rest: a run may commit in between
        snapshot = database.read()
        findings = _paths(database, *index, snapshot.searches)
    points, searches = snapshot.points, snapshot.searches
    skipped: list[str] = []
    found = contradictions(points, searches, snapshot.failures)
    findings += found
    if not found:
        findings += _slots(snapshot, problem, skipped)
        findings += _twins(snapshot, same, skipped)
    if problem is not None:
        check_same_problem(snapshot.header, problem)
    else:
        try:
            problem = problem_of(snapshot.header)
        except LandscapeError as error:
            skipped.append(f"gradients: {error}")
    largest = None
    if problem is not None and not found and len(points):
        largest, more = _gradients(problem, points, snapshot.header)
        findings += more
    return Verification(
        len(points),
        len(searches),
        len(snapshot.failures),
        len(index[0]),
        0 if largest is None else len(points),
        largest,
        tuple(skipped),
        tuple(findings),
    )


verify = verify_store
"""The name of version 0.1."""


def _paths(database: Database, slot: IntArray, end: IntArray, searches: SearchColumns) -> list[str]:
    if not len(slot):
        return []
    if (np.diff(end, prepend=0) < 0).any():
        return ["trajectories: the paths' ends do not rise"]
    findings = []
    if not np.isin(slot, searches.slot).all():
        findings.append("trajectories: a path is of no search")
    step = max(1, PATH_NUMBERS_TOGETHER // database.dim)
    for first in range(0, int(end[-1]), step):
        x, time = database.read_trajectory_points(first, min(first + step, int(end[-1])))
        if np.isnan(time).any() or np.isnan(x).all(axis=1).any():
            findings.append(f"trajectories: points from row {first} on are missing")
            break
    return findings


def _slots(snapshot: Snapshot, problem: Problem | None, skipped: list[str]) -> list[str]:
    """Whether each search is the one that its slot stands for."""
    points, searches, header = snapshot.points, snapshot.searches, snapshot.header
    try:
        settings = ExploreSettings.of_store(header["explore"])
    except (TypeError, SettingsError) as error:
        skipped.append(f"numbers of searches: settings that this version does not know ({error})")
        return []
    try:
        space = space_of(header) if problem is None else problem.space
    except SettingsError as error:
        skipped.append(f"numbers of searches: {error}")
        return []
    table = PointTable.of(points)
    slots = Slots(np.array(header["start"], dtype=np.float64), settings, table, space)
    if len(points):  # none yet, before the first commit of a run
        slots.add(points)
    beyond = searches.slot >= slots.n
    if beyond.any():
        return [f"searches: slot is beyond the last ({np.count_nonzero(beyond)} rows)"]
    told = slots.describe(searches.slot)
    names = ("parent", "kind", "ordinal", "target")
    return [
        f"searches: {name} is not that of the slot ({np.count_nonzero(value != getattr(searches, name))} rows)"
        for name, value in zip(names, told, strict=True)
        if (value != getattr(searches, name)).any()
    ]


def _twins(snapshot: Snapshot, same: SameJudgement | None, skipped: list[str]) -> list[str]:
    """Whether some points are the same one."""
    points = snapshot.points
    try:
        judgement = judgement_of(snapshot.header) if same is None else same
    except SettingsError as error:
        skipped.append(f"points that are the same: {error}")
        return []
    known = Identification.of(judgement, points)
    twins = np.flatnonzero(known.find(points.x, points.energy, points.index) != np.arange(len(points)))
    return [f"points: {len(twins)} are the same as one before ({twins[0]}, ...)"] if len(twins) else []


def _gradients(problem: Problem, points: PointColumns, header: dict[str, Any]) -> tuple[float, list[str]]:
    """The largest gradient norm, and which gradients and energies are not what they should be."""
    solver = header["solver"]
    rtol = _number(solver.get("gradient_rtol"), SolverSettings().gradient_rtol)
    atol = _number(solver.get("gradient_atol"), 0.0)
    scale = np.nan_to_num(np.abs(points.eigenvalues)).max(axis=1, initial=0.0)
    size = 1.0 + np.linalg.norm(points.x, axis=1)
    limit = SLACK * (points.gradient_norm + rtol * scale * size + atol)
    norms = np.empty(len(points))
    energies = np.full(len(points), np.nan)
    for first in range(0, len(points), POINTS_TOGETHER):
        part = slice(first, first + POINTS_TOGETHER)
        X = problem.xp.asarray(points.x[part])
        gradients = _numpy(problem.space.gradient(X, problem.gradient(X)))
        norms[part] = np.linalg.norm(gradients if problem.mass is None else problem.mass.dual(gradients), axis=1)
        if problem.has_energy:
            energies[part] = _numpy(problem.energy(X))
    findings = []
    bad = np.flatnonzero(~(norms <= limit))
    if len(bad):
        findings.append(
            f"points: {len(bad)} are not stationary: the gradient at point {bad[0]} is {norms[bad[0]]:.1e}, and was "
            f"{points.gradient_norm[bad[0]]:.1e}"
        )
    if problem.has_energy:
        off = np.flatnonzero(~(np.abs(energies - points.energy) <= 1e-6 * (1.0 + np.abs(energies))))
        if len(off):
            findings.append(f"points: {len(off)} have another energy than the problem gives ({off[0]}, ...)")
    return float(norms.max()), findings


def _numpy(values: Any) -> FloatArray:
    from landscape_dist.numerics.arrays import to_numpy

    return np.asarray(to_numpy(values), dtype=np.float64)


def _number(value: Any, default: float) -> float:
    return float(value) if type(value) in (int, float) and np.isfinite(value) else default
