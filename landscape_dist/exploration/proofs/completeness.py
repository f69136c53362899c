"""All stationary points in a box, proved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.exploration.proofs.branch_and_prune import CUT, Advanced, advance
from landscape_dist.exploration.proofs.contraction import in_two
from landscape_dist.exploration.proofs.distinct import distinct, raised, wrapped
from landscape_dist.exploration.proofs.flooding import Flood, flooding
from landscape_dist.exploration.proofs.krawczyk import (
    UNKNOWN,
    Zeros,
    energies,
    indices,
    no_zeros,
    refined,
    together,
    without_energy,
)
from landscape_dist.problems.equations import Equations, exact_formulas
from landscape_dist.records import BoolArray, FloatArray, IntArray

# Boxes that are looked at together.
PACK = 512
# Packs between looks at the clock.
BETWEEN_LOOKS = 8
# How often all of them are cut before the first look.
FIRST_CUTS = 6
# Boxes are not cut below this part of the width of the first.
FINEST = 1e-7
# Zeros known to within this part of the width are on a face where they may be.
ON_FACE = 1e-9

Packs = Callable[[list[FloatArray], FloatArray], Iterable[Advanced]]
"""What `advance` makes of each of some packs, in their order, wherever that is done; with the smallest widths (d,)."""


@dataclass(frozen=True)
class CertifiedPoint:
    """A stationary point that is proved to be there.

    Attributes:
        x: (d,) in the middle of a small box with exactly one, or on the face of the whole that goes through that.
        index: its Morse index, proved; None where that could not be.
        energy: lower and upper end of its energy; None for vector fields.
        box: (d, 2) lower and upper ends of the small box. around: (d, 2) of the larger one.
    """

    x: FloatArray
    index: int | None
    energy: tuple[float, float] | None
    box: FloatArray
    around: FloatArray

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {
            "x": self.x.tolist(),
            "index": self.index,
            "energy": None if self.energy is None else list(self.energy),
            "box": self.box.tolist(),
            "around": self.around.tolist(),
        }


@dataclass(frozen=True)
class Undecided:
    """Boxes about which nothing is proved.

    Attributes:
        boxes: (k, d, 2). volume: their part of the volume of the whole.
    """

    boxes: FloatArray
    volume: float

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True)
class Proof:
    """What is proved about the stationary points in a box.

    It is about the formula as it is read, in real numbers, and not about the code that evaluates it; and it relies on
    NumPy's elementary functions being as exact as `numerics.intervals` allows for.

    Attributes:
        name: of the problem. box: (d, 2) lower and upper ends.
        complete: whether `points` are all that there are. points: certified ones, sorted by index and energy.
        undecided: boxes that are left. boxes: how many were looked at. cpu_seconds: what it took.
        formulas: exactly what it is about: the energy, or the components of a vector field. is_energy: which of both.
        flood: what looks like a continuum of points; None where nothing does.
    """

    name: str
    box: FloatArray
    complete: bool
    points: tuple[CertifiedPoint, ...]
    undecided: Undecided
    boxes: int
    cpu_seconds: float
    formulas: tuple[str, ...] = ()
    is_energy: bool = True
    flood: Flood | None = None

    @property
    def counts_by_index(self) -> dict[int | None, int]:
        """Number of points of each index; those of None were not proved to have one."""
        counts: dict[int | None, int] = {}
        for point in self.points:
            counts[point.index] = counts.get(point.index, 0) + 1
        return counts

    def __str__(self) -> str:
        counts = self.counts_by_index.items()
        by_index = ", ".join(f"{n} of index {'unknown' if k is None else k}" for k, n in counts)
        lines = [f"{self.name}: {len(self.points)} points proved ({by_index or 'none'})"]
        if self.complete:
            lines.append(f"There are no others in the box. {self.boxes} boxes, {self.cpu_seconds:.2g} CPU seconds")
        else:
            lines.append(
                f"Not complete: {len(self.undecided)} of {self.boxes} boxes are undecided, "
                f"{100 * self.undecided.volume:.2g} % of the volume; {self.cpu_seconds:.2g} CPU seconds"
            )
        if self.flood is not None:
            lines.append(str(self.flood))
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, text, lists and dicts, for JSON."""
        return {
            "name": self.name,
            "kind": "energy" if self.is_energy else "field",
            "formulas": list(self.formulas),
            "box": self.box.tolist(),
            "complete": self.complete,
            "points": [point.as_dict() for point in self.points],
            "undecided": {"boxes": len(self.undecided), "volume": self.undecided.volume},
            "boxes": self.boxes,
            "cpu_seconds": self.cpu_seconds,
            "flood": None if self.flood is None else str(self.flood),
        }


@dataclass
class State:
    """How far a proof has come; what it is resumed from.

    Attributes:
        lower, upper: (d,) of the whole. boxes: (2, d, n) to look at. small: (2, d, k) too small to be cut.
        zeros: so far. n_looks: boxes looked at. cpu_seconds: spent.
    """

    lower: FloatArray
    upper: FloatArray
    boxes: FloatArray
    small: FloatArray
    zeros: Zeros
    n_looks: int = 0
    cpu_seconds: float = 0.0
    flood: Flood | None = None

    @classmethod
    def begin(cls, lower: FloatArray, upper: FloatArray) -> State:
        """All of a box, cut into as many as cost no more than one: calls of NumPy take longer than few numbers."""
        boxes = np.stack([-lower, upper])[:, :, None]
        for k in range(FIRST_CUTS):
            boxes = np.concatenate(in_two(boxes, k % len(lower), CUT), axis=2)
        return cls(lower, upper, boxes, boxes[:, :, :0], no_zeros(len(lower)))

    @property
    def volume_left(self) -> float:
        """Part of the volume that is undecided."""
        return _volume(self.boxes, self.lower, self.upper) + _volume(self.small, self.lower, self.upper)


def _volume(boxes: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    return float(np.prod((boxes[0] + boxes[1]) / (upper - lower)[:, None], axis=0).sum())


def advance_here(equations: Equations) -> Packs:
    """Packs, one after another, in this process."""

    def run(packs: list[FloatArray], smallest: FloatArray) -> Iterable[Advanced]:
        for pack in packs:
            yield advance(equations, pack, smallest)

    return run


def proceed(
    state: State,
    packs: Packs,
    boxes: int,
    cpu_seconds: float = np.inf,
    on_progress: Callable[[State], None] | None = None,
) -> State:
    """Look at boxes until none is left or the budget is spent.

    All boxes of a size are looked at before their parts are, so that a budget is spent evenly; what becomes of each
    depends on nothing else.

    Args:
        state: from where; is changed and returned. packs: how packs of boxes are looked at. boxes: how many in all.
        cpu_seconds: of all processes, in all. on_progress: called after each generation.
    """
    smallest = FINEST * (state.upper - state.lower)
    while state.boxes.shape[2] and state.n_looks < boxes and state.cpu_seconds < cpu_seconds:
        n = min(state.boxes.shape[2], boxes - state.n_looks)
        starts = list(range(0, n, PACK))
        next_, small, zeros, last = [], [state.small], [state.zeros], 0
        # a group of packs between looks at the clock; without a clock all of them
        group = len(starts) if cpu_seconds == np.inf else BETWEEN_LOOKS
        for first in range(0, len(starts), group):
            some = starts[first : first + group]
            for result in packs([state.boxes[:, :, a : min(a + PACK, n)] for a in some], smallest):
                next_.append(result.boxes)
                small.append(result.small)
                zeros.append(result.zeros)
                state.n_looks += result.n_looks
                state.cpu_seconds += result.cpu_seconds
            last = min(some[-1] + PACK, n)
            if state.cpu_seconds >= cpu_seconds:
                break
        state.boxes = np.concatenate([state.boxes[:, :, last:], *next_], axis=2)
        state.small = np.concatenate(small, axis=2)
        state.zeros = together(zeros, len(state.lower))
        if on_progress is not None:
            on_progress(state)
        state.flood = flooding(state.boxes, state.upper - state.lower)
        if state.flood is not None:
            break
    return state


def concluded(state: State, equations: Equations, name: str, periods: FloatArray | None = None) -> Proof:
    """The proof of a state.

    Args:
        periods: (d,) of coordinates, inf where there is none; points that differ by whole ones are the same.
    """
    start = time.process_time()
    with np.errstate(all="ignore"):
        zeros = refined(equations, state.zeros)
        inside, unclear = _inside(zeros, state.lower, state.upper)
        none, unknown = without_energy(equations, zeros)
        unclear |= unknown & inside
        lost = zeros.boxes[:, :, unclear & ~none]
        zeros = zeros.at(inside & ~unclear & ~none)
        # after that, as those at the upper end are at the lower one, or a rounding error below
        if periods is not None:
            zeros = wrapped(zeros, state.lower, state.upper, periods)
        zeros, doubtful = distinct(zeros)
        if periods is not None:
            zeros = raised(zeros, state.lower, periods)
        index, energy = indices(equations, zeros), energies(equations, zeros)
    left = np.concatenate([state.boxes, state.small, lost, doubtful], axis=2)
    order = _sorted(zeros, index, energy)
    return Proof(
        name=name,
        box=np.stack([state.lower, state.upper], axis=1),
        complete=left.shape[2] == 0,
        points=tuple(points_of(zeros.at(order), index[order], energy[order], state.lower, state.upper)),
        undecided=Undecided(np.stack([-left[0].T, left[1].T], axis=2), _volume(left, state.lower, state.upper)),
        boxes=state.n_looks,
        cpu_seconds=state.cpu_seconds + time.process_time() - start,
        formulas=exact_formulas(equations),
        is_energy=equations.symmetric,
        flood=state.flood,
    )


def _inside(zeros: Zeros, lower: FloatArray, upper: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Which zeros (n,) are in a box or on its faces, as far as rounding lets that be said, and of which it cannot."""
    boxes, whole = zeros.boxes, np.stack([-lower, upper])[:, :, None]
    meet = (np.minimum(boxes, whole).sum(axis=0) >= 0).all(axis=0)
    across = (boxes > whole).any(axis=0) & (zeros.radius > ON_FACE * (upper - lower)).T
    return meet, meet & across.any(axis=0)


def _sorted(zeros: Zeros, index: IntArray, energy: FloatArray) -> IntArray:
    scale = np.ptp(zeros.x, axis=0) if len(zeros) else np.ones(zeros.x.shape[1])
    rounded = np.round(zeros.x / np.where(scale > 0, scale, 1.0), 6)
    return np.lexsort((*rounded.T[::-1], np.nan_to_num(np.round(energy[:, 0], 6)), index))


def points_of(
    zeros: Zeros,
    index: IntArray,
    energy: FloatArray,
    lower: FloatArray | float = -np.inf,
    upper: FloatArray | float = np.inf,
) -> list[CertifiedPoint]:
    """Zeros as points, with their indices (n,) and energies (n, 2), in a box of these ends."""
    x = np.clip(zeros.x, lower, upper)  # those on faces may be a rounding error outside
    boxes, around = _ends(zeros.boxes), _ends(zeros.around)
    known = [None if k == UNKNOWN else k for k in index.tolist()]
    # nan is not itself
    between = [(low, high) if low == low else None for low, high in energy.tolist()]
    return [CertifiedPoint(*parts) for parts in zip(x, known, between, boxes, around, strict=True)]


def _ends(boxes: FloatArray) -> FloatArray:
    """(2, d, n) intervals -> (n, d, 2) lower and upper ends."""
    return np.stack([-boxes[0].T, boxes[1].T], axis=2)


def box_of(box: Any, dim: int) -> tuple[FloatArray, FloatArray]:
    """Lower and upper ends (d,) of a box given as (lower, upper) of all coordinates or as d such pairs.

    Raises:
        SettingsError: it is no box of so many variables.
    """
    try:
        pairs = np.asarray(box, dtype=np.float64)
    except (TypeError, ValueError):
        pairs = np.empty(0)
    if pairs.shape == (2,):
        pairs = np.tile(pairs, (dim, 1))
    if pairs.shape != (dim, 2):
        raise SettingsError(f"box is {box!r}; give (lower, upper), or such a pair for each of {dim} variables")
    if not np.isfinite(pairs).all() or not (pairs[:, 0] < pairs[:, 1]).all():
        raise SettingsError(f"box is {box!r}; give finite numbers, the lower end of each variable below the upper one")
    return pairs[:, 0].copy(), pairs[:, 1].copy()
