"""The true energy as the correction sees it: asked for no value twice, every evaluation counted and kept."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_dist.errors import StoreFormatError
from landscape_dist.problems.evaluation import evaluate
from landscape_dist.records import Counters, FloatArray

if TYPE_CHECKING:
    from landscape_dist.distribute.evaluations import RemoteEvaluations

KINDS = ("energy", "gradient", "hessian")
_COUNTED = ("n_energies", "n_gradients", "n_hessians", "n_hvps")


class TrueEnergy:
    """Energies, gradients and Hessians of a problem, remembered, so that a correction that is run again costs nothing
    up to where it was.  What it is asked again for is counted as it was the first time, so that both count alike.

    Args:
        problem: the true energy.
        folder: where every batch is kept as soon as it is there; None keeps it in memory.
        remote: evaluates on workers; None in this process.
    """

    def __init__(self, problem: Any, folder: Path | None = None, remote: RemoteEvaluations | None = None) -> None:
        self.problem = problem
        self.counters = Counters()
        self._folder = folder
        self._remote = remote
        self._known: dict[tuple[str, bytes], tuple[FloatArray, Counters]] = {}
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
        return self._ask("energy", X, ())

    def gradient(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, d)."""
        return self._ask("gradient", X, (X.shape[1],))

    def hessian(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, d, d)."""
        return self._ask("hessian", X, (X.shape[1], X.shape[1]))

    def _ask(self, kind: str, X: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        X = np.ascontiguousarray(X, dtype=np.float64) + 0.0  # one zero
        keys = [(kind, row.tobytes()) for row in X]
        fresh = {key: i for i, key in enumerate(keys) if key not in self._known}
        if fresh:
            self._evaluate(kind, X[list(fresh.values())])
        for key in keys:
            if key not in self._used:
                self._used.add(key)
                self.counters.add(self._known[key][1])
        return np.array([self._known[key][0] for key in keys]).reshape(len(X), *shape)

    def _evaluate(self, kind: str, X: FloatArray) -> None:
        if self._remote is None:
            self._keep(kind, X, *evaluate(self.problem, kind, X))
            return
        for rows, values, counters in self._remote.chunks(kind, X):
            self._keep(kind, X[rows], values, counters)

    # -- kept -------------------------------------------------------------------------------------------------------
    def _keep(self, kind: str, X: FloatArray, values: FloatArray, counters: Counters) -> None:
        counted = [getattr(counters, name) for name in _COUNTED]
        self._remember(kind, X, values, counted)
        if self._folder is None:
            return
        path = self._folder / f"{self._n_batches:06d}.npz"
        part = path.with_suffix(f".{os.getpid()}.partial")
        try:
            with part.open("wb") as file:
                np.savez(file, kind=np.array(kind), x=X, values=values, counters=np.array(counted))
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
        self._n_batches += 1

    def _remember(self, kind: str, X: FloatArray, values: FloatArray, counted: list[int]) -> None:
        n = len(X)
        self._cost[kind] = max(1, round(sum(counted) / n))
        for i, (row, value) in enumerate(zip(X, values, strict=True)):
            share = Counters(*(total // n + (total % n if i == 0 else 0) for total in counted))
            self._known[kind, row.tobytes()] = value, share

    def _read(self, folder: Path) -> None:
        for leftover in folder.glob("*.partial"):
            with contextlib.suppress(OSError):
                leftover.unlink()
        for path in sorted(folder.glob("*.npz")):
            try:
                with np.load(path, allow_pickle=False) as file:
                    kind, X, values = str(file["kind"]), file["x"], file["values"]
                    counted = [int(n) for n in file["counters"]]
                if kind not in KINDS or len(X) != len(values) or len(counted) != len(_COUNTED):
                    raise ValueError(f"kind {kind!r}, {len(X)} points and {len(values)} values")
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise StoreFormatError(f"{path} is damaged ({error}); remove it, its values are asked again") from error
            self._remember(kind, np.ascontiguousarray(X), values, counted)
            self._n_batches = int(path.stem) + 1
