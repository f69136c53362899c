"""Where the two branches of a point with one unstable direction lead, proved: a cone at the point, a tube along the
flow x' = -g(x), and an ellipsoid around a sink from which nothing gets out.

* `flow_ends`: the unstable manifold of a saddle passes through a small ball beside it, on either side; all of an
  ellipsoid around a sink, a minimum of an energy, comes to it.
* `flow_paths`: a numerical solution from the middle of that ball until it is well inside of such an ellipsoid.
* `flow_radii`: how far solutions that begin in the ball can be from it.

With periods the flow is that of R^d: a branch ends at an image of a sink, which is proved to be there.  A branch that
is outside of the domain has left it, though it may come back.

For energies g is the gradient and branches are arrows from saddles of index 1.  For those of a higher index arrows are
those of saddle dynamics, which are no flow of -g: nothing is proved of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from landscape_dist.exploration.proofs.certificates import Branch, Certificates
from landscape_dist.exploration.proofs.completeness import CertifiedPoint
from landscape_dist.exploration.proofs.flow_ends import Sink, departure, sink
from landscape_dist.exploration.proofs.flow_paths import Path, paths
from landscape_dist.exploration.proofs.flow_radii import tubes
from landscape_dist.exploration.proofs.krawczyk import newton, pinned
from landscape_dist.problems.domain import Ball, Box, Domain, Unbounded
from landscape_dist.problems.equations import Equations
from landscape_dist.records import BoolArray, FloatArray, IntArray
from landscape_dist.spaces.flat import space_with
from landscape_dist.spaces.space import Space


@dataclass(frozen=True)
class Level:
    """How branches are followed.

    Attributes:
        departures: how far from a saddle they are followed from, in parts of the distance to the next point.
        tolerance: of what their paths' slopes are off, in parts of the slope. steps: how many there may be.
    """

    departures: tuple[float, ...]
    tolerance: float
    steps: int


# Coarse ones first, finer ones for what they do not prove.
LEVELS = (
    Level((1e-4, 1e-5, 1e-6), 1e-5, 500),
    Level((1e-5, 1e-6, 1e-7), 1e-6, 1_000),
    Level((1e-6, 1e-7, 1e-8), 1e-8, 3_000),
)
# Branches at a time, times d^2.
TOGETHER = 2**14
# A path has arrived where it is in this part of a sink's ellipsoid.
ARRIVED = 0.5
# A branch has left the domain where it is farther out than this part of its width.
OUTSIDE = 0.005
# A path is lost where it is so many times farther from all points than these are from one another.
LOST, FAR = 1e3, "its path goes far away from all points"
# An image of a point is one where it is no farther from where it should be than this part of the way to the next.
SAME = 1e-6


def branches(
    equations: Equations,
    certificates: Certificates,
    domain: Domain | None = None,
    periods: FloatArray | None = None,
) -> tuple[Branch, ...]:
    """Both branches of each certified point with one unstable direction.

    Args:
        domain: a box or a ball that branches may leave. periods: (d,), inf where there is none.
    """
    with np.errstate(all="ignore"):
        return _branches(equations, _Around.of(equations, certificates, domain or Unbounded(), periods))


def _branches(equations: Equations, around: _Around) -> tuple[Branch, ...]:
    saddles = [k for k, point in around.points.items() if point.index == 1]
    left = [(k, side) for k in saddles for side in (1, -1)]
    found: dict[tuple[int, int], Branch] = {}
    for level in LEVELS:
        starts = {}
        for k in sorted({k for k, _ in left}):
            x = around.points[k].x
            begin = departure(equations, around.points[k], around.room(x), level.departures)
            for side in [side for one, side in left if one == k]:
                if begin is None:
                    found[k, side] = Branch(k, side, None, False, "no cone is shown at the saddle")
                else:
                    starts[k, side] = x + side * begin[0], begin[1]
        if starts:
            X = np.array([x for x, _ in starts.values()])
            ways = paths(equations, X, around.arrived, level.tolerance, level.steps)
            found |= _followed(equations, list(starts), ways, [r for _, r in starts.values()], around, level.tolerance)
        left = [key for key in left if not found[key].proved and found[key].reason != FAR]
    return tuple(found[key] for key in sorted(found, key=lambda key: (key[0], -key[1])))


@dataclass
class _Around:
    """Where branches may begin and end.

    Attributes:
        points: the certified ones, by id. sinks: of those of index 0, as far as that is shown.
        domain, periods: see `branches`.
    """

    points: dict[int, CertifiedPoint]
    domain: Domain
    periods: FloatArray | None
    sinks: dict[int, Sink] = field(default_factory=dict)

    @classmethod
    def of(
        cls, equations: Equations, certificates: Certificates, domain: Domain, periods: FloatArray | None
    ) -> _Around:
        """Of the certified points of a landscape."""
        points = {k: point for k, point in enumerate(certificates.points) if point is not None}
        around = cls(points, domain, periods)
        if any(point.index == 1 for point in points.values()):
            for k, point in points.items():
                if point.index == 0:
                    shown = sink(equations, point.x, np.ptp(point.box, axis=1), around.room(point.x))
                    if shown is not None:
                        around.sinks[k] = shown
        return around

    @cached_property
    def X(self) -> FloatArray:
        """(p, d) all points."""
        return np.array([point.x for point in self.points.values()])

    @property
    def out(self) -> int:
        """What `arrived` says of points outside of the domain."""
        return len(self.sinks)

    @property
    def lost(self) -> int:
        """What it says of points far from all others."""
        return len(self.sinks) + 1

    @cached_property
    def space(self) -> Space:
        """Where differences are the shortest ones."""
        return space_with(self.periods, self.X.shape[1])

    def room(self, x: FloatArray) -> float:
        """Distance to the nearest other point, or image of a point."""
        lengths = np.linalg.norm(self.space.log(x, self.X), axis=1)
        lengths[np.argmin(lengths)] = np.inf
        least = float(lengths.min())
        if self.periods is not None:
            least = min(least, float(np.min(self.periods)))
        return least if np.isfinite(least) else 1.0

    def arrived(self, Y: FloatArray) -> IntArray:
        """(n, d) -> (n,) the number of the sink that each is well inside the ellipsoid of; `out` outside of the domain,
        `lost` far from all points; -1 elsewhere."""
        result = np.full(len(Y), -1)
        lower, upper = self.X.min(axis=0), self.X.max(axis=0)
        if self.periods is None:
            away = np.maximum(Y - upper, lower - Y).max(axis=1)
            result[away > LOST * max(float((upper - lower).max()), self.room(self.X[0]))] = self.lost
        result[self.is_out(Y, 0.0, OUTSIDE)] = self.out
        for number, one in enumerate(self.sinks.values()):
            z = self.space.log(one.x, Y) @ one.basis.Y.T
            result[np.linalg.norm(z, axis=1) < ARRIVED * one.radius] = number
        return result

    def is_out(self, Y: FloatArray, r: FloatArray | float, margin: float = 0.0) -> BoolArray:
        """Whether all within r (n,) of Y (n, d) is outside of the domain, and farther than a part of its width."""
        slack = 1e-14 * np.abs(Y).sum(axis=1)
        if isinstance(self.domain, Ball):
            away = np.linalg.norm(Y - np.asarray(self.domain.center), axis=1) * (1 - 1e-14)
            return np.asarray(away - slack - r > self.domain.radius * (1 + 2 * margin + 1e-14))
        if isinstance(self.domain, Box):
            lower, upper = np.asarray(self.domain.lower), np.asarray(self.domain.upper)
            room = margin * (upper - lower)
            out = np.maximum(Y - (upper + room), (lower - room) - Y)
            if self.periods is not None:  # what goes round does not leave
                out = np.where(np.isfinite(self.periods), -np.inf, out)
            return np.asarray(out.max(axis=1) > r + slack + 1e-14 * np.abs(out).max(axis=1))
        return np.zeros(len(Y), dtype=bool)

    def at_image(self, equations: Equations, number: int, y: FloatArray) -> tuple[int, Sink | None]:
        """The id of a sink by its number, and it or its image near y (d,), proved to be there."""
        k, one = list(self.sinks.items())[number]
        turns = (y - one.x) - self.space.log(one.x, y)
        if not turns.any():
            return k, one
        room = self.room(one.x)
        x, Y = newton(equations, (one.x + turns)[None], np.full((1, len(y)), room))
        zeros, ok = pinned(equations, x, Y, np.full((1, len(y)), room))
        # rounding, and how well the periods are those of the formula, leave it in the same place
        if not ok[0] or np.linalg.norm(x[0] - one.x - turns) > SAME * room:
            return k, None
        return k, sink(equations, zeros.x[0], 2 * zeros.radius[0], room)


def _followed(
    equations: Equations,
    keys: list[tuple[int, int]],
    ways: list[Path],
    radii: list[float],
    around: _Around,
    tolerance: float,
) -> dict[tuple[int, int], Branch]:
    """What is proved of branches (id, side) that begin within radii of the starts of their paths."""
    found = {key: Branch(*key, None, False, "its path does not arrive") for key in keys}
    for key, way in zip(keys, ways, strict=True):
        if way.end == around.lost:
            found[key] = Branch(*key, None, False, FAR)
    came = [n for n, way in enumerate(ways) if way.end is not None and way.end != around.lost]
    if not came:
        return found
    size = max(1, TOGETHER // equations.dim**2)
    shown = [
        tube
        for some in (came[k : k + size] for k in range(0, len(came), size))
        for tube in tubes(equations, [ways[n] for n in some], np.array([radii[n] for n in some]), tolerance)
    ]
    for n, tube in zip(came, shown, strict=True):
        if tube is None:
            found[keys[n]] = Branch(*keys[n], None, False, "no tube is shown along its path")
            continue
        points, r = tube
        end = ways[n].end
        assert end is not None
        if end == around.out:
            left = bool(around.is_out(points, r).any())
            reason = "" if left else "its tube is wider than where it leaves the domain"
            found[keys[n]] = Branch(*keys[n], None, left, reason)
            continue
        k, one = around.at_image(equations, end, points[-1])
        if one is not None and one.holds(points[-1], float(r[-1])):
            found[keys[n]] = Branch(*keys[n], k, False, "")
        else:
            found[keys[n]] = Branch(*keys[n], None, False, "its tube is too wide for the minimum")
    return found


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
