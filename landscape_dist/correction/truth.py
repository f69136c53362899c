"""The true energy as the correction sees it: asked for no value twice, every evaluation counted and kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_dist.correction.files import written_at_once
from landscape_dist.errors import StoreFormatError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.evaluation import KINDS, evaluate, pieces
from landscape_dist.records import Counters, FloatArray

if TYPE_CHECKING:
    from landscape_dist.distribute.runs.evaluations import RemoteEvaluations

KEPT_EVERY = 1.0
"""Seconds after which values are written, if there are any."""

_COUNTED = ("n_energies", "n_gradients", "n_hessians", "n_hvps")

Part = tuple[slice, FloatArray, Counters, list[str]]
"""Rows, their values, what these cost, and what was raised at each."""


class TrueEnergy:
    """Energies, gradients and Hessians of a problem, remembered, so that a correction that is run again costs nothing
    up to where it was.  What it is asked again for is counted as it was the first time, so that both count alike.

    Where the problem raises, the value is nan, and remembered as that.

    Args:
        problem: the true energy.
        folder: where values are kept, at the latest a second after they are there; None keeps them in memory.
        remote: evaluates on workers; None in this process.
    """

    def __init__(self, problem: Problem, folder: Path | None = None, remote: RemoteEvaluations | None = None) -> None:
        self.problem = problem
        self.counters = Counters()
        self._folder = folder
        self._remote = remote
        self._known: dict[tuple[str, bytes], tuple[FloatArray, Counters, str]] = {}
        self._used: set[tuple[str, bytes]] = set()
        self._cost: dict[str, int] = {}
        self._n_batches = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._read(folder)

    @property
    def n_evaluations(self) -> int:
        """Energies, gradients, Hessians and products, each point one."""
        return sum(self.counters.as_dict().values())

    def cost(self, kind: str) -> int:
        """Evaluations that one 'energy', 'gradient' or 'hessian' takes, as far as is known; 1 before."""
        return self._cost.get(kind, 1)

    def energy(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n,)."""
        return self._ask("energy", X)

    def gradient(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, d)."""
        return self._ask("gradient", X)

    def hessian(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, d, d)."""
        return self._ask("hessian", X)

    def raised(self, kind: str, x: FloatArray) -> str:
        """What the problem raised when it was asked at x (d,), as 'Type: text'; '' where nothing."""
        return self._known[_keys(kind, x[None, :])[0]][2]

    def _ask(self, kind: str, X: FloatArray) -> FloatArray:
        keys = _keys(kind, X)
        fresh = {key: i for i, key in enumerate(keys) if key not in self._known}
        if fresh:
            self._evaluate(kind, np.asarray(X, dtype=np.float64)[list(fresh.values())] + 0.0)
        for key in keys:
            if key not in self._used:
                self._used.add(key)
                self.counters.add(self._known[key][1])
        values = np.array([self._known[key][0] for key in keys])
        return values.reshape(len(X), *[X.shape[1]] * KINDS[kind])

    def _evaluate(self, kind: str, X: FloatArray) -> None:
        """Evaluate at all rows of X and keep that, when it is interrupted as far as it has come."""
        waiting: list[Part] = []
        began = time.monotonic()
        try:
            for part in self._parts(kind, X):
                waiting.append(part)
                if time.monotonic() - began >= KEPT_EVERY:
                    done, waiting, began = waiting, [], time.monotonic()
                    self._keep(kind, X, done)
        finally:
            if waiting:
                self._keep(kind, X, waiting)

    def _parts(self, kind: str, X: FloatArray) -> Iterator[Part]:
        if self._remote is not None:
            yield from self._remote.chunks(kind, X)
            return
        for rows in pieces(self.problem, len(X)):
            yield rows, *evaluate(self.problem, kind, X[rows])

    # -- kept -------------------------------------------------------------------------------------------------------
    def _keep(self, kind: str, X: FloatArray, parts: list[Part]) -> None:
        x = np.concatenate([X[rows] for rows, *_ in parts])
        values = np.concatenate([part[1] for part in parts])
        counted = np.concatenate([_shares(counters, len(raised)) for _, _, counters, raised in parts])
        raised = [text for part in parts for text in part[3]]
        self._remember(kind, x, values, counted, raised)
        if self._folder is None:
            return
        with written_at_once(self._folder / f"{self._n_batches:06d}.npz") as file:
            np.savez(
                file, kind=np.array(kind), x=x, values=values, counters=counted, raised=np.array(raised, dtype=str)
            )
        self._n_batches += 1

    def _remember(self, kind: str, X: FloatArray, values: FloatArray, counted: Any, raised: list[str]) -> None:
        for key, value, shares, text in zip(_keys(kind, X), values, counted.tolist(), raised, strict=True):
            self._known[key] = value, Counters(*shares), text
            if not text:
                self._cost[kind] = max(1, sum(shares))

    def _read(self, folder: Path) -> None:
        for leftover in folder.glob("*.partial"):
            with contextlib.suppress(OSError):
                leftover.unlink()
        for path in sorted(folder.glob("*.npz")):
            try:
                with np.load(path, allow_pickle=False) as file:
                    kind, X, values = str(file["kind"]), file["x"], file["values"]
                    counted, raised = file["counters"], file["raised"].tolist()
                n, dim = X.shape
                if kind not in KINDS or values.shape != (n, *[dim] * KINDS[kind]) or dim != self.problem.dim:
                    raise ValueError(f"kind {kind!r}, points of shape {X.shape} and values of shape {values.shape}")
                if counted.shape != (n, len(_COUNTED)) or len(raised) != n:
                    raise ValueError(f"{n} points, {len(raised)} reasons and counters of shape {counted.shape}")
            except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
                raise StoreFormatError(f"{path} is damaged ({error}); remove it, its values are asked again") from error
            self._remember(kind, X, values, counted, raised)
            self._n_batches = int(path.stem) + 1


def _keys(kind: str, X: FloatArray) -> list[tuple[str, bytes]]:
    X = np.ascontiguousarray(X, dtype=np.float64) + 0.0  # one zero
    return [(kind, row.tobytes()) for row in X]


def _shares(counters: Counters, n: int) -> Any:
    """(n, 4) evaluations of each of the points that took so many together."""
    total = np.array([getattr(counters, name) for name in _COUNTED])
    shares = np.tile(total // n, (n, 1))
    shares[0] += total % n
    return shares
