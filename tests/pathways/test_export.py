"""Each export read back by the program it is for, or the nearest thing."""

from __future__ import annotations

import csv
import json

import networkx as nx
import numpy as np
import pytest
from scipy.io import loadmat

from landscape_dist.pathways import connections, export
from landscape_dist.pathways.pathway_map import PathwayMap
from tests.pathways.lattice import lattice


@pytest.fixture
def pathways():
    points, searches = lattice(2)
    points.x += np.random.default_rng(0).normal(size=points.x.shape)
    points.energy[1] = np.nan
    points.eigenvalues[2, 1] = np.nan
    return PathwayMap(points, searches)


def test_json(pathways, tmp_path):
    pathways.to_json(tmp_path / "map.json")
    data = json.loads((tmp_path / "map.json").read_text())
    assert data == pathways.to_dict()
    assert set(data) == {"points", "connections"}
    names = ["id", "x", "energy", "index", "nullity", "gradient_norm", "eigenvalues", "hits"]
    assert [list(point) for point in data["points"]] == [names] * 9
    np.testing.assert_array_equal([point["x"] for point in data["points"]], pathways.points.x)
    assert data["points"][1]["energy"] is None
    assert data["points"][2]["eigenvalues"] == [0.0, None]
    assert [point["index"] for point in data["points"]] == pathways.points.index.tolist()
    assert data["connections"][0] == {"parent": 1, "child": 0, "count": 1, "origins": [0]}
    assert len(data["connections"]) == 12


def test_csv(pathways, tmp_path):
    pathways.to_csv(tmp_path / "new" / "folder")
    with (tmp_path / "new" / "folder" / "points.csv").open(newline="") as file:
        points = list(csv.DictReader(file))
    assert [float(row["x2"]) for row in points] == pathways.points.x[:, 1].tolist()
    assert points[1]["energy"] == ""
    assert points[2]["eigenvalue2"] == ""
    with (tmp_path / "new" / "folder" / "connections.csv").open(newline="") as file:
        arrows = list(csv.DictReader(file))
    assert [int(row["child"]) for row in arrows] == pathways.connections.child.tolist()
    assert arrows[0] == {"parent": "1", "child": "0", "count": "1", "origins": "0"}


def test_graphml(pathways, tmp_path):
    pathways.to_graphml(tmp_path / "map.graphml")
    graph = nx.read_graphml(tmp_path / "map.graphml", node_type=int, force_multigraph=True)
    assert (len(graph), graph.number_of_edges()) == (9, 12)
    assert graph.nodes[4]["index"] == 2
    assert "energy" not in graph.nodes[1]
    assert [float(t) for t in graph.nodes[3]["x"].split()] == pathways.points.x[3].tolist()
    assert {(p, c, data["origin"]) for p, c, data in graph.edges(data=True)} == set(pathways.graph.edges(keys=True))


def test_mat(pathways, tmp_path):
    pathways.to_mat(tmp_path / "map.mat")
    data = loadmat(tmp_path / "map.mat")
    np.testing.assert_array_equal(data["x"], pathways.points.x)
    np.testing.assert_array_equal(data["energy"].ravel(), pathways.points.energy)
    np.testing.assert_array_equal(data["child"].ravel(), pathways.connections.child)
    assert data["index"].shape == (9, 1)
    assert data["origins"].shape == (12, 1)
    assert [cell[0].ravel().tolist() for cell in data["origins"]] == [list(c.origins) for c in pathways.connections]


def test_empty_map(tmp_path):
    points, searches = lattice(1)
    for columns in (points, searches):
        for name in columns.__slots__:
            setattr(columns, name, getattr(columns, name)[:0])
    pathways = PathwayMap(points, searches)
    pathways.to_csv(tmp_path)
    pathways.to_json(tmp_path / "a.json")
    pathways.to_graphml(tmp_path / "a.graphml")
    pathways.to_mat(tmp_path / "a.mat")
    assert pathways.to_dict() == {"points": [], "connections": []}
    assert pathways.transition_states() == []


def test_large_maps_are_made_in_blocks(pathways, tmp_path, monkeypatch):
    whole = pathways.to_dict()
    monkeypatch.setattr(export, "BLOCK", 2)
    monkeypatch.setattr(connections, "_BLOCK", 5)
    assert pathways.to_dict() == whole
    some = export.iter_point_dicts(pathways, np.array([7, 1, 4]))
    assert list(some) == [whole["points"][i] for i in (7, 1, 4)]
    pathways.to_json(tmp_path / "map.json")
    assert json.loads((tmp_path / "map.json").read_text()) == whole
