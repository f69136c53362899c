"""Survival over members: shares, spreads, arrows, points that the reference has not."""

from __future__ import annotations

import json

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.survival import survival
from landscape_dist.errors import SettingsError


def landscape(alpha: float) -> ld.Landscape:
    return ld.explore(ld.systems.arctan_2d(alpha=alpha))


def test_itself() -> None:
    reference = landscape(5.0).pathways
    found = survival(reference, [reference, reference], 1e-6)
    assert [p.rate for p in found.points] == [1.0] * 5
    assert [p.spread for p in found.points] == [0.0] * 5
    assert [a.rate for a in found.arrows] == [1.0] * 4
    assert not found.others
    assert found.doubtful() == ((), ())
    assert "5 of 5 points and 4 of 4 arrows" in str(found)


def test_members_that_differ() -> None:
    """With alpha = 9 one of the minima and one of the saddles are gone."""
    reference, near, far = (landscape(alpha).pathways for alpha in (5.0, 5.01, 9.0))
    assert len(far) < len(reference)
    found = survival(reference, [near, near, far], 2.0)
    rates = np.array([p.rate for p in found.points])
    assert set(np.round(rates, 3)) == {0.667, 1.0}
    assert np.count_nonzero(rates == 1.0) == len(far)
    assert all(0 < p.spread < 2 for p in found.points)
    points, arrows = found.doubtful()
    assert len(points) == len(reference) - len(far)
    gone = {p.id for p in points}
    assert {(a.parent, a.child) for a in arrows} >= {
        (a.parent, a.child) for a in found.arrows if {a.parent, a.child} & gone
    }
    other = survival(far, [reference], 2.0)
    assert len(other.others) == len(reference) - len(far)
    assert "not in the reference: index" in str(other)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["n_members"] == 3


def test_a_point_that_no_member_has() -> None:
    reference, far = (landscape(alpha).pathways for alpha in (5.0, 9.0))
    found = survival(reference, [far], 1e-9)
    assert {p.rate for p in found.points} == {0.0}
    assert all(np.isnan(p.spread) for p in found.points)
    assert found.as_dict()["points"][0]["spread"] is None
    assert len(found.others) == len(far)


def test_periods() -> None:
    torus = ld.problems.symbolic("cos(x1) + cos(x2)", domain={"kind": "box", "lower": -7.0, "upper": 7.0})
    judgement = ld.PeriodicCoordinates(2 * np.pi, 1e-4)
    a, b = (ld.explore(torus, start=start, max_index=2, same=judgement) for start in ([0.1, 0.2], [-6.1, 6.2]))
    found = survival(a.pathways, [b.pathways], judgement)
    assert [p.rate for p in found.points] == [1.0] * 4
    assert max(p.spread for p in found.points) < 1e-6


def test_errors() -> None:
    plane, space = landscape(5.0).pathways, ld.explore(ld.systems.arctan_3d()).pathways
    with pytest.raises(SettingsError, match="no members"):
        survival(plane, [], 0.1)
    with pytest.raises(SettingsError, match="member 0 has 3 variables, the reference 2"):
        survival(plane, [space], 0.1)
