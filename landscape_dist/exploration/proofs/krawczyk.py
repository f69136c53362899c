"""Boxes with exactly one zero, and what kind of point it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.exploration.proofs.contraction import (
    EPS,
    inverses,
    matrices,
    preconditioned,
    products,
)
from landscape_dist.numerics import intervals
from landscape_dist.problems.equations import Equations
from landscape_dist.problems.programs.on_floats import evaluate
from landscape_dist.problems.programs.on_intervals import enclose
from landscape_dist.records import BoolArray, FloatArray, IntArray

# Newton's steps from the middle of a box, or from a stored point, until they are as small as rounding lets them be.
MOST_STEPS = 12
# Steps that are this part of those before are small enough for the inverse that made them.
FAST = 1e-3
UNKNOWN = -1
# What is above the diagonal of a triangular matrix is scaled by these, the first that does.
SCHUR_PARTS = (0.1, 0.01, 0.001)
# Boxes around zeros are so many times the error of Newton's last step, the first that does, and this part of the box
# that was searched.
WIDENINGS, FINEST = (4.0, 64.0, 4096.0), 1e-14


@dataclass
class Zeros:
    """Boxes with exactly one zero each.

    Attributes:
        x: (n, d) middles of the small boxes. radius: (n, d) half widths of these. around: (2, d, n) larger boxes, in
            which there is no other zero.
    """

    x: FloatArray
    radius: FloatArray
    around: FloatArray

    def __len__(self) -> int:
        return len(self.x)

    def at(self, which: BoolArray | IntArray) -> Zeros:
        """These of them."""
        return Zeros(self.x[which], self.radius[which], self.around[:, :, which])

    @property
    def boxes(self) -> FloatArray:
        """(2, d, n) the small boxes, as intervals."""
        x, r = self.x.T, self.radius.T
        return intervals.add(np.stack([-x, x]), np.stack([r, r]))


def no_zeros(dim: int) -> Zeros:
    """None at all."""
    return Zeros(np.empty((0, dim)), np.empty((0, dim)), np.empty((2, dim, 0)))


def together(parts: list[Zeros], dim: int) -> Zeros:
    """All of them."""
    if not parts:
        return no_zeros(dim)
    return Zeros(
        np.concatenate([z.x for z in parts]),
        np.concatenate([z.radius for z in parts]),
        np.concatenate([z.around for z in parts], axis=2),
    )


def derivative(equations: Equations, values: FloatArray) -> FloatArray:
    """(d + m', n) outputs of `equations.both` on floats -> (n, d, d)."""
    d = equations.dim
    J = np.zeros((values.shape[1], d, d))
    J[:, equations.rows, equations.columns] = values[d:][equations.entries].T
    return J


def newton(
    equations: Equations, X: FloatArray, lengths: FloatArray, steps: int = MOST_STEPS
) -> tuple[FloatArray, FloatArray]:
    """Where Newton's method on floats ends from X (n, d), whose steps become smaller in units of `lengths` (n, d), and
    approximate inverses (n, d, d) of the derivative there.

    An inverse is used again as long as that makes steps much smaller.
    """
    n, d = X.shape
    x = X.copy()
    Y = np.zeros((n, d, d))
    good = np.zeros(n, dtype=bool)
    size = np.full(n, np.inf)
    running, stale = np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    for _ in range(steps):
        which = np.flatnonzero(running)
        if not len(which):
            break
        new = which[stale[which]]
        if len(new):
            values = evaluate(equations.both, np.ascontiguousarray(x[new].T))
            Y[new], good[new] = inverses(derivative(equations, values))
        g = values[:d] if len(new) == len(which) else evaluate(equations.gradient, np.ascontiguousarray(x[which].T))
        step = np.einsum("nij,nj->ni", Y[which], g.T)
        with np.errstate(all="ignore"):
            now = (np.abs(step) / lengths[which]).max(axis=1)
            stale[which] = now > FAST * size[which]
        better = good[which] & np.isfinite(now) & (now < size[which])
        x[which[better]] -= step[better]
        size[which[better]] = now[better]
        running[which] = better & (now > 0)
    return x, Y


def at_points(equations: Equations, x: FloatArray) -> FloatArray:
    """(2, d, n) enclosures of the equations at points x (n, d)."""
    return enclose(equations.gradient, np.stack([-x.T, x.T])).values


def one_zero(
    equations: Equations, x: FloatArray, g: FloatArray, Z: FloatArray, Y: FloatArray | None = None
) -> tuple[BoolArray, FloatArray]:
    """Whether boxes Z (2, d, n) hold exactly one zero, with x (n, d) near it (Krawczyk 1969; Rump 1983).

    Z is met by K = x - Y g(x) + (1 - Y J(Z)) (Z - x); where K lies inside of Z, Z has one zero, and it is in K.

    Args:
        g: (2, d, n) the equations at x. Y: (n, d, d) approximate inverses of the derivative; made of its middle in Z
            where they are not given.

    Returns:
        (n,), and the radii (n, d) around x that hold the zero where there is one.
    """
    d = equations.dim
    result = enclose(equations.both, Z)
    P = preconditioned(equations, result.values[:, d:][:, equations.entries], Y)
    b, error = products(P.Y, g)
    ends = intervals.sub(Z, np.stack([-x.T, x.T]))
    reach = np.abs(ends).max(axis=0).T
    moved = (np.abs(b) + error + np.einsum("nij,nj->ni", P.spread, reach)) * (1 + (d + 8) * 4 * EPS) + 1e-290
    within = (np.nextafter(ends[0] * (1 - 4 * EPS), -np.inf) > moved.T) & (
        np.nextafter(ends[1] * (1 - 4 * EPS), -np.inf) > moved.T
    )
    return P.regular & ~result.partly & within.all(axis=0), moved


def refined(equations: Equations, zeros: Zeros) -> Zeros:
    """The same zeros in boxes about as small as rounding lets them be."""
    if not len(zeros):
        return zeros
    x, radius = zeros.x.copy(), zeros.radius.copy()
    room = 0.5 * (zeros.around[0] + zeros.around[1]).T
    polished, Y = newton(equations, x, room)
    small, found = pinned(equations, polished, Y, room)
    which = np.flatnonzero(found)
    # the one that is meant, and no other
    same = (small.around <= zeros.around[:, :, which]).all(axis=(0, 1))
    x[which[same]], radius[which[same]] = small.x[same], small.radius[same]
    return Zeros(x, radius, zeros.around)


def pinned(equations: Equations, x: FloatArray, Y: FloatArray, room: FloatArray) -> tuple[Zeros, BoolArray]:
    """Zeros at x (n, d), to which Newton's method has come, in boxes about as small as rounding lets them be.

    Args:
        Y: (n, d, d) inverses that this took there. room: (n, d) of the boxes that they were looked for in.

    Returns:
        Those that there are, each the only one in the box that was asked, and (n,) of which x.
    """
    n, d = x.shape
    radius, around = np.zeros((n, d)), np.zeros((2, d, n))
    found = np.zeros(n, dtype=bool)
    left = np.arange(n)
    g = at_points(equations, x)
    b, error = products(Y, g)
    off = np.abs(b) + error
    for widening in WIDENINGS:
        here = x[left]
        r = (widening * off[left] + 4 * EPS * np.abs(here) + FINEST * room[left]).T
        Z = np.stack([r - here.T, r + here.T])
        ok, moved = one_zero(equations, here, g[:, :, left], Z, Y[left])
        radius[left[ok]], around[:, :, left[ok]] = moved[ok], Z[:, :, ok]
        found[left[ok]] = True
        left = left[~ok]
        if not len(left):
            break
    return Zeros(x, radius, around).at(found), found


def indices(equations: Equations, zeros: Zeros) -> IntArray:
    """Morse indices (n,) of zeros, proved; `UNKNOWN` where they cannot be.

    Of energies: T^T H T is congruent to H (Sylvester) and, with T from the eigenvectors of the middle, nearly diagonal;
    Gershgorin's discs then do not reach 0.  Of vector fields: T^-1 H T, likewise, with complex discs, counts the
    eigenvalues with a negative real part.
    """
    n, d = zeros.x.shape
    if n == 0:
        return np.empty(0, dtype=np.int64)
    J = enclose(equations.both, zeros.boxes).values[:, d:][:, equations.entries]
    middle, spread = matrices(equations, J)
    known = np.isfinite(spread).all(axis=(1, 2))
    result = np.full(n, UNKNOWN, dtype=np.int64)
    if known.any():
        of = _inertias if equations.symmetric else _unstable
        result[known] = of(middle[known], spread[known])
    return result


def _inertias(middle: FloatArray, spread: FloatArray) -> IntArray:
    d = middle.shape[-1]
    # in units in which curvatures are alike, so that the soft are seen beside the stiff
    scale = 1.0 / np.sqrt(np.maximum(np.abs(middle).max(axis=2), 1e-290))
    scale = 2.0 ** np.round(np.log2(scale))  # exact
    A = middle * scale[:, :, None] * scale[:, None, :]
    R = spread * scale[:, :, None] * scale[:, None, :] + 1e-290
    T = np.linalg.eigh((A + A.mT) / 2)[1]
    B = T.mT @ A @ T
    size = np.abs(T)
    R += (2 * d + 8) * 2 * EPS * np.abs(A)
    # sums of the rows of |T|^T R |T|, of which nothing else is asked
    error = np.einsum("nji,nj->ni", size, np.einsum("nij,nj->ni", R, size.sum(axis=2)))
    error = error * (1 + (2 * d + 14) * 4 * EPS) + d * 1e-290
    diagonal = np.einsum("nii->ni", B)
    radii = np.abs(B).sum(axis=2) - np.abs(diagonal) + error
    radii = radii * (1 + (d + 6) * 4 * EPS) + (d + 8) * 2 * EPS * np.abs(diagonal)
    # T must be regular: near to orthogonal it is, and rounding is far less than what that leaves
    away = np.abs(T.mT @ T - np.eye(d)).sum(axis=2).max(axis=1)
    sure = (np.abs(diagonal) > radii).all(axis=1) & (away < 0.25)
    return np.where(sure, (diagonal < 0).sum(axis=1), UNKNOWN)


def _unstable(middle: FloatArray, spread: FloatArray) -> IntArray:
    n = len(middle)
    result = np.full(n, UNKNOWN, dtype=np.int64)
    for k in range(n):
        for w, T in _bases(middle[k]):
            count = _n_left_of_axis(middle[k], spread[k], w, T)
            if count is not None:
                result[k] = count
                break
    return result


def _bases(A: FloatArray) -> Iterator[tuple[Any, Any]]:
    """Approximate eigenvalues of a matrix and bases in which it is nearly diagonal: of eigenvectors, and where these
    nearly coincide of Schur vectors, so scaled that what is above the diagonal is small."""
    w, T = np.linalg.eig(A)
    yield w, T
    from scipy.linalg import schur

    U, Q = schur(A, output="complex")
    for part in SCHUR_PARTS:
        yield np.diag(U), Q * part ** np.arange(len(A))


def _n_left_of_axis(A: FloatArray, spread: FloatArray, w: Any, T: Any) -> int | None:
    """How many eigenvalues have negative real parts, by the discs of T^-1 A T = D + T^-1 (A T - T D), whose error is
    bounded with an approximate inverse of T; None where a disc is on the axis."""
    d = len(A)
    try:
        S = np.linalg.inv(T)
    except np.linalg.LinAlgError:
        return None
    sizes_S, sizes_T, sizes_A = np.abs(S), np.abs(T), np.abs(A)
    slack = (2 * d + 12) * 8 * EPS
    # with F = S T - 1 the true inverse of T is (1 + F)^-1 S
    F = np.abs(S @ T - np.eye(d)) + slack * (sizes_S @ sizes_T + np.eye(d))
    norm = F.sum(axis=1).max() * (1 + slack)
    if not norm < 0.5:
        return None
    residual = np.abs(A @ T - T * w) + spread @ sizes_T
    residual += slack * (sizes_A @ sizes_T + sizes_T * np.abs(w))
    E = sizes_S @ residual * (1 + slack)
    # |(1 + F)^-1 E| <= E + max row sum of F / (1 - it) times the largest of each column of E
    E = E + norm / (1 - norm) * (1 + slack) * E.max(axis=0)[None, :]
    radii = E.sum(axis=1) * (1 + slack) + slack * np.abs(w)
    return int((w.real < 0).sum()) if (np.abs(w.real) > radii).all() else None


def energies(equations: Equations, zeros: Zeros) -> FloatArray:
    """(n, 2) lower and upper ends of the energies of zeros; nan for vector fields."""
    if equations.energy is None:
        return np.full((len(zeros), 2), np.nan)
    values = enclose(equations.energy, zeros.boxes).values[:, 0]
    return np.stack([-values[0], values[1]], axis=1)


def without_energy(equations: Equations, zeros: Zeros) -> tuple[BoolArray, BoolArray]:
    """Zeros of the derivative (n,) at which the energy has no value, and at which that is not known: of log(x) the
    derivative has values where there is no logarithm."""
    if equations.energy is None:
        return np.zeros(len(zeros), dtype=bool), np.zeros(len(zeros), dtype=bool)
    result = enclose(equations.energy, zeros.boxes)
    return result.nowhere, result.partly & ~result.nowhere
