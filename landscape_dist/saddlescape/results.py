"""What a run found, in SaddleScape's lists."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from landscape_dist.campaign.landscape import Landscape
from landscape_dist.errors import SettingsError
from landscape_dist.pathways.trajectories import Trajectory
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray, IntArray, PointColumns, SearchColumns, SearchKind
from landscape_dist.spaces.judgement import SameJudgement

FORMATS = ("json", "pickle", "mat")


class Saddle(list[Any]):
    """One row of `SaddleList`: [ID, position (d, 1), Morse index, unstable directions (d, k), parent IDs].

    The directions are computed when they are looked at.
    """

    def __init__(self, row: list[Any], directions: Callable[[], FloatArray]) -> None:
        super().__init__(row)
        self._directions: Callable[[], FloatArray] | None = directions

    def _complete(self) -> None:
        if self._directions is not None:
            compute, self._directions = self._directions, None
            self[3] = compute()

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice) or i in (3, -2):
            self._complete()
        return super().__getitem__(i)

    def __iter__(self) -> Iterator[Any]:
        self._complete()
        return super().__iter__()

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> Any:
        return (list, (list(self),))


class SaddleTable:
    """Points of one or several runs under common IDs, with their parents.

    Args:
        judgement: when points of two runs are the same. frame: (d,) point -> (d, k) its k lowest directions.
    """

    def __init__(self, judgement: SameJudgement, frame: Callable[[FloatArray, int], FloatArray]) -> None:
        self.judgement = judgement
        self.frame = frame
        self.rows: list[Saddle] = []
        self.runs: list[tuple[Landscape, IntArray, int]] = []

    def add(self, landscape: Landscape, begin: int) -> IntArray:
        """Take in the points of a run that began at the saddle `begin` (-1 for a point); the IDs (p,) of its points."""
        columns, searches = landscape.columns, landscape.searches
        ids = self._identify(columns) if self.rows else np.arange(len(columns.x))
        index, first = columns.index.tolist(), len(self.rows)
        for i in np.flatnonzero(ids >= first).tolist():
            x, k = columns.x[i], index[i]
            position = x[:, None].copy()
            self.rows.append(Saddle([int(ids[i]), position, k, None, []], self._directions(position, k)))
        for child, parents in self._parents(searches, columns, ids, begin).items():
            known = self.rows[child]
            list.__setitem__(known, 4, sorted({*list.__getitem__(known, 4), *parents}))
        self.runs.append((landscape, ids, begin))
        return ids

    def _directions(self, position: FloatArray, k: int) -> Callable[[], FloatArray]:
        return lambda: self.frame(position[:, 0], k)

    def _identify(self, columns: PointColumns) -> IntArray:
        """IDs of the points of another run; new ones follow the known."""
        known = np.array([list.__getitem__(row, 1)[:, 0] for row in self.rows])
        index = np.array([list.__getitem__(row, 2) for row in self.rows])
        ids = np.empty(len(columns.x), dtype=np.int64)
        following = len(self.rows)
        for i, x in enumerate(columns.x):
            # Nearest first: a slow judgement is then mostly asked once.
            near = np.flatnonzero(index == columns.index[i])
            near = near[np.argsort(np.linalg.norm(known[near] - x, axis=1), kind="stable")]
            ids[i] = next((j for j in near.tolist() if self.judgement.same(x[None], known[j][None])[0]), -1)
            if ids[i] < 0:
                ids[i], following = following, following + 1
        return ids

    def _parents(
        self, searches: SearchColumns, columns: PointColumns, ids: IntArray, begin: int
    ) -> dict[int, set[int]]:
        """For each point the points from which downward searches ended at it, and the search that found it."""
        down = np.isin(searches.kind, (SearchKind.START, SearchKind.DOWN, SearchKind.CONFIRM))
        rows = np.flatnonzero((searches.child >= 0) & (down | np.isin(searches.slot, columns.found_by)))
        child = ids[searches.child[rows]]
        parent = np.where(searches.parent[rows] >= 0, ids[np.maximum(searches.parent[rows], 0)], begin)
        found: dict[int, set[int]] = {}
        for c, p in zip(child.tolist(), parent.tolist(), strict=True):
            # A point is no parent of its own.
            if c != p:
                found.setdefault(c, set()).add(p)
        return found

    def parents(self) -> list[list[int]]:
        """IDs of the parents of each point, -1 for the start."""
        return [list.__getitem__(row, 4) for row in self.rows]

    def columns(self) -> PointColumns:
        """All points by ID, as their runs found them first."""
        parts, known = [], 0
        for landscape, ids, _ in self.runs:
            first = np.flatnonzero(ids >= known)
            first = first[np.argsort(ids[first])]
            parts.append({f.name: getattr(landscape.columns, f.name)[first] for f in fields(PointColumns)})
            known += len(first)
        width = min(part["eigenvalues"].shape[1] for part in parts)
        for part in parts:
            part["eigenvalues"] = part["eigenvalues"][:, :width]
        return PointColumns(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    def searches(self) -> list[Trajectory]:
        """The paths of all searches that ended at a point, run after run, under common IDs.

        Raises:
            SettingsError: the paths were not kept.
        """
        out = []
        for landscape, ids, begin in self.runs:
            if landscape.header["solver"]["keep_trajectories"] is not True:
                raise SettingsError("the paths were not kept; give SaveTrajectory=True and run again")
            for path in landscape.trajectories.values():
                if path.child >= 0:
                    parent = int(ids[path.parent]) if path.parent >= 0 else begin
                    out.append(replace(path, parent=parent, child=int(ids[path.child])))
        return out

    def paths(self, problem: Problem) -> list[list[Any]]:
        """Rows [end ID, start ID, path (t, d), times (t,)] of all searches that ended at a point.

        Raises:
            SettingsError: the paths were not kept.
        """
        return [[path.child, path.parent, path.x, dynamic_time(problem, path.x)] for path in self.searches()]


def dynamic_time(problem: Problem, path: FloatArray) -> FloatArray:
    """(t,) times at which saddle dynamics with a unit rate pass the points of a path (t, d): they move at speed |g|.

    The solver's own steps become as long as they like near a stationary point, which the dynamics reach never.
    """
    counters = problem.counters.copy()
    speed = np.linalg.norm(np.asarray(problem.gradient(path)), axis=1)
    problem.counters = counters
    mean = 0.5 * (speed[1:] + speed[:-1])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1) / np.where(mean > 0, mean, np.inf)
    return np.concatenate(([0.0], np.cumsum(steps)))


def save(rows: list[Saddle], filepath: str | os.PathLike[str], fileformat: str = "json") -> Path:
    """Write IDs, positions, indices and parents as SaddleScape does.

    Raises:
        SettingsError: an unknown format, or a path that cannot be written.
    """
    if fileformat not in FORMATS:
        raise SettingsError(f"fileformat is {fileformat!r}; use one of {', '.join(map(repr, FORMATS))}")
    # Scripts written on Windows separate folders by backslashes.
    text = str(filepath)
    path = Path(text.replace("\\", "/") if "/" not in text else text)
    path = path.with_name(f"{path.name}.{fileformat}")
    part = [[list.__getitem__(row, j) for row in rows] for j in (0, 1, 2, 4)]
    data: dict[str, Any] = {
        "SaddleID": part[0],
        "Position": [x.tolist() for x in part[1]],
        "MorseIndex": part[2],
        "FatherSet": part[3],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if fileformat == "json":
            path.write_text(json.dumps(data))
        elif fileformat == "pickle":
            path.write_bytes(pickle.dumps(data))
        else:
            from scipy.io import savemat

            fathers = np.empty(len(rows), dtype=object)
            for i, parents in enumerate(part[3]):
                fathers[i] = np.array(parents, dtype=np.int64)[None]
            savemat(path, data | {"FatherSet": fathers, "Position": np.array(part[1])})
    except OSError as error:
        raise SettingsError(f"filepath {str(path)!r} cannot be written ({error.strerror}); give another") from error
    return path
