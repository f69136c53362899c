"""A pathway map in files for other programs: JSON, CSV, GraphML, MATLAB."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from landscape_dist.pathways.connections import Connections
from landscape_dist.records import IntArray, PointColumns

if TYPE_CHECKING:
    import networkx as nx

PathLike = str | os.PathLike[str]


class Exportable(Protocol):
    """What can be written: points and arrows, as a `PathwayMap` has them."""

    points: PointColumns

    @property
    def connections(self) -> Connections:
        """The arrows."""
        ...

    @property
    def hits(self) -> IntArray:
        """(p,) searches that ended at each point."""
        ...

    @property
    def eigenvalues(self) -> NDArray[Any]:
        """(p, m) of each point, complex for vector fields."""
        ...

    @property
    def graph(self) -> nx.MultiDiGraph:
        """A node a point, an edge a branch."""
        ...


BLOCK = 4096
"""Points made into dicts together: as dicts, all of a large landscape would not fit into memory."""


def iter_point_dicts(pathways: Exportable, ids: IntArray | None = None) -> Iterator[dict[str, Any]]:
    """One dict a point: id, x, energy, index, nullity, gradient_norm, eigenvalues, hits.

    Plain numbers and lists; null (None) stands where there is no number, as for the energy in vector fields.  These
    have complex eigenvalues: real parts in `eigenvalues`, imaginary parts in one more key, `eigenvalues_imag`.

    Args:
        pathways: where the points are.
        ids: which of them; default all.
    """
    p = pathways.points
    ids = np.arange(len(p)) if ids is None else ids
    for start in range(0, len(ids), BLOCK):
        rows = ids[start : start + BLOCK]
        columns = {
            "id": rows.tolist(),
            "x": _listed(p.x[rows]),
            "energy": _listed(p.energy[rows]),
            "index": p.index[rows].tolist(),
            "nullity": p.nullity[rows].tolist(),
            "gradient_norm": _listed(p.gradient_norm[rows]),
            "eigenvalues": _listed(pathways.eigenvalues[rows].real),
            "hits": pathways.hits[rows].tolist(),
        }
        if np.iscomplexobj(pathways.eigenvalues):
            columns["eigenvalues_imag"] = _listed(pathways.eigenvalues[rows].imag)
        for row in zip(*columns.values(), strict=True):
            yield dict(zip(columns, row, strict=True))


def point_dicts(pathways: Exportable) -> list[dict[str, Any]]:
    """`iter_point_dicts` as a list."""
    return list(iter_point_dicts(pathways))


def eigenvalue_names(pathways: Exportable) -> list[str]:
    """Names of the eigenvalue columns in tables: eigenvalue1 .., and for vector fields eigenvalue1_imag ..."""
    names = [f"eigenvalue{i + 1}" for i in range(pathways.eigenvalues.shape[1])]
    return names + [f"{name}_imag" for name in names] if np.iscomplexobj(pathways.eigenvalues) else names


def iter_connection_dicts(pathways: Exportable) -> Iterator[dict[str, Any]]:
    """One dict an arrow: parent, child (ids), count, origins (list of ordinals)."""
    for c in pathways.connections:
        yield {"parent": c.parent_id, "child": c.child_id, "count": c.count, "origins": list(c.origins)}


def connection_dicts(pathways: Exportable) -> list[dict[str, Any]]:
    """`iter_connection_dicts` as a list."""
    return list(iter_connection_dicts(pathways))


def as_dict(pathways: Exportable) -> dict[str, Any]:
    """{'points': ..., 'connections': ...}: the JSON form, see `point_dicts` and `connection_dicts`."""
    return {"points": point_dicts(pathways), "connections": connection_dicts(pathways)}


def write_json(pathways: Exportable, path: PathLike) -> None:
    """Write `as_dict` as JSON (strict: no NaN); numbers read back exactly."""
    with Path(path).open("w", encoding="utf-8") as file:
        for opening, dicts in (
            ('{"points": [', iter_point_dicts(pathways)),
            ('], "connections": [', iter_connection_dicts(pathways)),
        ):
            file.write(opening)
            for i, d in enumerate(dicts):
                file.write(", " * (i > 0) + json.dumps(d, allow_nan=False))
        file.write("]}")


def write_csv(pathways: Exportable, folder: PathLike) -> None:
    """Write points.csv (id, index, nullity, energy, gradient_norm, hits, x1 .. xd, eigenvalue1 ..) and
    connections.csv (parent, child, count, origins separated by spaces) into `folder`, made where absent.

    Missing numbers are empty fields; the others read back exactly.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    p = pathways.points
    with (folder / "points.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["id", "index", "nullity", "energy", "gradient_norm", "hits"]
            + [f"x{i + 1}" for i in range(p.x.shape[1])]
            + eigenvalue_names(pathways)
        )
        for d in iter_point_dicts(pathways):
            scalars = [d[name] for name in ("id", "index", "nullity", "energy", "gradient_norm", "hits")]
            rows.writerow([*scalars, *d["x"], *d["eigenvalues"], *d.get("eigenvalues_imag", ())])
    with (folder / "connections.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["parent", "child", "count", "origins"])
        rows.writerows((c.parent_id, c.child_id, c.count, " ".join(map(str, c.origins))) for c in pathways.connections)


def write_graphml(pathways: Exportable, path: PathLike) -> None:
    """Write GraphML (Gephi, Cytoscape, yEd): nodes with index, nullity, gradient_norm, hits, x (numbers separated by
    spaces) and, where there is one, energy; an edge a branch, with its origin."""
    import networkx as nx

    graph = nx.MultiDiGraph()
    for id, data in pathways.graph.nodes(data=True):
        plain = {name: value for name, value in data.items() if value is not None}
        graph.add_node(id, **plain | {"x": " ".join(map(repr, data["x"].tolist()))})
    graph.add_edges_from(pathways.graph.edges(keys=True, data=True))
    nx.write_graphml(graph, os.fspath(path))


def write_mat(pathways: Exportable, path: PathLike) -> None:
    """Write a MATLAB 5 file with x (p, d), energy, index, nullity, gradient_norm, hits (p, 1), eigenvalues (p, m),
    parent, child, count (c, 1) and origins ((c, 1) cells).

    Ids count from 0, as everywhere here: point id is row id + 1 of MATLAB's arrays.
    """
    from scipy.io import savemat

    p, c = pathways.points, pathways.connections
    origins = np.empty(len(c), dtype=object)
    for i, connection in enumerate(c):
        origins[i] = np.asarray(connection.origins, dtype=np.int64)
    columns: dict[str, NDArray[Any]] = {
        "x": p.x,
        "energy": p.energy,
        "index": p.index,
        "nullity": p.nullity,
        "gradient_norm": p.gradient_norm,
        "hits": pathways.hits,
        "eigenvalues": pathways.eigenvalues,
        "parent": c.parent,
        "child": c.child,
        "count": c.counts,
        "origins": origins,
    }
    savemat(os.fspath(path), columns, appendmat=False, do_compression=True, oned_as="column")


def _listed(array: NDArray[np.float64]) -> list[Any]:
    """`tolist` with None for what is not finite, which JSON cannot say."""
    listed: list[Any] = array.tolist()
    for where in np.argwhere(~np.isfinite(array)).tolist():
        row = listed
        for i in where[:-1]:
            row = row[i]
        row[where[-1]] = None
    return listed
