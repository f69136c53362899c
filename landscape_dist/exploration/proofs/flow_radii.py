"""How far solutions of x' = -g(x) can be from a curve, piece by piece, proved.

What begins within r of a curve y stays within r(t) of it, with r' = mu r + delta: -mu bounds z^T J z from below for all
|z| = 1 and derivatives J of g within r(t) of y(t), and delta bounds |y' + g(y)| (Dahlquist's logarithmic norm; Hairer,
Norsett and Wanner, Solving Ordinary Differential Equations I, section I.10).

* A piece is a polynomial in t, -1 <= t <= 1, and so is g along it, up to the remainder of Taylor's formula, whose
  coefficients are enclosed as series.  delta is bounded by the coefficients in Chebyshev's basis.
* J at y(t) + e is one, too, for each fixed e with |e| <= r: J_0 + J_1 t + J_2 t^2 with J_0 and J_1 of the box of these
  e, and J_2 of all of the piece.  In the eigenvectors of the symmetric part in the middle a stiff direction that turns
  along the piece couples to the soft ones by some b; those lose b^2 / stiffness by that, not b (`least_symmetric`).
* What the enclosures make of a piece may be far more than it is; halves of it are better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from landscape_dist.exploration.proofs.contraction import EPS
from landscape_dist.exploration.proofs.flow_ends import congruent, least_symmetric
from landscape_dist.exploration.proofs.flow_paths import Path
from landscape_dist.exploration.proofs.flow_series import along, derivatives_along
from landscape_dist.exploration.proofs.krawczyk import derivative
from landscape_dist.numerics import intervals
from landscape_dist.problems.equations import Equations
from landscape_dist.problems.programs.on_floats import evaluate
from landscape_dist.records import BoolArray, FloatArray, IntArray

# Orders of Taylor's formula for g and for its derivative: those of the remainders.
ORDER, ORDER_OF_DERIVATIVE = 6, 3
# Eigenvectors turn by so much from the middle of a piece to its ends at most; those that would by more stay.
TURNED = 0.1
# Pieces are halved where e^(mu h) is e^this times what it is in the middle, or where what is known only of all of the
# piece makes up more of the defect than the tolerance; so many times at most.
COARSE, HALVINGS = 0.5, 7
# The tube is made so much wider than it seems it need be, again and again.
WIDER, TRIES = 1.3, 12
SLACK = 1e-12


@dataclass
class Pieces:
    """Of the curves of some paths.

    Attributes:
        a: (n, m, d) coefficients. h: (n,) times. of: (n,) which path each is of, in order.
    """

    a: FloatArray
    h: FloatArray
    of: IntArray

    def at(self, which: BoolArray) -> Pieces:
        """These of them."""
        return Pieces(self.a[which], self.h[which], self.of[which])


def _halved(pieces: Pieces, which: BoolArray) -> tuple[Pieces, IntArray]:
    """With some of the pieces cut in two; and which of the old ones each new one is or is half of."""
    parent = np.repeat(np.arange(len(which)), 1 + which)
    second = np.r_[False, parent[1:] == parent[:-1]]
    a, h = pieces.a[parent], pieces.h[parent] / (1 + which[parent])
    m = a.shape[1]
    # t = (s -+ 1) / 2
    for sign, rows in ((-0.5, which[parent] & ~second), (0.5, second)):
        B = np.array(
            [[math.comb(i, j) * sign ** (i - j) * 0.5**j if i >= j else 0.0 for i in range(m)] for j in range(m)]
        )
        a[rows] = np.einsum("ji,nid->njd", B, a[rows])
    return Pieces(a, h, pieces.of[parent]), parent


# Powers of t in Chebyshev's polynomials, exactly: sums of halves of powers of two.
CHEBYSHEV = np.array(
    [np.pad(np.polynomial.chebyshev.poly2cheb(np.eye(ORDER + 1)[j]), (0, ORDER))[: ORDER + 1] for j in range(ORDER + 1)]
)


def defects(equations: Equations, pieces: Pieces) -> tuple[FloatArray, FloatArray]:
    """Bounds (n,) of |y' + g(y)| along the pieces, and how much of them is the remainders'."""
    n, m = pieces.a.shape[:2]
    values = along(equations, pieces.a, ORDER, np.zeros((n, 1)))
    g, error = intervals.midpoint(values), intervals.radius(values)
    speed = np.zeros_like(g)
    factor = 2 * np.arange(1, m)[:, None, None] / pieces.h
    speed[: m - 1] = pieces.a[:, 1:].transpose(1, 2, 0) * factor
    in_chebyshev = np.einsum("jc,jdn->cdn", CHEBYSHEV, g + speed)
    sizes = np.einsum("jc,jdn->cdn", np.abs(CHEBYSHEV), error + 32 * EPS * (np.abs(g) + np.abs(speed)))
    rest = np.linalg.norm((np.abs(g[-1]) + error[-1]), axis=0)
    total = np.linalg.norm((np.abs(in_chebyshev) + sizes).sum(axis=0), axis=0) * (1 + SLACK) + 1e-290
    return np.where(np.isfinite(total), total, np.inf), np.where(np.isfinite(rest), rest, np.inf)


@dataclass
class Frames:
    """Eigenvectors Q (n, d, d) of the symmetric part in the middles of pieces, the lowest eigenvalue (n,) and |g| (n,)
    there, and bounds (n,) of |1 - Q^T Q|."""

    Q: FloatArray
    lowest: FloatArray
    speed: FloatArray
    error: FloatArray

    def at(self, which: BoolArray | IntArray) -> Frames:
        """These of them."""
        return Frames(self.Q[which], self.lowest[which], self.speed[which], self.error[which])

    @classmethod
    def of(cls, equations: Equations, pieces: Pieces) -> Frames:
        """Of doubles, and good for any pieces: what they are not is made up for."""
        values = evaluate(equations.both, np.ascontiguousarray(pieces.a[:, 0].T))
        H = derivative(equations, values)
        H = np.where(np.isfinite(H).all(axis=(1, 2), keepdims=True), (H + H.mT) / 2, 0.0)
        w, Q = np.linalg.eigh(H)
        d = equations.dim
        error = np.abs(Q.mT @ Q - np.eye(d)).sum(axis=2).max(axis=1) + (d + 4) * d * 4 * EPS
        return cls(Q, w[:, 0], np.linalg.norm(values[:d], axis=0), error)


def rates(equations: Equations, pieces: Pieces, frames: Frames, r: FloatArray) -> FloatArray:
    """Bounds mu (n,) of -z^T J z / |z|^2 for the derivatives J within r (n,) of the pieces."""
    middle, spread = derivatives_along(equations, pieces.a, ORDER_OF_DERIVATIVE, r[:, None])
    Q = frames.Q
    seen = [congruent(Q, middle[k], spread[k], Q.mT) for k in range(len(middle))]
    least, skew = _least_turning([(B + B.mT) / 2 for B, _ in seen], [R * (1 + 4 * EPS) for _, R in seen])
    # |x| is |z| for x = Q (1 + W t) z up to these
    least = least - 4 * (frames.error + skew) * np.abs(least)
    return np.where(frames.error < 1e-3, -least, np.inf)


def _least_turning(B: list[FloatArray], R: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Lower bounds (n,) of z^T (1 + W t)^T (sum_k B_k t^k) (1 + W t) z / |z|^2 for |t| <= 1 and symmetric matrices
    (n, d, d) within R_k of B_k, with a skew W that makes what is of first order diagonal; and bounds (n,) of |W|^2."""
    gaps = np.einsum("nii->ni", B[0])[:, None, :] - np.einsum("nii->ni", B[0])[:, :, None]
    W = np.where(np.abs(B[1]) <= TURNED * np.abs(gaps), B[1], 0.0) / np.where(gaps == 0, 1.0, gaps)
    # skew, as the gaps are exactly so
    size = np.abs(W)
    none, order = np.zeros_like(W), len(B) - 1
    total, errors = B[0], R[0]
    for k in range(1, order + 3):
        here, one, two = (B[j] if 0 <= j <= order else none for j in (k, k - 1, k - 2))
        term = here + one @ W - W @ one - W @ two @ W
        sizes = [np.abs(M) for M in (here, one, two)]
        here, one, two = (R[j] if 0 <= j <= order else none for j in (k, k - 1, k - 2))
        rounded = sizes[0] + sizes[1] @ size + size @ sizes[1] + size @ sizes[2] @ size
        spread = here + one @ size + size @ one + size @ two @ size
        errors = errors + np.abs(term) + (spread + 16 * W.shape[-1] * EPS * rounded)
    skew = np.maximum(size.sum(axis=2).max(axis=1), 1e-8) ** 2
    return least_symmetric(total, errors * (1 + SLACK)), skew * (1 + SLACK)


def tubes(
    equations: Equations, paths: list[Path], r0: FloatArray, tolerance: float
) -> list[tuple[FloatArray, FloatArray] | None]:
    """Of each path that begins with r0 (n,) around its start: points (m, d) of its curve in order, the last one its
    end, and radii (m,) around them that the solutions stay in; None where no tube is shown."""
    d = equations.dim
    a = np.concatenate([path.a for path in paths])
    of = np.repeat(np.arange(len(paths)), [len(path.h) for path in paths])
    pieces = Pieces(a.reshape(len(of), -1, d), np.concatenate([path.h for path in paths]), of)
    if not len(of):
        return [None] * len(paths)
    starts = np.array([path.start for path in paths])
    pieces, delta, frames, mu = _fine(equations, pieces, tolerance)
    found: list[tuple[FloatArray, FloatArray] | None] = [None] * len(paths)
    begin, jump, points = _joined(pieces, starts, r0)
    first, last = _radii(mu, delta, pieces, begin, jump)
    going = np.ones(len(mu), dtype=bool)
    for _ in range(TRIES):
        bounded = np.isfinite(np.maximum(first, last))
        lost = np.zeros(len(paths), dtype=bool)
        lost[pieces.of[~bounded]] = True
        going &= ~lost[pieces.of]
        if not going.any():
            break
        these = pieces.at(going)
        # within a piece r is largest at one of its ends, as r' = mu r + delta has one sign
        R = WIDER * np.maximum(first, last)[going]
        mu = rates(equations, these, frames.at(going), R)
        new_first, new_last = _radii(mu, delta[going], these, begin, jump[going])
        wide = ~(np.maximum(new_first, new_last) <= R)
        open_ = np.zeros(len(paths), dtype=bool)
        open_[these.of[wide]] = True
        for k in np.unique(these.of[~open_[these.of]]).tolist():
            own = these.of == k
            found[k] = points[going][own], new_last[own]
        first[going], last[going] = np.maximum(first[going], new_first), np.maximum(last[going], new_last)
        going &= open_[pieces.of]
    return found


def _fine(equations: Equations, pieces: Pieces, tolerance: float) -> tuple[Pieces, FloatArray, Frames, FloatArray]:
    """Pieces halved until their enclosures are tight, with defects, frames, and rates on the curve alone."""
    n = len(pieces.h)
    delta, rest, mu = np.zeros(n), np.zeros(n), np.zeros(n)
    d = equations.dim
    frames = Frames(np.zeros((n, d, d)), np.zeros(n), np.zeros(n), np.zeros(n))
    new = np.ones(n, dtype=bool)
    for k in range(HALVINGS + 1):
        these = pieces.at(new)
        own = Frames.of(equations, these)
        frames.Q[new], frames.lowest[new] = own.Q, own.lowest
        frames.speed[new], frames.error[new] = own.speed, own.error
        delta[new], rest[new] = defects(equations, these)
        mu[new] = rates(equations, these, own, np.zeros(len(these.h)))
        coarse = ~((mu + frames.lowest) * pieces.h <= COARSE) | ~(rest <= tolerance * frames.speed)
        coarse &= new
        if k == HALVINGS or not coarse.any():
            break
        pieces, parent = _halved(pieces, coarse)
        delta, rest, mu, new = delta[parent], rest[parent], mu[parent], coarse[parent]
        frames = frames.at(parent)
    return pieces, delta, frames, mu


def _joined(pieces: Pieces, starts: FloatArray, r0: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Radii (p,) around where the first pieces begin, how far (n,) from its end the next piece may begin, and ends
    (n, d) of the pieces: their polynomials are rounded, and what is computed of these is."""
    a = pieces.a
    signs = (-1.0) ** np.arange(a.shape[1])
    begins, ends = np.einsum("m,nmd->nd", signs, a), a.sum(axis=1)
    error = 16 * EPS * np.linalg.norm(np.abs(a).sum(axis=1), axis=1)
    first = np.r_[True, pieces.of[1:] != pieces.of[:-1]]
    begin = np.zeros(len(starts))
    own = pieces.of[first]
    begin[own] = (r0[own] + np.linalg.norm(begins[first] - starts[own], axis=1) + error[first]) * (1 + SLACK)
    # in the radius at an end is the error of that end
    jump = error.copy()
    jump[:-1] += np.where(first[1:], 0.0, np.linalg.norm(begins[1:] - ends[:-1], axis=1) + error[1:]) * (1 + SLACK)
    return begin, jump, ends


def _radii(
    mu: FloatArray, delta: FloatArray, pieces: Pieces, begin: FloatArray, jump: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """r' = mu r + delta, piece by piece: at the beginning of each (n,) and at its end with the jump to the next."""
    exponent = mu * pieces.h
    exponent = exponent + 1e-14 * np.abs(exponent)
    grown = np.exp(exponent)
    small = np.abs(exponent) < 1e-8
    added = np.where(small, pieces.h * (1 + 1e-7), np.expm1(exponent) / np.where(small, 1.0, mu)) * delta
    first, last = np.empty(len(mu)), np.empty(len(mu))
    before, r = -1, 0.0
    steps = zip(pieces.of.tolist(), grown.tolist(), added.tolist(), jump.tolist(), strict=True)
    for k, (own, factor, more, away) in enumerate(steps):
        if own != before:
            before, r = own, float(begin[own])
        first[k] = r
        r = (r * factor + more) * (1 + 1e-12) + away * (1 + 1e-12)
        last[k] = r
    return first, last
