"""A proof beside an exploration: what it finds and the searches have missed, and whether nothing else is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.exploration.proofs.completeness import Packs, Proof, State, advance_here, concluded, proceed
from landscape_dist.exploration.proofs.krawczyk import derivative
from landscape_dist.exploration.proofs.region import region_of
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Domain
from landscape_dist.problems.equations import Equations, equations_of
from landscape_dist.problems.programs.on_floats import evaluate
from landscape_dist.records import FloatArray, IntArray, PointColumns

# Boxes of formulas of more operations than these cost as much more.
OPERATIONS = 400
# For each point that is known, a proof needs about so many boxes at least: with fewer it is not begun.
BOXES_A_POINT = 20

# Where there are symmetries, proved points nearer than this part of their spread are merged by a tolerance.
CLOSE = 1e-2
# Of more variables than these no proof is tried unasked.
MOST_VARIABLES = 24

Find = Callable[[FloatArray, FloatArray, IntArray], IntArray]
"""Ids (n,) of known points at X (n, d), of energies (n,) and indices (n,); -1 where there is none."""


class Prover:
    """Proves, bit by bit, as the searches of an exploration pay for it, what points there are in a box.

    What it says depends on nothing but the problem, the box and the budgets that it was given.

    Args:
        problem: that is searched. equations: of it. lower, upper: (d,) of the box.
        boxes: how many may be looked at in all; None for what the searches pay for.
        min_index, max_index: of the points that are asked for.

    Attributes:
        equations: of the problem. packs: where boxes are looked at; None for this process.
    """

    def __init__(
        self,
        problem: Problem,
        equations: Equations,
        lower: FloatArray,
        upper: FloatArray,
        *,
        boxes: int | None = None,
        min_index: int = 0,
        max_index: int | None = None,
    ) -> None:
        self.equations = equations
        self.packs: Packs | None = None
        self._name = problem.name
        self._domain: Domain = problem.domain
        self._periods = None if problem.periods is None else np.asarray(problem.periods, dtype=np.float64)
        self._boxes = boxes
        self._indices = (min_index, equations.dim if max_index is None else max_index)
        self._state = State.begin(lower, upper)
        self._proof: Proof | None = None
        self.record: dict[str, Any] = {
            "box": np.stack([lower, upper], axis=1).tolist(),
            "complete": False,
            "boxes": 0,
            "last_round": 0,
            "round": None,
            "starts": [],
        }
        work = equations.both.n_operations + 2 * equations.dim**2 + equations.dim**3 / 2
        self._worth = min(1.0, OPERATIONS / work)

    @property
    def complete(self) -> bool:
        """Whether all points of the box are proved."""
        return bool(self.record["complete"])

    @property
    def asked(self) -> bool:
        """Whether anything was to be proved so far."""
        return bool(self.record["last_round"]) or self.complete

    def adopt(self, record: dict[str, Any]) -> None:
        """Go on from what a store says of it, where that is what this would have said."""
        d = self.equations.dim
        try:
            starts = np.array(record["starts"], dtype=np.float64).reshape(-1, d + 1)
            sound = (
                record["box"] == self.record["box"]
                and type(record["complete"]) is bool
                and all(type(record[name]) is int for name in ("boxes", "last_round"))
                and (record["round"] is None or type(record["round"]) is int)
                and bool(np.isfinite(starts).all() and ((starts[:, -1] >= 0) & (starts[:, -1] <= d)).all())
            )
        except (LookupError, TypeError, ValueError):
            sound = False
        if sound:
            self.record = dict(record)

    def starts(self, number: int, boxes: int, find: Find, n_known: int) -> tuple[FloatArray, IntArray]:
        """Points (n, d) that are proved and not known, and their indices (n,), once all of them are proved.

        Args:
            number: of the round that is to be opened. boxes: how many may be looked at, in all, where no number was
                asked for.
            find: known points. n_known: how many there were before this round.
        """
        record = self.record
        none = np.empty((0, self.equations.dim)), np.empty(0, dtype=np.int64)
        if record["round"] is not None or number <= record["last_round"]:
            if record["round"] != number or not record["starts"]:
                return none
            table = np.array(record["starts"], dtype=np.float64)
            return table[:, :-1], table[:, -1].astype(np.int64)
        record["last_round"] = number
        allowed = int(self._worth * boxes) if self._boxes is None else self._boxes
        if self._boxes is None and BOXES_A_POINT * n_known > allowed:
            return none
        self._proceed(allowed)
        if self._proof is None or not self._proof.complete:
            return none
        X, index, energy = self._asked_for(self._proof)
        ids = find(X, energy, index)
        missing = (ids < 0) | (ids >= n_known)
        X, index = X[missing], index[missing]
        record.update(round=number, starts=[[*x, k] for x, k in zip(X.tolist(), index.tolist(), strict=True)])
        return X, index

    def _proceed(self, allowed: int) -> None:
        state = self._state
        if state.flood is None and state.n_looks < allowed and (state.boxes.shape[2] or not state.n_looks):
            proceed(state, self.packs or advance_here(self.equations), allowed)
            self._conclude()

    def _conclude(self) -> None:
        state, record = self._state, self.record
        record.update(boxes=state.n_looks, volume_left=state.volume_left)
        record["flood"] = None if state.flood is None else str(state.flood)
        if not state.boxes.shape[2]:
            self._proof = concluded(state, self.equations, self._name, self._periods)
            record["complete"] = self._proof.complete

    def _asked_for(self, proof: Proof) -> tuple[FloatArray, IntArray, FloatArray]:
        """Points (n, d), indices (n,) and energies (n,) of those that are in the domain and of an index asked for."""
        X = np.array([p.x for p in proof.points]).reshape(-1, self.equations.dim)
        index = np.array([-1 if p.index is None else p.index for p in proof.points], dtype=np.int64)
        energy = np.array([np.nan if p.energy is None else sum(p.energy) / 2 for p in proof.points])
        if (unknown := np.flatnonzero(index < 0)).size:
            values = evaluate(self.equations.both, np.ascontiguousarray(X[unknown].T))
            w = np.linalg.eigvals(derivative(self.equations, values))
            index[unknown] = (w.real < 0).sum(axis=1)
        some = np.asarray(self._domain.contains(X)) & (index >= self._indices[0]) & (index <= self._indices[1])
        return X[some], index[some], energy[some]

    def settle(self, points: PointColumns, find: Find, *, by_distance: bool = True) -> None:
        """Compare what is proved with the points of a landscape, for its audit.

        Args:
            by_distance: whether points are the same only where they are near, and not by a symmetry.
        """
        record = self.record
        if not record["complete"] or record.get("of_points") == len(points):
            return
        if self._proof is None:
            self._proceed(record["boxes"])
        if self._proof is None:
            return
        X, index, energy = self._asked_for(self._proof)
        ids = find(X, energy, index)
        matched = np.unique(ids[ids >= 0])
        asked = (points.index >= self._indices[0]) & (points.index <= self._indices[1])
        record.update(
            n_proved=len(X),
            n_missing=int(np.count_nonzero(ids < 0)),
            n_unproved=int(np.count_nonzero(asked) - np.count_nonzero(asked[matched])),
            n_merged=_n_merged(X, ids, np.inf if by_distance else CLOSE),
            n_unknown=sum(p.index is None for p in self._proof.points),
            of_points=len(points),
        )


def _n_merged(X: FloatArray, ids: IntArray, close: float) -> int:
    """How many of points X (n, d) are nearer than `close`, in parts of their spread, to another that is the same point
    of the landscape, ids (n,), for its judgement."""
    spread = np.maximum(np.ptp(X, axis=0), 1e-300) if len(X) else np.ones(X.shape[1])
    merged = 0
    for k in np.unique(ids[ids >= 0]).tolist():
        some = X[ids == k] / spread
        merged += sum(bool((np.abs(some[:i] - x).max(axis=1) < close).any()) for i, x in enumerate(some) if i)
    return merged


class Proved:
    """In place of a `Prover`, what a store says of a proof: no more is to be searched for.

    Args:
        record: of the proof.
    """

    complete = asked = True

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record | {"round": 0, "starts": []}

    def starts(self, number: int, boxes: int, find: Find, n_known: int) -> tuple[FloatArray, IntArray]:
        """None, see `Prover.starts`."""
        return np.empty((0, len(self.record["box"]))), np.empty(0, dtype=np.int64)

    def adopt(self, record: dict[str, Any]) -> None:
        """Nothing more is learned."""

    def settle(self, points: PointColumns, find: Find, *, by_distance: bool = True) -> None:
        """The points were compared before, and are the same or not."""


def prover_for(problem: Problem, prove: str | int, min_index: int, max_index: int) -> Prover | None:
    """A prover of what is searched for; None where there is no formula, or no box that holds all points.

    Args:
        prove: the setting of that name.
    """
    if prove == "none" or (prove == "auto" and problem.dim > MOST_VARIABLES):
        return None
    try:
        equations = equations_of(problem)
    except ProblemError:
        return None
    region = region_of(problem, equations)
    if region is None:
        return None
    boxes = None if isinstance(prove, str) else prove
    return Prover(problem, equations, *region, boxes=boxes, min_index=min_index, max_index=max_index)
