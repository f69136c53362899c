"""The arrows of a corrected landscape: those of the surrogate carried over, or searched again on the true energy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from landscape_dist.correction.truth import TrueEnergy
from landscape_dist.exploration.identification import Identification
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.exploration.slots import Slots
from landscape_dist.exploration.tables import PointTable
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.solver import solve_batch
from landscape_dist.numerics.differences import dimer_products
from landscape_dist.problems.base import Problem
from landscape_dist.problems.callables import DIMER_LENGTH
from landscape_dist.records import (
    IntArray,
    PointColumns,
    ResultBatch,
    SearchColumns,
    SearchKind,
    SearchStatus,
)
from landscape_dist.spaces.judgement import SameJudgement


class Remembered(Problem):
    """The true energy for the solver; what it is asked goes through `TrueEnergy`, a whole batch of searches at a time,
    so that it is counted, remembered, and spread over the workers where there are some.
    """

    def __init__(self, truth: TrueEnergy) -> None:
        super().__init__()
        problem = truth.problem
        self._truth = truth
        self.name, self.dim, self.domain = problem.name, problem.dim, problem.domain
        self.has_hessian = problem.has_hessian
        self.euler_characteristic = problem.euler_characteristic
        self.space = problem.space

    @property
    def xp(self) -> Any:
        return np

    def fingerprint(self) -> str:
        return str(self._truth.problem.fingerprint())

    def _energy(self, X: Any) -> Any:
        return self._truth.energy(X)

    def _gradient(self, X: Any) -> Any:
        return self._truth.gradient(X)

    def _hessian(self, X: Any) -> Any:
        return self._truth.hessian(X)

    def _hvp(self, X: Any, V: Any) -> Any:
        if self.has_hessian:
            return self._hessian(X) @ V
        return dimer_products(self._truth.gradient, X, V, DIMER_LENGTH)


def leading_down(arrows: Iterable[tuple[int, int]], id_of: IntArray, index: Any) -> IntArray:
    """(n, 2) arrows of a surrogate as those between points of the true energy, each once.

    Args:
        arrows: pairs of the surrogate's points. id_of: of the true energy's point that each is, -1 where none.
        index: of the true energy's points. With other indices than the surrogate's, an arrow may lead down no more.
    """
    ends = {(int(id_of[a]), int(id_of[b])) for a, b in arrows if id_of[a] >= 0 and id_of[b] >= 0}
    return np.array(sorted(p for p in ends if index[p[0]] > index[p[1]]), dtype=np.int64).reshape(-1, 2)


def carried_over(parent: IntArray, child: IntArray, index: Any) -> SearchColumns:
    """Arrows between points of these indices, as the downward searches that they stand for."""
    n = len(parent)
    ordinal = np.zeros(n, dtype=np.int32)
    for i in range(1, n):  # arrows of one parent are told apart by the number of the search
        ordinal[i] = np.count_nonzero(parent[:i] == parent[i])
    return SearchColumns(
        slot=np.arange(n, dtype=np.int64), parent=np.asarray(parent, dtype=np.int64), child=np.asarray(child, np.int64),
        kind=np.full(n, SearchKind.DOWN, dtype=np.int8), ordinal=ordinal,
        target=np.asarray(index, dtype=np.int32)[child], status=np.full(n, SearchStatus.CONVERGED, dtype=np.int8),
        n_steps=np.zeros(n, dtype=np.int32), round=np.zeros(n, dtype=np.int32),
    )  # fmt: skip


def searched_again(
    truth: TrueEnergy,
    points: PointColumns,
    judgement: SameJudgement,
    solver: SolverSettings,
    explore: ExploreSettings,
) -> tuple[PointColumns, SearchColumns]:
    """All downward searches from the saddles of a landscape, on the true energy.

    Args:
        points: stationary points of the true energy.
        judgement: when an end is one of them.
        solver, explore: as the surrogate was searched.

    Returns:
        The points, and after them those that the searches found besides; and the searches.
    """
    if not len(points):
        none = np.zeros(0, dtype=np.int64)
        return points, carried_over(none, none, points.index)
    problem = Remembered(truth)
    table = PointTable(problem.dim, points.eigenvalues.shape[1])
    table.extend(points)
    known = Identification(judgement, table)
    known.add(points)
    slots = Slots(np.zeros((0, problem.dim)), explore, table, problem.space)
    slots.add(points)
    index = points.index
    parts: list[SearchColumns] = []
    for m in sorted({int(k) for k in index if 1 <= k <= explore.max_index}, reverse=True):
        mine, _ = slots.downward(np.flatnonzero(index == m))
        parent, kind, ordinal, target = slots.describe(mine)
        for k in np.unique(target).tolist():
            rows = np.flatnonzero(target == k)
            result = solve_batch(problem, slots.batch(SearchKind.DOWN, k, mine[rows]), solver)
            child = _children(result, table, known)
            parts.append(
                SearchColumns(
                    slot=mine[rows],
                    parent=parent[rows],
                    kind=kind[rows],
                    ordinal=ordinal[rows],
                    target=target[rows],
                    status=_status(result, child, parent[rows]),
                    child=child,
                    n_steps=result.n_steps,
                    round=np.zeros(len(rows), dtype=np.int32),
                )
            )
    names = SearchColumns.__slots__
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return table.view(), carried_over(none, none, index)
    return table.view(), SearchColumns(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def _children(result: ResultBatch, table: PointTable, known: Identification) -> IntArray:
    """Ids of the points that the searches ended at, -1 where at none; new ones are added to the table."""
    names = ("x", "energy", "index", "nullity", "gradient_norm", "eigenvalues")
    child = np.full(len(result), -1, dtype=np.int64)
    found = np.flatnonzero(result.index >= 0)

    def append(rows: IntArray) -> None:
        new = found[rows]
        columns = {name: getattr(result, name)[new] for name in names}
        table.extend(PointColumns(**columns, found_by=result.slot[new], round=np.zeros(len(new), dtype=np.int32)))

    child[found] = known.identify(result.x[found], result.energy[found], result.index[found], append)
    return child


def _status(result: ResultBatch, child: IntArray, parent: IntArray) -> Any:
    """A search that ended where it began is none that converged."""
    back = (child >= 0) & (child == parent)
    return np.where(back, SearchStatus.SAME_AS_PARENT, result.status).astype(np.int8)
