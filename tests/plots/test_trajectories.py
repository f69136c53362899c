"""Pictures of paths: over contours, projected, along a curve; options and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.errors import SettingsError
from landscape_dist.plots import curve_figure, landscape_figure, save, trajectory_figure
from landscape_dist.plots.projections import make_projection
from landscape_dist.plots.style import index_name


@pytest.fixture(scope="module")
def plane() -> Landscape:
    return ld.explore(ld.systems.butterfly(), keep_trajectories=True)


@pytest.fixture(scope="module")
def lattice() -> Landscape:
    return ld.explore(ld.systems.coupled_lattice(dim=3), keep_trajectories=True)


@pytest.fixture(scope="module")
def line() -> Landscape:
    return ld.explore(ld.problems.symbolic("x1**6/6 - 5*x1**4/4 + 2*x1**2 + x1/4"), start=[0.6], max_index=1)


@pytest.fixture(scope="module")
def flow() -> Landscape:
    field = ld.problems.vector_field(["x1 - x1**3 + x2", "-x2 + x1/5"], dim=2)
    return ld.explore(field, start=[0.1, 0.1], max_index=1, keep_trajectories=True)


def artists(figure: Any, kind: str) -> list[Any]:
    return [a for a in figure.axes[0].get_children() if type(a).__name__ == kind]


def legend(figure: Any) -> list[str]:
    return [t.get_text() for t in figure.legends[0].get_texts()]


# -- two variables ------------------------------------------------------------------------------------------------
def test_paths_over_contours(plane: Landscape) -> None:
    figure = trajectory_figure(plane)
    assert len(artists(figure, "QuadContourSet")) == 2
    assert len(artists(figure, "FancyArrowPatch")) == 12
    assert legend(figure)[-1] == "downward search"
    everything = trajectory_figure(plane, which="all")
    ended = int((plane.searches.child >= 0).sum())
    assert len(artists(everything, "FancyArrowPatch")) == ended
    assert legend(everything)[-2:] == ["downward search", "other search"]
    slot = next(iter(plane.trajectories))
    one = trajectory_figure(plane, which=[slot])
    assert len(artists(one, "FancyArrowPatch")) == 12 + 1  # the connections stay


def test_a_path_is_drawn_where_the_search_went(plane: Landscape) -> None:
    figure = trajectory_figure(plane)
    far = max(plane.trajectories.of(connecting_only=True), key=lambda p: float(np.linalg.norm(np.ptp(p.x, axis=0))))
    drawn = [patch.get_path().vertices for patch in artists(figure, "FancyArrowPatch")]
    middle = far.x[len(far) // 2]
    assert min(float(np.linalg.norm(v - middle, axis=1).min()) for v in drawn) < 0.1


def test_options_of_a_plane(plane: Landscape, tmp_path: Path) -> None:
    bare = trajectory_figure(plane, contours=False, detailed=False, labels=False, title="")
    assert not artists(bare, "QuadContourSet")
    assert len(bare.axes) == 1
    assert not bare.axes[0].texts
    assert bare.get_suptitle() == ""
    lines = trajectory_figure(plane, filled=False, contour_levels=[-5.0, -2.0, 0.0, 1.0], grid=40, title="T")
    (contours,) = artists(lines, "QuadContourSet")
    assert contours.levels.tolist() == [-5, -2, 0, 1]
    assert lines.get_suptitle() == "T"
    assert len(lines.axes) == 1
    limited = trajectory_figure(plane, limits=((-1, 1), (-0.5, 2)), size=(5, 4), file=tmp_path / "a.svg")
    assert limited.axes[0].get_xlim() == (-1, 1)
    assert limited.axes[0].get_ylim() == (-0.5, 2)
    assert limited.get_size_inches().tolist() == [5, 4]
    assert (tmp_path / "a.svg").exists()
    wide, narrow = (trajectory_figure(plane, margin=m, detailed=False).axes[0].get_xlim() for m in (0.1, 0.0))
    assert np.ptp(wide) == pytest.approx(1.2 * np.ptp(narrow))


def test_styles(plane: Landscape) -> None:
    figure = trajectory_figure(
        plane,
        which="all",
        path_style={"color": "blue", "linewidth": 0.4, "linestyle": ":", "label": "Search Trajectory"},
        point_styles=[
            {"marker": "x", "color": "red", "label": "Index 0"},
            {"c": "green", "s": 9, "edgecolor": "black"},
        ],
        grid_style={"color": "gray"},
    )
    assert legend(figure) == ["Index 0", "4 saddles of index 1", "1 maximum (index 2)", "Search Trajectory"]
    patch = artists(figure, "FancyArrowPatch")[0]
    assert patch.get_edgecolor()[:3] == (0, 0, 1)
    assert patch.get_linewidth() == 0.4
    dots = artists(figure, "PathCollection")
    assert dots[1].get_sizes().tolist() == [9]
    assert dots[1].get_facecolor()[0].tolist() == pytest.approx([0, 0.502, 0, 1], abs=1e-3)
    assert figure.axes[0].get_xgridlines()[0].get_color() == "gray"
    assert not trajectory_figure(plane).axes[0].get_xgridlines()[0].get_visible()


def test_vector_fields_have_streamlines_beneath(flow: Landscape) -> None:
    figure = trajectory_figure(flow)
    (speed,) = artists(figure, "QuadContourSet")
    assert speed.levels[0] == 0.0
    assert figure.axes[1].get_ylabel() == "speed |dx/dt|"
    assert len(artists(figure, "LineCollection")) == 1
    bare = trajectory_figure(flow, filled=False)
    assert not artists(bare, "QuadContourSet")
    assert len(artists(bare, "LineCollection")) == 1
    assert legend(figure)[:2] == ["2 stable points", "1 saddle of index 1"]
    assert not artists(trajectory_figure(flow, contours=False), "LineCollection")
    assert index_name(2, 1, 2, False) == "1 repeller of index 2"


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_files_in_each_format(
    plane: Landscape, lattice: Landscape, line: Landscape, tmp_path: Path, ending: str
) -> None:
    for name, landscape in (("plane", plane), ("lattice", lattice), ("line", line)):
        path = tmp_path / f"{name}.{ending}"
        landscape.plot(path, trajectories=True) if name != "line" else trajectory_figure(landscape, file=path)
        assert 2_000 < path.stat().st_size < 2_000_000
    again = tmp_path / f"again.{ending}"
    plane.plot(again, trajectories=True)
    assert again.read_bytes() == (tmp_path / f"plane.{ending}").read_bytes()


def test_what_does_not_do(plane: Landscape, lattice: Landscape) -> None:
    without = ld.explore(ld.systems.muller_brown())
    with pytest.raises(SettingsError, match="explore with keep_trajectories=True"):
        trajectory_figure(without)
    assert len(artists(trajectory_figure(without, detailed=False), "FancyArrowPatch")) == 4
    for options, message in (
        ({"which": "some"}, "trajectories is 'some'; use 'arrows', 'all'"),
        ({"which": [10**9]}, "no trajectory of search"),
        ({"grid": 1}, "grid is 1"),
        ({"margin": -1.0}, "margin is -1"),
        ({"limits": (1, 2)}, "limits is"),
        ({"limits": ((1, 0), (0, 1))}, "low below high"),
        ({"contour_levels": 1}, "contour_levels is 1"),
        ({"contour_levels": [3.0, 2.0]}, "increasing energies"),
        ({"samples": 10}, "option 'samples' does not fit a picture of kind 'plane'"),
    ):
        with pytest.raises(SettingsError, match=message):
            trajectory_figure(plane, **options)
    with pytest.raises(SettingsError, match="option 'grid' does not fit a picture of kind 'graph'"):
        landscape_figure(lattice, grid=20)
    with pytest.raises(SettingsError, match="has 3 variables; it is for one"):
        landscape_figure(lattice, "curve")


# -- more variables -----------------------------------------------------------------------------------------------
def test_projected_paths(lattice: Landscape) -> None:
    figure = trajectory_figure(lattice)
    assert len(artists(figure, "FancyArrowPatch")) == 54
    assert figure.axes[0].get_xlabel() == "$x_1$ + 0.38 $x_3$"
    by_function = trajectory_figure(lattice, projection=lambda X: X[:, :2] + 2 * X[:, 2:])
    where = np.concatenate([np.asarray(c.get_offsets()) for c in artists(by_function, "PathCollection")])
    expected = np.concatenate([lattice.columns.x[lattice.columns.index == k] for k in range(4)])
    np.testing.assert_allclose(where, expected[:, :2] + 2 * expected[:, 2:])
    assert len(artists(landscape_figure(lattice, projection="x1,x3"), "FancyArrowPatch")) == 54
    assert landscape_figure(lattice, trajectories=True).axes[0].get_xlabel() == "$x_1$ + 0.38 $x_3$"


def test_many_paths_are_one_collection() -> None:
    landscape = ld.explore(ld.systems.coupled_lattice(dim=5), max_index=5, keep_trajectories=True)
    figure = trajectory_figure(landscape)
    (lines,) = artists(figure, "LineCollection")
    assert len(lines.get_segments()) == 810
    assert len(figure.axes[0].get_children()) < 60


def test_projections() -> None:
    random = np.random.default_rng(2)
    X = random.standard_normal((50, 4)) * [1.0, 5.0, 0.1, 2.0]
    plane = make_projection("pca", X)
    np.testing.assert_allclose(np.abs(np.corrcoef(plane(X)[:, 0], X[:, 1])[0, 1]), 1, atol=0.01)
    assert plane.names[0].startswith("principal axis 1 (8")
    assert np.var(plane(X)[:, 0]) > np.var(plane(X)[:, 1])
    np.testing.assert_allclose(plane(X).mean(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(make_projection("x4, x2", X)(X), X[:, [3, 1]])
    np.testing.assert_array_equal(make_projection(("x1", "x3"), X)(X), X[:, [0, 2]])
    M = random.standard_normal((4, 2))
    np.testing.assert_allclose(make_projection(M, X)(X), X @ M)
    assert make_projection(None, X[:, :2]).is_identity
    assert not make_projection("x2,x1", X[:, :2]).is_identity
    for few in (X[:1], X[:2], X[:3], np.repeat(X[:1], 5, axis=0)):
        for choice in ("pca", "oblique", None):
            assert np.isfinite(make_projection(choice, few)(X)).all()


@pytest.mark.parametrize("bad", ["x1,x9", "x1", "tsne", 7, np.zeros((2, 4)), ("x1", "x2", "x3"), [[1, 2]], []])
def test_bad_projections(lattice: Landscape, bad: Any) -> None:
    with pytest.raises(SettingsError, match="projection is"):
        trajectory_figure(lattice, projection=bad)


def test_a_projection_must_return_two_columns(lattice: Landscape) -> None:
    with pytest.raises(SettingsError, match=r"shape \(27, 3\) for points of shape \(27, 3\); return \(27, 2\)"):
        trajectory_figure(lattice, projection=lambda X: X)


# -- one variable -------------------------------------------------------------------------------------------------
def test_the_curve_is_the_default_picture_of_one_variable(line: Landscape) -> None:
    before = line.problem.counters.as_dict()
    figure = landscape_figure(line)
    (curve,) = artists(figure, "Line2D")
    x, y = curve.get_data()
    np.testing.assert_allclose(y, x**6 / 6 - 5 * x**4 / 4 + 2 * x**2 + x / 4)
    assert len(x) == 1000
    heights = np.concatenate([np.asarray(c.get_offsets()) for c in artists(figure, "PathCollection")])
    assert len(heights) == 5
    assert len(artists(figure, "FancyArrowPatch")) == 4
    assert figure.axes[0].get_ylabel() == "energy"
    assert line.problem.counters.as_dict() == before


def test_options_of_a_curve(line: Landscape, tmp_path: Path) -> None:
    figure = curve_figure(
        line, samples=50, curve_style={"color": "red"}, limits=(-1, 2), labels=False, file=tmp_path / "a.pdf"
    )
    (curve,) = artists(figure, "Line2D")
    assert len(curve.get_xdata()) == 50
    assert curve.get_color() == "red"
    assert figure.axes[0].get_xlim() == (-1, 2)
    assert (tmp_path / "a.pdf").exists()
    assert trajectory_figure(line, samples=20).axes[0].get_ylabel() == "energy"
    for options, message in (
        ({"samples": 1}, "samples is 1"),
        ({"margin": -1}, "margin"),
        ({"limits": 3}, "limits is 3"),
    ):
        with pytest.raises(SettingsError, match=message):
            curve_figure(line, **options)


def test_the_force_of_one_variable(tmp_path: Path) -> None:
    field = ld.problems.vector_field(["x1 - x1**3 + 0.1"], dim=1)
    landscape = ld.explore(field, start=[0.1], max_index=1)
    figure = landscape_figure(landscape)
    assert figure.axes[0].get_ylabel() == "$dx_1/dt$"
    x, y = artists(figure, "Line2D")[1].get_data()
    np.testing.assert_allclose(y, x - x**3 + 0.1)
    save(figure, tmp_path / "a.png")


def test_one_point_of_one_variable_and_none(tmp_path: Path) -> None:
    one = ld.explore(ld.problems.symbolic("(x1 - 3)**2"), start=[0.1], max_index=0)
    save(landscape_figure(one), tmp_path / "a.png")
    none = ld.explore(ld.problems.symbolic("x1**3 + x1"), start=[0.1], max_index=0)
    assert "no stationary point" in landscape_figure(none).axes[0].texts[0].get_text()
