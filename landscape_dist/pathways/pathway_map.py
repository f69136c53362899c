"""The pathway map: stationary points and the arrows between them, as a graph."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import LandscapeError, ProblemError, SettingsError
from landscape_dist.pathways.routes import Route, TransitionState, lowest_barrier
from landscape_dist.records import (
    Connection,
    IntArray,
    PointColumns,
    SearchColumns,
    SearchKind,
    SearchStatus,
    StationaryPoint,
)

if TYPE_CHECKING:
    import networkx as nx

_BLOCK = 65536
"""Connections made into records together."""


def connecting(searches: SearchColumns) -> NDArray[np.bool_]:
    """(s,) whether each search is an arrow: downward, converged to the wanted index, at another point.

    A search aimed at a point counts only if it ended there: elsewhere, it merely repeats a branch that has its arrow.
    """
    aimed = searches.kind == SearchKind.CONFIRM
    return (
        ((searches.kind == SearchKind.DOWN) | (aimed & (searches.child == -1 - searches.ordinal)))
        & (searches.status == SearchStatus.CONVERGED)
        & (searches.child >= 0)
        & (searches.parent >= 0)
        & (searches.child != searches.parent)
    )


def count_connections(searches: SearchColumns) -> int:
    """How many connections there are, without making them."""
    rows = np.flatnonzero(connecting(searches))
    if not len(rows):
        return 0
    ends = searches.parent[rows]
    ends *= int(searches.child.max()) + 1
    ends += searches.child[rows]
    ends.sort()
    return 1 + int(np.count_nonzero(ends[1:] != ends[:-1]))


def count_hits(n_points: int, searches: SearchColumns) -> IntArray:
    """(p,) number of searches that ended at each point; falling back to the own parent does not count."""
    ended = np.isin(searches.status, (SearchStatus.CONVERGED, SearchStatus.OTHER_INDEX)) & (searches.child >= 0)
    return np.bincount(searches.child[ended], minlength=n_points).astype(np.int64)


def searches_per_branch(points: PointColumns, searches: SearchColumns) -> int:
    """How many searches follow each of the two branches of an index-1 point: 1, and more with random repeats.

    Downward recipes of an index-1 point list one sign with its repeats, then the other, so `ordinal // this` is the
    branch (0 or 1).  Told from the highest ordinal there is.
    """
    of_ones = (searches.kind == SearchKind.DOWN) & (searches.parent >= 0)
    of_ones[of_ones] = points.index[searches.parent[of_ones]] == 1
    return (int(searches.ordinal[of_ones].max(initial=0)) + 2) // 2


class Connections(Sequence[Connection]):
    """Arrows in order of (parent, child), made one at a time when asked for.

    Attributes:
        parent, child: (c,) ids. counts: (c,) searches behind each arrow.
        origins: (sum of count,) ordinals, arrow after arrow, ascending in each. first: (c + 1,) where each begins.
    """

    def __init__(self, searches: SearchColumns) -> None:
        rows = np.flatnonzero(connecting(searches))
        rows = rows[_order(searches.parent[rows], searches.child[rows], searches.ordinal[rows])]
        parent, child = searches.parent[rows], searches.child[rows]
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (parent[1:] != parent[:-1]) | (child[1:] != child[:-1])
        first = np.flatnonzero(new)
        self.parent: IntArray = parent[first]
        self.child: IntArray = child[first]
        self.first: IntArray = np.append(first, len(rows))
        self.counts: IntArray = np.diff(self.first)
        self.origins: IntArray = searches.ordinal[rows].astype(np.int64)

    def __len__(self) -> int:
        return len(self.parent)

    @overload
    def __getitem__(self, i: int) -> Connection: ...
    @overload
    def __getitem__(self, i: slice) -> list[Connection]: ...
    def __getitem__(self, i: int | slice) -> Connection | list[Connection]:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(f"connection {i} of {len(self)}")
        i %= len(self)
        origins = tuple(self.origins[self.first[i] : self.first[i + 1]].tolist())
        return Connection(int(self.parent[i]), int(self.child[i]), len(origins), origins)

    def __iter__(self) -> Iterator[Connection]:
        for start in range(0, len(self), _BLOCK):
            part = slice(start, min(start + _BLOCK, len(self)))
            first = self.first[part.start : part.stop + 1]
            origins = self.origins[first[0] : first[-1]].tolist()
            first = (first - first[0]).tolist()
            for i, (parent, child) in enumerate(
                zip(self.parent[part].tolist(), self.child[part].tolist(), strict=True)
            ):
                yield Connection(parent, child, first[i + 1] - first[i], tuple(origins[first[i] : first[i + 1]]))


def _order(parent: IntArray, child: IntArray, ordinal: NDArray[np.int32]) -> IntArray:
    """(n,) positions that sort by parent, then child, then ordinal."""
    if not len(parent):
        return np.zeros(0, dtype=np.int64)
    lowest = int(ordinal.min())
    sizes = (int(parent.max()) + 1, int(child.max()) + 1, int(ordinal.max()) - lowest + 1)
    if sizes[0] * sizes[1] * sizes[2] >= 2**63:
        return np.lexsort((ordinal, child, parent))
    # One number instead of three, a quarter of the time.
    return np.argsort((parent * sizes[1] + child) * sizes[2] + (ordinal.astype(np.int64) - lowest), kind="stable")


class PathwayMap:
    """Points and arrows of a landscape, built from what the database holds.

    Args:
        points: p points; row i has id i.
        searches: all searches, in any order; those that `connecting` selects are the arrows.

    Raises:
        LandscapeError: a search names a point that is not among `points`.
    """

    def __init__(self, points: PointColumns, searches: SearchColumns) -> None:
        for name in ("parent", "child"):
            ids = getattr(searches, name)
            if len(ids) and int(ids.max()) >= len(points):
                raise LandscapeError(
                    f"searches.{name} names point {int(ids.max())}, and there are {len(points)} points; give points "
                    "and searches of the same commit"
                )
        self.points = points
        self._searches = searches

    def __len__(self) -> int:
        """Number of points."""
        return len(self.points)

    def __repr__(self) -> str:
        return f"<PathwayMap of {len(self)} points and {len(self.connections)} connections>"

    @cached_property
    def hits(self) -> IntArray:
        """(p,) searches that ended at each point."""
        return count_hits(len(self), self._searches)

    @cached_property
    def connections(self) -> Connections:
        """Arrows as a sequence of `Connection`, with columns `parent`, `child`, `counts`."""
        return Connections(self._searches)

    @cached_property
    def _per_branch(self) -> int:
        return searches_per_branch(self.points, self._searches)

    def point(self, id: int) -> StationaryPoint:
        """The point with that id."""
        id = self._check(id)
        p = self.points
        energy = float(p.energy[id])
        return StationaryPoint(
            id=id,
            x=p.x[id],
            energy=None if np.isnan(energy) else energy,
            index=int(p.index[id]),
            nullity=int(p.nullity[id]),
            gradient_norm=float(p.gradient_norm[id]),
            eigenvalues=self.eigenvalues[id],
            hits=int(self.hits[id]),
        )

    @cached_property
    def eigenvalues(self) -> NDArray[Any]:
        """(p, m) eigenvalues of each point: of the Hessian, real, ascending; for vector fields (which have no energy)
        of the Jacobian, complex, most unstable first."""
        columns = self.points.eigenvalues
        if not len(self) or not np.isnan(self.points.energy).all():
            return columns
        m = columns.shape[1] // 2
        return columns[:, :m] + 1j * columns[:, m:]

    # -- queries ----------------------------------------------------------------------------------------------
    def children(self, id: int) -> IntArray:
        """(n,) ids of the points that arrows from `id` lead to, ascending."""
        return self._children(self._check(id))

    def parents(self, id: int) -> IntArray:
        """(n,) ids of the points from which an arrow leads to `id`, ascending."""
        children, rows = self._by_child
        first, last = np.searchsorted(children, (self._check(id), id + 1))
        return np.sort(self.connections.parent[rows[first:last]])

    def minima_of(self, id: int) -> IntArray:
        """(n,) ids of the index-0 points that can be reached along arrows, ascending; of a minimum: itself."""
        seen = np.zeros(len(self), dtype=bool)
        front = [self._check(id)]
        seen[id] = True
        while front:
            for child in self._children(front.pop()).tolist():
                if not seen[child]:
                    seen[child] = True
                    front.append(child)
        return np.flatnonzero(seen & (self.points.index == 0))

    def transition_states(self) -> list[TransitionState]:
        """Index-1 points with the minima that their branches lead to; two equal ones where both lead to one."""
        found = []
        c = self.connections
        for id in np.flatnonzero(self.points.index == 1).tolist():
            first, last = np.searchsorted(c.parent, (id, id + 1))
            ends: dict[int, set[int]] = {}
            for row in range(first, last):
                if self.points.index[c.child[row]] == 0:
                    for origin in c.origins[c.first[row] : c.first[row + 1]].tolist():
                        ends.setdefault(origin // self._per_branch, set()).add(int(c.child[row]))
            minima = sorted(set().union(*ends.values()))
            if len(minima) == 1 and len(ends) > 1:
                minima *= 2
            found.append(TransitionState(id, float(self.points.energy[id]), tuple(minima)))
        return found

    def paths_between(self, minimum_a: int, minimum_b: int, n_paths: int = 1) -> list[Route]:
        """Routes from one minimum to another over transition states, lowest barrier first.

        The first has the lowest possible highest energy, and so has each part of it between two of its minima.
        Each further one avoids the highest transition states of those before.  Fewer than `n_paths`, down to an
        empty list, where there are no more.

        Raises:
            SettingsError: an id that does not exist or is no minimum.
            ProblemError: the points have no energy (vector fields).
        """
        for name, id in (("minimum_a", minimum_a), ("minimum_b", minimum_b)):
            if self.points.index[self._check(id, name)] != 0:
                raise SettingsError(
                    f"{name} is {id}, a point of index {int(self.points.index[id])}; give the id of a minimum"
                )
        states = self.transition_states()
        if np.isnan(self.points.energy[[minimum_a, minimum_b, *(state.id for state in states)]]).any():
            raise ProblemError("paths_between compares energies, and some points have none (vector fields)")
        routes: list[Route] = []
        while len(routes) < n_paths:
            route = lowest_barrier(states, minimum_a, minimum_b, self.points.energy)
            if route is None:
                break
            routes.append(route)
            if route.highest_state is None:
                break
            states = [state for state in states if state.id != route.highest_state]
        return routes

    # -- other forms ------------------------------------------------------------------------------------------
    @cached_property
    def graph(self) -> nx.MultiDiGraph:
        """The map as a `networkx.MultiDiGraph`, built once.

        A node per point, with attributes index, energy (None for vector fields), nullity, gradient_norm, hits and
        x ((d,) array).  An edge per branch, from saddle to child; its key and its attribute `origin` are the
        ordinal of the search behind it.
        """
        import networkx as nx

        p, c = self.points, self.connections
        energies: list[float | None] = p.energy.tolist()
        for i in np.flatnonzero(np.isnan(p.energy)).tolist():
            energies[i] = None
        names = ("index", "energy", "nullity", "gradient_norm", "hits", "x")
        columns = (p.index.tolist(), energies, p.nullity.tolist(), p.gradient_norm.tolist(), self.hits.tolist(), p.x)
        graph = nx.MultiDiGraph()
        graph.add_nodes_from(
            (i, dict(zip(names, row, strict=True))) for i, row in enumerate(zip(*columns, strict=True))
        )
        graph.add_edges_from(
            (parent, child, origin, {"origin": origin})
            for parent, child, origin in zip(
                np.repeat(c.parent, c.counts).tolist(),
                np.repeat(c.child, c.counts).tolist(),
                c.origins.tolist(),
                strict=True,
            )
        )
        return graph

    def to_dict(self) -> dict[str, Any]:
        """See `export.as_dict`."""
        from landscape_dist.pathways import export

        return export.as_dict(self)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """See `export.write_json`."""
        from landscape_dist.pathways import export

        export.write_json(self, path)

    def to_csv(self, folder: str | os.PathLike[str]) -> None:
        """See `export.write_csv`."""
        from landscape_dist.pathways import export

        export.write_csv(self, folder)

    def to_graphml(self, path: str | os.PathLike[str]) -> None:
        """See `export.write_graphml`."""
        from landscape_dist.pathways import export

        export.write_graphml(self, path)

    def to_mat(self, path: str | os.PathLike[str]) -> None:
        """See `export.write_mat`."""
        from landscape_dist.pathways import export

        export.write_mat(self, path)

    # -- inside -----------------------------------------------------------------------------------------------
    def _check(self, id: int, name: str = "id") -> int:
        if not 0 <= id < len(self):
            raise SettingsError(f"{name} is {id}; there are {len(self)} points, give 0 to {len(self) - 1}")
        return int(id)

    def _children(self, id: int) -> IntArray:
        first, last = np.searchsorted(self.connections.parent, (id, id + 1))
        return self.connections.child[first:last]

    @cached_property
    def _by_child(self) -> tuple[IntArray, IntArray]:
        rows = np.argsort(self.connections.child, kind="stable")
        return self.connections.child[rows], rows
