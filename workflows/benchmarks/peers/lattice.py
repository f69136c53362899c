"""The coupled lattice for programs that take one point at a time, and the measuring of a search on it.

Needs NumPy only: each driver beside this file is run by the Python of its peer, which need not have this package.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import json
import platform
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

START = 0.1
"""Every coordinate of the one starting point that all programs get."""
HALF_WIDTH = 1.2
"""The box |x_i| <= HALF_WIDTH holds all stationary points; those who draw starts at random draw them there."""
CONVERGED = 1e-4
"""Largest |g| of a point that counts as found."""


class SearchEnds(Exception):
    """The CPU time is spent, or all that can be found is found."""


def user_seconds() -> float:
    """User CPU time of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


class CoupledLattice:
    """E = sum_i a_i (x_i^2 - 1)^2 + c sum_i x_i x_(i+1), a_i = 1 + 0.3 i, of one point (d,); counts its calls.

    For |c| <= 0.2 there is one stationary point near each of {-1, 0, 1}^d, of index number of zeros.
    """

    def __init__(self, dim: int, coupling: float) -> None:
        self.dim, self.coupling = dim, coupling
        self.a = 1.0 + 0.3 * np.arange(dim)
        self.calls = {"energies": 0, "gradients": 0, "hessians": 0}
        self._neighbours = coupling * (np.eye(dim, k=1) + np.eye(dim, k=-1))

    def energy(self, x: Any) -> float:
        self.calls["energies"] += 1
        w = x * x - 1.0
        return float(self.a @ (w * w) + self.coupling * (x[:-1] @ x[1:]))

    def gradient(self, x: Any) -> Any:
        self.calls["gradients"] += 1
        return self._gradient(x)

    def energy_gradient(self, x: Any) -> tuple[float, Any]:
        return self.energy(x), self.gradient(x)

    def hessian(self, x: Any) -> Any:
        self.calls["hessians"] += 1
        return self._hessian(x)

    def _gradient(self, x: Any) -> Any:
        return 4.0 * self.a * x * (x * x - 1.0) + self._neighbours @ x

    def _hessian(self, x: Any) -> Any:
        return np.diag(self.a * (12.0 * x * x - 4.0)) + self._neighbours

    def index(self, x: Any) -> int | None:
        """Morse index of a stationary point, None elsewhere; not counted."""
        if not np.all(np.isfinite(x)) or np.linalg.norm(self._gradient(x)) > CONVERGED:
            return None
        return int((np.linalg.eigvalsh(self._hessian(x)) < 0).sum())

    def random_start(self, rng: np.random.Generator) -> Any:
        return rng.uniform(-HALF_WIDTH, HALF_WIDTH, self.dim)


def known(dim: int, index: int) -> int:
    """C(d, k) 2^(d-k) points of index k."""
    from math import comb

    return comb(dim, index) * 2 ** (dim - index)


class Found:
    """The different points of index 0 to `max_index` that a search has come upon.

    A program that cannot know when it has all of them is stopped as soon as it has: `add` raises `SearchEnds`.
    """

    def __init__(self, lattice: CoupledLattice, max_index: int) -> None:
        self.lattice, self.max_index = lattice, max_index
        self.places: list[set[tuple[int, ...]]] = [set() for _ in range(max_index + 1)]
        self.n_searches = 0

    def add(self, x: Any) -> None:
        """Take note of where a search ended."""
        self.n_searches += 1
        x = np.asarray(x, dtype=float).ravel()
        index = self.lattice.index(x)
        if index is None or index > self.max_index:
            return
        self.places[index].add(tuple(int(i) for i in np.rint(x)))
        if all(self.complete(k) for k in range(self.max_index + 1)):
            raise SearchEnds

    def complete(self, index: int) -> bool:
        return len(self.places[index]) == known(self.lattice.dim, index)

    @property
    def counts(self) -> list[int]:
        """Points found, by index."""
        return [len(places) for places in self.places]


Search = Callable[[CoupledLattice, Found, np.random.Generator, argparse.Namespace], None]


def main(search: Search, package: str, description: str) -> None:
    """Measure `search` as the command line says and write the numbers as JSON.

    Args:
        search: reports to `Found.add` until it has looked enough or is stopped.
        package: the distribution whose version is noted.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dim", type=int, default=3)
    parser.add_argument("--coupling", type=float, default=0.2)
    parser.add_argument("--max-index", type=int, default=1, help="highest Morse index looked for")
    parser.add_argument("--limit", type=float, default=60.0, help="CPU seconds after which the search is stopped")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", type=json.loads, default={}, help="JSON: settings of the program")
    parser.add_argument("--checkout", help="of a program that is not installed")
    parser.add_argument("--out", type=Path, help="where to write the JSON; default standard output")
    arguments = parser.parse_args()
    lattice = CoupledLattice(arguments.dim, arguments.coupling)
    found = Found(lattice, arguments.max_index)
    rng = np.random.default_rng(arguments.seed)
    np.random.seed(arguments.seed)  # noqa: NPY002  what the peers draw from

    def stop(*_: Any) -> None:
        raise SearchEnds

    signal.signal(signal.SIGVTALRM, stop)
    extra: dict[str, Any] = {}
    ended = "by itself"
    with contextlib.redirect_stdout(io.StringIO()):
        signal.setitimer(signal.ITIMER_VIRTUAL, arguments.limit)
        began = user_seconds()
        try:
            extra = search(lattice, found, rng, arguments) or {}
        except SearchEnds:
            complete = all(found.complete(k) for k in range(arguments.max_index + 1))
            ended = "complete" if complete else "limit"
        seconds = extra.pop("seconds", user_seconds() - began)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    result = {
        "program": package,
        "version": version(package),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "ended": ended,
        "seconds": seconds,
        "points": found.counts,
        "known": [known(arguments.dim, k) for k in range(arguments.max_index + 1)],
        "searches": found.n_searches,
        "calls": lattice.calls,
        **extra,
    }
    text = json.dumps(result)
    if arguments.out:
        arguments.out.write_text(text)
    else:
        print(text)


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
