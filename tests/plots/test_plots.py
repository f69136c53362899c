"""Pictures: files in each format, and sane numbers of artists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.errors import SettingsError
from landscape_dist.plots import check_path, energy_level_figure, landscape_figure, save
from landscape_dist.plots.contours import levels, problem_of, window
from landscape_dist.plots.layout import heights_in_rows, row_positions
from landscape_dist.plots.orbits import orbits
from landscape_dist.problems.domain import Box, Unbounded
from landscape_dist.records import FailureColumns, PointColumns, SearchColumns, SearchKind, SearchStatus


@pytest.fixture(scope="module")
def plane() -> Landscape:
    return ld.explore(ld.systems.muller_brown())


@pytest.fixture(scope="module")
def lattice() -> Landscape:
    return ld.explore(ld.systems.coupled_lattice(dim=3))


def made_up(n: int, n_arrows: int, dim: int = 3, energy: bool = True) -> Landscape:
    """A landscape of n points of index 0 to 3 with arrows from each index to the one below."""
    random = np.random.default_rng(5)
    index = np.sort(random.integers(0, 4, n)).astype(np.int32)
    energies = index + random.random(n) if energy else np.full(n, np.nan)
    points = PointColumns(
        random.standard_normal((n, dim)), energies, index, np.zeros(n, np.int32), np.zeros(n), np.ones((n, dim)),
        np.arange(n), np.zeros(n, np.int32),
    )  # fmt: skip
    parent = random.choice(np.flatnonzero(index > 0), n_arrows)
    child = np.array([random.choice(np.flatnonzero(index == k - 1)) for k in index[parent]], dtype=np.int64)
    searches = SearchColumns(
        np.arange(n_arrows), parent, np.full(n_arrows, SearchKind.DOWN, np.int8), np.arange(n_arrows, dtype=np.int32),
        index[parent] - 1, np.full(n_arrows, SearchStatus.CONVERGED, np.int8), child, np.ones(n_arrows, np.int32),
        np.zeros(n_arrows, np.int32),
    )  # fmt: skip
    failures = FailureColumns(np.zeros(0, np.int64), np.zeros((0, dim)), np.zeros(0), [])
    problem = {"name": "made up", "dim": dim, "domain": {"kind": "unbounded"}, "definition": None, "fingerprint": "x"}
    return Landscape({"problem": problem}, points, searches, failures, {}, finished=True)


def artists(figure: Any, kind: str) -> list[Any]:
    return [a for a in figure.axes[0].get_children() if type(a).__name__ == kind]


# -- figures ------------------------------------------------------------------------------------------------------
def test_plane_has_contours_points_and_an_arrow_for_each_connection(plane: Landscape) -> None:
    figure = landscape_figure(plane)
    assert len(artists(figure, "QuadContourSet")) == 2
    assert len(artists(figure, "PathCollection")) == 2  # minima, saddles
    assert len(artists(figure, "FancyArrowPatch")) == 4
    assert len(figure.axes) == 2  # with the colour bar
    assert figure.axes[1].get_ylabel() == "energy"
    assert figure.get_suptitle() == "muller_brown: 5 stationary points, 4 connections"
    assert {t.get_text() for t in figure.legends[0].get_texts()} == {"3 minima", "2 saddles of index 1"}
    assert {t.get_text() for t in figure.axes[0].texts} == set("01234")


def test_drawing_counts_no_evaluations(plane: Landscape) -> None:
    before = plane.problem.counters.as_dict()
    landscape_figure(plane)
    assert plane.problem.counters.as_dict() == before


def test_graph_has_a_row_for_each_index(lattice: Landscape) -> None:
    figure = landscape_figure(lattice)
    axes = figure.axes[0]
    assert len(artists(figure, "FancyArrowPatch")) == 54
    assert [t.get_text().replace("\n", " ") for t in axes.get_yticklabels()] == [
        "8 minima",
        "12 saddles of index 1",
        "6 saddles of index 2",
        "1 maximum (index 3)",
    ]
    assert len(axes.texts) == 27
    assert not landscape_figure(lattice, labels=False).axes[0].texts


def test_energy_levels(lattice: Landscape) -> None:
    figure = energy_level_figure(lattice)
    assert figure.axes[0].get_ylabel() == "energy"
    heights = np.concatenate([np.asarray(c.get_offsets())[:, 1] for c in artists(figure, "PathCollection")])
    assert np.sort(heights) == pytest.approx(np.sort(lattice.columns.energy))


def test_many_arrows_are_one_collection() -> None:
    figure = landscape_figure(made_up(700, 2500))
    assert len(artists(figure, "LineCollection")) == 1
    assert not artists(figure, "FancyArrowPatch")
    assert not artists(figure, "PolyCollection")  # no heads
    assert len(landscape_figure(made_up(100, 300)).axes[0].collections) == 4 + 2  # points, lines, heads
    assert len(figure.axes[0].get_children()) < 60


def test_very_many_arrows_are_sampled_and_the_picture_says_so(tmp_path: Path) -> None:
    landscape = made_up(8000, 30_000)
    figure = landscape_figure(landscape)
    (lines,) = artists(figure, "LineCollection")
    assert len(lines.get_segments()) == 20_000
    assert f"20,000 of {len(landscape.connections):,} connections drawn" in [t.get_text() for t in figure.axes[0].texts]
    assert save(figure, tmp_path / "a.png").stat().st_size < 1_000_000


def test_vector_fields_have_no_energy_axis() -> None:
    landscape = made_up(20, 30, energy=False)
    landscape_figure(landscape)
    with pytest.raises(SettingsError, match="no energy; use 'graph'"):
        landscape_figure(landscape, "levels")


def test_plane_without_a_known_problem_has_no_contours() -> None:
    figure = landscape_figure(made_up(10, 8, dim=2))
    assert not artists(figure, "QuadContourSet")
    assert len(artists(figure, "PathCollection")) == 4


def test_one_point_and_none(tmp_path: Path) -> None:
    one = ld.explore(ld.problems.symbolic("x1**2 + x2**2", suggested_start=[0.1, 0.1]), max_index=0)
    assert len(one.points) == 1
    for kind in ("plane", "graph", "levels"):
        save(landscape_figure(one, kind), tmp_path / f"{kind}.png")
    none = ld.explore(ld.problems.symbolic("x1**3 + x1 + x2**2", suggested_start=[0.1, 0.1]), max_index=0)
    assert len(none.points) == 0
    assert "no stationary point found" in landscape_figure(none).axes[0].texts[0].get_text()


def test_bad_kinds(lattice: Landscape) -> None:
    with pytest.raises(SettingsError, match="kind is 'pie'; use one of 'auto', 'plane', 'graph', 'levels'"):
        landscape_figure(lattice, "pie")
    with pytest.raises(SettingsError, match="has 3 variables; use 'graph' or 'levels'"):
        landscape_figure(lattice, "plane")


# -- files --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_files_are_written_in_each_format_and_equal_pictures_give_equal_files(
    plane: Landscape, tmp_path: Path, ending: str, magic: bytes
) -> None:
    paths = [save(landscape_figure(plane), tmp_path / f"{name}.{ending}") for name in "ab"]
    assert paths[0].read_bytes().startswith(magic)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_png_files_are_small(plane: Landscape, lattice: Landscape, tmp_path: Path) -> None:
    for landscape in (plane, lattice):
        landscape.plot(tmp_path / "a.png")
        assert (tmp_path / "a.png").stat().st_size < 150_000


def test_paths_that_do_not_do(plane: Landscape, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ending '.jpg'; give one of .png, .pdf, .svg"):
        plane.plot(tmp_path / "a.jpg")
    with pytest.raises(SettingsError, match="there is no folder"):
        check_path(tmp_path / "absent" / "a.png")
    (tmp_path / "folder.pdf").mkdir()
    with pytest.raises(SettingsError, match="cannot be written"):
        plane.plot(tmp_path / "folder.pdf")


# -- parts --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "problem",
    [
        ld.systems.butterfly(),
        ld.systems.arctan_2d(alpha=4.5, domain=Box(-20.0, 20.0)),
        ld.problems.symbolic("(x1**2-1)**2 + c*x2**2", parameters={"c": 0.3}, suggested_start=[0.1, 0.1]),
        ld.problems.vector_field(["x1 - x1**3 + 0.3*x2", "-x2 - 0.1*x1"], suggested_start=[0.1, 0.1]),
    ],
    ids=["system", "parameter and domain", "symbolic", "field"],
)
def test_problem_is_rebuilt_from_a_store(problem: Any, tmp_path: Path) -> None:
    ld.explore(problem, store=tmp_path / "a.zarr")
    opened = ld.open(tmp_path / "a.zarr")
    assert opened.problem is None
    rebuilt = problem_of(opened)
    assert rebuilt.fingerprint() == problem.fingerprint()
    opened.header["problem"]["fingerprint"] = "another"
    assert problem_of(opened) is None
    opened.header["problem"]["definition"] = {"kind": "system", "name": "of another version", "parameters": {}}
    assert problem_of(opened) is None


def test_a_stored_vector_field_has_its_streamlines(tmp_path: Path) -> None:
    field = ld.problems.vector_field(["x1 - x1**3 + 0.3*x2", "-x2 - 0.1*x1"], domain=Box(-2.0, 2.0))
    made = ld.explore(field, [0.1, 0.1], store=tmp_path / "a.zarr")
    stored = landscape_figure(ld.open(tmp_path / "a.zarr"))
    (here,), (there,) = (artists(figure, "LineCollection") for figure in (landscape_figure(made), stored))
    np.testing.assert_array_equal(np.concatenate(there.get_segments()), np.concatenate(here.get_segments()))
    assert stored.axes[1].get_ylabel() == "speed |dx/dt|"


def test_a_stored_problem_of_code_is_drawn_without_it(tmp_path: Path) -> None:
    problem = ld.problems.from_callable(lambda x: (x[0] ** 2 - 1) ** 2 + x[1] ** 2, dim=2, domain=Box(-2.0, 2.0))
    ld.explore(problem, [0.1, 0.1], store=tmp_path / "a.zarr")
    opened = ld.open(tmp_path / "a.zarr")
    assert problem_of(opened) is None
    assert not artists(landscape_figure(opened), "QuadContourSet")


def test_orbits_end_where_the_arrows_end() -> None:
    landscape = ld.explore(ld.systems.butterfly())
    p, c = landscape.columns, landscape.connections
    found = orbits(landscape.problem, p.x, p.index, c.parent, c.child, c.counts, 5.0)
    assert sorted(found) == list(range(12))
    for arrow, paths in found.items():
        assert len(paths) == c.counts[arrow]
        for path in paths:
            assert path[0] == pytest.approx(p.x[c.parent[arrow]])
            assert path[-1] == pytest.approx(p.x[c.child[arrow]])
            energy = landscape.problem.energy(path)
            assert (np.diff(energy) < 1e-3).all()


def test_window_holds_all_points_and_stays_in_the_domain() -> None:
    x = np.array([[0.0, 0.0], [1.0, 4.0]])
    low, high = window(x, Unbounded())
    assert (low < 0).all()
    assert (high > [1.0, 4.0]).all()
    low, high = window(x, Box(-0.1, 4.1))
    assert low == pytest.approx([-0.1, -0.1])
    assert high[1] == pytest.approx(4.1)


def test_levels_rise_from_the_lowest_energy_to_above_the_highest_point() -> None:
    E = np.linspace(-3.0, 1e6, 10_000).reshape(100, 100)
    at = levels(E, np.array([-2.0, 5.0]))
    assert (np.diff(at) > 0).all()
    assert at[0] == -3.0
    assert 5.0 < at[-1] < 20.0


def test_rows_have_places_of_their_own_and_connected_points_are_near() -> None:
    landscape = made_up(300, 900)
    p, c = landscape.columns, landscape.connections
    x = row_positions(p.index, c.parent, c.child, p.energy)
    for k in range(4):
        assert len(np.unique(x[p.index == k])) == np.count_nonzero(p.index == k)
    assert np.abs(x).max() <= 1.0
    unordered = row_positions(p.index, c.parent[:0], c.child[:0], p.energy)
    assert np.abs(x[c.parent] - x[c.child]).mean() < 0.8 * np.abs(unordered[c.parent] - unordered[c.child]).mean()


def test_heights_within_rows_follow_the_energy() -> None:
    index = np.array([0, 0, 1, 1, 1], dtype=np.int32)
    y = heights_in_rows(index, np.array([1.0, 2.0, 5.0, 5.0, 5.0]))
    assert y == pytest.approx([-0.25, 0.25, 1.0, 1.0, 1.0])
    assert heights_in_rows(index, np.full(5, np.nan)) == pytest.approx(index)
