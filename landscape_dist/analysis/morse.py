"""Morse theory as a test of completeness: Euler characteristic and Morse inequalities.

For an energy with c_k nondegenerate stationary points of index k on a space with Betti numbers b_k (J. Milnor, Morse
Theory, 1963, section 5): for every k

    q_k = sum_{i <= k} (-1)^(k-i) (c_i - b_i) >= 0,

with equality at k = dim, which says sum_k (-1)^k c_k = Euler characteristic.  A complete landscape obeys all of it, so
a violation proves that points are missing; the reverse does not hold.  Where the space is not compact, the energy must
grow there.  The points are those of the space: one that stands for its images under a group counts as often as it has
images.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np

from landscape_dist.records import PointColumns
from landscape_dist.spaces.space import Space


@dataclass(frozen=True, slots=True)
class MorseEvidence:
    """What the numbers of points by index say.

    Attributes:
        counts: c_0 .. c_d, nondegenerate points by index, with all images under a group by which points are the same.
        n_degenerate: points of nonzero nullity, which the theory does not count.
        morse_sum: sum over k of (-1)^k c_k.
        euler_characteristic: what that sum should be; None where unknown.
        sum_verdict: 'consistent', 'violated' or 'not applicable'.
        slack: q_0 .. q_K, K the highest index searched for (dim - 1 at most); empty where not applicable.
        violated: every k with q_k < 0.
        notes: why something does not apply, and how points were counted.
    """

    counts: tuple[int, ...]
    n_degenerate: int
    morse_sum: int
    euler_characteristic: int | None
    sum_verdict: str
    slack: tuple[int, ...]
    violated: tuple[int, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Topology:
    """What Morse theory demands of a landscape.

    Attributes:
        euler_characteristic: of the points by index; None where unknown. betti: b_0 .. b_dim; None where unknown.
        note: why something is unknown; empty where nothing is.
    """

    euler_characteristic: int | None
    betti: tuple[int, ...] | None
    note: str = ""


def topology(space: Space, declared: int | None, *, everywhere: bool = True) -> Topology:
    """What an energy on a space obeys.

    Args:
        space: where its points are told apart.
        declared: the Euler characteristic that the problem declares.  That of the space says that the energy grows
            wherever the space is not compact, None that this is not known.  Without periods, 0 declares a d-torus all
            the same, as in version 0.1.
        everywhere: whether the whole space was searched, and not a domain in it.
    """
    if declared is None:
        if space.compact and everywhere:
            return Topology(space.euler_characteristic, space.betti)
        return Topology(
            None, None, "the problem declares no Euler characteristic (1 for growth at infinity, 0 on a torus)"
        )
    if declared == space.euler_characteristic:
        return Topology(declared, space.betti)
    if declared == 0 and space.kind == "euclidean":
        return Topology(0, tuple(comb(space.dim, k) for k in range(space.dim + 1)))
    if space.kind != "euclidean" and space.euler_characteristic is not None:
        return Topology(
            None,
            None,
            f"the problem declares Euler characteristic {declared}, and its space ({space.kind}) has "
            f"{space.euler_characteristic}; declare that if the energy grows wherever the space is not compact",
        )
    return Topology(declared, None, f"no Betti numbers are known for Euler characteristic {declared}: no inequalities")


def morse_evidence(
    points: PointColumns, demanded: Topology, min_index: int, max_index: int, *, dim: int | None = None, images: Any = 1
) -> MorseEvidence:
    """Compare the numbers of points with Morse theory.

    Args:
        points: p points.
        demanded: what is demanded of them.
        min_index, max_index: the indices that were searched for.
        dim: of the space; default the number of coordinates.
        images: how many points of the space each stands for, (p,) or one number; None where that is not known.
    """
    dim = points.x.shape[1] if dim is None else dim
    clean = points.nullity == 0
    notes: list[str] = []
    sizes = np.broadcast_to(np.asarray(1 if images is None else images, dtype=object), len(points))
    if images is None:
        notes.append("when points are the same does not tell how many points of the space each stands for")
    elif (sizes > 1).any():
        notes.append(f"{len(points)} points are counted with their images, {sum(sizes)} in all")
    counts = [int(sum(sizes[clean & (points.index == k)])) for k in range(dim + 1)]
    n_degenerate = int(np.count_nonzero(~clean))
    morse_sum = sum((-1) ** k * c for k, c in enumerate(counts))
    euler = demanded.euler_characteristic
    if n_degenerate:
        notes.append(f"{n_degenerate} degenerate points (nullity > 0) are left out; nothing is proved with them around")
    if demanded.note:
        notes.append(demanded.note)
    if min_index > 0:
        notes.append(f"indices below {min_index} were not searched for")
    comparable = euler is not None and images is not None and not n_degenerate and min_index <= 0
    if not comparable:
        verdict = "not applicable"
    elif morse_sum == euler:
        verdict = "consistent"
    elif max_index >= dim:
        verdict = "violated"
    else:
        verdict = "not applicable"
        notes.append(
            f"the sum may differ because indices above {max_index} were not searched for (there can be up to {dim})"
        )
    slack: list[int] = []
    if comparable and demanded.betti is not None:
        previous = 0
        for k in range(min(max_index, dim - 1) + 1):
            previous = counts[k] - demanded.betti[k] - previous
            slack.append(previous)
    violated = tuple(k for k, q in enumerate(slack) if q < 0)
    return MorseEvidence(tuple(counts), n_degenerate, morse_sum, euler, verdict, tuple(slack), violated, tuple(notes))
