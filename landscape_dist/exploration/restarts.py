"""Restarts: searches from random points of the box of what is known, and from between known points.

Walks from point to point miss what no walk leads to: an island whose saddles all connect among themselves, a part that
is reached by climbs alone where climbs leave the domain.  Starts at random points depend on no walk.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape_dist.exploration.slots import Slots, is_restart, restarted
from landscape_dist.exploration.tables import Column, PointTable, SearchTable
from landscape_dist.problems.domain import Domain, Unbounded
from landscape_dist.records import FloatArray, IntArray, PointColumns, SearchColumns, SearchKind
from landscape_dist.spaces.flat import Torus

# A first sample is this part of all searches so far, and at least so many; where one found something, samples are
# larger.
SHARE, LEAST = 1 / 6, 5
# Where there is no edge to leave by, climbs that got lost say nothing: more are made, so many for each of them.
SHARE_UNBOUNDED, LEAST_UNBOUNDED, FOR_A_LOST_CLIMB = 1, 128, 8
# Random points of a box in more dimensions than these are far from everything: there restarts are between known points.
LOW_DIMENSION = 16
# Where one was fruitful, samples are of `patience` on a line, twice that in the plane, and at most so many times it.
FRUITFUL = 8
# The part of restarts that begin between known points.
BETWEEN = 1 / 6
# and how far aside of the way from one to the other they may be, in widths of the box.
ASIDE = 0.05
# The part that are along curves, where there are few variables: while these found nothing, something, the most.
CURVES, CURVES_FRUITFUL, CURVES_BEST = 1 / 8, 1 / 2, 3 / 4
# The part of the others that is for the highest index: what no walk leads to are maxima more often than not.
HIGHEST = 1 / 2
# and of the rest for index 1, which leads to minima.
LOWEST = 1 / 3
# Draws are told apart by this and by the number of the restart.
_SEED = 20_26
# The box is larger than what is known by this part of its width on either side,
MARGIN = 0.5
# but, once there are points in every direction, only some of the restarts at random points use all of that.
MARGINS = (0.0, 0.0, 0.25, 1.0)
# Coordinates of points that differ by less than this part of themselves, or by next to nothing, are the same.
RESOLVED, SMALLEST = 1e-12, 1e-280
# In an unbounded domain its edges are at least so many typical lengths from its middle.
NEAREST_EDGE = 2.0


class Restarts:
    """Which restarts a round makes.

    Args:
        slots, points, searches: of the coordinator.
        content: hash of each point.
        domain: where points are looked for.
    """

    def __init__(
        self,
        slots: Slots,
        points: PointTable,
        searches: SearchTable,
        content: Column,
        domain: Domain,
    ) -> None:
        self._slots = slots
        self._points = points
        self._searches = searches
        self._content = content
        self._domain = domain
        self._last: tuple[int, int] | None = None  # points before the last sample, and its size

    def planned(self, number: int) -> int:
        """How many a first or larger sample would be made of in round `number`."""
        if self._slots.settings.restarts == "none":
            return 0
        return self._wanted(self._points.before(number), self._searches.before(number))

    def take(self, number: int) -> IntArray:
        """Slots of round `number`; none where the last sample was fruitless."""
        settings = self._slots.settings
        points = self._points.before(number)
        n_points = len(points)
        # Who looks for one index alone asks for no landscape.
        several = settings.max_index > settings.min_index
        asked = settings.restarts != "none" and settings.upward != "none" and several
        # A start that comes to nothing says little; in many variables what is around it says no more.
        if not asked or (not n_points and self._slots.space.dim > LOW_DIMENSION):
            return np.zeros(0, dtype=np.int64)
        wanted = self._wanted(points, self._searches.before(number))
        if self._last is not None and self._last[0] == n_points and self._last[1] >= wanted:
            return np.zeros(0, dtype=np.int64)
        self._last = (n_points, wanted)
        numbers = self._slots.n_restarts + np.arange(wanted)
        begun = restarts(self._slots, numbers, points, self._content.view()[:n_points], self._domain)
        return self._slots.add_restarts(*begun)

    def _wanted(self, points: PointColumns, searches: SearchColumns) -> int:
        """Size of the sample, from what the rounds before found."""
        settings = self._slots.settings
        if isinstance(settings.restarts, int):
            return settings.restarts
        if np.isnan(points.energy).any():  # a vector field, in which walks lead astray more often
            return settings.patience
        if is_restart(points.found_by).any():
            dim = self._slots.space.dim
            return settings.patience * (min(2 ** (dim - 1), FRUITFUL) if dim <= LOW_DIMENSION else 1)
        n_walks = int(np.count_nonzero(searches.kind < SearchKind.RESTART))
        if not isinstance(self._domain, Unbounded) or self._slots.space.dim > LOW_DIMENSION:
            return min(max(LEAST, round(SHARE * n_walks)), settings.patience)
        lost = (searches.kind == SearchKind.UP) & (searches.child < 0)
        wanted = max(LEAST_UNBOUNDED, round(SHARE_UNBOUNDED * n_walks), FOR_A_LOST_CLIMB * int(lost.sum()))
        # What is as large in every direction is a smaller part of a box of more dimensions.
        return min(wanted, settings.patience * min(max(self._slots.space.dim - 1, 1), 2))


def restarts(
    slots: Slots,
    numbers: IntArray,
    points: PointColumns,
    content: NDArray[np.uint64],
    domain: Domain,
) -> tuple[FloatArray, NDArray[np.int8], IntArray]:
    """Where the restarts of these numbers begin (n, d), their kinds (n,) and targets (n,).

    Args:
        points: p points that the round knew; without any, the box is around the user's starts.
        content: (p,) hashes of them: which is the first must not depend on who found it first.
        domain: where points are looked for.
    """
    space, settings = slots.space, slots.settings
    n_points, index = len(points), points.index
    X = points.x if n_points else slots.starts
    order = np.lexsort((np.arange(n_points), content))
    hull, (lower, upper) = _boxes(slots, X, domain)
    levels = settings.max_index - settings.min_index + 1
    begin, base = np.empty((len(numbers), X.shape[1])), np.empty((len(numbers), X.shape[1]))
    kind, target = np.full(len(numbers), SearchKind.RESTART, dtype=np.int8), np.empty(len(numbers), dtype=np.int64)
    low = space.flat and space.dim <= LOW_DIMENSION
    # The next point on a curve may have any index.
    all_asked = settings.min_index == 0 and settings.max_index == space.dim
    curves = _part_of_curves(points.energy, points.found_by) if low and all_asked else 0.0
    fields = bool(np.isnan(points.energy).any())
    for row, number in enumerate(numbers.tolist()):
        draw = np.random.default_rng([_SEED, number])
        along, between, high = draw.random(3) < [curves, BETWEEN if low else 1.0, HIGHEST]
        i, j = order[draw.integers(n_points, size=2)] if n_points else (0, 0)
        part = np.asarray(draw.random(X.shape[1]))
        base[row] = X[i]
        target[row] = settings.max_index if high else settings.max_index - draw.integers(levels)
        if n_points and along and not points.nullity[i]:  # nowhere else does the curve have a direction to begin with
            begin[row], kind[row] = X[i], SearchKind.CURVE
            target[row] = index[i] + 1 if index[i] < settings.max_index else max(index[i] - 1, 0)
        elif between and i != j:
            away = space.log(X[i : i + 1], X[j : j + 1])[0]
            begin[row] = X[i] + (0.25 + 0.5 * part[0]) * away + ASIDE * (upper - lower) * (part - 0.5)
        else:
            # Most of them where points are: of more dimensions, nearly all of a wider box is outside of that.
            outwards = MARGINS[draw.integers(len(MARGINS))] if n_points > 2 * X.shape[1] else 1.0
            begin[row] = hull[0] + part * (hull[1] - hull[0])
            begin[row] += outwards * ((1 - part) * (lower - hull[0]) + part * (upper - hull[1]))
            if not high and draw.random() < LOWEST:
                target[row] = max(settings.min_index, min(1, settings.max_index))
            if fields and low and all_asked:
                kind[row] = SearchKind.CURVE
    if not space.flat:
        begin = np.asarray(space.retract(base, space.projection(base, begin - base)))
    return begin, kind, target


def _part_of_curves(energy: FloatArray, found_by: IntArray) -> float:
    """The part of restarts that are curves, from energies (p,) of the points so far and the slots that found them."""
    if np.isnan(energy).any():  # of a vector field, along which nothing climbs
        return CURVES_BEST
    _, kind, _ = restarted(found_by[is_restart(found_by)])
    by_curves = np.count_nonzero(kind == SearchKind.CURVE)
    return CURVES if not by_curves else CURVES_FRUITFUL if 2 * by_curves < len(kind) else CURVES_BEST


Bounds = tuple[FloatArray, FloatArray]


def _down(x: FloatArray, grid: FloatArray) -> FloatArray:
    """The next multiples of `grid` below x; of what is on one but for rounding, that one."""
    return np.asarray(np.floor(np.round(x / grid, 6)) * grid)


def _boxes(slots: Slots, X: FloatArray, domain: Domain) -> tuple[Bounds, Bounds]:
    """Lower and upper bounds of where restarts begin, for known points X (p, d): around these, and wider; both within
    the domain."""
    lower, upper = X.min(axis=0), X.max(axis=0)
    flat = upper <= lower
    if flat.any():  # symmetric points may share coordinates, which says nothing of how far these reach
        lower = np.where(flat, np.minimum(lower, slots.starts.min(axis=0)), lower)
        upper = np.where(flat, np.maximum(upper, slots.starts.max(axis=0)), upper)
    width = upper - lower
    width = np.where(width > RESOLVED * np.maximum(np.abs(lower), np.abs(upper)) + SMALLEST, width, 0.0)
    known = width[width > 0]
    width = np.where(width > 0, width, np.median(known) if len(known) else 1.0)
    # Outwards to a grid: the last digits of points depend on which search found them first.
    grid = 2.0 ** np.round(np.log2(width) - 8)
    middle = 0.5 * (lower + upper)
    least, most = np.minimum(lower, middle - 0.5 * width), np.maximum(upper, middle + 0.5 * width)
    hull = domain.clipped(_down(least, grid), -_down(-most, grid))
    lower, upper = _down(lower - MARGIN * width, grid), -_down(-upper - MARGIN * width, grid)
    if isinstance(domain, Unbounded):  # few points say little of how far others may be
        middle = 0.5 * (lower + upper)
        lower = np.minimum(lower, middle - NEAREST_EDGE * slots.lengths)
        upper = np.maximum(upper, middle + NEAREST_EDGE * slots.lengths)
    if isinstance(slots.space, Torus):  # all around
        periodic = slots.space.periodic
        lower = np.where(periodic, 0.0, lower)
        upper = np.where(periodic, slots.space.periods, upper)
        hull = np.where(periodic, lower, hull[0]), np.where(periodic, upper, hull[1])
    return hull, domain.clipped(lower, upper)
