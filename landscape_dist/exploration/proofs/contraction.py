"""What of a box can hold zeros: Newton's method on intervals, equation by equation and preconditioned.

Boxes are (2, d, n): minus lower and upper ends of d variables of n boxes, see `numerics.intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_dist.numerics import intervals
from landscape_dist.problems.equations import Equations
from landscape_dist.problems.programs.on_intervals import enclose, has_edges
from landscape_dist.records import BoolArray, FloatArray, IntArray

EPS = 2.0**-53
# Rows of equations are gone through so often with one enclosure of the derivative.
SWEEPS = 2
# again only where one of the variables has become less than this part of what it was.
BETTER = 0.9


def in_two(X: FloatArray, which: IntArray | int, part: float) -> tuple[FloatArray, FloatArray]:
    """Boxes (2, d, n), each cut in two across variable `which`, (n,) or one for all, at this part of its width."""
    at = np.arange(X.shape[2])
    lower, upper = -X[0, which, at], X[1, which, at]
    cut = lower + part * (upper - lower)
    first, second = X.copy(), X.copy()
    first[1, which, at], second[0, which, at] = cut, -cut
    return first, second


@dataclass
class Look:
    """n boxes and what is known of the equations there.

    Attributes:
        X: (2, d, n). g: (2, d, n) enclosure of the equations. J: (2, m, n) of the entries of the derivative.
        partly: (n,) where some part of a formula has no value somewhere in the box.
    """

    X: FloatArray
    g: FloatArray
    J: FloatArray
    partly: BoolArray

    def at(self, which: BoolArray) -> Look:
        """These of the boxes."""
        return Look(self.X[:, :, which], self.g[:, :, which], self.J[:, :, which], self.partly[which])


def look(equations: Equations, X: FloatArray) -> tuple[Look, BoolArray]:
    """Enclosures on n boxes, and which of these have neither zeros nor, all over, a value."""
    d = equations.dim
    result = enclose(equations.both, X)
    g = result.values[:, :d]
    nowhere = result.nowhere
    if nowhere.any():  # the derivative has no value at some zeros, as that of sqrt(x) at 0
        nowhere[nowhere] = enclose(equations.gradient, X[:, :, nowhere]).nowhere
    none = nowhere | ((g[0] < 0) | (g[1] < 0)).any(axis=0)
    if equations.energy is not None and has_edges(equations.energy):  # log(x) has none where its derivative has one
        none |= enclose(equations.energy, X).nowhere
    return Look(X, g, result.values[:, d:][:, equations.entries], result.partly), none


@dataclass
class Gaps:
    """What of each of n boxes holds no zero although both sides of it may: the widest part that one equation shows.

    Attributes:
        column: (n,) the variable. below, above: (n,) its ends. part: (n,) of the box's width; 0 where there is none.
    """

    column: IntArray
    below: FloatArray
    above: FloatArray
    part: FloatArray

    @classmethod
    def none(cls, n: int) -> Gaps:
        """No gaps in n boxes."""
        return cls(np.zeros(n, dtype=np.intp), np.zeros(n), np.zeros(n), np.zeros(n))

    def at(self, which: BoolArray) -> Gaps:
        """Those of these boxes."""
        return Gaps(self.column[which], self.below[which], self.above[which], self.part[which])

    def add(self, box: IntArray, column: IntArray, below: FloatArray, above: FloatArray, part: FloatArray) -> None:
        """Some more, each of the box of that number: of a box's the widest is kept."""
        order = np.lexsort((part, box))
        last = order[np.flatnonzero(np.r_[box[order][1:] != box[order][:-1], True])]
        last = last[part[last] > self.part[box[last]]]
        which = box[last]
        self.column[which], self.part[which] = column[last], part[last]
        self.below[which], self.above[which] = below[last], above[last]


def narrowed(equations: Equations, seen: Look) -> tuple[FloatArray, FloatArray, BoolArray, Gaps]:
    """Boxes within the given ones that hold all zeros of these, row by row of the equations.

    From g_i(x) = g_i(c) + sum_j J_ij (x_j - c_j), with J_ij of the box, each x_j of each equation, divisions by
    intervals that hold 0 included (Hansen and Walster, Global Optimization Using Interval Analysis, 2004, chapter 11).

    Returns:
        The boxes (2, d, n); the equations at the middles c of the given ones, (2, d, n); which hold no zero (n,); gaps.
    """
    X = seen.X
    c = intervals.midpoint(X)
    thin = np.stack([-c, c])
    at_middle = enclose(equations.gradient, thin).values
    n = X.shape[2]
    gaps = Gaps.none(n)
    if not len(equations.rows):
        return X, at_middle, np.zeros(n, dtype=bool), gaps
    rows = _Rows.of(equations)
    D = intervals.sub(X, thin)
    reach = np.maximum(D[0], D[1])
    # On both sides of the middle a term reaches as far.
    size = np.maximum(np.abs(seen.J[0]), np.abs(seen.J[1])) * reach[equations.columns]
    total = np.add.reduceat(size, rows.starts, axis=0)
    g = at_middle[:, rows.which]
    error = rows.longest * 2 * EPS * (np.abs(g).max(axis=0) + total)
    none = ((g + total + error) < 0).any(axis=(0, 1))
    rest = g[:, rows.of_entry] + (total[rows.of_entry] - size + error[rows.of_entry])
    better = _solve(equations, seen.J, rest, D, gaps, np.arange(n))
    again = np.flatnonzero(better & ~none)
    for _ in range(SWEEPS - 1):
        if not len(again):
            break
        J, part = seen.J[:, :, again], D[:, :, again]
        terms = intervals.mul(J, part[:, equations.columns])
        g = at_middle[:, rows.which][:, :, again]
        sums = g + np.add.reduceat(terms, rows.starts, axis=1)
        error = rows.longest * 2 * EPS * (np.abs(g) + np.add.reduceat(np.abs(terms), rows.starts, axis=1))
        none[again] |= ((sums + error) < 0).any(axis=(0, 1))
        rest = (sums[:, rows.of_entry] - terms) + error[:, rows.of_entry]
        better = _solve(equations, J, rest, part, gaps, again)
        D[:, :, again] = part
        again = again[better]
    # an empty interval is one whose lower end is above its upper one
    none |= (D[0] + D[1] < 0).any(axis=0)
    none &= ~seen.partly  # where something has no value the mean value theorem does not hold
    gaps.part[seen.partly] = 0.0
    at = np.arange(n)
    middle = c[gaps.column, at]
    for ends in (gaps.below, gaps.above):
        ends += middle
    size_of = 4 * EPS * (np.abs(middle) + np.maximum(np.abs(gaps.below), np.abs(gaps.above)))
    gaps.below += size_of
    gaps.above -= size_of
    return np.where(seen.partly | none, X, np.minimum(X, intervals.add(thin, D))), at_middle, none, gaps


@dataclass(frozen=True)
class _Rows:
    """Entries of the derivative by rows: where each row that has some starts, which rows these are, of which of them
    each entry is, and how many terms a sum has at most."""

    starts: IntArray
    which: IntArray
    of_entry: IntArray
    longest: int

    @classmethod
    def of(cls, equations: Equations) -> _Rows:
        rows = equations.rows
        starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
        lengths = np.diff(np.r_[starts, len(rows)])
        return cls(starts, rows[starts], np.repeat(np.arange(len(starts)), lengths), int(lengths.max()) + 6)


def _solve(
    equations: Equations, J: FloatArray, rest: FloatArray, D: FloatArray, gaps: Gaps, which: IntArray
) -> BoolArray:
    """Narrow D (2, d, n) in place by J_ij D_j = -rest_ij (2, m, n); note the gaps of boxes `which` (n,).

    Returns:
        In which boxes (n,) D has become much less.
    """
    rest[np.isnan(rest)] = np.inf
    old_width = D[0] + D[1]
    entry, box = np.nonzero(_tells(J, rest, D[:, equations.columns]))
    if not len(entry):
        return np.zeros(D.shape[2], dtype=bool)
    column = equations.columns[entry]
    first, second = intervals.extended_division(intervals.neg(rest[:, entry, box]), J[:, entry, box])
    old = D[:, column, box]
    first, second = _met(first, old), _met(second, old)
    met = np.maximum(first, second)
    met[np.isnan(met)] = np.inf
    for end in (0, 1):
        np.minimum.at(D[end], (column, box), met[end])
    two = np.flatnonzero(np.isfinite(first[1]) & np.isfinite(second[0]))
    if len(two):
        below, above = first[1, two], -second[0, two]
        part = (above - below) / old_width[column[two], box[two]]
        gaps.add(which[box[two]], column[two], below, above, part)
    return np.asarray((D[0] + D[1] < BETTER * old_width).any(axis=0))


def _tells(J: FloatArray, rest: FloatArray, D: FloatArray) -> BoolArray:
    """For which of J D = -rest (2, m, n) a part of D is no solution: one of its ends is none, or there is a gap.

    As good as that is in rounded numbers: what is passed over is only not made use of.
    """
    tells = ((rest[0] < 0) | (rest[1] < 0)) & (J[0] >= 0) & (J[1] >= 0)
    for end in (-D[0], D[1]):
        low, high = J[0] * end, J[1] * end
        np.negative(low, out=low)
        tells |= np.maximum(low, high) < -rest[1]
        tells |= np.minimum(low, high) > rest[0]
    return tells


def _met(a: FloatArray, b: FloatArray) -> FloatArray:
    """The intersection, and where it is empty what is smaller than any other: (-inf, -inf)."""
    both = np.minimum(a, b)
    empty = both[0] + both[1] < 0
    both[:, empty] = -np.inf
    return both


@dataclass
class Preconditioned:
    """The equations of n boxes times an approximate inverse Y of the derivative in the middle.

    Attributes:
        Y: (n, d, d). spread: (n, d, d) bounds of |1 - Y J|. regular: (n,) where Y is finite.
    """

    Y: FloatArray
    spread: FloatArray
    regular: BoolArray


def preconditioned(equations: Equations, J: FloatArray, Y: FloatArray | None = None) -> Preconditioned:
    """Y, where it is not given, and how far Y J is from the identity, for derivatives J (2, m, n) in boxes."""
    middle, spread = matrices(equations, J)
    regular = np.asarray(np.isfinite(spread).all(axis=(1, 2)))
    if Y is None:
        Y, good = inverses(middle)
        regular &= good
    spread[~regular] = 0.0
    return Preconditioned(Y, distance_from_identity(Y, middle, spread), regular)


def matrices(equations: Equations, J: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Middles and spreads (n, d, d) of derivatives J (2, m, n); 0 and infinite where part of one is not bounded."""
    d, n = equations.dim, J.shape[2]
    middle, spread = np.zeros((n, d, d)), np.zeros((n, d, d))
    middle[:, equations.rows, equations.columns] = intervals.midpoint(J).T
    spread[:, equations.rows, equations.columns] = intervals.radius(J).T
    unbounded = ~np.isfinite(J).all(axis=(0, 1))
    middle[unbounded], spread[unbounded] = 0.0, np.inf
    return middle, spread


def inverses(A: FloatArray) -> tuple[FloatArray, BoolArray]:
    """(n, d, d) -> approximate inverses, and which are worth anything; the others are 0."""
    d = A.shape[-1]
    finite: BoolArray = np.asarray(np.isfinite(A).all(axis=(1, 2)))
    try:
        Y = np.linalg.inv(np.where(finite[:, None, None], A, np.eye(d)))
    except np.linalg.LinAlgError:  # one of them is singular
        Y = np.zeros_like(A)
        for k in np.flatnonzero(finite):
            try:
                Y[k] = np.linalg.inv(A[k])
            except np.linalg.LinAlgError:
                finite[k] = False
    good = finite & np.isfinite(Y).all(axis=(1, 2))
    Y[~good] = 0.0
    return Y, good


def distance_from_identity(Y: FloatArray, middle: FloatArray, spread: FloatArray) -> FloatArray:
    """Upper bounds (n, d, d) of |1 - Y A| for all A within `spread` of `middle`; rounding is bounded as for any order
    of sums (Rump, Acta Numerica 2010, section 5)."""
    d = Y.shape[-1]
    size = np.abs(Y)
    identity = np.eye(d)
    away = np.abs(identity - Y @ middle)
    slack = (d + 4) * 2 * EPS
    away += size @ (spread + slack * np.abs(middle))
    return away * (1 + (d + 8) * 4 * EPS) + (slack * identity + 1e-290)


def products(Y: FloatArray, g: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Y g for thin intervals g (2, d, n): approximate values (n, d) and bounds of their errors (n, d)."""
    d = Y.shape[-1]
    m = intervals.midpoint(g).T
    r = intervals.radius(g).T
    size = np.abs(Y)
    b = np.einsum("nij,nj->ni", Y, m)
    error = np.einsum("nij,nj->ni", size, r + (d + 4) * 2 * EPS * np.abs(m))
    return b, error * (1 + (d + 6) * 4 * EPS) + 1e-290


def narrowed_further(
    P: Preconditioned, X: FloatArray, c: FloatArray, at_middle: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """The same with the preconditioned equations (Hansen and Sengupta 1981), for boxes X (2, d, n) and middles c (d, n)
    of the boxes that the derivative was enclosed in.

    Returns:
        The boxes, and which hold no zero.
    """
    b, error = products(P.Y, at_middle)
    thin = np.stack([-c, c])
    D = intervals.sub(X, thin)
    reach = np.maximum(np.abs(D[0]), np.abs(D[1])).T
    d = len(c)
    own = np.einsum("nii->ni", P.spread)
    # without the diagonal, not less it: what is left of a difference is rounded by more than a part of it
    others = np.einsum("nij,nj->ni", np.where(np.eye(d, dtype=bool), 0.0, P.spread), reach)
    others = others * (1 + (d + 6) * 4 * EPS) + error + 1e-290
    low, high = -b - others, -b + others
    # divided by all of 1 -+ own
    with np.errstate(all="ignore"):
        small, large = 1.0 - own, 1.0 + own
        upper = np.where(high > 0, high / small, high / large)
        lower = np.where(low < 0, low / small, low / large)
    slack = 8 * EPS * np.maximum(np.abs(upper), np.abs(lower)) + 1e-290
    usable = (own < 1 - 1e-10) & P.regular[:, None] & np.isfinite(upper) & np.isfinite(lower)
    new = np.stack([np.where(usable, -lower + slack, np.inf).T, np.where(usable, upper + slack, np.inf).T])
    D = np.minimum(D, new)
    none = (D[0] + D[1] < 0).any(axis=0)
    return np.minimum(X, intervals.add(thin, D)), none
