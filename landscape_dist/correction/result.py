"""What a correction comes to: each point and arrow of the surrogate, and what the true energy says to it."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from landscape_dist.analysis.survival import DOUBTFUL
from landscape_dist.correction.bounds import Bound

if TYPE_CHECKING:
    from landscape_dist.campaign.landscape import Landscape
    from landscape_dist.surrogates.data import TrainingData
    from landscape_dist.surrogates.problem import Surrogate

MOST_REASONS = 5


class CorrectionStatus(enum.Enum):
    """How the rounds ended.  `advice` says what a user can do about it."""

    STABLE = "stable"
    VALUES_SPENT = "values_spent"
    ROUNDS_SPENT = "rounds_spent"

    @property
    def advice(self) -> str:
        return _ADVICE[self]


_ADVICE = {
    CorrectionStatus.STABLE: "all points and arrows stayed where they were",
    CorrectionStatus.VALUES_SPENT: (
        "the values of the true energy were spent while points still moved or came and went, or there were none; raise "
        "max_values, or restrict the domain"
    ),
    CorrectionStatus.ROUNDS_SPENT: (
        "the rounds were spent while points still moved or came and went, or there were none; raise max_rounds, or atol"
    ),
}


class PointFate(enum.Enum):
    """What became of a point of the surrogate on the true energy."""

    KEPT = "kept"
    """A point of the true energy with the same index."""
    OTHER_INDEX = "other_index"
    """A point of the true energy with another index."""
    MERGED = "merged"
    """The same point of the true energy as another one of the surrogate."""
    VANISHED = "vanished"
    """No point of the true energy is near."""


class ArrowFate(enum.Enum):
    """What became of an arrow."""

    UNCHECKED = "unchecked"
    SURVIVES = "survives"
    """A downward search on the true energy takes it, too."""
    NOT_FOUND = "not_found"
    """None does."""
    NEW = "new"
    """Only the true energy has it."""


@dataclass(frozen=True, slots=True)
class CorrectedPoint:
    """A point of the last surrogate.

    Attributes:
        id: of the point of the corrected landscape that it is; None where it vanished.
        x_surrogate: (d,). x: (d,) on the true energy; None where it vanished.
        index_surrogate, index: Morse indices. energy: on the true energy.
        displacement: distance of x from x_surrogate, in the unit of x.
        mu: smallest size of an eigenvalue of the true Hessian at x.
        rate: share of the last rounds, or of the ensemble's members, that have the point.
        fate: what became of it. reason: more about it, where there is more to say.
        bound: of the displacement, where it was asked for.
    """

    id: int | None
    x_surrogate: tuple[float, ...]
    x: tuple[float, ...] | None
    index_surrogate: int
    index: int | None
    energy: float | None
    displacement: float | None
    mu: float | None
    rate: float
    fate: PointFate
    reason: str = ""
    bound: Bound | None = None

    @property
    def index_agrees(self) -> bool:
        """Whether both have the same index."""
        return self.index == self.index_surrogate


@dataclass(frozen=True, slots=True)
class CorrectedArrow:
    """An arrow between points of the corrected landscape.

    Attributes:
        parent, child: ids there. rate: share of the last rounds, or of the ensemble's members, that have it; 0 for
        one that only the true energy has. fate: what the true energy says to it.
    """

    parent: int
    child: int
    rate: float
    fate: ArrowFate


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A point at which the true energy was asked, and gave nothing that a surrogate could be fitted to.

    Attributes:
        x: (d,). reason: what it raised, as 'Type: text', or that it is not finite.
    """

    x: tuple[float, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Round:
    """One round: fit, search, compare with the round before, ask.

    Attributes:
        number: from 0.
        n_values: points at which the true energy was known when the surrogate was fitted.
        n_evaluations: of the true energy so far.
        model: kind of surrogate.
        counts: points by index. n_arrows: of the surrogate.
        largest_move: of points that the round before had, too, as a fraction of the widths; None where there are none.
        n_new, n_lost: points that only this round, or only the one before has.
        arrows_stay: whether the arrows are those of the round before.
        error: root mean square error of the energy at the points that were asked next, before they were known; None
            where none were.
        asked_near, asked_arrows, asked_infill: points asked next.
    """

    number: int
    n_values: int
    n_evaluations: int
    model: str
    counts: dict[int, int]
    n_arrows: int
    largest_move: float | None
    n_new: int
    n_lost: int
    arrows_stay: bool
    error: float | None
    asked_near: int
    asked_arrows: int
    asked_infill: int


@dataclass(frozen=True)
class Correction:
    """A landscape of a surrogate that was corrected against the true energy.

    Attributes:
        status: how the rounds ended.
        points: of the last surrogate, by index and place.
        new_points: ids of points of the corrected landscape that no point of the surrogate led to (`check_arrows`).
        arrows: between points of the corrected landscape.
        rounds: how it went.
        evaluations: of the true energy in all: n_energies, n_gradients, n_hessians, n_hvps; differences count as
            what they are made of. by_stage: totals for 'rounds', 'refinement', 'bounds' and 'arrows'.
        landscape: the points refined on the true energy, and the arrows.
        surrogate: the last one. data: all that it was fitted to.
        left_out: points asked in the rounds at which the true energy is not finite, or raises.
    """

    status: CorrectionStatus
    points: tuple[CorrectedPoint, ...]
    new_points: tuple[int, ...]
    arrows: tuple[CorrectedArrow, ...]
    rounds: tuple[Round, ...]
    evaluations: dict[str, int]
    by_stage: dict[str, int]
    landscape: Landscape
    surrogate: Surrogate
    data: TrainingData
    left_out: tuple[LeftOut, ...] = ()

    @property
    def n_evaluations(self) -> int:
        """Of the true energy, each energy, gradient, Hessian and product at a point one."""
        return sum(self.evaluations.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, without landscape, surrogate and data."""
        return {
            "status": self.status.value,
            "advice": self.status.advice,
            "points": [_plain(point) for point in self.points],
            "new_points": list(self.new_points),
            "arrows": [_plain(arrow) for arrow in self.arrows],
            "rounds": [_plain(one) for one in self.rounds],
            "evaluations": dict(self.evaluations),
            "by_stage": dict(self.by_stage),
            "n_evaluations": self.n_evaluations,
            "left_out": [_plain(one) for one in self.left_out],
            "counts": {str(k): n for k, n in self.landscape.counts_by_index.items()},
        }

    def __str__(self) -> str:
        kept = sum(point.fate is PointFate.KEPT for point in self.points)
        asked = ", ".join(f"{n} {name[2:]}" for name, n in self.evaluations.items() if n)
        stages = ", ".join(f"{n} for {name}" for name, n in self.by_stage.items() if n)
        lines = [
            f"{len(self.rounds)} rounds, {self.status.value}: {self.status.advice}",
            f"{self.n_evaluations} evaluations of the true energy ({asked}; {stages})",
            f"{kept} of {len(self.points)} points of the surrogate are points of the true energy, with their index",
        ]
        if self.left_out:
            reasons = Counter(one.reason for one in self.left_out).most_common()
            lines.append(f"{len(self.left_out)} points that were asked are left out:")
            lines += [f"  {n}: {reason}" for reason, n in reasons[:MOST_REASONS]]
            lines += [f"  and {len(reasons) - MOST_REASONS} other reasons"] * (len(reasons) > MOST_REASONS)
        for point in self.points:
            if point.fate is not PointFate.KEPT:
                where = ", ".join(f"{v:.4g}" for v in point.x_surrogate)
                reason = f": {point.reason}" if point.reason else ""
                lines.append(f"  {point.fate.value}: index {point.index_surrogate} at ({where}){reason}")
            elif point.rate < DOUBTFUL:
                lines.append(f"  doubtful: point {point.id} of index {point.index}, in {point.rate:.0%}")
        lines += [f"  new: point {id}, found from a saddle on the true energy" for id in self.new_points]
        checked = [arrow for arrow in self.arrows if arrow.fate is not ArrowFate.UNCHECKED]
        if checked:
            n = sum(arrow.fate is ArrowFate.SURVIVES for arrow in checked)
            of = sum(arrow.fate is not ArrowFate.NEW for arrow in checked)
            lines.append(f"{n} of {of} arrows survive on the true energy")
        for arrow in self.arrows:
            if arrow.fate in (ArrowFate.NEW, ArrowFate.NOT_FOUND):
                lines.append(f"  {arrow.fate.value}: arrow {arrow.parent} -> {arrow.child}")
            elif arrow.rate < DOUBTFUL:
                lines.append(f"  doubtful: arrow {arrow.parent} -> {arrow.child}, in {arrow.rate:.0%}")
        return "\n".join(lines)


def _plain(record: Any) -> dict[str, Any]:
    return {key: _plain_value(value) for key, value in dataclasses.asdict(record).items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _plain_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(v) for v in value]
    return value
