"""Distances to a point against the steps, and the picture of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.errors import SettingsError
from landscape_dist.plots import convergence_figure


def search(**options: object) -> ld.Landscape:
    return ld.explore(
        ld.systems.muller_brown(), start=[0.15, 0.25], max_index=1, min_index=1, upward="none", step="explicit",
        step_size=3e-4, keep_trajectories=True, trajectory_points=None, **options,
    )  # fmt: skip


def test_distances_of_a_search_fall_to_zero() -> None:
    landscape = search()
    path = landscape.trajectories[0]
    distances = path.distances(landscape.points[0].x)
    assert distances.shape == (len(path),)
    assert distances[0] == pytest.approx(np.linalg.norm(np.array([0.15, 0.25]) - landscape.points[0].x))
    assert distances[-1] == 0.0
    assert distances[len(path) // 2] < 0.5 * distances[0]


def test_distances_are_from_a_point_of_the_path_s_variables() -> None:
    with pytest.raises(SettingsError, match=r"point has shape \(3,\); give one of the path's, \(2,\)"):
        search().trajectories[0].distances([0.0, 0.0, 0.0])
    with pytest.raises(SettingsError, match="point is 'saddle', which cannot be read as numbers"):
        search().trajectories[0].distances("saddle")  # type: ignore[arg-type]


PANELS = {
    "one": {"plain": 0.9 ** np.arange(50), "Nesterov": 0.5 ** np.arange(30)},
    "two": {"Nesterov": np.array([1.0, 0.1, 0.0])},
}


def test_curves_stand_in_their_panels() -> None:
    figure = convergence_figure(PANELS)
    one, two = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
    assert [line.get_label() for line in one.lines] == ["plain", "Nesterov"]
    assert one.get_yscale() == two.get_yscale() == "log"
    assert one.get_ylim() == two.get_ylim()
    np.testing.assert_array_equal(one.lines[0].get_xydata()[3], [3.0, 0.9**3])
    np.testing.assert_array_equal(two.lines[0].get_ydata(), [1.0, 0.1, np.nan])  # no place for 0
    assert one.lines[1].get_color() == two.lines[0].get_color() != one.lines[0].get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["plain", "Nesterov"]


def test_legend_has_rows_of_equal_length() -> None:
    curves = {str(i): [1.0, 0.1] for i in range(6)}
    assert convergence_figure({"one": curves, "two": curves}).legends[0]._ncols == 3
    assert convergence_figure({"one": curves}).legends[0]._ncols == 2


def test_styles_are_over_the_defaults(tmp_path: Path) -> None:
    figure = convergence_figure(
        PANELS, styles={"plain": {"linestyle": ":", "label": "no momentum"}}, file=tmp_path / "picture.png"
    )
    assert figure.legends[0].get_texts()[0].get_text() == "no momentum"
    assert figure.axes[0].lines[0].get_linestyle() == ":"
    assert figure.axes[0].lines[1].get_linestyle() == "-"
    assert (tmp_path / "picture.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("panels", "options", "said"),
    [
        ({}, {}, "panels holds no curves"),
        ({"a": {}}, {}, "panels holds no curves"),
        ({"a": {"b": [[1.0]]}}, {}, r"curve 'b' of panel 'a' has shape \(1, 1\)"),
        ({"a": {"b": []}}, {}, r"shape \(0,\)"),
        ({"a": {"b": ["x"]}}, {}, "cannot be read as numbers"),
        ({"a": {"b": [1.0, -1.0]}}, {}, "negative"),
        ({"a": {"b": [1.0]}}, {"styles": {"c": {}}}, "styles names 'c'; curves are 'b'"),
    ],
)
def test_misuse_is_named(panels: dict, options: dict, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        convergence_figure(panels, **options)
