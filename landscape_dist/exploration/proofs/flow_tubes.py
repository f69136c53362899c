"""Where the two branches of a saddle of index 1 lead, proved: cones at the saddle, a tube along the gradient flow, and
a ball around the minimum from which nothing gets out.

* In a box around the saddle let -H, in the basis of the eigenvectors, be [[a, b^T], [b, C]] with a >= a_0, |b| <= beta
  and C <= -c_0.  Where beta (1/kappa + kappa) < a_0 + c_0 and beta kappa < a_0 the cone |w| <= kappa u is never left
  through its sides and u grows in it, so the unstable manifold lies in it (Zgliczynski, J. Differential Equations 246
  (2009) 1774).
* Solutions that begin within r of a curve y stay within r(t) of it, with r' = mu r + delta: mu bounds -lambda_min(H) in
  the tube and delta bounds |y' + grad E(y)| (Dahlquist's logarithmic norm).  The curve is a cubic between points of a
  numerical solution, its parts are in the boxes of their Bernstein coefficients.
* Where H is positive definite in a box around a minimum, the distance to it falls along the flow.

For saddles of a higher index arrows are those of saddle dynamics, which are no gradient flow: nothing is proved of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape_dist.exploration.proofs.certificates import Branch, Certificates
from landscape_dist.exploration.proofs.completeness import CertifiedPoint
from landscape_dist.exploration.proofs.contraction import matrices
from landscape_dist.exploration.proofs.krawczyk import at_points, derivative
from landscape_dist.numerics import intervals
from landscape_dist.problems.equations import Equations
from landscape_dist.problems.programs.on_floats import evaluate
from landscape_dist.problems.programs.on_intervals import enclose
from landscape_dist.records import FloatArray, IntArray

# How far from a saddle a branch is followed from, in parts of the distance to the next point: the largest first.
DEPARTURES = (1e-6, 3e-7, 1e-7)
WIDEST_CONE = 0.2
# Steps' lengths in units of 1 / largest curvature and of the distance between points, and how many there may be: coarse
# ones first, finer ones for what they do not prove.
FINENESS = ((0.08, 0.01, 4_000), (0.03, 0.004, 12_000), (0.01, 0.0015, 30_000))
# A minimum is near where it is nearer than this part of its distance to the next point.
ARRIVED = 0.004
# A branch has left the domain where it is farther out than this part of its width.
OUTSIDE = 0.005
# The tube is made so much wider than it seems it need be, again and again.
WIDER, TRIES = 1.3, 12
SLACK = 1e-12


def branches(
    equations: Equations, certificates: Certificates, lower: FloatArray | None = None, upper: FloatArray | None = None
) -> tuple[Branch, ...]:
    """Both branches of each certified saddle of index 1 of an energy.

    Args:
        lower, upper: (d,) of a domain that branches may leave; None where there is none.
    """
    with np.errstate(all="ignore"):
        return _branches(equations, certificates, lower, upper)


def _branches(
    equations: Equations, certificates: Certificates, lower: FloatArray | None, upper: FloatArray | None
) -> tuple[Branch, ...]:
    points = {k: p for k, p in enumerate(certificates.points) if p is not None}
    minima = {k: p for k, p in points.items() if p.index == 0}
    saddles = [k for k, p in points.items() if p.index == 1]
    if not saddles or not equations.symmetric:
        return ()
    X = np.array([p.x for p in points.values()])
    starts = []
    for k in saddles:
        room = _room(points[k].x, X)
        starts += [(k, side, _departure(equations, points[k], side, room), room) for side in (1, -1)]
    around = _Around(minima, X, lower, upper)
    found = {
        (k, side): Branch(k, side, None, False, "no cone is shown at the saddle")
        for k, side, start, _ in starts
        if start is None
    }
    going = [(k, side, *start, room) for k, side, start, room in starts if start is not None]
    for fineness in FINENESS:
        paths = _paths(equations, [(x, room) for _, _, x, _, room in going], around, fineness)
        for (k, side, _, r, _), path in zip(going, paths, strict=True):
            found[k, side] = _followed(equations, k, side, r, path, around)
        going = [one for one in going if not found[one[0], one[1]].proved]
    return tuple(found[key] for key in sorted(found, key=lambda key: (key[0], -key[1])))


@dataclass(frozen=True)
class _Around:
    """Where branches may end: minima by id, all points X (p, d), and the domain, None where there is none."""

    minima: dict[int, CertifiedPoint]
    X: FloatArray
    lower: FloatArray | None
    upper: FloatArray | None


def _room(x: FloatArray, X: FloatArray) -> float:
    """Distance to the nearest other point."""
    away = np.sort(np.linalg.norm(X - x, axis=1))
    return float(away[1]) if len(away) > 1 else 1.0


def _hessians(equations: Equations, box: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n, d, d) middles and spreads of the Hessian in boxes (2, d, n); infinite where part of it has no value."""
    result = enclose(equations.both, box)
    middle, spread = matrices(equations, result.values[:, equations.dim :][:, equations.entries])
    middle[result.partly], spread[result.partly] = 0.0, np.inf
    return middle, spread


def _ball(x: FloatArray, r: FloatArray | float) -> FloatArray:
    """The box x (n, d) -+ r as intervals (2, d, n), outwards."""
    low, high = x - r, x + r
    size = SLACK * (np.abs(x) + r)
    return np.stack([-(low - size).T, (high + size).T])


def _departure(equations: Equations, saddle: CertifiedPoint, side: int, room: float) -> tuple[FloatArray, float] | None:
    """A point (d,) beside the saddle and a radius around it that the branch passes through; None if none is shown."""
    x, d = saddle.x, len(saddle.x)
    uncertain = float(np.linalg.norm(np.ptp(saddle.box, axis=1)))
    H = derivative(equations, evaluate(equations.both, x[:, None]))[0]
    _, Q = np.linalg.eigh((H + H.T) / 2)
    v = Q[:, 0] * (1.0 if Q[np.argmax(np.abs(Q[:, 0])), 0] > 0 else -1.0) * side
    for part in DEPARTURES:
        reach = part * room
        extent = reach * (np.abs(Q[:, 0]) + WIDEST_CONE * np.linalg.norm(Q[:, 1:], axis=1)) + uncertain
        middle, spread = _hessians(equations, _ball(x[None], extent[None] * (1 + SLACK)))
        A = -Q.T @ middle[0] @ Q
        R = np.abs(Q.T) @ spread[0] @ np.abs(Q) + SLACK * d * (np.abs(A).max() + 1e-290)
        if not np.isfinite(R).all():
            continue
        a = A[0, 0] - R[0, 0]
        beta = float(np.linalg.norm(np.abs(A[0, 1:]) + R[0, 1:])) * (1 + SLACK) + 1e-290
        C = A[1:, 1:]
        off = np.abs(C) + R[1:, 1:]
        c = -(np.diag(C) + off.sum(axis=1) - np.abs(np.diag(C))).max() if d > 1 else np.inf
        kappa = 1.05 * beta / (a + c) if a + c > 0 else np.inf
        if d == 1:
            kappa = 0.0
        if kappa <= WIDEST_CONE and a > 0 and beta * kappa < a and (d == 1 or beta * (1 / kappa + kappa) < a + c):
            return x + reach * v, (kappa * reach + uncertain) * (1 + 1e-9)
    return None


@dataclass
class _Path:
    """A numerical solution: points (m, d), -grad E there (m, d), steps (m - 1,), and the minimum at its end."""

    y: FloatArray
    f: FloatArray
    h: FloatArray
    end: int | None
    left: bool


def _paths(
    equations: Equations,
    starts: Sequence[tuple[FloatArray, float]],
    around: _Around,
    fineness: tuple[float, float, int],
) -> list[_Path]:
    """Solutions of x' = -grad E from all starts, each with the distance between points there, at once: Runge-Kutta of
    order four."""
    if not starts:
        return []
    ids = list(around.minima)
    M = np.array([around.minima[k].x for k in ids]).reshape(len(ids), -1)
    near = np.array([ARRIVED * _room(m, around.X) for m in M])
    lower, upper = around.lower, around.upper
    curved, short, most = fineness
    y = np.array([x for x, _ in starts])
    rooms = np.array([room for _, room in starts])
    ys: list[list[FloatArray]] = [[x.copy()] for x in y]
    hs: list[list[float]] = [[] for _ in y]
    end: list[int | None] = [None] * len(y)
    left = [False] * len(y)
    going = np.arange(len(y))
    fs: list[list[FloatArray]] = [[] for _ in y]

    def flow(x: FloatArray) -> FloatArray:
        return -evaluate(equations.gradient, np.ascontiguousarray(x.T)).T

    for _ in range(most):
        values = evaluate(equations.both, np.ascontiguousarray(y[going].T))
        f = -values[: equations.dim].T
        H = derivative(equations, values)
        for row, k in enumerate(going.tolist()):
            fs[k].append(f[row])
        size = np.abs(H).sum(axis=2).max(axis=1)
        speed = np.linalg.norm(f, axis=1)
        with np.errstate(all="ignore"):
            h = np.minimum(curved / size, short * rooms[going] / speed)
        ok = np.isfinite(f).all(axis=1) & np.isfinite(h) & (h > 0)
        if len(M):
            away = np.linalg.norm(y[going][:, None] - M[None], axis=2)
            nearest = np.argmin(away, axis=1)
            arrived = away[np.arange(len(going)), nearest] < near[nearest]
            for row in np.flatnonzero(arrived).tolist():
                end[int(going[row])] = ids[int(nearest[row])]
            ok &= ~arrived
        if lower is not None and upper is not None:
            width = upper - lower
            out = ((y[going] < lower - OUTSIDE * width) | (y[going] > upper + OUTSIDE * width)).any(axis=1)
            for row in np.flatnonzero(out).tolist():
                left[int(going[row])] = True
            ok &= ~out
        going, f, h = going[ok], f[ok], h[ok, None]
        if not len(going):
            break
        x = y[going]
        k2 = flow(x + h / 2 * f)
        k3 = flow(x + h / 2 * k2)
        k4 = flow(x + h * k3)
        y[going] = x + h / 6 * (f + 2 * k2 + 2 * k3 + k4)
        for row, k in enumerate(going.tolist()):
            ys[k].append(y[k].copy())
            hs[k].append(float(h[row, 0]))
    return [
        _Path(np.array(ys[k])[: len(fs[k])], np.array(fs[k]), np.array(hs[k])[: len(fs[k]) - 1], end[k], left[k])
        for k in range(len(y))
    ]


def _followed(equations: Equations, parent: int, side: int, r0: float, path: _Path, around: _Around) -> Branch:
    """What is proved of the branch that begins within r0 of the path."""
    if path.end is None and not path.left:
        return Branch(parent, side, None, False, "its path does not arrive")
    r = _tube(equations, path, r0)
    if r is None:
        return Branch(parent, side, None, False, "no tube is shown along its path")
    if path.left:
        assert around.lower is not None
        assert around.upper is not None
        out = (path.y - r[:, None] > around.upper) | (path.y + r[:, None] < around.lower)
        if out.any():
            return Branch(parent, side, None, True, "")
        return Branch(parent, side, None, False, "its tube is wider than where it leaves the domain")
    assert path.end is not None
    minimum = around.minima[path.end]
    uncertain = float(np.linalg.norm(np.ptp(minimum.box, axis=1)))
    distance = float(np.linalg.norm(path.y[-1] - minimum.x)) + float(r[-1]) + uncertain
    middle, spread = _hessians(equations, _ball(minimum.x[None], (distance + uncertain) * 1.01))
    if _least_eigenvalues(middle, spread)[0] > 0:
        return Branch(parent, side, path.end, False, "")
    return Branch(parent, side, None, False, "its tube is too wide for the minimum")


def _least_eigenvalues(middle: FloatArray, spread: FloatArray) -> FloatArray:
    """Lower bounds (n,) of the eigenvalues of symmetric matrices (n, d, d) within `spread` of `middle` (Weyl)."""
    size = np.abs(middle).max(axis=(1, 2))
    w = np.linalg.eigvalsh((middle + middle.mT) / 2)[:, 0]
    return np.asarray(w - spread.sum(axis=2).max(axis=1) * (1 + SLACK) - SLACK * middle.shape[-1] * size)


def _tube(equations: Equations, path: _Path, r0: float) -> FloatArray | None:
    """Radii (m,) of a tube around the points of a path that the branch stays in; None where none is shown."""
    y, f, h = path.y, path.f, path.h[:, None]
    if len(y) < 2:
        return np.array([r0])
    control = np.stack([y[:-1], y[:-1] + h * f[:-1] / 3, y[1:] - h * f[1:] / 3, y[1:]])
    low, high = control.min(axis=0), control.max(axis=0)
    middle_x, half = (low + high) / 2, (high - low) / 2
    M, S = _hessians(equations, _ball(middle_x, half))
    delta = _defects(at_points(equations, middle_x), M, S, control, path.h, middle_x, half)
    mu = -_least_eigenvalues(M, np.zeros_like(M))
    r = _radii(mu, delta, path.h, r0)
    for _ in range(TRIES):
        if not np.isfinite(r).all():
            return None
        R = WIDER * np.maximum(r[:-1], r[1:]) + 1e-290
        middle, spread = _hessians(equations, _ball(middle_x, half + R[:, None]))
        new = _radii(-_least_eigenvalues(middle, spread), delta, path.h, r0)
        if (np.maximum(new[:-1], new[1:]) <= R).all():
            return new
        r = np.maximum(r, new)
    return None


def _radii(mu: FloatArray, delta: FloatArray, h: FloatArray, r0: float) -> FloatArray:
    """r' = mu r + delta, piece by piece."""
    r = np.empty(len(h) + 1)
    r[0] = r0
    for k in range(len(h)):
        grown = np.exp(min(mu[k] * h[k], 700.0))
        added = np.expm1(min(mu[k] * h[k], 700.0)) / mu[k] if abs(mu[k] * h[k]) > 1e-8 else h[k] * (1 + 1e-7)
        r[k + 1] = (r[k] * grown + delta[k] * added) * (1 + 1e-12)
    return r


def _defects(
    at_middle: FloatArray,
    M: FloatArray,
    S: FloatArray,
    control: FloatArray,
    h: FloatArray,
    middle_x: FloatArray,
    half: FloatArray,
) -> FloatArray:
    """Bounds (m,) of |y' + grad E(y)| along cubics with Bernstein coefficients `control` (4, m, d), in boxes
    `middle_x` -+ `half` (m, d) with gradients `at_middle` (2, d, m).

    With H in [M -+ S] and m between: grad E(y) = grad E(m) + M (y - m) up to S |y - m|, and y' + grad E(m) + M (y - m)
    is a cubic, bounded by its coefficients.
    """
    g, g_error = intervals.midpoint(at_middle).T, intervals.radius(at_middle).T
    slopes = 3 * np.diff(control, axis=0) / h[:, None]
    # of degree two, written as of degree three
    raised = np.stack([slopes[0], (slopes[0] + 2 * slopes[1]) / 3, (2 * slopes[1] + slopes[2]) / 3, slopes[2]])
    linear = g + np.einsum("mij,kmj->kmi", M, control - middle_x)
    size = np.abs(raised).max(axis=0) + np.abs(g) + np.einsum("mij,mj->mi", np.abs(M), half)
    rest = np.einsum("mij,mj->mi", S, half * (1 + SLACK)) + g_error + SLACK * size
    return np.asarray(np.linalg.norm(np.abs(raised + linear).max(axis=0) + rest, axis=1) * (1 + SLACK))


def compared(found: Sequence[Branch], parent: IntArray, child: IntArray) -> list[str]:
    """What of the arrows parent -> child (n,) of a landscape is proved to be otherwise, in words."""
    said = []
    by_parent: dict[int, list[Branch]] = {}
    for branch in found:
        by_parent.setdefault(branch.parent, []).append(branch)
    for k, both in by_parent.items():
        stored = set(child[parent == k].tolist())
        proved = {branch.child for branch in both if branch.child is not None}
        for end in sorted(proved - stored):
            said.append(f"a branch of point {k} leads to {end}, which no arrow says")
        # one that has left the domain may come back to it
        if all(branch.child is not None for branch in both):
            said += [f"no branch of point {k} leads to {end}, where an arrow ends" for end in sorted(stored - proved)]
    return said
