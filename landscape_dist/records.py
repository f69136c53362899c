"""The records that travel between the parts: tasks out, results back, points and connections kept.

Everything that travels in bulk is a struct of arrays (`SearchBatch`, `ResultBatch`): many searches cost no Python each.
`SearchTask`, `SearchResult`, `StationaryPoint` and `Connection` are the same things one at a time, for reading.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

Array = FloatArray | Any
"""Float64 numbers in an array of NumPy's, or of a problem's own namespace (torch's tensors): these share no type."""
# What a problem takes and gives.
Points = Array
"""(n, d): n points of d variables."""
Energies = Array
"""(n,): a number for each point."""
Gradients = Array
"""(n, d)."""
Hessians = Array
"""(n, d, d)."""
Directions = Array
"""(n, d, k): k vectors at each point, in columns."""
SparseHessian = Any
"""(d, d) `scipy.sparse.csc_array`, which has no type."""


class SearchKind(enum.IntEnum):
    """Where a search starts from."""

    START = 0
    """The user's starting point."""
    DOWN = 1
    """A saddle, towards a lower index."""
    UP = 2
    """A minimum or saddle, towards a higher index."""
    CONFIRM = 3
    """A saddle, towards a known lower point from which an upward search led to it."""
    RESTART = 4
    """A random point of the box of what is known, or one between known points."""
    CURVE = 5
    """A known point, along a Newton trajectory to the next point of any index."""


class SearchStatus(enum.IntEnum):
    """How a search ended.  `advice` says what a user can do about it."""

    CONVERGED = 0
    OTHER_INDEX = 1
    SAME_AS_PARENT = 2
    LEFT_DOMAIN = 3
    NOT_FINITE = 4
    MAX_STEPS = 5
    STALLED = 6
    DEADLINE = 7
    HUNG = 8
    RAISED = 9
    WORKER_LOST = 10
    INDEX_UNCERTAIN = 11
    FLAT = 12
    ENDLESS = 13
    UNDECIDED = 14

    @property
    def advice(self) -> str:
        return _ADVICE[self]

    @property
    def label(self) -> str:
        """Lower-case name as used in tables, JSON and configuration."""
        return self.name.lower()


_ADVICE = {
    SearchStatus.CONVERGED: "a stationary point of the wanted index",
    SearchStatus.OTHER_INDEX: (
        "a stationary point whose index is not the wanted one; it is kept as a point. Common where no point "
        "of the wanted index is near; a smaller step tolerance follows the dynamics more closely"
    ),
    SearchStatus.SAME_AS_PARENT: (
        "fell back to the point it started from; enlarge the perturbation radius, or use an eigensolver that "
        "follows its directions"
    ),
    SearchStatus.LEFT_DOMAIN: (
        "left the domain; expected for upward searches that climb without end. Enlarge the domain if points "
        "are known outside"
    ),
    SearchStatus.NOT_FINITE: (
        "energy, gradient or Hessian was not finite; restrict the domain to where the energy is defined"
    ),
    SearchStatus.MAX_STEPS: "step budget spent; raise max_steps, or loosen the step tolerance",
    SearchStatus.STALLED: (
        "steps became too small without reaching the tolerance: a kink or noise in the energy, or a gradient "
        "tolerance below what the energy's rounding allows"
    ),
    SearchStatus.DEADLINE: "time budget of the search spent; raise the deadline",
    SearchStatus.HUNG: "the energy did not return; the worker was ended. Look at the energy at the recorded point",
    SearchStatus.RAISED: "the energy raised an exception; its text is recorded",
    SearchStatus.WORKER_LOST: "workers died repeatedly on this search (memory, crash in the energy)",
    SearchStatus.INDEX_UNCERTAIN: (
        "a stationary point of many variables whose number of negative eigenvalues could not be settled; the reason is "
        "recorded. Give the problem a sparse Hessian or a preconditioner, raise nullity_rtol or nullity_atol where "
        "eigenvalues are small, or dense_limit where memory allows"
    ),
    SearchStatus.ENDLESS: (
        "climbed without end: gradient and curvature along the climb only rose. Expected of upward searches where the "
        "energy grows"
    ),
    SearchStatus.UNDECIDED: (
        "a stationary point of the wanted index to which rounding chose the way: the search kept a symmetry until it "
        "climbed where it had felt no gradient. It is kept as a point and shows no arrow"
    ),
    SearchStatus.FLAT: (
        "the energy flattens out there without a point: gradient and curvature fade together, as in the tail of a "
        "dissociation curve. Give a domain that leaves such regions out"
    ),
}


@dataclass(frozen=True, slots=True)
class StationaryPoint:
    """A point with vanishing gradient, its index verified by the spectrum.

    Attributes:
        id: number within its landscape, in order of discovery.
        x: (d,) coordinates.
        energy: energy at x, in the problem's unit; None for vector fields.
        index: Morse index, the number of negative eigenvalues.
        nullity: number of eigenvalues that count as zero.
        gradient_norm: 2-norm of the gradient at x.
        eigenvalues: (m,) lowest eigenvalues, ascending; m = d unless d is large.
        hits: number of searches that ended here.
    """

    id: int
    x: FloatArray
    energy: float | None
    index: int
    nullity: int
    gradient_norm: float
    eigenvalues: FloatArray
    hits: int

    @property
    def is_saddle(self) -> bool:
        return self.index >= 1

    @property
    def is_minimum(self) -> bool:
        return self.index == 0 and self.nullity == 0


@dataclass(frozen=True, slots=True)
class Connection:
    """An arrow: downward searches from `parent_id` ended at `child_id`, `count` times.

    `origins` lists, for each of those searches, its number among the parent's searches (see
    `exploration.recipes`); two origins that differ are two branches of the unstable manifold. A negative one stands
    for a search that was aimed at the child, because an upward search had led from there to the parent.
    """

    parent_id: int
    child_id: int
    count: int
    origins: tuple[int, ...] = ()


@dataclass(slots=True)
class SearchBatch:
    """n searches for the same target index, as parents and recipes; `expand` in hisd turns them into starts.

    Only the parents' coordinates travel; their eigenvectors are recomputed once per parent where the
    searches run (canonical basis, so every machine gets the same ones).

    Attributes:
        target_index: wanted Morse index k.
        kind: where the searches come from.
        parents: (m,) ids of the parents, -1 where a search starts at no point.
        X: (m, d) coordinates of the parents.
        indices: (m,) index of each parent (-1 where there is none).
        slot: (n,) the coordinator's number of each search; unique within a landscape.
        row: (n,) row of X from which each search starts.
        leave: (n, l) columns of the parent's frame (eigenvectors, ascending) along which to leave, -1 for none.
        sign: (n, l) +1 or -1 for each of them, 0 for none.
        keep: (n, k) columns of the frame that become the initial directions.
        repeat: (n,) 0 for the plain perturbation, r > 0 for the r-th one with a random part added.
        towards: (n, d) for searches of kind CONFIRM, the point aimed at; None otherwise.
        nullities: (m,) nullity of each parent; None where no parent has any.
        direction: (n, d) for searches of kind CURVE, that of the gradient on the curve; None otherwise.
    """

    target_index: int
    kind: SearchKind
    parents: IntArray
    X: FloatArray
    indices: IntArray
    slot: IntArray
    row: IntArray
    leave: IntArray
    sign: IntArray
    keep: IntArray
    repeat: IntArray
    towards: FloatArray | None = None
    direction: FloatArray | None = None
    nullities: IntArray | None = None

    def __len__(self) -> int:
        return len(self.slot)

    def select(self, which: IntArray) -> SearchBatch:
        """The searches at positions `which`, with only the parents that they need."""
        used, row = np.unique(self.row[which], return_inverse=True)
        return SearchBatch(
            self.target_index,
            self.kind,
            self.parents[used],
            self.X[used],
            self.indices[used],
            self.slot[which],
            row.astype(np.int64, copy=False),
            self.leave[which],
            self.sign[which],
            self.keep[which],
            self.repeat[which],
            None if self.towards is None else self.towards[which],
            None if self.direction is None else self.direction[which],
            None if self.nullities is None else self.nullities[used],
        )


@dataclass(slots=True)
class Counters:
    """Evaluations, in points (a batch of n counts n)."""

    n_energies: int = 0
    n_gradients: int = 0
    n_hessians: int = 0
    n_hvps: int = 0

    def add(self, other: Counters) -> None:
        self.n_energies += other.n_energies
        self.n_gradients += other.n_gradients
        self.n_hessians += other.n_hessians
        self.n_hvps += other.n_hvps

    def minus(self, other: Counters) -> Counters:
        return Counters(
            self.n_energies - other.n_energies,
            self.n_gradients - other.n_gradients,
            self.n_hessians - other.n_hessians,
            self.n_hvps - other.n_hvps,
        )

    def copy(self) -> Counters:
        return Counters(self.n_energies, self.n_gradients, self.n_hessians, self.n_hvps)

    def as_dict(self) -> dict[str, int]:
        return {
            "n_energies": self.n_energies,
            "n_gradients": self.n_gradients,
            "n_hessians": self.n_hessians,
            "n_hvps": self.n_hvps,
        }


@dataclass(slots=True)
class ResultBatch:
    """What n searches came to.

    Attributes:
        slot: (n,) which searches.
        status: (n,) int8 SearchStatus.
        x: (n, d) end points.
        energy: (n,) energies, NaN where there is none.
        index: (n,) int32 Morse index at the end point, -1 where not a stationary point.
        nullity: (n,) int32.
        gradient_norm: (n,) 2-norm at the end point.
        eigenvalues: (n, m) lowest eigenvalues, ascending; NaN where not a stationary point.
        n_steps: (n,) int32 steps of the dynamics, the polish included.
        counters: evaluations of the whole batch.
        messages: text for searches that failed for a reason beyond their status, by slot.
        cpu_seconds: CPU time of the batch.
        trajectories: (t, d) paths by slot, only where asked for.
        trajectory_times: (t,) pseudo-time of the dynamics at their points, by slot: sums of what each step stood for;
            a step of Newton's method adds none.
    """

    slot: IntArray
    status: NDArray[np.int8]
    x: FloatArray
    energy: FloatArray
    index: NDArray[np.int32]
    nullity: NDArray[np.int32]
    gradient_norm: FloatArray
    eigenvalues: FloatArray
    n_steps: NDArray[np.int32]
    counters: Counters = field(default_factory=Counters)
    messages: dict[int, str] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    trajectories: dict[int, FloatArray] = field(default_factory=dict)
    trajectory_times: dict[int, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(slots=True)
class PointColumns:
    """p stationary points as columns; row i is the point with id i.

    Attributes:
        x: (p, d). energy: (p,), NaN for vector fields. index, nullity: (p,) int32. gradient_norm: (p,).
        eigenvalues: (p, m) lowest, ascending.
        found_by: (p,) int64 slot of the search that found it.
        round: (p,) int32 round of that search (0: downward closure of the start; r: after the r-th upward round).
    """

    x: FloatArray
    energy: FloatArray
    index: NDArray[np.int32]
    nullity: NDArray[np.int32]
    gradient_norm: FloatArray
    eigenvalues: FloatArray
    found_by: IntArray
    round: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.index)


@dataclass(slots=True)
class SearchColumns:
    """s finished searches as columns, in order of arrival.

    Attributes:
        slot: (s,) int64 the coordinator's number of the search; unique, negative for kinds from CONFIRM on.
        parent: (s,) int64 id of the point it started from, -1 where it started at none.
        kind: (s,) int8 SearchKind. ordinal: (s,) int32 its number among the parent's searches of that kind; for
        CONFIRM, -1 - id of the point aimed at; for RESTART and CURVE, its number among both.
        target: (s,) int32 wanted index. status: (s,) int8 SearchStatus.
        child: (s,) int64 id of the point it ended at, -1 where it ended at none.
        n_steps: (s,) int32. round: (s,) int32.
    """

    slot: IntArray
    parent: IntArray
    kind: NDArray[np.int8]
    ordinal: NDArray[np.int32]
    target: NDArray[np.int32]
    status: NDArray[np.int8]
    child: IntArray
    n_steps: NDArray[np.int32]
    round: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(slots=True)
class FailureColumns:
    """f searches that ended at no stationary point: where they ended and why.

    Attributes:
        slot: (f,) int64. x: (f, d) last point. gradient_norm: (f,) there. message: f texts, often empty.
    """

    slot: IntArray
    x: FloatArray
    gradient_norm: FloatArray
    message: list[str]

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(slots=True)
class TrajectoryColumns:
    """Paths of t searches, one after another.

    Attributes:
        slot: (t,) int64 which searches. end: (t,) int64 where each path ends among the points below.
        x: (n, d) the points of all paths. time: (n,) pseudo-time of the dynamics at each.
    """

    slot: IntArray
    end: IntArray
    x: FloatArray
    time: FloatArray

    def __len__(self) -> int:
        return len(self.slot)
