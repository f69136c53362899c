"""Slots: the numbers by which searches are known, and what each number means.

First come the user's starts (one slot for each start and target index), then, for each point in the order of discovery,
its downward searches and its upward ones.  Searches that confirm an arrow are known by its two points, and where the
lower one has several images by that which they are aimed at, and have negative slots; so have restarts, which are known
by their number and target index.  So a slot is the same number in every resume of a store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.exploration.recipes import Recipes, downward, upward
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.exploration.tables import Column, PointTable
from landscape_dist.records import FloatArray, IntArray, PointColumns, SearchBatch, SearchKind
from landscape_dist.spaces.flat import Euclidean
from landscape_dist.spaces.space import Space

# Ids of points stay below this, and below the second where points have several images that a search can be aimed at.
_IDS, _IDS_WITH_IMAGES = 1 << 31, 1 << 29
# Ids from here on are those of no points; in slots their place is that of kinds and targets of restarts.
_TARGETS = 1 << 16
_NO_POINTS = _IDS - 2 * _TARGETS
# The seed of directions, beside the number of the restart.
_CURVES = 1998, 1087
TOLD_RESTARTS = 1 << 30
"""Restarts of these numbers were made by another coordinator, and told to this one."""
PROVED = 3 << 29
"""Restarts of these numbers begin at points that are proved to be there."""


class Slots:
    """Numbers all searches that there can be.

    Args:
        starts: (s, d) the user's starting points.
        settings: which searches there are.
        points: the points found so far; `add` must be called for each.
        space: where they live; None for coordinates without periods.
        lengths: (d,) typical lengths of the coordinates; None for 1.
    """

    def __init__(
        self,
        starts: FloatArray,
        settings: ExploreSettings,
        points: PointTable,
        space: Space | None = None,
        lengths: FloatArray | Sequence[float] | None = None,
    ) -> None:
        self.starts = starts
        self.settings = settings
        self.points = points
        self.space = Euclidean(starts.shape[1]) if space is None else space
        self.lengths = np.ones(starts.shape[1]) if lengths is None else np.array(lengths, dtype=np.float64)
        self.per_start = settings.max_index - settings.min_index + 1
        self.n_start = len(starts) * self.per_start
        self.n = self.n_start
        self._first = Column(np.int64)  # slot of each point's first downward search
        self._n_down = Column(np.int64)
        self._recipes: dict[tuple[SearchKind, int, int], Recipes] = {}
        self._restart_x = Column(np.float64, (starts.shape[1],))
        self._restart_slot = Column(np.int64)
        self._proved_x = Column(np.float64, (starts.shape[1],))

    @property
    def n_restarts(self) -> int:
        """Restarts so far."""
        return len(self._restart_slot)

    def add_restarts(self, X: FloatArray, kind: Any, target: IntArray) -> IntArray:
        """Slots (n,) of further restarts of these kinds (n,), from points X (n, d) for points of these indices (n,)."""
        slots = restart_slot(np.arange(self.n_restarts, self.n_restarts + len(X)), kind, target)
        self._restart_x.extend(X)
        self._restart_slot.extend(slots)
        return slots

    def add_proved(self, X: FloatArray, target: IntArray) -> IntArray:
        """Slots (n,) of searches from points X (n, d), at which those of these indices (n,) are."""
        numbers = PROVED + np.arange(len(self._proved_x), len(self._proved_x) + len(X))
        self._proved_x.extend(X)
        return restart_slot(numbers, np.full(len(X), SearchKind.RESTART, dtype=np.int8), target)

    def restarts(self) -> tuple[IntArray, FloatArray]:
        """Slots (n,) and starts (n, d) of all restarts so far."""
        return self._restart_slot.view(), self._restart_x.view()

    def add(self, points: PointColumns) -> None:
        """Number the searches of points just found."""
        n_down, n_up = np.zeros(len(points), dtype=np.int64), np.zeros(len(points), dtype=np.int64)
        for m, z, rows in _alike(points.index, points.nullity):
            n_down[rows] = len(self.recipes(SearchKind.DOWN, m, z))
            n_up[rows] = len(self.recipes(SearchKind.UP, m, z))
        ends = self.n + np.cumsum(n_down + n_up)
        self._first.extend(np.concatenate([[self.n], ends[:-1]]))
        self._n_down.extend(n_down)
        self.n = int(ends[-1])

    def recipes(self, kind: SearchKind, index: int, nullity: int) -> Recipes:
        """The searches of a kind from points of this index and nullity."""
        key = (kind, index, nullity)
        if key not in self._recipes:
            if kind == SearchKind.UP:
                self._recipes[key] = upward(index, nullity, self.space.dim, self.settings)
            elif index <= self.settings.max_index:
                self._recipes[key] = downward(index, self.settings, nullity)
            else:  # kept but not expanded
                self._recipes[key] = downward(0, self.settings)
        return self._recipes[key]

    def downward(self, points: IntArray) -> tuple[IntArray, IntArray]:
        """All downward slots of some points, and which of these points each belongs to."""
        n = self._n_down.view()[points]
        return ranges(self._first.view()[points], n), np.repeat(np.arange(len(points)), n)

    def upward(self, first_point: int, last_point: int) -> tuple[IntArray, IntArray, IntArray]:
        """Of the points from `first_point` up to `last_point`, all upward slots, the point of each, and its place among
        that point's."""
        some = slice(first_point, last_point)
        first = self._first.view()[some] + self._n_down.view()[some]
        ends = self._first.view()[first_point + 1 : last_point + 1]
        if last_point == len(self._first):
            ends = np.append(ends, self.n)
        owner = np.repeat(np.arange(last_point - first_point), ends - first)
        slots = ranges(first, ends - first)
        return slots, first_point + owner, slots - first[owner]

    def number(self, points: IntArray, up: NDArray[np.bool_], ordinal: IntArray) -> IntArray:
        """(n,) slots of the searches of these places among the upward or the downward ones of these points."""
        return np.asarray(self._first.view()[points] + np.where(up, self._n_down.view()[points], 0) + ordinal)

    # -- what a slot means --------------------------------------------------------------------------------------
    def describe(self, slots: IntArray) -> tuple[IntArray, Any, Any, Any]:
        """Parent, kind, ordinal and target of each slot."""
        parent = np.full(len(slots), -1, dtype=np.int64)
        kind = np.full(len(slots), SearchKind.START, dtype=np.int8)
        ordinal = slots.astype(np.int32)
        target = (self.settings.max_index - slots % self.per_start).astype(np.int32)
        index, nullity = self.points.view().index, self.points.view().nullity
        again = is_restart(slots)
        if again.any():
            ordinal[again], kind[again], target[again] = restarted(slots[again])
        aimed = (slots < 0) & ~again
        if aimed.any():
            upper, lower, _ = confirmed(slots[aimed])
            parent[aimed], kind[aimed] = upper, SearchKind.CONFIRM
            ordinal[aimed], target[aimed] = -1 - lower, index[upper] - 1
        rows = np.flatnonzero(slots >= self.n_start)
        if len(rows):
            p = np.searchsorted(self._first.view(), slots[rows], side="right") - 1
            place, n_down = slots[rows] - self._first.view()[p], self._n_down.view()[p]
            up = place >= n_down
            parent[rows], kind[rows] = p, np.where(up, SearchKind.UP, SearchKind.DOWN)
            ordinal[rows] = np.where(up, place - n_down, place)
            wanted = index[p] + 1
            down = np.flatnonzero(~up)
            for m, z, these in _alike(index[p[down]], nullity[p[down]]):
                wanted[down[these]] = self.recipes(SearchKind.DOWN, m, z).target[place[down[these]]]
            target[rows] = wanted
        return parent, kind, ordinal, target

    def batch(self, kind: SearchKind, target: int, slots: IntArray) -> SearchBatch:
        """The searches of these slots, all of one kind and target index."""
        if kind == SearchKind.START:
            return self._start_batch(kind, target, slots, self.starts[slots // self.per_start])
        if kind in (SearchKind.RESTART, SearchKind.CURVE):
            number = restarted(slots)[0]
            proved = number >= PROVED
            begin = np.empty((len(slots), self.starts.shape[1]))
            begin[~proved] = self._restart_x.view()[number[~proved]]
            begin[proved] = self._proved_x.view()[number[proved] - PROVED]
            batch = self._start_batch(kind, target, slots, begin)
            batch.direction = curve_directions(number, self.starts.shape[1]) if kind == SearchKind.CURVE else None
            return batch
        parent, _, ordinal, _ = self.describe(slots)
        parents, row = np.unique(parent, return_inverse=True)
        points = self.points.view()
        X, indices = points.x[parents], points.index[parents].astype(np.int64)
        if kind == SearchKind.CONFIRM:
            towards = points.x[-1 - ordinal.astype(np.int64)]
            if self.space.n_images > 1:
                towards = self.space.image(points.x[parent], towards, confirmed(slots)[2] - 1)
            return SearchBatch(target, kind, parents, X, indices, slots, row, *_no_recipe(len(slots), target), towards)
        leave, sign, keep, repeat = self._recipe_columns(kind, target, parent, ordinal)
        nullities = points.nullity[parents].astype(np.int64)
        return SearchBatch(
            target, kind, parents, X, indices, slots, row, leave, sign, keep, repeat,
            nullities=nullities if nullities.any() else None,
        )  # fmt: skip

    def _start_batch(self, kind: SearchKind, target: int, slots: IntArray, X: FloatArray) -> SearchBatch:
        n = len(slots)
        none = np.full(n, -1)
        return SearchBatch(target, kind, none, X, none, slots, np.arange(n), *_no_recipe(n, target))

    def _recipe_columns(
        self, kind: SearchKind, target: int, parent: IntArray, ordinal: Any
    ) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Columns `leave`, `sign`, `keep` and `repeat` of a batch."""
        n = len(parent)
        points = self.points.view()
        index, nullity = points.index[parent], points.nullity[parent]
        groups = []
        for m, z, rows in _alike(index, nullity):
            recipes = self.recipes(kind, m, z)
            groups.append((rows, recipes, *recipes.left()))
        width = max(left.shape[1] for _, _, left, _ in groups)
        leave, sign = np.full((n, width), -1), np.zeros((n, width), dtype=np.int64)
        keep, repeat = np.zeros((n, target), dtype=np.int64), np.zeros(n, dtype=np.int64)
        for rows, recipes, left, signs in groups:
            o = ordinal[rows]
            leave[rows, : left.shape[1]], sign[rows, : left.shape[1]] = left[o], signs[o]
            keep[rows], repeat[rows] = recipes.kept(target)[o], recipes.repeat[o]
        return leave, sign, keep, repeat


def _alike(index: Any, nullity: Any) -> list[tuple[int, int, IntArray]]:
    """Rows of points of equal index and nullity, with both."""
    code = index.astype(np.int64) * (1 << 31) + nullity
    groups = []
    for value in np.unique(code).tolist():
        groups.append((value >> 31, value & ((1 << 31) - 1), np.flatnonzero(code == value)))
    return groups


def _no_recipe(n: int, target: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Columns of searches that leave along no eigenvector: the lowest `target` ones are kept."""
    none = np.zeros(n, dtype=np.int64)
    return np.full((n, 1), -1), none[:, None], np.tile(np.arange(target), (n, 1)), none


def confirm_slot(upper: IntArray, lower: IntArray, image: Any = 0) -> IntArray:
    """Slots of searches from the points `upper` aimed at the points `lower`; negative, unlike all others.

    Args:
        image: (n,) 0 for the point itself, 1 for its nearest image, 2 for the next one, ..., 16 at most.
    """
    nearer = (image - 1) * _IDS_WITH_IMAGES**2 + upper * _IDS_WITH_IMAGES + lower
    return np.asarray(-1 - np.where(np.asarray(image) > 0, _IDS**2 + nearer, upper * _IDS + lower))


def confirmed(slots: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The inverse of `confirm_slot`: upper and lower points, and images."""
    pair = -1 - slots
    with_image = pair >= _IDS**2
    nearer = pair - _IDS**2
    rest = nearer % _IDS_WITH_IMAGES**2
    upper = np.where(with_image, rest // _IDS_WITH_IMAGES, pair // _IDS)
    lower = np.where(with_image, rest % _IDS_WITH_IMAGES, pair % _IDS)
    return upper, lower, np.where(with_image, 1 + nearer // _IDS_WITH_IMAGES**2, 0)


def restart_slot(number: IntArray, kind: Any, target: IntArray) -> IntArray:
    """Slots of the restarts of these numbers and kinds, for points of these indices."""
    return confirm_slot(_NO_POINTS + _TARGETS * (kind == SearchKind.CURVE) + target, number)


def is_restart(slots: IntArray) -> NDArray[np.bool_]:
    """(n,) which slots are those of restarts."""
    return np.asarray((slots < -_NO_POINTS * _IDS) & (slots >= -_IDS * _IDS))


def restarted(slots: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The inverse of `restart_slot`: numbers, kinds and target indices."""
    upper, number, _ = confirmed(slots)
    curve, target = np.divmod(upper - _NO_POINTS, _TARGETS)
    return number, np.where(curve > 0, SearchKind.CURVE, SearchKind.RESTART), target


def curve_directions(number: IntArray, n_variables: int) -> FloatArray:
    """(n, d) directions of gradients on the curves of restarts of these numbers: random."""
    draws = []
    for n in number.tolist():
        draw = np.random.default_rng([*_CURVES, n])
        direction, kept = draw.standard_normal(n_variables), draw.random(n_variables) < 0.5
        draws.append(np.where(kept, direction, 0.0) if n % 2 and kept.any() else direction)
    return np.array(draws).reshape(len(number), n_variables)


def ranges(first: IntArray, n: IntArray) -> IntArray:
    """Concatenation of arange(first_i, first_i + n_i)."""
    total = int(n.sum())
    if not total:
        return np.zeros(0, dtype=np.int64)
    return np.arange(total) + np.repeat(first - np.concatenate([[0], np.cumsum(n)[:-1]]), n)
