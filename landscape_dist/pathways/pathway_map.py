"""The pathway map: stationary points and the arrows between them, as a graph."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import LandscapeError, ProblemError, SettingsError
from landscape_dist.pathways import export
from landscape_dist.pathways.connections import Connections, count_hits, searches_per_branch
from landscape_dist.pathways.routes import Route, TransitionState, lowest_barrier
from landscape_dist.records import IntArray, PointColumns, SearchColumns, StationaryPoint

if TYPE_CHECKING:
    import networkx as nx


class PathwayMap:
    """Points and arrows of a landscape, built from what the database holds.

    Args:
        points: p points; row i has id i.
        searches: all searches, in any order; `connections.arrows` says which of them are arrows.
        dim: of the space, the largest Morse index; default the number of coordinates.

    Raises:
        LandscapeError: a search names a point that is not among `points`.
    """

    def __init__(self, points: PointColumns, searches: SearchColumns, dim: int | None = None) -> None:
        for name in ("parent", "child"):
            ids = getattr(searches, name)
            if len(ids) and int(ids.max()) >= len(points):
                raise LandscapeError(
                    f"searches.{name} names point {int(ids.max())}, and there are {len(points)} points; give points "
                    "and searches of the same commit"
                )
        self.points = points
        self._searches = searches
        self.dim = points.x.shape[1] if dim is None else dim

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
        return Connections(self._searches, self.dim)

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
        return export.as_dict(self)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """See `export.write_json`."""
        export.write_json(self, path)

    def to_csv(self, folder: str | os.PathLike[str]) -> None:
        """See `export.write_csv`."""
        export.write_csv(self, folder)

    def to_graphml(self, path: str | os.PathLike[str]) -> None:
        """See `export.write_graphml`."""
        export.write_graphml(self, path)

    def to_mat(self, path: str | os.PathLike[str]) -> None:
        """See `export.write_mat`."""
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
