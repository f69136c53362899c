"""The landscape as users get it: points, arrows, counters, and what can be asked about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

from landscape_dist.analysis.overview import Overview
from landscape_dist.errors import SettingsError
from landscape_dist.pathways.connections import Connections, count_connections
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.pathways.trajectories import PathSource, Trajectories, Trajectory, no_path
from landscape_dist.records import (
    FailureColumns,
    PointColumns,
    SearchColumns,
    StationaryPoint,
)

if TYPE_CHECKING:
    import os

    import networkx as nx

    from landscape_dist.analysis.evidence import Audit
    from landscape_dist.exploration.proofs.completeness import Proof
    from landscape_dist.problems.base import Problem


class Snapshot(Protocol):
    """What a landscape is made of: the tables of a moment, as in a commit of a store."""

    @property
    def header(self) -> dict[str, Any]: ...

    @property
    def points(self) -> PointColumns: ...

    @property
    def searches(self) -> SearchColumns: ...

    @property
    def failures(self) -> FailureColumns: ...

    @property
    def counters(self) -> dict[str, Any]: ...

    @property
    def finished(self) -> bool: ...

    @property
    def proof(self) -> dict[str, Any] | None: ...

    @property
    def certificates(self) -> dict[str, Any] | None: ...


class Points(Sequence[StationaryPoint]):
    """The points of a landscape, by id; records are made when asked for."""

    def __init__(self, pathways: PathwayMap) -> None:
        self._pathways = pathways

    def __len__(self) -> int:
        return len(self._pathways)

    @overload
    def __getitem__(self, i: int) -> StationaryPoint: ...

    @overload
    def __getitem__(self, i: slice) -> list[StationaryPoint]: ...

    def __getitem__(self, i: int | slice) -> StationaryPoint | list[StationaryPoint]:
        if isinstance(i, slice):
            return [self._pathways.point(j) for j in range(*i.indices(len(self)))]
        if i < 0:
            i += len(self)
        if not 0 <= i < len(self):
            raise IndexError(f"point {i} of {len(self)}")
        return self._pathways.point(i)

    def __iter__(self) -> Iterator[StationaryPoint]:
        return (self._pathways.point(i) for i in range(len(self)))

    def of_index(self, index: int) -> list[StationaryPoint]:
        """The points of this Morse index, by id."""
        return [self._pathways.point(int(i)) for i in np.flatnonzero(self._pathways.points.index == index)]


class Landscape:
    """Stationary points and arrows found so far, and the searches behind them.  Read-only.

    Attributes:
        header: problem, settings and versions, as in a store's header.
        counters: evaluations (n_energies, n_gradients, n_hessians, n_hvps), n_searches, and searches by status.
        finished: whether the exploration had nothing left to do.
        columns, searches, failures: the tables themselves, as arrays.
        pathways: the arrows as a `PathwayMap`.
        proof, certificates: what is known to be proved of it, in plain values; None where nothing is.
        trajectories: the paths of the searches by slot, as `Trajectory`; empty unless the run was asked to
            `keep_trajectories`. Read from the store when asked for.
        problem: the problem, where it is at hand; None for a landscape opened from a store.
    """

    def __init__(
        self,
        header: dict[str, Any],
        columns: PointColumns,
        searches: SearchColumns,
        failures: FailureColumns,
        counters: dict[str, Any],
        *,
        finished: bool,
        problem: Problem | None = None,
        paths: PathSource | None = None,
        proof: dict[str, Any] | None = None,
        certificates: dict[str, Any] | None = None,
    ) -> None:
        self.proof, self.certificates = proof, certificates
        self.header = header
        self.columns = columns
        self.searches = searches
        self.failures = failures
        self._counters = counters
        self.finished = finished
        self.problem = problem
        self.pathways = PathwayMap(columns, searches, _dimension(header, columns, problem))
        self.trajectories = Trajectories(paths, searches)

    @classmethod
    def of(cls, snapshot: Snapshot, *, problem: Problem | None = None, paths: PathSource | None = None) -> Landscape:
        """The landscape of a moment.

        Args:
            snapshot: its tables. problem: where it is at hand. paths: of its searches, where some are kept.
        """
        return cls(
            snapshot.header,
            snapshot.points,
            snapshot.searches,
            snapshot.failures,
            snapshot.counters,
            finished=snapshot.finished,
            problem=problem,
            paths=paths,
            proof=snapshot.proof,
            certificates=snapshot.certificates,
        )

    def __repr__(self) -> str:
        return f"<Landscape of {self.name}: {len(self.points)} points, {len(self.connections)} connections>"

    @property
    def name(self) -> str:
        """Name of the problem."""
        return str(self.header["problem"]["name"])

    @cached_property
    def points(self) -> Points:
        """All stationary points; `points[i].id == i`."""
        return Points(self.pathways)

    @property
    def connections(self) -> Connections:
        """All arrows, from each saddle to the lower points that its downward searches ended at."""
        return self.pathways.connections

    @property
    def graph(self) -> nx.MultiDiGraph:
        """The pathway map as a networkx MultiDiGraph: a node a point, an edge a branch."""
        return self.pathways.graph

    @property
    def counters(self) -> dict[str, Any]:
        """Evaluations in points, and searches in all and by status."""
        return self.overview.counters

    @property
    def counts_by_index(self) -> dict[int, int]:
        """Number of points of each Morse index."""
        return {index: some.n for index, some in self.overview.by_index.items()}

    @cached_property
    def overview(self) -> Overview:
        """The landscape in numbers."""
        n_connections = count_connections(self.searches, self.pathways.dim)
        return Overview.of(self.header, self.columns, self.searches, n_connections, self._counters, self.finished)

    def trajectory(self, slot: int) -> Trajectory:
        """The path of one search.

        Raises:
            SettingsError: no path of it was kept.
        """
        if slot not in self.trajectories:
            raise no_path(slot, len(self.trajectories))
        return self.trajectories[slot]

    def audit(self) -> Audit:
        """What speaks for and against completeness (Morse theory, arrows due, hits, failures)."""
        from landscape_dist.analysis.audit import audit
        from landscape_dist.problems.growth import euler_characteristic_of
        from landscape_dist.spaces.default_judgement import images_in_store, space_of_store

        explore, about = self.header["explore"], self.header["problem"]
        return audit(
            self.columns,
            self.searches,
            euler_characteristic_of(about),
            explore["min_index"],
            explore["max_index"],
            space=space_of_store(self.header, None if self.problem is None else self.problem.space),
            images=images_in_store(self.header, self.columns.x),
            everywhere=about["domain"]["kind"] == "unbounded",
            finished=self.finished,
            proof=self.proof,
            certificates=self.certificates,
        )

    def prove(self, box: Any = None, **options: Any) -> Proof:
        """Prove which points there are in a box, see `landscape_dist.prove`; nothing of the landscape is used.

        Raises:
            SettingsError: the problem is functions of Python, which a store does not hold.
            ProblemError: it has no formula.
        """
        from landscape_dist.campaign.proving import prove

        return prove(self.known_problem(), box, **options)

    def known_problem(self) -> Problem:
        """The problem, from the header where it is not at hand.

        Raises:
            SettingsError: it is functions of Python, which a store does not hold.
        """
        if self.problem is None:
            from landscape_dist.problems.definition import problem_of

            return problem_of(self.header, check=False)
        return self.problem

    def summary(self) -> str:
        """A few lines: points by index, arrows, searches by status, evaluations."""
        return str(self.overview)

    def plot(self, path: str | os.PathLike[str] | None = None, **options: Any) -> Any:
        """Draw the landscape: for one variable the energy with its points, for two the energy contours with points and
        arrows, for more the connection graph laid out by index and energy.  Of periodic coordinates, one period is
        drawn, with arrows that leave it on one side and come back on the other.

        Args:
            path: where to save it; the ending decides the format (png, pdf, svg). None returns the figure only.
            options: see `plots.landscape_figure`; `trajectories=True` draws the paths that searches took.
        """
        from landscape_dist.plots import landscape_figure

        return landscape_figure(self, file=path, **options)

    def animate(self, path: str | os.PathLike[str], **options: Any) -> Any:
        """Write a film of the search, in which points and arrows appear in the order of discovery.

        Args:
            path: where to: .gif, or .mp4 where ffmpeg is installed.
            options: see `plots.animate`: `frames`, `fps`, and those of a picture.
        """
        from landscape_dist.plots import animate

        return animate(self, path, **options)


def _dimension(header: dict[str, Any], points: PointColumns, problem: Problem | None) -> int:
    """Dimension of the space that the points live in, as far as it is known here."""
    if problem is not None:
        return problem.space.dim
    if "space" in header.get("problem", {}):
        from landscape_dist.spaces.kinds import space_of

        with suppress(SettingsError):
            return space_of(header).dim
    return points.x.shape[1]
