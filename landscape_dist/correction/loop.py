"""The rounds of a correction: fit, search, compare with the round before, ask the true energy, and again."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.analysis.matching import match_points
from landscape_dist.campaign.campaign import explore
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.correction.models import Fitted, Fitter, fitted_to
from landscape_dist.correction.result import CorrectionStatus, LeftOut, Round
from landscape_dist.correction.sampling import Frame, along, around, infill, low_discrepancy, unique
from landscape_dist.correction.truth import TrueEnergy
from landscape_dist.errors import ProblemError
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.records import FloatArray, IntArray
from landscape_dist.surrogates.correction import CorrectionSettings
from landscape_dist.surrogates.data import TrainingData

OnRound = Callable[[Round], None]

SHRINK = 0.5
"""Part of the radius around a point that is left for its next values; less where it moved by less."""
LEAST_SPREAD = 1e-3
"""Spread that is taken for none, in standard deviations of the energies."""
QUIET_INFILL = 5
"""Values a variable where the surrogate knows least, in a round in which no point moves."""
MOST_POINTS = 400
"""A surrogate with more points is one that the data do not tell anything; it is not believed."""
APART = 1e-6
"""Fraction of the widths within which the true energy is not asked twice."""


@dataclass(frozen=True)
class Found:
    """The landscape of one surrogate, in an order that does not depend on who found what first.

    Attributes:
        landscape: as it was found. order: (p,) its ids by index and place.
        x: (p, d), index: (p,), in this order. arrows: pairs of rows of `x`.
    """

    landscape: Landscape
    order: IntArray
    x: FloatArray
    index: NDArray[np.int32]
    arrows: frozenset[tuple[int, int]]

    @classmethod
    def none(cls, landscape: Landscape, dim: int) -> Found:
        """No points: those that were found first would depend on who found them."""
        return cls(landscape, np.zeros(0, np.int64), np.zeros((0, dim)), np.zeros(0, np.int32), frozenset())

    @classmethod
    def of(cls, landscape: Landscape, frame: Frame) -> Found:
        """Sort by index, then by place."""
        points = landscape.pathways.points
        order = np.lexsort((*np.round(frame.inward(points.x), 5).T[::-1], points.index))
        row = np.empty(len(order), dtype=np.int64)
        row[order] = np.arange(len(order))
        connections = landscape.pathways.connections
        pairs = zip(row[connections.parent].tolist(), row[connections.child].tolist(), strict=True)
        return cls(landscape, order, points.x[order], points.index[order], frozenset(pairs))

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Comparison:
    """A round's points against those of the round before.

    Attributes:
        before: (p,) row of each point in the round before, -1 where it is new. moves: (p,) as fractions of the widths,
            inf where it is new. n_lost: points that only the round before has. arrows_stay: whether the arrows are the
            same.
    """

    before: IntArray
    moves: FloatArray
    n_lost: int
    arrows_stay: bool

    @classmethod
    def of(cls, found: Found, last: Found | None, frame: Frame, within: float) -> Comparison:
        """Points of equal index within so many of the widths are one."""
        before, moves = np.full(len(found), -1, dtype=np.int64), np.full(len(found), np.inf)
        if last is None:
            return cls(before, moves, 0, False)
        here, there = match_points(
            frame.inward(found.x), found.index, frame.inward(last.x), last.index, within, frame.period / frame.width
        )
        before[here] = there
        moves[here] = frame.distance(found.x[here], last.x[there])
        arrows = {(int(before[parent]), int(before[child])) for parent, child in found.arrows}
        return cls(before, moves, len(last) - len(there), arrows == set(last.arrows))

    def stays(self, atol: float) -> bool:
        """Whether everything is where it was."""
        return self.n_lost == 0 and self.arrows_stay and bool((self.moves <= atol).all())


@dataclass(frozen=True)
class Rounds:
    """What the rounds came to.

    Attributes:
        status: how they ended. rounds: how they went. found, fitted: of each round that is looked back upon, the last
            last. data: all that is known. left_out: what was asked and is not known.
    """

    status: CorrectionStatus
    rounds: tuple[Round, ...]
    found: tuple[Found, ...]
    fitted: Fitted
    data: TrainingData
    left_out: tuple[LeftOut, ...]


class Loop:
    """Runs the rounds.

    Args:
        truth: the true energy. settings: of the correction.
        frame: where it is asked. fitter: of the surrogates.
        starts: (s, d) of the searches. max_index: of them. options: further arguments of `explore`.
        folder: where surrogates and landscapes are kept; None keeps them in memory.
    """

    def __init__(
        self, truth: TrueEnergy, settings: CorrectionSettings, frame: Frame, fitter: Fitter, starts: FloatArray,
        max_index: int, options: dict[str, Any], folder: Path | None,
    ) -> None:  # fmt: skip
        self.truth, self.settings, self.frame, self.fitter = truth, settings, frame, fitter
        self.max_index, self.options, self.folder = max_index, options, folder
        d = frame.dim
        more = frame.outward(low_discrepancy(settings.n_starts, d, settings.seed + 1))
        self.starts = np.concatenate([starts, more])
        self.n_initial = 25 * d if settings.n_initial is None else settings.n_initial
        self.n_near = d + 1 if settings.n_near is None else settings.n_near
        self.n_infill = 2 * d if settings.n_infill is None else settings.n_infill
        self.within = 2 * settings.radius
        self.like: TrainingData | None = None
        self.left_out: list[LeftOut] = []

    def run(self, data: TrainingData | None, on_round: OnRound) -> Rounds:
        """All rounds.

        Args:
            data: values to begin with; None asks for them.
            on_round: called after each round.

        Raises:
            ProblemError: the energy is finite at none of the first points.
            KeyboardInterrupt: Ctrl-C, also while a surrogate is searched.
        """
        settings = self.settings
        self.like = data
        if data is None:
            X = self.initial()
            data = self.asked(X)
            if data is None:
                reasons = sorted({one.reason for one in self.left_out})
                raise ProblemError(
                    f"{self.truth.problem.name} is finite at none of {len(X)} points ({'; '.join(reasons[:3])}); "
                    "restrict its domain to where it is"
                )
        rounds: list[Round] = []
        history: list[Found] = []
        fitted: Fitted | None = None
        radii = np.zeros(0)
        stable, learned = 0, True
        while True:
            number = len(rounds)
            folder = None if self.folder is None else self.folder / f"{number:03d}"
            if folder is not None and not fitted_to(folder / "surrogate", data):
                shutil.rmtree(folder)  # max_values was another one, so that other values were asked
            fitted = self.fitter.fit(data, fitted, None if folder is None else folder / "surrogate")
            found = self.search(fitted.surrogate, None if folder is None else folder / "landscape.zarr")
            last = history[-1] if history else None
            compared = Comparison.of(found, last, self.frame, self.within)
            # Nothing at all may be the fault of a surrogate that is too poor to be searched.
            stays = len(found) > 0 and compared.stays(settings.atol)
            stable = stable + learned if stays else 0
            status = None
            if stable >= settings.n_stable:
                status = CorrectionStatus.STABLE
            elif number + 1 >= settings.max_rounds:
                status = CorrectionStatus.ROUNDS_SPENT
            proposed: list[FloatArray] = [np.zeros((0, self.frame.dim))] * 3
            if status is None:
                radii = self.radii(compared, radii)
                proposed = self.affordable(self.propose(found, compared, last, radii, fitted, data, number))
                if not sum(map(len, proposed)):
                    status = CorrectionStatus.VALUES_SPENT
            history = [*history, found][-(settings.n_stable + 1) :]
            error, n_values, n_evaluations = None, len(data), self.truth.n_evaluations
            if status is None:
                new = self.asked(np.concatenate(proposed))
                learned = new is not None  # the same surrogate says nothing new
                if new is not None:
                    error = float(np.sqrt(np.mean((fitted.surrogate.energy(new.x) - new.energy) ** 2)))
                    data = data.joined(new)
            known = compared.before >= 0
            rounds.append(
                Round(
                    number, n_values, n_evaluations, fitted.surrogate.model.kind,
                    {int(k): int(np.count_nonzero(found.index == k)) for k in np.unique(found.index)},
                    len(found.arrows), float(compared.moves[known].max()) if known.any() else None,
                    int(np.count_nonzero(~known)), compared.n_lost, compared.arrows_stay, error, *map(len, proposed),
                )
            )  # fmt: skip
            on_round(rounds[-1])
            if status is not None:
                return Rounds(status, tuple(rounds), tuple(history), fitted, data, tuple(self.left_out))

    # -- one round --------------------------------------------------------------------------------------------------
    def search(self, surrogate: Any, store: Path | None) -> Found:
        """The landscape of a surrogate.

        Raises:
            KeyboardInterrupt: Ctrl-C, after which `explore` returns what it has.
        """
        path = None if store is None else str(store)
        options = {"max_points": MOST_POINTS} | self.options
        landscape = explore(surrogate, self.starts, self.max_index, store=path, **options)
        if not landscape.finished:
            if len(landscape.points) >= (options["max_points"] or np.inf):
                return Found.none(landscape, self.frame.dim)
            if len(landscape.searches) < (options.get("max_searches") or np.inf):
                raise KeyboardInterrupt
        return Found.of(landscape, self.frame)

    def initial(self) -> FloatArray:
        """(n, d) points to begin with, as many as are wanted and may be spent."""
        X = self.frame.outward(low_discrepancy(self.n_initial, self.frame.dim, self.settings.seed))
        if self.settings.max_values is None:
            return X
        if self.settings.gradients:  # what they cost shows when there is one
            self.truth.energy(X[:1])
            self.truth.gradient(X[:1])
        return X[: max(1, self.settings.max_values // self.cost())]

    def asked(self, X: FloatArray) -> TrainingData | None:
        """The true energy at new points (n, d), and its gradient where that is wanted; None where none is finite.

        Points at which it is not finite, or raises, are left out.
        """
        energy = self.truth.energy(X)
        gradient = self.truth.gradient(X) if self.settings.gradients else None
        fine = np.isfinite(energy)
        for x in X[~fine]:
            reason = self.truth.raised("energy", x) or "the energy is not finite"
            self.left_out.append(LeftOut(tuple(x.tolist()), reason))
        if not fine.any():
            return None
        if gradient is not None:
            gradient = np.where(np.isfinite(gradient).all(axis=1, keepdims=True), gradient, np.nan)[fine]
        if self.like is not None:
            source = repr(self.truth.problem)
            return dataclasses.replace(self.like, x=X[fine], energy=energy[fine], gradient=gradient, source=source)
        periodic = np.isfinite(self.frame.period).any()
        return TrainingData(
            X[fine], energy[fine], gradient, period=tuple(self.frame.period.tolist()) if periodic else None,
            source=repr(self.truth.problem),
        )  # fmt: skip

    def radii(self, compared: Comparison, before: FloatArray) -> FloatArray:
        """(p,) around each point, the radius for its next values."""
        known = compared.before >= 0
        result = np.full(len(known), self.settings.radius)
        shrunk = SHRINK * before[compared.before[known]] if known.any() else np.zeros(0)
        moved = 2.0 * compared.moves[known]
        result[known] = np.maximum(np.minimum(shrunk, np.maximum(moved, 0.1 * shrunk)), self.settings.atol)
        return result

    def propose(
        self, found: Found, compared: Comparison, last: Found | None, radii: FloatArray, fitted: Fitted,
        data: TrainingData, number: int,
    ) -> list[FloatArray]:  # fmt: skip
        """Points to ask: around those that move, along arrows that are new, where the surrogate knows least."""
        d, none = self.frame.dim, np.zeros((0, self.frame.dim))
        # Those that were there before come first: they are less likely to be of the surrogate alone.
        moving = np.flatnonzero(compared.moves > self.settings.atol)
        moving = moving[np.argsort(compared.moves[moving], kind="stable")]
        near = [around(found.x[i], float(radii[i]), self.n_near, self.frame) for i in moving.tolist()]
        old = set() if last is None else set(last.arrows)
        arrows = []
        if self.settings.n_arrow:
            for parent, child in sorted(found.arrows):
                if (int(compared.before[parent]), int(compared.before[child])) not in old:
                    path = self.path(found, parent, child)
                    arrows.append(along(path, self.settings.n_arrow, self.frame))
        holes = np.array([one.x for one in self.left_out]).reshape(-1, d)
        taken = np.concatenate([data.x, holes])
        result = []
        for X in (np.concatenate([none, *near]), np.concatenate([none, *arrows])):
            X = unique(X, taken, self.frame, APART)
            taken = np.concatenate([taken, X])
            result.append(X)
        # Where there are no points to look at, the surrogate needs more of everywhere.
        n_infill = self.n_infill if len(found) else max(self.n_infill, self.n_initial // 2)
        if self.settings.n_infill is None and not len(moving):  # what all rests on now is that nothing is left out
            n_infill = max(n_infill, QUIET_INFILL * d)
        X = infill(
            n_infill, taken, self.frame, fitted.spread, fitted.surrogate.gradient,
            self.settings.seed + 1000 * (number + 1), LEAST_SPREAD * float(data.energy.std()), holes,
        )  # fmt: skip
        result.append(unique(X, taken, self.frame, APART).reshape(-1, d))
        return result

    def path(self, found: Found, parent: int, child: int) -> FloatArray:
        """(t, d) the path that a search took along an arrow; the line between its ends where no path was kept."""
        ids = int(found.order[parent]), int(found.order[child])
        paths = found.landscape.trajectories.of(parent=ids[0], child=ids[1], connecting_only=True)
        kept = sorted((path.x for path in paths), key=lambda x: tuple(np.round(self.frame.inward(x[len(x) // 2]), 5)))
        path = np.concatenate([found.x[[parent]], *kept[:1], found.x[[child]]])
        if not np.isfinite(self.frame.period).any():
            return path
        # The points may be the same as the path's ends but for whole periods.
        return path[0] + np.cumsum(self.frame.difference(path, np.concatenate([path[:1], path[:-1]])), axis=0)

    def affordable(self, proposed: list[FloatArray]) -> list[FloatArray]:
        """As much as the budget has left, and no more in a round than there were at first."""
        most = max(self.n_initial, 1)
        if self.settings.max_values is not None:
            most = min(most, (self.settings.max_values - self.truth.n_evaluations) // self.cost())
        result: list[FloatArray] = []
        # A share is kept for where the surrogate knows least, however many points it has.
        reserved = min(len(proposed[2]), max(most, 0) // 4)
        for X, least in zip(proposed, (0, 0, reserved), strict=True):
            room = most - sum(map(len, result)) - (reserved if least == 0 else 0)
            result.append(X[: max(room, 0)])
        return result

    def cost(self) -> int:
        """Evaluations that a point costs."""
        return self.truth.cost("energy") + (self.truth.cost("gradient") if self.settings.gradients else 0)


def member_pathways(
    rounds: Rounds, search: Callable[[Any, Path | None], Found], folder: Path | None
) -> list[PathwayMap]:
    """The landscapes that the last one is compared with: of the last rounds, or of the ensemble's members."""
    if len(rounds.fitted.members) == 1:
        return [found.landscape.pathways for found in rounds.found]
    maps = [rounds.found[-1].landscape.pathways]
    for number, member in enumerate(rounds.fitted.members[1:], start=1):
        store = None if folder is None else folder / f"{len(rounds.rounds) - 1:03d}" / f"landscape_{number}.zarr"
        maps.append(search(member, store).landscape.pathways)
    return maps
