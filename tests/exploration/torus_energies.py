"""Random energies on a torus with all their points and branches, computed without saddle dynamics.

An energy is a sum of six waves a cos(k.x + phi) with period 2 pi in each of d coordinates: different wave vectors k
with entries from -2 to 2 (of k and -k only one), amplitudes a in [0.5, 1.5], phases phi in [0, 2 pi), drawn in this
order from `np.random.default_rng(seed)`, the last two rounded to three decimals.  The energies of seeds 0 to 11 in two
variables are generic: no point is degenerate, and no branch ends at a saddle.  They have at most 32 points (the bound
of Bernstein and Kushnirenko: twice the area of the square that holds the wave vectors).

`python tests/exploration/torus_energies.py` writes torus_energies.json.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

PERIOD = 2 * np.pi
SEEDS = range(12)
STORED = Path(__file__).with_suffix(".json")
# Branches start this far from their saddle and end where the gradient is this small, in the units of x and E.
OFFSET, SMALL = 1e-4, 1e-7

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TorusEnergy:
    """E(x) = sum of amplitudes_t cos(waves_t . x + phases_t).

    Attributes:
        waves: (t, d) whole numbers. amplitudes: (t,). phases: (t,) radians.
    """

    waves: NDArray[np.int64]
    amplitudes: Floats
    phases: Floats

    @property
    def dim(self) -> int:
        return int(self.waves.shape[1])

    @property
    def expression(self) -> str:
        """The energy for `landscape_dist.problems.symbolic`."""
        terms = []
        for k, a, phi in zip(self.waves.tolist(), self.amplitudes.tolist(), self.phases.tolist(), strict=True):
            angle = " + ".join(f"({n})*x{i + 1}" for i, n in enumerate(k) if n)
            terms.append(f"{a}*cos({angle} + {phi})")
        return " + ".join(terms)

    def gradient(self, X: Floats) -> Floats:
        """(n, d) points -> (n, d)."""
        return np.asarray(-(self.amplitudes * np.sin(X @ self.waves.T + self.phases)) @ self.waves)

    def hessian(self, X: Floats) -> Floats:
        """(n, d) points -> (n, d, d)."""
        c = self.amplitudes * np.cos(X @ self.waves.T + self.phases)
        return -np.einsum("nt,ti,tj->nij", c, self.waves, self.waves)


@dataclass(frozen=True)
class Branch:
    """One of the two branches of gradient flow that leave a saddle along an eigenvector.

    Attributes:
        saddle, end: rows of points. lattice: (d,) whole periods from the end's representative to where the branch ends.
    """

    saddle: int
    end: int
    lattice: tuple[int, ...]


@dataclass(frozen=True)
class Reference:
    """All points of an energy and their branches.

    Attributes:
        x: (p, d) points in [0, 2 pi). index: (p,) Morse indices.
        down: both branches of steepest descent from each point of index 1, which end at minima.
        up: both branches of steepest ascent from each point of index d - 1, which end at maxima.
    """

    x: Floats
    index: NDArray[np.int64]
    down: tuple[Branch, ...]
    up: tuple[Branch, ...]

    def arrows(self) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
        """Pairs (saddle, minimum) and (maximum, saddle)."""
        return {(b.saddle, b.end) for b in self.down}, {(b.end, b.saddle) for b in self.up}

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""

        def rows(branches: tuple[Branch, ...]) -> list[list[Any]]:
            return [[b.saddle, b.end, list(b.lattice)] for b in branches]

        x = np.round(self.x, 10).tolist()
        return {"x": x, "index": self.index.tolist(), "down": rows(self.down), "up": rows(self.up)}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Reference:
        """The inverse of `as_dict`."""

        def branches(rows: list[list[Any]]) -> tuple[Branch, ...]:
            return tuple(Branch(saddle, end, tuple(lattice)) for saddle, end, lattice in rows)

        x, index = np.array(plain["x"]), np.array(plain["index"])
        return cls(x, index, branches(plain["down"]), branches(plain["up"]))


def torus_energy(seed: int, dim: int = 2, n_waves: int = 6) -> TorusEnergy:
    """The energy of a seed, see the top of the file."""
    rng = np.random.default_rng(seed)
    candidates = np.array([k for k in product(range(-2, 3), repeat=dim) if k > (0,) * dim])
    waves = candidates[rng.choice(len(candidates), n_waves, replace=False)]
    amplitudes, phases = rng.uniform(0.5, 1.5, n_waves), rng.uniform(0.0, PERIOD, n_waves)
    return TorusEnergy(waves, np.round(amplitudes, 3), np.round(phases, 3))


def stored_reference(seed: int) -> Reference:
    """The reference of a seed from torus_energies.json."""
    return Reference.from_dict(json.loads(STORED.read_text())[str(seed)])


def compute_reference(energy: TorusEnergy, per_axis: int = 64) -> Reference:
    """Points by Newton's method from a grid of `per_axis`^d starts, branches by integration.

    Raises:
        ValueError: the energy is not generic, or points are missing.
    """
    x = stationary_points(energy, per_axis)
    w = np.linalg.eigvalsh(energy.hessian(x))
    if np.abs(w).min() < 1e-2:
        raise ValueError(f"a point has an eigenvalue {np.abs(w).min():.1e}; take another seed")
    index = (w < 0).sum(axis=1)
    if np.sum((-1) ** index):
        raise ValueError(f"points by index are {np.bincount(index)}, which is no torus; refine the grid")
    down = _branches(energy, x, np.flatnonzero(index == 1), -1)
    up = _branches(energy, x, np.flatnonzero(index == energy.dim - 1), 1)
    for branches, wanted in ((down, 0), (up, energy.dim)):
        if any(index[b.end] != wanted for b in branches):
            raise ValueError("a branch ends at a saddle; take another seed")
    return Reference(x, index, down, up)


def stationary_points(energy: TorusEnergy, per_axis: int) -> Floats:
    """(p, d) zeros of the gradient in [0, 2 pi), in order of their coordinates."""
    axis = (np.arange(per_axis) + 0.5) * PERIOD / per_axis
    x = np.stack(np.meshgrid(*[axis] * energy.dim, indexing="ij"), axis=-1).reshape(-1, energy.dim)
    for _ in range(60):
        step = np.linalg.solve(energy.hessian(x) + 1e-14 * np.eye(energy.dim), energy.gradient(x)[:, :, None])[:, :, 0]
        # Far away Newton's steps are long; cut, they go to one of the points nearby.
        x = x - step * np.minimum(1.0, 0.3 / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-300))
    x = x[np.linalg.norm(energy.gradient(x), axis=1) < 1e-11]
    x = np.where(PERIOD - x % PERIOD < 1e-8, 0.0, x % PERIOD)
    kept: list[Floats] = []
    for candidate in x[np.lexsort(np.round(x, 6).T[::-1])]:
        if not kept or distances(np.array(kept), candidate).min() > 1e-6:
            kept.append(candidate)
    return np.array(kept)


def distances(X: Floats, y: Floats) -> Floats:
    """(n,) distances modulo the period."""
    difference = X - y
    return np.asarray(np.linalg.norm(difference - PERIOD * np.round(difference / PERIOD), axis=1))


def _branches(energy: TorusEnergy, x: Floats, saddles: NDArray[np.int64], sign: int) -> tuple[Branch, ...]:
    """Both branches of x' = sign * gradient from each saddle: along its lowest (down) or highest (up) eigenvector."""
    Q = np.linalg.eigh(energy.hessian(x[saddles]))[1]
    out = []
    for row, frame in zip(saddles.tolist(), Q, strict=True):
        along = frame[:, 0 if sign < 0 else -1]
        for side in (1, -1):
            stop = end_of_flow(energy, x[row] + side * OFFSET * along, sign)
            end = int(np.argmin(distances(x, stop)))
            if distances(x[[end]], stop)[0] > 1e-4:
                raise ValueError(f"a branch ends at {stop.tolist()}, which is none of the points; refine the grid")
            lattice = np.round((stop - x[end]) / PERIOD).astype(int)
            out.append(Branch(row, end, tuple(lattice.tolist())))
    return tuple(out)


def end_of_flow(energy: TorusEnergy, start: Floats, sign: int) -> Floats:
    """(d,) where x' = sign * gradient comes to rest, from `start` (d,)."""

    def velocity(_: float, y: Floats) -> Floats:
        return sign * energy.gradient(y[None])[0]

    def rest(_: float, y: Floats) -> float:
        return float(np.linalg.norm(velocity(0.0, y))) - SMALL

    rest.terminal = True  # type: ignore[attr-defined]
    flow = solve_ivp(velocity, (0.0, 1e4), start, method="DOP853", rtol=1e-9, atol=1e-11, events=rest)
    return np.asarray(flow.y[:, -1])


if __name__ == "__main__":
    references = {str(seed): compute_reference(torus_energy(seed)).as_dict() for seed in SEEDS}
    lines = [f'"{seed}": {json.dumps(plain)}' for seed, plain in references.items()]
    STORED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
