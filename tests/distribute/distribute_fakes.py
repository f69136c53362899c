"""A landscape without numerics: nodes are points of {-1, 0, 1}^d, the index is the number of zeros.

A search leaves a node along one of its zero coordinates, to +1 or -1, and always arrives.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from landscape_dist.records import Counters, ResultBatch, SearchBatch, SearchKind, SearchStatus


class FakeProblem:
    """Writes a line to `log` whenever it is unpickled."""

    def __init__(self, dim: int, log: Path | None = None, ballast: int = 0) -> None:
        self.dim = dim
        self.log = log
        self.ballast = b"\0" * ballast

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        if self.log is not None:
            with open(self.log, "a") as stream:
                stream.write(f"{os.getpid()}\n")


@dataclass(frozen=True)
class FakeSettings:
    """Seconds a search takes, and the end points at which to misbehave."""

    seconds: float = 0.0
    raise_at: tuple[tuple[int, ...], ...] = ()
    exit_at: tuple[tuple[int, ...], ...] = ()
    hang_at: tuple[tuple[int, ...], ...] = ()
    hang: str = "sleep"
    pid_log: str = ""


def spin() -> None:
    while True:
        pass


def hold_the_interpreter() -> None:
    """No other thread of the process runs again: this match takes ages, and does not let go meanwhile."""
    re.match("(a+)+$", 64 * "a" + "b")


HANGS = {"sleep": lambda: time.sleep(1e6), "spin": spin, "hold": hold_the_interpreter}


def fake_solve(problem: FakeProblem, batch: SearchBatch, settings: FakeSettings) -> ResultBatch:
    n, d = len(batch), problem.dim
    x = batch.X[batch.row].copy()
    leaving = batch.leave >= 0
    x[np.flatnonzero(leaving), batch.leave[leaving]] = batch.sign[leaving]
    if settings.pid_log:
        with open(settings.pid_log, "a") as stream:
            stream.write(f"{os.getpid()}\n")
    for point in x.astype(int):
        if tuple(point.tolist()) in settings.exit_at:
            os._exit(7)
        if tuple(point.tolist()) in settings.hang_at:
            HANGS[settings.hang]()
        if tuple(point.tolist()) in settings.raise_at:
            raise ZeroDivisionError(f"no energy at {tuple(point.tolist())}")
    time.sleep(settings.seconds * n)
    return ResultBatch(
        slot=batch.slot,
        status=np.full(n, SearchStatus.CONVERGED, dtype=np.int8),
        x=x,
        energy=x.sum(axis=1),
        index=(x == 0).sum(axis=1).astype(np.int32),
        nullity=np.zeros(n, dtype=np.int32),
        gradient_norm=np.zeros(n),
        eigenvalues=np.where(x == 0, -1.0, 1.0)[:, :d],
        n_steps=np.ones(n, dtype=np.int32),
        counters=Counters(n_gradients=n),
        cpu_seconds=settings.seconds * n,
    )


@dataclass
class FakeDecisions:
    n_new: int


@dataclass
class FakeCoordinator:
    """All points and arrows of the lattice of dimension `dim`, downward from its top point; idempotent in tell."""

    dim: int
    points: dict[tuple[int, ...], int] = field(default_factory=dict)
    arrows: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = field(default_factory=dict)
    statuses: dict[tuple[tuple[int, ...], int, int], int] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pending: deque[tuple[int, tuple[int, ...], int, int]] = deque()
        self._out: dict[int, tuple[int, tuple[int, ...], int, int]] = {}
        self._n_slots = 0
        self.n_told_twice = 0
        self.n_asked = 0
        self._schedule((0,) * self.dim, -1, 0)

    def _schedule(self, parent: tuple[int, ...], leave: int, sign: int) -> None:
        self._pending.append((self._n_slots, parent, leave, sign))
        self._n_slots += 1

    @property
    def finished(self) -> bool:
        return not self._pending and not self._out

    @property
    def n_pending(self) -> int:
        return len(self._pending)

    @property
    def n_in_flight(self) -> int:
        return len(self._out)

    def _target(self, search: tuple[int, tuple[int, ...], int, int]) -> int:
        return search[1].count(0) - (1 if search[2] >= 0 else 0)

    def ask(self, max_searches: int) -> SearchBatch | None:
        assert max_searches >= 1
        if not self._pending:
            return None
        target = self._target(self._pending[0])
        searches = []
        while self._pending and len(searches) < max_searches and self._target(self._pending[0]) == target:
            searches.append(self._pending.popleft())
        self.n_asked += len(searches)
        self._out.update((search[0], search) for search in searches)
        parents = list(dict.fromkeys(search[1] for search in searches))
        X = np.array(parents, dtype=float)
        return SearchBatch(
            target_index=target,
            kind=SearchKind.START if searches[0][2] < 0 else SearchKind.DOWN,
            parents=np.array([self.points.get(p, -1) for p in parents]),
            X=X,
            indices=(X == 0).sum(axis=1),
            slot=np.array([search[0] for search in searches]),
            row=np.array([parents.index(search[1]) for search in searches]),
            leave=np.array([search[2] for search in searches]),
            sign=np.array([search[3] for search in searches]),
            keep=np.zeros((len(searches), target), dtype=np.int64),
            repeat=np.zeros(len(searches), dtype=np.int64),
        )

    def tell(self, result: ResultBatch) -> FakeDecisions:
        before = len(self.points)
        self.messages.extend(result.messages.values())
        for slot, status, x in zip(result.slot.tolist(), result.status.tolist(), result.x.astype(int), strict=True):
            search = self._out.pop(slot, None)
            if search is None:
                self.n_told_twice += 1
                continue
            _, parent, leave, sign = search
            self.statuses[parent, leave, sign] = status
            if status != SearchStatus.CONVERGED:
                continue
            child = tuple(x.tolist())
            if leave >= 0:
                self.arrows[parent, child] = self.arrows.get((parent, child), 0) + 1
            if child not in self.points:
                self.points[child] = len(self.points)
                for coordinate in range(self.dim):
                    if child[coordinate] == 0:
                        self._schedule(child, coordinate, +1)
                        self._schedule(child, coordinate, -1)
        return FakeDecisions(len(self.points) - before)

    def forget(self, slots: np.ndarray) -> None:
        for slot in slots.tolist():
            if slot in self._out:
                self._pending.appendleft(self._out.pop(slot))

    def landscape(self) -> tuple[set, dict, dict]:
        """What must not depend on who computed it, and in which order."""
        return set(self.points), self.arrows, self.statuses


def searches_to(dim: int, point: tuple[int, ...]) -> int:
    """Number of searches that end at `point`: one from each point with one more zero."""
    assert len(point) == dim
    return sum(1 for coordinate in point if coordinate != 0)
