"""Routes between minima over transition states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from landscape_dist.records import FloatArray


@dataclass(frozen=True, slots=True)
class TransitionState:
    """An index-1 point and where its unstable branches lead.

    Attributes:
        id: number of the point. energy: its energy, NaN where there is none.
        minima: ids of the minima, ascending; two (equal ones allowed) when both branches are known.
    """

    id: int
    energy: float
    minima: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A way from one minimum to another.

    Attributes:
        ids: minimum, transition state, minimum, ..., minimum.
        energies: energies of those points.
        highest_state: id of the highest transition state, None where start and end are the same.
        barrier: its energy above the first minimum.
    """

    ids: tuple[int, ...]
    energies: tuple[float, ...]
    highest_state: int | None
    barrier: float


def lowest_barrier(states: Iterable[TransitionState], a: int, b: int, energy: FloatArray) -> Route | None:
    """The route from minimum a to minimum b whose highest energy is lowest, or None.

    It is the path in the minimum spanning forest (Kruskal: transition states by rising energy, each kept that joins
    what was apart), so every part of it has the lowest barrier between its ends, too.  Equal energies go by id.
    """
    if a == b:
        return Route((a,), (float(energy[a]),), None, 0.0)
    group: dict[int, int] = {}

    def root(minimum: int) -> int:
        group.setdefault(minimum, minimum)
        while group[minimum] != minimum:
            group[minimum] = group[group[minimum]]
            minimum = group[minimum]
        return minimum

    kept: dict[int, list[tuple[int, int]]] = {}
    for state in sorted(states, key=lambda state: (state.energy, state.id)):
        for other in state.minima[1:]:
            left, right = root(state.minima[0]), root(other)
            if left != right:
                group[left] = right
                kept.setdefault(state.minima[0], []).append((state.id, other))
                kept.setdefault(other, []).append((state.id, state.minima[0]))
        if root(a) == root(b):
            break
    else:
        return None
    came_from: dict[int, tuple[int, int]] = {a: (-1, -1)}
    front = [a]
    while b not in came_from:
        minimum = front.pop()
        for state_id, other in kept.get(minimum, ()):
            if other not in came_from:
                came_from[other] = (state_id, minimum)
                front.append(other)
    ids = [b]
    while ids[-1] != a:
        ids.extend(came_from[ids[-1]])
    ids.reverse()
    states_on_it = ids[1::2]
    highest = max(states_on_it, key=lambda id: float(energy[id]))
    energies = tuple(float(energy[id]) for id in ids)
    return Route(tuple(ids), energies, highest, float(energy[highest]) - energies[0])
