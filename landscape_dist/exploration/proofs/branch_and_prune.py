"""All zeros in a box: boxes that hold none are dropped, those with exactly one are kept, the rest is cut in two."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from landscape_dist.exploration.proofs.contraction import (
    Gaps,
    Preconditioned,
    in_two,
    look,
    narrowed,
    narrowed_further,
    preconditioned,
)
from landscape_dist.exploration.proofs.krawczyk import Zeros, at_points, newton, no_zeros, one_zero
from landscape_dist.numerics import intervals
from landscape_dist.problems.equations import Equations
from landscape_dist.records import BoolArray, FloatArray

# Where a box is cut: not in the middle, where symmetric energies have their points.
CUT = 0.4736
# A box that has become smaller than this part of its volume is looked at again before it is cut.
SHRUNK = 0.4
# A gap of more than this part of a box is where it is cut; of more than that, before it is looked at again.
WIDE, WIDER = 0.01, 0.1
# Boxes are widened by this part of their width when they are asked for exactly one zero, for the zeros on their faces.
WIDENED = 0.1
POWERS, THINNEST, LARGEST_IMAGE = 6, 0.2, 0.9
# They are at least so wide, in widths at which boxes are not cut; with more, zeros near one another are not told apart.
LEAST_REACH = 1e-3
# Steps of Newton's method to where a zero may be.
FEW_STEPS = 6
# A zero that is farther than so many widths from a box is not its.
FAR = 1.0


@dataclass
class Advanced:
    """What became of a pack of boxes.

    Attributes:
        boxes: (2, d, n) to look at next. small: (2, d, k) too small to be cut and undecided. zeros: in boxes that are
            done. n_looks: how many boxes were looked at. cpu_seconds: that it took.
    """

    boxes: FloatArray
    small: FloatArray
    zeros: Zeros
    n_looks: int
    cpu_seconds: float = 0.0


def advance(equations: Equations, X: FloatArray, smallest: FloatArray) -> Advanced:
    """Look once at each box of a pack; what becomes of one does not depend on the others.

    Args:
        X: (2, d, n) boxes. smallest: (d,) widths at which a box is not cut any more.
    """
    start = time.process_time()
    with np.errstate(all="ignore"):
        result = _advance(equations, X, smallest)
    result.cpu_seconds = time.process_time() - start
    return result


def _advance(equations: Equations, X: FloatArray, smallest: FloatArray) -> Advanced:
    n_looks = X.shape[2]
    seen, none = look(equations, X)
    seen = seen.at(~none)
    new, at_middle, none, gaps = narrowed(equations, seen)
    seen, new, at_middle, gaps = seen.at(~none), new[:, :, ~none], at_middle[:, :, ~none], gaps.at(~none)
    P = preconditioned(equations, seen.J)
    P.regular &= ~seen.partly
    newer, none = narrowed_further(P, new, intervals.midpoint(seen.X), at_middle)
    seen, new, gaps = seen.at(~none), newer[:, :, ~none], gaps.at(~none)
    P = Preconditioned(P.Y[~none], P.spread[~none], P.regular[~none])
    done, zeros = _decided(equations, P, new, smallest)
    seen, new, gaps = seen.at(~done), new[:, :, ~done], gaps.at(~done)
    old_width, width = seen.X[0] + seen.X[1], new[0] + new[1]
    least = smallest[:, None]
    shrunk = np.prod(np.maximum(width, least) / np.maximum(old_width, least), axis=0) < SHRUNK
    shrunk &= ~_wide(gaps, new, WIDER)
    cuttable = width > np.maximum(smallest[:, None], 8 * np.finfo(np.float64).eps * np.abs(new).max(axis=0))
    # one that has just become too small to be cut may be seen to be without zeros when it is looked at again
    small = ~cuttable.any(axis=0) & ~shrunk
    cut = ~shrunk & ~small
    halves = _halves(equations, seen.J[:, :, cut], new[:, :, cut], cuttable[:, cut], gaps.at(cut))
    return Advanced(np.concatenate([new[:, :, shrunk], halves], axis=2), new[:, :, small], zeros, n_looks)


def _decided(equations: Equations, P: Preconditioned, X: FloatArray, smallest: FloatArray) -> tuple[BoolArray, Zeros]:
    """Boxes shown to be part of one with exactly one zero."""
    done = np.zeros(X.shape[2], dtype=bool)
    reach, contracts = _reach(P.spread, np.maximum(0.5 * (X[0] + X[1]).T, LEAST_REACH * smallest))
    promising = np.flatnonzero(P.regular & contracts)
    if not len(promising):
        return done, no_zeros(equations.dim)
    box, reach = X[:, :, promising], reach[promising]
    x, _ = newton(equations, intervals.midpoint(box).T, reach, FEW_STEPS)
    near = ((x >= -box[0].T - FAR * reach) & (x <= box[1].T + FAR * reach)).all(axis=1)
    promising, x, box, reach = promising[near], x[near], box[:, :, near], reach[near]
    if not len(promising):
        return done, no_zeros(equations.dim)
    Z = np.maximum(box, np.stack([reach.T - x.T, x.T + reach.T]))
    ok, radius = one_zero(equations, x, at_points(equations, x), Z)
    done[promising[ok]] = True
    return done, Zeros(x[ok], radius[ok], Z[:, :, ok])


def _reach(spread: FloatArray, r: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Half widths (n, d), none less than r, of boxes that |1 - Y J| = `spread` maps well into themselves, and where
    there are such."""
    for _ in range(2):
        v = r
        for _ in range(POWERS):
            v = r + np.einsum("nij,nj->ni", spread, v)
        # what is thin across is as wide as the others make it
        r = np.maximum(r, THINNEST * v)
    v = (1 + WIDENED) * v
    image = np.einsum("nij,nj->ni", spread, v)
    return v, np.isfinite(v).all(axis=1) & (image < LARGEST_IMAGE * v).all(axis=1)


def _wide(gaps: Gaps, X: FloatArray, part: float) -> BoolArray:
    """In which boxes (2, d, n) the gap is more than this part of their width."""
    at = np.arange(X.shape[2])
    lower, upper = -X[0, gaps.column, at], X[1, gaps.column, at]
    inside = (gaps.below > lower) & (gaps.above < upper)
    return np.asarray((gaps.part > 0) & inside & (gaps.above - gaps.below > part * (upper - lower)))


def _halves(equations: Equations, J: FloatArray, X: FloatArray, cuttable: BoolArray, gaps: Gaps) -> FloatArray:
    """Each box cut where the equations change most across it (Trombettoni et al., sum of relative smears), or at its
    gap where that is wide."""
    d, n = X.shape[1:]
    if not n:
        return X
    width = X[0] + X[1]
    rows, columns = equations.rows, equations.columns
    change = np.maximum(np.abs(J[0]), np.abs(J[1])) * width[columns]
    of_row = np.zeros((d, n))
    np.add.at(of_row, rows, change)
    relative = change / of_row[rows]
    smear = np.zeros((d, n))
    np.add.at(smear, columns, np.nan_to_num(relative, nan=0.0, posinf=0.0))
    known = np.isfinite(of_row).all(axis=0) & np.isfinite(smear).all(axis=0)
    smear = np.where(known, smear, width)
    first, second = in_two(X, np.argmax(np.where(cuttable, smear, -1.0), axis=0), CUT)
    which = np.flatnonzero(_wide(gaps, X, WIDE))
    column = gaps.column[which]
    first[:, :, which] = second[:, :, which] = X[:, :, which]
    first[1, column, which] = gaps.below[which]
    second[0, column, which] = -gaps.above[which]
    # a box and its other half stand together, so that packs hold neighbours
    return np.stack([first, second], axis=3).reshape(2, d, 2 * n)
