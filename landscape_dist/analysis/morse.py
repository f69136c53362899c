"""Morse theory as a test of completeness: Euler characteristic and Morse inequalities.

For an energy with c_k nondegenerate stationary points of index k on a space with Betti numbers b_k (J. Milnor, Morse
Theory, 1963, section 5): for every k

    q_k = sum_{i <= k} (-1)^(k-i) (c_i - b_i) >= 0,

with equality at k = d, which says sum_k (-1)^k c_k = Euler characteristic.  A complete landscape obeys all of it, so
a violation proves that points are missing; the reverse does not hold.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np

from landscape_dist.records import PointColumns


@dataclass(frozen=True, slots=True)
class MorseEvidence:
    """What the numbers of points by index say.

    Attributes:
        counts: c_0 .. c_d, nondegenerate points by index.
        n_degenerate: points of nonzero nullity, which the theory does not count.
        morse_sum: sum over k of (-1)^k c_k.
        euler_characteristic: what that sum should be; None where unknown.
        sum_verdict: 'consistent', 'violated' or 'not applicable'.
        slack: q_0 .. q_K, K the highest index searched for (d - 1 at most); empty where not applicable.
        violated: every k with q_k < 0.
        notes: why something does not apply.
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


def betti_numbers(euler_characteristic: int | None, dim: int) -> tuple[int, ...] | None:
    """b_0 .. b_d of the space that a problem's Euler characteristic stands for: 1 for growth at infinity (sublevel
    sets are balls), 0 for the d-torus; None for any other."""
    if euler_characteristic == 1:
        return (1,) + (0,) * dim
    if euler_characteristic == 0:
        return tuple(comb(dim, k) for k in range(dim + 1))
    return None


def morse_evidence(
    points: PointColumns, euler_characteristic: int | None, min_index: int, max_index: int
) -> MorseEvidence:
    """Compare the numbers of points with Morse theory.

    Args:
        points: p points of dimension d.
        euler_characteristic: as the problem declares it.
        min_index, max_index: the indices that were searched for.
    """
    dim = points.x.shape[1]
    clean = points.nullity == 0
    counts = np.bincount(points.index[clean], minlength=dim + 1).astype(int).tolist()
    n_degenerate = int(np.count_nonzero(~clean))
    morse_sum = sum((-1) ** k * c for k, c in enumerate(counts))
    notes: list[str] = []
    if n_degenerate:
        notes.append(f"{n_degenerate} degenerate points (nullity > 0) are left out; nothing is proved with them around")
    if euler_characteristic is None:
        notes.append("the problem declares no Euler characteristic (1 for growth at infinity, 0 on a torus)")
    if min_index > 0:
        notes.append(f"indices below {min_index} were not searched for")

    comparable = euler_characteristic is not None and not n_degenerate and min_index <= 0
    if not comparable:
        verdict = "not applicable"
    elif morse_sum == euler_characteristic:
        verdict = "consistent"
    elif max_index >= dim:
        verdict = "violated"
    else:
        verdict = "not applicable"
        notes.append(
            f"the sum may differ because indices above {max_index} were not searched for (there can be up to {dim})"
        )

    betti = betti_numbers(euler_characteristic, dim)
    if euler_characteristic is not None and betti is None:
        notes.append(f"no Betti numbers are known for Euler characteristic {euler_characteristic}: no inequalities")
    slack: list[int] = []
    if comparable and betti is not None:
        previous = 0
        for k in range(min(max_index, dim - 1) + 1):
            previous = counts[k] - betti[k] - previous
            slack.append(previous)
    violated = tuple(k for k, q in enumerate(slack) if q < 0)
    return MorseEvidence(
        tuple(counts), n_degenerate, morse_sum, euler_characteristic, verdict, tuple(slack), violated, tuple(notes)
    )
