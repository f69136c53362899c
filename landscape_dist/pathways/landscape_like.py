"""What pictures and analyses need of a landscape, whoever made it."""

from __future__ import annotations

from typing import Any, Protocol

from landscape_dist.pathways.connections import Connections
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.pathways.trajectories import Trajectories
from landscape_dist.problems.base import Problem
from landscape_dist.records import PointColumns, SearchColumns


class LandscapeLike(Protocol):
    """Points, arrows and the searches behind them, as a `Landscape` has them.

    Attributes:
        header: problem, settings and versions, as in a store's header.
        columns: p points; row i has id i.
        searches: all searches, in the order in which they were kept.
        finished: whether the exploration had nothing left to do.
        problem: the problem, where it is at hand; None for a landscape out of a store.
        pathways: points and arrows as a graph.
        trajectories: the paths of the searches that were kept, by slot.
    """

    header: dict[str, Any]
    columns: PointColumns
    searches: SearchColumns
    finished: bool
    problem: Problem | None
    pathways: PathwayMap
    trajectories: Trajectories

    @property
    def name(self) -> str:
        """Name of the problem."""
        ...

    @property
    def connections(self) -> Connections:
        """The arrows."""
        ...
