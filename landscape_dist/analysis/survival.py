"""Which points and arrows of a landscape an ensemble's members share: how far a learned landscape can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.records import FloatArray, IntArray
from landscape_dist.spaces.flat import Euclidean
from landscape_dist.spaces.judgement import SameJudgement, make_judgement

DOUBTFUL = 0.8
"""Below this share of the members, a point or an arrow is marked."""


@dataclass(frozen=True, slots=True)
class PointSurvival:
    """A point of the reference, as the members see it.

    Attributes:
        id: of the point in the reference. index: its Morse index. rate: share of the members that have it.
        spread: root mean square distance of their points from it, in the unit of x; nan where none has it.
        energy_spread: standard deviation of their energies; nan where none has it.
    """

    id: int
    index: int
    rate: float
    spread: float
    energy_spread: float


@dataclass(frozen=True, slots=True)
class ArrowSurvival:
    """An arrow of the reference and the share of the members that have it, ends included."""

    parent: int
    child: int
    rate: float


@dataclass(frozen=True, slots=True)
class OtherPoint:
    """A point that members have and the reference has not.

    Attributes:
        x: (d,) in the first member that has it. index: its Morse index. rate: share of the members that have it.
    """

    x: tuple[float, ...]
    index: int
    rate: float


@dataclass(frozen=True, slots=True)
class Survival:
    """How many members of an ensemble share each point and arrow of a reference landscape.

    Attributes:
        n_members: how many were compared.
        points, arrows: of the reference, in its order.
        others: points that only members have, most frequent first.
    """

    n_members: int
    points: tuple[PointSurvival, ...]
    arrows: tuple[ArrowSurvival, ...]
    others: tuple[OtherPoint, ...]

    def doubtful(self, below: float = DOUBTFUL) -> tuple[tuple[PointSurvival, ...], tuple[ArrowSurvival, ...]]:
        """Points and arrows that fewer members share than this."""
        points = tuple(point for point in self.points if point.rate < below)
        return points, tuple(arrow for arrow in self.arrows if arrow.rate < below)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form; None stands for nan."""
        return {
            "n_members": self.n_members,
            "points": [{k: None if v != v else v for k, v in asdict(point).items()} for point in self.points],
            "arrows": [asdict(arrow) for arrow in self.arrows],
            "others": [asdict(other) | {"x": list(other.x)} for other in self.others],
        }

    def __str__(self) -> str:
        points, arrows = self.doubtful()
        lines = [
            f"{self.n_members} members: {len(self.points) - len(points)} of {len(self.points)} points and "
            f"{len(self.arrows) - len(arrows)} of {len(self.arrows)} arrows in at least {DOUBTFUL:.0%} of them"
        ]
        lines += [
            f"  doubtful: point {p.id} of index {p.index}, in {p.rate:.0%} (spread {p.spread:.2g})" for p in points
        ]
        lines += [f"  doubtful: arrow {a.parent} -> {a.child}, in {a.rate:.0%}" for a in arrows]
        lines += [
            f"  not in the reference: index {o.index} at ({', '.join(f'{v:.4g}' for v in o.x)}), in {o.rate:.0%}"
            for o in self.others
        ]
        return "\n".join(lines)


def survival(reference: PathwayMap, members: Sequence[PathwayMap], same: SameJudgement | float | Any) -> Survival:
    """Look for each point and arrow of a reference in the landscapes of an ensemble's members.

    Args:
        reference: of the surrogate whose landscape is to be used: a member, one trained on all data, the true energy.
        members: one each.
        same: when two points are the same: a judgement, or a 2-norm distance, larger than the members' scatter and
            smaller than the distance of different points.

    Raises:
        SettingsError: no members, or points of another dimension.
    """
    if not members:
        raise SettingsError("survival has no members to look at; give the landscapes of an ensemble")
    dim = reference.points.x.shape[1]
    for number, member in enumerate(members):
        if member.points.x.shape[1] != dim:
            raise SettingsError(f"member {number} has {member.points.x.shape[1]} variables, the reference {dim}")
    judgement = make_judgement(same, dim)
    space = judgement.space(dim) or Euclidean(dim)
    x, n = reference.points.x, len(reference)
    found = np.full((len(members), n), -1)
    for row, member in zip(found, members, strict=True):
        of_reference, of_member = matched(x, reference.points.index, member.points.x, member.points.index, judgement)
        row[of_reference] = of_member
    points = []
    for i in range(n):
        hits = [(member, row[i]) for member, row in zip(members, found, strict=True) if row[i] >= 0]
        ends = np.array([member.points.x[j] for member, j in hits]).reshape(-1, dim)
        squares = space.squared_distance(x[i], ends)
        energies = np.array([member.points.energy[j] for member, j in hits])
        points.append(
            PointSurvival(
                i, int(reference.points.index[i]), len(hits) / len(members),
                float(np.sqrt(np.mean(squares))) if hits else float("nan"),
                float(energies.std()) if hits else float("nan"),
            )
        )  # fmt: skip
    parents, children = reference.connections.parent, reference.connections.child
    shared = np.zeros(len(parents))
    for row, member in zip(found, members, strict=True):
        there = set(zip(member.connections.parent.tolist(), member.connections.child.tolist(), strict=True))
        shared += [pair in there for pair in zip(row[parents].tolist(), row[children].tolist(), strict=True)]
    arrows = [
        ArrowSurvival(int(p), int(c), float(k) / len(members))
        for p, c, k in zip(parents, children, shared, strict=True)
    ]
    return Survival(len(members), tuple(points), tuple(arrows), _others(members, found, judgement))


def matched(
    x_a: FloatArray, index_a: NDArray[Any], x_b: FloatArray, index_b: NDArray[Any], judgement: SameJudgement
) -> tuple[IntArray, IntArray]:
    """Pairs of points of equal index that are the same, each at most once, as many as possible.

    Returns:
        Rows of a, and the rows of b that they match.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    allowed = np.zeros((len(x_a), len(x_b)), dtype=bool)
    for i in range(len(x_a)):
        rows = np.flatnonzero(np.asarray(index_b) == index_a[i])
        if len(rows):
            allowed[i, rows] = judgement.same(np.broadcast_to(x_a[i], (len(rows), x_a.shape[1])), x_b[rows])
    if not allowed.any():
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    of_b = np.asarray(maximum_bipartite_matching(csr_array(allowed), perm_type="column"), dtype=np.int64)
    rows_a = np.flatnonzero(of_b >= 0)
    return rows_a, of_b[rows_a]


def _others(members: Sequence[PathwayMap], found: IntArray, judgement: SameJudgement) -> tuple[OtherPoint, ...]:
    x: list[FloatArray] = []
    index: list[int] = []
    counts: list[int] = []
    for row, member in zip(found, members, strict=True):
        mine = np.setdiff1d(np.arange(len(member)), row)
        known = np.array(x).reshape(len(x), member.points.x.shape[1])
        of_known, of_mine = matched(known, np.array(index), member.points.x[mine], member.points.index[mine], judgement)
        for k in of_known.tolist():
            counts[k] += 1
        for j in np.delete(mine, of_mine).tolist():
            x.append(member.points.x[j])
            index.append(int(member.points.index[j]))
            counts.append(1)
    order = sorted(range(len(x)), key=lambda k: (-counts[k], index[k], tuple(x[k])))
    return tuple(OtherPoint(tuple(x[k].tolist()), index[k], counts[k] / len(members)) for k in order)
