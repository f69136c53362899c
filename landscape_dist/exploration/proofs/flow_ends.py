"""Where branches begin and end: cones at points with one unstable direction, ellipsoids around sinks.

In a basis T, z = T^-1 (x - x_0), the flow x' = -g(x) is z' = A z with A an average of -T^-1 J T, J the derivative of g.

* In a box around a saddle let A be [[a, b], [c, C]] with a >= a_0, |b| <= beta, |c| <= gamma and the symmetric part of
  C at most -c_0.  Where gamma + beta kappa^2 < kappa (a_0 + c_0) and beta kappa < a_0 the cone |w| <= kappa u, with
  z = (u, w), is never left through its sides and u grows in it, so the unstable manifold lies in it (Zgliczynski,
  J. Differential Equations 246 (2009) 1774).  So it does in the cone |w_i| <= kappa_i u where the like holds of each of
  its faces, gamma_i + sum_(j != i) |C_ij| kappa_j + kappa_i sum_j beta_j kappa_j < kappa_i (a_0 + c_i): what a stiff
  direction is coupled by makes no soft one wide.
* In a box around a sink let the symmetric part of A be negative definite: |z| falls along the flow, and what begins in
  |z| <= rho, where the box holds that, comes to the sink (Lyapunov's function).

T has eigenvectors of J, or makes Lyapunov's equation hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from landscape_dist.exploration.proofs.completeness import CertifiedPoint
from landscape_dist.exploration.proofs.contraction import EPS, matrices
from landscape_dist.exploration.proofs.flow_series import derivatives_along
from landscape_dist.exploration.proofs.krawczyk import derivative
from landscape_dist.problems.equations import Equations
from landscape_dist.problems.programs.on_floats import evaluate
from landscape_dist.problems.programs.on_intervals import enclose
from landscape_dist.records import FloatArray

# Cones are looked for in so wide boxes around the unstable direction; J along it is known to this order.
WIDTHS, ORDER = (0.2, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6), 2
# Ellipsoids in parts of the distance to the next point, the largest first.
ELLIPSOIDS = 0.5 * 0.6 ** np.arange(30)
SLACK = 1e-12


def derivatives_in(equations: Equations, box: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n, d, d) middles and spreads of the derivative in boxes (2, d, n); infinite where part of it has no value."""
    result = enclose(equations.both, box)
    middle, spread = matrices(equations, result.values[:, equations.dim :][:, equations.entries])
    middle[result.partly], spread[result.partly] = 0.0, np.inf
    return middle, spread


def box_around(x: FloatArray, r: FloatArray) -> FloatArray:
    """The box x (n, d) -+ r (n, d) as intervals (2, d, n), outwards."""
    low, high = x - r, x + r
    size = SLACK * r + 4 * EPS * np.abs(x) + 1e-290
    return np.stack([-(low - size).T, (high + size).T])


def least_symmetric(B: FloatArray, R: FloatArray) -> FloatArray:
    """Lower bounds (n,) of z^T B' z / |z|^2 for all B' within R of B (n, d, d).

    With M_ii the least of B'_ii and -M_ij the largest size of (B'_ij + B'_ji) / 2, z^T B' z >= |z|^T M |z|: a soft
    direction beside a stiff one loses the square of what couples them over the stiffness, no more.
    """
    d = B.shape[-1]
    M = -(np.abs(B + B.mT) / 2 + (R + R.mT) / 2) * (1 + 8 * EPS)
    at = np.arange(d)
    M[:, at, at] = B[:, at, at] - R[:, at, at]
    size = np.abs(M).max(axis=(1, 2))
    known = np.isfinite(size)
    w = np.linalg.eigvalsh(np.where(known[:, None, None], M, 0.0))[:, 0]
    return np.where(known, w - SLACK * d * size, -np.inf)


def congruent(T: FloatArray, middle: FloatArray, spread: FloatArray, Y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Y A T for all A within `spread` of `middle`: approximate values and bounds of the errors, all (n, d, d)."""
    d = T.shape[-1]
    sizes_Y, sizes_T = np.abs(Y), np.abs(T)
    R = sizes_Y @ (spread + (2 * d + 8) * 4 * EPS * np.abs(middle)) @ sizes_T * (1 + (2 * d + 8) * 4 * EPS)
    return Y @ middle @ T, R + 1e-290


@dataclass(frozen=True)
class Basis:
    """Columns T (d, d), their approximate inverse Y, and a bound of |1 - Y T| in the norm of largest row sums."""

    T: FloatArray
    Y: FloatArray
    error: float

    @classmethod
    def of(cls, T: FloatArray) -> Basis | None:
        """With its inverse; None where it has none to speak of."""
        d = len(T)
        try:
            Y: FloatArray = np.asarray(np.linalg.inv(T), dtype=np.float64)
        except np.linalg.LinAlgError:
            return None
        E = np.abs(np.eye(d) - Y @ T) + (d + 8) * 4 * EPS * (np.abs(Y) @ np.abs(T) + np.eye(d))
        error = float(E.sum(axis=1).max()) * (1 + SLACK)
        return cls(T, Y, error) if error < 1e-3 else None

    def seen(self, middle: FloatArray, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
        """T^-1 A T (n, d, d) and bounds of errors; T^-1 is (1 + F) Y with |F| at most error / (1 - error)."""
        B, R = congruent(self.T, middle, spread, self.Y)
        F = self.error / (1 - self.error) * (1 + SLACK)
        return B, (R + F * (np.abs(B) + R).max(axis=1, keepdims=True)) * (1 + SLACK)

    def length(self, x: FloatArray) -> float:
        """An upper bound of |T^-1 x|, for x (d,)."""
        d = len(x)
        z = np.abs(self.Y @ x) + (d + 4) * 2 * EPS * (np.abs(self.Y) @ np.abs(x))
        factor = 1 + np.sqrt(d) * self.error / (1 - self.error)
        return float(np.linalg.norm(z) * factor * (1 + SLACK)) + 1e-290

    @property
    def norm_of_inverse(self) -> float:
        """An upper bound of |T^-1 x| / |x|."""
        size = np.abs(self.Y)
        d = len(size)
        norm = np.sqrt(size.sum(axis=0).max() * size.sum(axis=1).max())
        return float(norm * (1 + np.sqrt(d) * self.error / (1 - self.error)) * (1 + SLACK))


def _bases(equations: Equations, x: FloatArray, stable: bool) -> Iterator[Basis]:
    """In which the derivative of g at x is nearly diagonal, or in blocks of rotations; the lowest one first."""
    J = derivative(equations, evaluate(equations.both, x[:, None]))[0]
    if not np.isfinite(J).all():
        return
    if equations.symmetric:
        T = np.linalg.eigh((J + J.T) / 2)[1]
        found = [Basis.of(T)]
    else:
        w, V = np.linalg.eig(J)
        order = np.lexsort((-w.imag, w.real))
        w, V = w[order], V[:, order]
        # of a pair the real and the imaginary part
        columns = [V[:, k].real if w[k].imag >= 0 else V[:, k].imag for k in range(len(w))]
        found = [Basis.of(np.array(columns).T)]
        if stable:
            found += _lyapunov(J)
    yield from (basis for basis in found if basis is not None)


def _lyapunov(J: FloatArray) -> list[Basis | None]:
    """With P J + J^T P = 1 and P = L L^T, of columns L^-T: where eigenvectors nearly coincide."""
    from scipy.linalg import solve_continuous_lyapunov

    try:
        P = solve_continuous_lyapunov(J.T, np.eye(len(J)))
        return [Basis.of(np.linalg.inv(np.linalg.cholesky((P + P.T) / 2)).T)]
    except (np.linalg.LinAlgError, ValueError):
        return []


def departure(
    equations: Equations, saddle: CertifiedPoint, room: float, parts: tuple[float, ...]
) -> tuple[FloatArray, float] | None:
    """A step v (d,) from a saddle's x and a radius: its two branches pass within that of x + v and of x - v; None if no
    cone is shown.

    Args:
        room: the distance to the next point. parts: of it, in which it is looked for: the largest first.
    """
    x = saddle.x
    uncertain = float(np.linalg.norm(np.abs(saddle.box - x[:, None]).max(axis=1))) * (1 + SLACK)
    basis = next(_bases(equations, x, False), None)
    if basis is None:
        return None
    T = basis.T
    v = T[:, 0] * (1.0 if T[np.argmax(np.abs(T[:, 0])), 0] > 0 else -1.0)
    across = np.linalg.norm(T[:, 1:], axis=1)
    reach = np.repeat(parts, len(WIDTHS)) * (room / float(np.linalg.norm(v)))
    width = np.tile(WIDTHS, len(parts))
    # to both sides of the saddle, as wide as the widest cone all along
    beside = (width * reach)[:, None] * across * (1 + SLACK) + uncertain
    lines = np.stack([np.repeat(x[None], len(reach), axis=0), reach[:, None] * v * (1 + SLACK)], axis=1)
    middle, spread = derivatives_along(equations, lines, ORDER, beside)
    B, R = basis.seen(middle[0], spread[0])
    for k in range(1, ORDER + 1):
        term, error = basis.seen(middle[k], spread[k])
        R = (R + np.abs(term) + error) * (1 + SLACK)
    cones = [_cone(B[k], R[k], width[k], T[:, 1:]) for k in range(len(reach))]
    for first in range(0, len(reach), len(WIDTHS)):
        wide = min((one for one in cones[first : first + len(WIDTHS)] if one is not None), default=None)
        if wide is not None:
            step = reach[first] * v
            rounded = 4 * EPS * float(np.linalg.norm(np.abs(x) + np.abs(step)))
            return step, (wide * reach[first] + uncertain + rounded) * (1 + 1e-9)
    return None


def _cone(B: FloatArray, R: FloatArray, widest: float, across: FloatArray) -> float | None:
    """A bound of |`across` w| / u in a cone that holds the unstable direction, for T^-1 J T within R of B (d, d).

    Args:
        widest: of |w| / u. across: (d, d - 1) the basis of w.
    """
    a = -B[0, 0] - R[0, 0]
    if not a > 0 or len(B) == 1:
        return 0.0 if a > 0 else None
    size = (np.abs(B) + R) * (1 + SLACK)
    beta, gamma, C = size[0, 1:] + 1e-290, size[1:, 0] + 1e-290, size[1:, 1:].copy()
    np.fill_diagonal(C, 0.0)
    c = np.diag(B)[1:] - np.diag(R)[1:]
    found = []
    # |w_i| <= kappa_i u
    if (a + c > 0).all():
        kappa = np.zeros(len(c))
        for _ in range(20):
            kappa = 1.1 * (gamma + C @ kappa + kappa * (beta @ kappa)) / (a + c)
        off = (gamma + C @ kappa + kappa * (beta @ kappa)) * (1 + SLACK)
        if (off < kappa * (a + c) * (1 - SLACK)).all() and beta @ kappa * (1 + SLACK) < a:
            found.append((np.linalg.norm(kappa), np.linalg.norm(np.abs(across) @ kappa)))
    # |w| <= kappa u
    b, g = float(np.linalg.norm(beta)) * (1 + SLACK), float(np.linalg.norm(gamma)) * (1 + SLACK)
    least = float(least_symmetric(B[None, 1:, 1:], R[None, 1:, 1:])[0])
    if a + least > 0:
        k = 1.1 * g / (a + least)
        if (g + b * k**2) * (1 + SLACK) < k * (a + least) * (1 - SLACK) and b * k * (1 + SLACK) < a:
            found.append((k, k * np.linalg.norm(across)))
    return min((float(wide) for norm, wide in found if norm * (1 + SLACK) <= widest), default=None)


@dataclass(frozen=True)
class Sink:
    """A point that the flow comes to from all of |T^-1 (y - x)| <= radius, where that is more than 0.

    Attributes:
        x: (d,). uncertain: bound of |T^-1 (x - where the sink is)|.
    """

    x: FloatArray
    basis: Basis
    radius: float
    uncertain: float

    def holds(self, y: FloatArray, r: float) -> bool:
        """Whether all within r of y (d,) come to it."""
        away = self.basis.length(y - self.x) + self.basis.norm_of_inverse * (r + 4 * EPS * float(np.abs(y).sum()))
        return bool((away + 2 * self.uncertain) * (1 + SLACK) < self.radius)


def sink(equations: Equations, x: FloatArray, width: FloatArray, room: float) -> Sink | None:
    """What is shown of the flow around a zero of g within `width` (d,) of x (d,), of index 0."""
    best = None
    for basis in _bases(equations, x, True):
        rows = np.linalg.norm(basis.T, axis=1)
        lengths = ELLIPSOIDS * room / float(np.linalg.norm(basis.T, 2))
        extent = lengths[:, None] * rows * (1 + SLACK)
        boxes = box_around(np.repeat(x[None], len(lengths), axis=0), extent)
        B, R = basis.seen(*derivatives_in(equations, boxes))
        positive = np.flatnonzero(least_symmetric(B, R) > 0)
        if len(positive):
            uncertain = basis.norm_of_inverse * float(np.linalg.norm(width))
            found = Sink(x, basis, float(lengths[positive[0]]), uncertain)
            size = found.radius / float(np.linalg.norm(basis.Y, 2))
            if best is None or size > best[0]:
                best = size, found
    return None if best is None else best[1]
