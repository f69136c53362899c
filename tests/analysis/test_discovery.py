"""The curve of discovery: what was known when, and what Chao1 made of it."""

from __future__ import annotations

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.discovery import MOMENTS, discovery
from landscape_dist.errors import SettingsError
from landscape_dist.plots.discovery import discovery_figure
from tests.pathways.lattice import point_columns, search_columns


def test_ends_at_what_the_audit_says() -> None:
    landscape = ld.explore(ld.systems.coupled_lattice(dim=3))
    found = discovery(landscape.columns, landscape.searches)
    assert len(found.n_searches) == MOMENTS + 1
    assert (found.n_searches[0], found.n_points[0]) == (0, 0)
    assert (found.n_searches[-1], found.n_points[-1]) == (len(landscape.searches), 27)
    assert (np.diff(found.n_points) >= 0).all()
    assert found.estimate[-1] == landscape.audit().hits.chao1
    rows = [int(np.flatnonzero(landscape.searches.slot == slot)[0]) for slot in landscape.columns.found_by]
    for done, known in zip(found.n_searches, found.n_points, strict=True):
        assert known == sum(row < done for row in rows)
    assert found.last_new == max(rows) + 1
    assert "27 points after" in str(found)


def test_of_nothing() -> None:
    found = discovery(point_columns(np.zeros((0, 2)), []), search_columns([]))
    assert (found.n_searches, found.n_points, found.estimate, found.last_new) == ((0,), (0,), (0.0,), 0)
    assert "0 points after 0 searches" in str(found)


def test_the_figure_wants_curves_of_one_length() -> None:
    with pytest.raises(SettingsError, match="give three"):
        discovery_figure([0, 1], [0, 1], [0.0])
