"""Pictures of periodic coordinates: points in one cell, arrows the short way round, axes with names and units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.plots import animate, curve_figure, energy_level_figure, landscape_figure, trajectory_figure
from landscape_dist.plots.coordinates import Cell, axis_names, cell_of, energy_name
from landscape_dist.surrogates import Surrogate
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.perceptron import Perceptron


def angles(**options: Any) -> Surrogate:
    """A network close to cos(phi) + 1.3 cos(psi - 0.5), in degrees."""
    first = 0.01 * np.array([[1.0, 0.0, 0.0, 0.0], [0.0, np.cos(0.5), 0.0, np.sin(0.5)]])
    model = Perceptron([(first, np.zeros(2)), (np.array([[100.0, 130.0]]), np.zeros(1))])
    features = Features((0.0, 0.0), (57.0, 57.0), (360.0, 360.0))
    data = {"coordinate_unit": "degrees", "energy_unit": "kcal/mol"}
    return Surrogate(model, features, 0.0, 1.0, coordinates=("phi", "psi"), provenance={"data": data}, **options)


@pytest.fixture(scope="module")
def torus() -> Landscape:
    """Searches from far outside of the cell that is drawn."""
    return ld.explore(
        angles(), start=[[10.0, 20.0], [800.0, -400.0]], max_index=2, keep_trajectories=True, trajectory_points=50
    )


def drawn_points(figure: Any) -> np.ndarray:
    dots = [a for a in figure.axes[0].collections if type(a).__name__ == "PathCollection"]
    return np.concatenate([np.asarray(a.get_offsets()) for a in dots])


def drawn_arrows(figure: Any) -> list[np.ndarray]:
    arrows = [a for a in figure.axes[0].patches if type(a).__name__ == "FancyArrowPatch"]
    return [np.asarray(a._path_original.vertices) for a in arrows]


def test_points_lie_in_one_cell_and_fill_it(torus: Landscape) -> None:
    assert torus.counts_by_index == {0: 1, 1: 2, 2: 1}
    outside = ld.explore(angles(), start=[370.0, 740.0], max_index=2)
    assert np.abs(outside.columns.x).max() > 180.0
    figure = landscape_figure(outside, limits=((-180.0, 180.0), (-180.0, 180.0)))
    where = drawn_points(figure)
    assert ((where >= -180.0) & (where < 180.0)).all()
    psi = np.degrees(0.5)
    expected = {(0.0, psi), (-180.0, psi), (0.0, psi - 180.0), (-180.0, psi - 180.0)}
    assert {tuple(p) for p in where.round(3).tolist()} == {tuple(np.round(p, 3).tolist()) for p in expected}


def test_the_window_is_one_period_with_names_and_units(torus: Landscape) -> None:
    axes = landscape_figure(torus).axes
    assert axes[0].get_xlim() == axes[0].get_ylim() == (-180.0, 180.0)
    assert (axes[0].get_xlabel(), axes[0].get_ylabel()) == ("phi in degrees", "psi in degrees")
    assert axes[1].get_ylabel() == "energy in kcal/mol"
    assert np.diff(axes[0].get_xticks())[0] == 60.0
    assert energy_level_figure(torus).axes[0].get_ylabel() == "energy in kcal/mol"


def test_arrows_go_the_short_way_round(torus: Landscape) -> None:
    """From each saddle both ways to the one minimum, half a period each; crossing the edge, in both images."""
    figure = landscape_figure(torus, limits=((-90.0, 270.0), (-90.0, 270.0)))
    curves = drawn_arrows(figure)
    lengths = [np.linalg.norm(np.diff(curve, axis=0), axis=1).sum() for curve in curves]
    assert max(lengths) < 190.0
    assert len(curves) > sum(c.count for c in torus.connections)  # images of those that cross the edge
    of_one_arrow: dict[tuple[float, ...], int] = {}
    for curve in curves:
        middle = tuple(np.round(np.mod(curve.mean(axis=0) + 1e-3, 360.0), 1).tolist())
        of_one_arrow[middle] = of_one_arrow.get(middle, 0) + 1
    assert len(of_one_arrow) == 8
    assert sorted(of_one_arrow.values())[-1] == 2


def test_without_the_problem_arrows_are_arcs_to_the_nearest_image(tmp_path: Path) -> None:
    ld.explore(angles(), start=[730.0, 20.0], max_index=2, store=tmp_path / "a.zarr")
    opened = ld.open(tmp_path / "a.zarr")
    assert axis_names(opened) == ["phi in degrees", "psi in degrees"]
    assert energy_name(opened) == "energy in kcal/mol"
    figure = landscape_figure(opened)
    assert np.ptp(figure.axes[0].get_xlim()) == 360.0
    for curve in drawn_arrows(figure):
        assert np.linalg.norm(curve[-1] - curve[0]) < 185.0


def test_paths_and_films(torus: Landscape, tmp_path: Path) -> None:
    figure = trajectory_figure(torus, which="all")
    low, high = figure.axes[0].get_xlim()
    assert high - low == 360.0
    for curve in drawn_arrows(figure):
        assert (curve.min(axis=0) < high + 10.0).all()  # ends are cut where the marker begins
        assert (curve.max(axis=0) > low - 10.0).all()
    assert animate(torus, tmp_path / "a.gif", frames=3).stat().st_size > 1000


def test_the_cell_is_where_the_start_is() -> None:
    def low(*start: float) -> list[float]:
        landscape = ld.explore(angles(), start=start, max_index=2, max_searches=1)
        return cell_of(landscape, (0, 1)).low.tolist()

    assert low(10.0, -170.0) == [-180.0, -180.0]
    assert low(200.0, 10.0) == [0.0, -180.0]
    assert low(-300.0, 500.0) == [-180.0, -180.0]


def test_a_cell_of_a_tube() -> None:
    cell = Cell(np.array([2.0, np.inf]), np.array([-1.0, 0.0]))
    where = cell.wrapped(np.array([[1.0, 7.0], [1.0 - 1e-9, 7.0], [-1.0, -7.0], [2.5, 0.0]]))
    np.testing.assert_allclose(where, [[-1.0, 7.0], [-1.0, 7.0], [-1.0, -7.0], [0.5, 0.0]], atol=1e-8)
    np.testing.assert_allclose(cell.nearest(np.array([[0.9, 5.0]]), np.array([[-0.9, 0.0]])), [[-1.1, 5.0]])
    corners = np.array([[-1.0, -10.0], [1.0, 10.0]])
    across = np.array([[0.8, 0.0], [0.9, 0.0], [1.1, 0.0], [1.3, 0.0]])
    assert len(cell.copies(across, corners)) == 2
    edge = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    (seen,) = cell.copies(edge, corners)
    np.testing.assert_allclose(seen[:, 0], -1.0)
    assert not cell.copies(across + np.array([0.0, 50.0]), corners)
    np.testing.assert_array_equal(cell.filled(corners * 3), [[-1.0, -30.0], [1.0, 30.0]])


def test_a_path_that_goes_far_is_seen_where_it_passes() -> None:
    """Its extent spans millions of cells."""
    cell, corners = Cell(np.full(2, 1.0), np.zeros(2)), np.array([[0.0, 0.0], [1.0, 1.0]])
    path = np.concatenate((np.full((5, 2), 0.5), [[np.nan, 0.0], [3e6, 5e6 + 0.5], [3e6 + 0.1, 5e6 + 0.5]]))
    path = np.concatenate((path, path[-1:] + 0.1))
    images = cell.copies(path, corners)
    assert len(images) == 2
    assert len(cell.copies(path, corners * 2.0)) == 8


def test_limits_of_several_periods_show_all_images() -> None:
    landscape = ld.explore(angles(), start=[10.0, 20.0], max_index=2)
    figure = landscape_figure(landscape, limits=((-90.0, 630.0), (-90.0, 270.0)))
    where = drawn_points(figure)
    assert len(where) == 8
    assert len({tuple(p) for p in where.round(1).tolist()}) == 8
    assert ((where >= -90.0) & (where < [630.0, 270.0])).all()
    for curve in drawn_arrows(figure):  # from a point to a point, cut where their markers begin
        for end in curve[[0, -1]]:
            outside = (end < -90.0 + 25.0).any() or (end > np.array([630.0, 270.0]) - 25.0).any()
            assert outside or np.linalg.norm(where - end, axis=1).min() < 25.0
    for size in (40.0, 360.0, 4000.0):
        axes = landscape_figure(landscape, limits=((70.0, 70.0 + size), (0.0, 90.0))).axes[0]
        assert 2 < sum(70.0 <= tick <= 70.0 + size for tick in axes.get_xticks()) < 15


def test_two_of_three_angles() -> None:
    landscape = ld.explore(ld.systems.separable_cosine(dim=3), start=[7.0, 0.1, -13.0], max_index=3)
    figure = landscape_figure(landscape, "projection", projection="x1,x3")
    where = drawn_points(figure)
    limits = np.array([figure.axes[0].get_xlim(), figure.axes[0].get_ylim()])
    np.testing.assert_allclose(np.ptp(limits, axis=1), 2 * np.pi)
    assert ((where >= limits[:, 0] - 1e-9) & (where < limits[:, 1])).all()
    landscape_figure(landscape)  # the graph needs no cell


def one_angle(*waves: float) -> Any:
    """Cosines of 1, 2, ... times the angle."""
    problem = ld.problems.from_callable(
        lambda x: sum(a * np.cos((k + 1) * x[0]) for k, a in enumerate(waves)), dim=1, check=False
    )
    problem.periods = [2 * np.pi]
    return problem


def test_one_angle_is_drawn_in_one_period() -> None:
    landscape = ld.explore(one_angle(0.1, 0.0, 1.0), start=[4 * np.pi + 0.2], max_index=1)
    assert landscape.counts_by_index == {0: 3, 1: 3}
    figure = curve_figure(landscape)
    assert figure.axes[0].get_xlim() == (-np.pi, np.pi)
    where = drawn_points(figure)[:, 0]
    assert ((where >= -np.pi) & (where < np.pi)).all()
    curves = drawn_arrows(figure)
    assert len(curves) == 6
    assert all(np.ptp(curve[:, 0]) < np.pi / 3 for curve in curves)
    wide = curve_figure(landscape, limits=(-1.0, 4 * np.pi - 1.0))
    assert len(drawn_points(wide)) == 12


def test_arrows_on_a_circle_run_over_no_other_point() -> None:
    """From a maximum both ways to the one minimum; and to the minimum beside it, be it further than half a turn."""
    curves = drawn_arrows(curve_figure(ld.explore(one_angle(1.0), start=[0.2], max_index=1)))
    assert sorted(np.sign(curve[-1, 0]) for curve in curves) == [-1.0, 1.0]
    landscape = ld.explore(uneven(), start=[0.05], max_index=1)
    x = landscape.columns.x[:, 0]
    assert landscape.counts_by_index == {0: 2, 1: 2}
    figure = curve_figure(landscape, limits=(-1.0, 2 * np.pi - 1.0))
    inside = np.mod(x + 1.0, 2 * np.pi) - 1.0
    for curve in drawn_arrows(figure):
        low, high = curve[:, 0].min() + 0.1, curve[:, 0].max() - 0.1
        assert not ((inside > low) & (inside < high)).any()


def uneven() -> Any:
    """Two maxima and two minima, all but one way from a maximum to a minimum less than half a turn."""

    def energy(x: np.ndarray) -> Any:
        return -np.sin(2.0 * (x[0] + 0.95 * np.sin(x[0])))

    problem = ld.problems.from_callable(energy, dim=1, check=False)
    problem.periods = [2 * np.pi]
    return problem


def test_one_angle_and_names_that_are_formulas() -> None:
    model = Perceptron([(np.array([[0.01, 0.0]]), np.zeros(1)), (np.array([[100.0]]), np.zeros(1))])
    one = Surrogate(
        model, Features((0.0,), (1.0,), (6.0,)), 0.0, 1.0, coordinates=("a$b",), suggested_start=[0.2],
        provenance={"data": {"coordinate_unit": "$"}},
    )  # fmt: skip
    figure = curve_figure(ld.explore(one, max_index=1))
    assert figure.axes[0].get_xlabel() == r"a\$b in \$"
    figure.canvas.draw()


def test_a_judgement_of_the_user_decides() -> None:
    """Whoever counts images as different points sees them where they are."""
    landscape = ld.explore(angles(), start=[10.0, 20.0], max_index=2, same=[0.1, 0.1], max_searches=40)
    assert cell_of(landscape, (0, 1)).is_plane
