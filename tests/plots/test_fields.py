"""Pictures of fields."""

from __future__ import annotations

from pathlib import Path

import pytest

import landscape_dist as ld
from landscape_dist.errors import SettingsError
from landscape_dist.plots.fields import field_figure
from landscape_dist.spaces.translations import Translations


@pytest.mark.parametrize("shape", [(20,), (9, 8), (5, 4, 3)])
def test_a_picture_for_each_point(shape: tuple[int, ...], tmp_path: Path) -> None:
    problem = ld.systems.allen_cahn(shape, kappa=0.2)
    landscape = ld.explore(problem, same=Translations(shape), upward="none")
    for ending in ("png", "svg", "pdf"):
        figure = field_figure(landscape, file=tmp_path / f"fields.{ending}")
        assert (tmp_path / f"fields.{ending}").stat().st_size > 1000
    assert len(figure.axes) == len(landscape.points)
    with pytest.raises(SettingsError, match="shape is"):
        field_figure(landscape, (7, 7))
