"""Paths of searches over the contours of two energies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.errors import SettingsError
from landscape_dist.plots import paths_figure


def searched(problem: Any) -> Any:
    landscape = ld.explore(
        problem, start=[0.15, 0.25], max_index=1, min_index=1, upward="none", keep_trajectories=True,
        trajectory_points=None,
    )  # fmt: skip
    return landscape.trajectories[0]


def test_each_panel_has_its_paths_and_the_marks(tmp_path: Path) -> None:
    one, other = ld.systems.muller_brown(), ld.systems.modified_muller_brown()
    path, another = searched(one), searched(other)
    panels = {"one": (one, {"a": [path], "b": [path, another]}), "other": (other, {"a": [another]})}
    figure = paths_figure(
        panels, [-1.5, -0.2], [1.2, 2.0], marked=[path.x[-1]], marked_as="the saddle", file=tmp_path / "paths.png"
    )
    assert (tmp_path / "paths.png").stat().st_size > 10_000
    left, right = figure.axes
    assert [len(axes.lines) for axes in (left, right)] == [3, 1]
    np.testing.assert_array_equal(left.lines[0].get_xydata(), path.x)
    assert left.get_xlim() == right.get_xlim() == (-1.5, 1.2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "start", "the saddle"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lower": [0.0, 0.0], "upper": [0.0, 1.0]}, "corners"),
        ({"every": 0}, "every = 0"),
        ({"panels": {}}, "0 panels"),
        ({"panels": {"space": (ld.systems.arctan_3d(), {})}}, "'space' has 3 variables"),
    ],
)
def test_what_cannot_be_drawn(options: dict[str, Any], message: str) -> None:
    problem = ld.systems.muller_brown()
    good: dict[str, Any] = {"panels": {"one": (problem, {})}, "lower": [-1.0, 0.0], "upper": [1.0, 2.0]}
    with pytest.raises(SettingsError, match=message):
        paths_figure(**good | options)
