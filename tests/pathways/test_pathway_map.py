"""PathwayMap against a plain dict, the coupled lattice's combinatorics, and a hand-made chain of minima."""

from __future__ import annotations

import gc
import time

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.errors import LandscapeError, ProblemError, SettingsError
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.records import Connection, SearchKind, SearchStatus
from tests.pathways.lattice import lattice, point_columns, search_columns


@st.composite
def drawn_landscapes(draw):
    n = draw(st.integers(1, 8))
    index = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    row = st.tuples(
        st.integers(-1, n - 1), st.integers(-1, n - 1), st.integers(0, 5), st.sampled_from(SearchKind),
        st.sampled_from([SearchStatus.CONVERGED, SearchStatus.CONVERGED, *SearchStatus]),
    )  # fmt: skip
    rows = draw(st.lists(row, max_size=40))
    return index, rows


@settings(deadline=None)
@given(drawn_landscapes())
def test_same_as_a_plain_dict(drawn):
    index, rows = drawn
    n = len(index)
    pathways = PathwayMap(point_columns(np.zeros((n, 2)), index), search_columns(rows))
    arrows, hits = {}, [0] * n
    for parent, child, ordinal, kind, status in rows:
        if child >= 0 and status in (SearchStatus.CONVERGED, SearchStatus.OTHER_INDEX, SearchStatus.UNDECIDED):
            hits[child] += 1
        arrow = kind == SearchKind.DOWN and status == SearchStatus.CONVERGED and parent != child
        if arrow and -1 not in (parent, child):
            arrows.setdefault((parent, child), []).append(ordinal)
    expected = [Connection(p, c, len(o), tuple(sorted(o))) for (p, c), o in sorted(arrows.items())]
    assert list(pathways.connections) == expected
    assert [pathways.connections[i] for i in range(len(expected))] == expected
    assert pathways.hits.tolist() == hits
    for i in range(n):
        assert pathways.children(i).tolist() == sorted(c for p, c in arrows if p == i)
        assert pathways.parents(i).tolist() == sorted(p for p, c in arrows if c == i)
        below, front = {i}, [i]
        while front:
            here = front.pop()
            new = {c for p, c in arrows if p == here} - below
            below |= new
            front += new
        assert pathways.minima_of(i).tolist() == sorted(j for j in below if index[j] == 0)
    assert set(pathways.graph.edges(keys=True)) == {(p, c, o) for (p, c), os in arrows.items() for o in os}
    assert set(pathways.graph) == set(range(n))


def test_connections_are_a_sequence():
    connections = PathwayMap(*lattice(2)).connections
    assert len(connections) == 12
    assert connections[-1] == connections[11] == list(connections)[11]
    assert connections[2:5] == list(connections)[2:5]
    assert connections[np.int64(3)] in connections
    assert connections.count(connections[0]) == 1
    with pytest.raises(IndexError, match="connection 12 of 12"):
        connections[12]


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_lattice(dim):
    pathways = PathwayMap(*lattice(dim))
    assert len(pathways) == 3**dim
    assert len(pathways.connections) == 2 * dim * 3 ** (dim - 1)
    x, index = pathways.points.x, pathways.points.index
    for i in range(len(pathways)):
        assert len(pathways.children(i)) == 2 * index[i]
        assert len(pathways.parents(i)) == dim - index[i]
        below = ((x == x[i]) | (x[i] == 0)).all(axis=1) & (index == 0)
        assert pathways.minima_of(i).tolist() == np.flatnonzero(below).tolist()
    for state in pathways.transition_states():
        a, b = state.minima
        assert (x[a] + x[b] == 2 * x[state.id]).all()
    assert not nx.has_path(pathways.graph, 0, 1)


def test_routes_on_the_lattice():
    """Between opposite corners: d steps, each over a state of index 1, highest energy the least possible."""
    pathways = PathwayMap(*lattice(3))
    energy, index = pathways.points.energy, pathways.points.index
    routes = pathways.paths_between(0, 26, n_paths=50)
    assert routes[0].ids[0] == 0
    assert routes[0].ids[-1] == 26
    assert [index[i] for i in routes[0].ids] == [0, 1] * (len(routes[0].ids) // 2) + [0]
    assert [r.barrier for r in routes] == sorted(r.barrier for r in routes)
    assert len({r.highest_state for r in routes}) == len(routes)
    # The least possible highest energy, by removing states from the top until the corners fall apart.
    graph = nx.Graph()
    for state in sorted(pathways.transition_states(), key=lambda s: s.energy):
        graph.add_edge(*state.minima)
        if graph.has_node(0) and graph.has_node(26) and nx.has_path(graph, 0, 26):
            assert routes[0].barrier == state.energy - energy[0]
            break
    for route in routes:
        for a, s, b in zip(route.ids[::2], route.ids[1::2], route.ids[2::2], strict=False):
            assert {a, b} == set(pathways.children(s).tolist())


def chain():
    """Minima 0 - 1 - 2 over states 3 (high), 4, with a lower detour 0 - 5 - 1 by states 6, 7; 8 leads to 0 twice."""
    energy = [0, 0, 0, 5.0, 2.0, 1.0, 3.0, 2.5, 1.0]
    index = [0, 0, 0, 1, 1, 0, 1, 1, 1]
    rows = [
        (3, 0, 0),
        (3, 1, 1),
        (4, 1, 0),
        (4, 2, 1),
        (6, 0, 0),
        (6, 5, 1),
        (7, 5, 0),
        (7, 1, 1),
        (8, 0, 0),
        (8, 0, 1),
    ]
    return PathwayMap(point_columns(np.arange(9.0)[:, None], index, energy), search_columns(rows))


def test_chain():
    pathways = chain()
    states = {state.id: state.minima for state in pathways.transition_states()}
    assert states == {3: (0, 1), 4: (1, 2), 6: (0, 5), 7: (1, 5), 8: (0, 0)}
    first, second = pathways.paths_between(0, 2, n_paths=3)
    assert first.ids == (0, 6, 5, 7, 1, 4, 2)
    assert (first.highest_state, first.barrier, first.energies[1]) == (6, 3.0, 3.0)
    assert second.ids == (0, 3, 1, 4, 2)
    assert pathways.paths_between(0, 0)[0].ids == (0,)
    assert pathways.graph.number_of_edges(8, 0) == 2
    lonely = PathwayMap(point_columns(np.zeros((2, 1)), [0, 0]), search_columns([]))
    assert lonely.paths_between(0, 1) == []


def test_misuse_names_the_cure():
    pathways = chain()
    with pytest.raises(SettingsError, match="minimum_b is 3, a point of index 1; give the id of a minimum"):
        pathways.paths_between(0, 3)
    with pytest.raises(SettingsError, match="id is 9; there are 9 points, give 0 to 8"):
        pathways.children(9)
    with pytest.raises(LandscapeError, match=r"searches.child names point 4, and there are 2 points"):
        PathwayMap(point_columns(np.zeros((2, 1)), [0, 1]), search_columns([(1, 4, 0)]))
    pathways.points.energy[:] = np.nan
    with pytest.raises(ProblemError, match="vector fields"):
        pathways.paths_between(0, 1)


def test_graph_attributes():
    points, searches = lattice(2)
    points.energy[3] = np.nan
    pathways = PathwayMap(points, searches)
    data = pathways.graph.nodes[4]
    assert set(data) == {"index", "energy", "nullity", "gradient_norm", "hits", "x"}
    assert (data["index"], data["hits"], data["energy"]) == (2, 0, points.energy[4])
    np.testing.assert_array_equal(data["x"], [0, 0])
    assert pathways.graph.nodes[3]["energy"] is None
    assert pathways.point(3).energy is None
    assert pathways.point(4).is_saddle
    assert pathways.graph[4][1] == {0: {"origin": 0}}
    assert pathways.graph is pathways.graph


def test_large_maps_take_time_by_their_size():
    """d = 8 has 12 times the arrows of d = 6, 6,561 points and 34,992; pairs of points would be 81 times as many."""
    gc.disable()  # which looks at all that other tests have left
    try:
        small, large = ([min(part) for part in zip(*(seconds(d) for _ in range(3)), strict=True)] for d in (6, 8))
    finally:
        gc.enable()
    for some, more in zip(small, large, strict=True):
        assert more < 40 * some + 0.05


def seconds(d):
    """CPU seconds to build a map, and to make its graph."""
    points, searches = lattice(d)
    start = time.process_time()
    pathways = PathwayMap(points, searches)
    built = time.process_time() - start
    assert pathways.graph.number_of_edges() == 2 * d * 3 ** (d - 1)
    return built, time.process_time() - start - built
