"""Sets of boxes that look like continua, and those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from landscape_dist.exploration.proofs.flooding import flooding


def boxes(middles: np.ndarray, width: float) -> np.ndarray:
    return np.stack([width / 2 - middles.T, middles.T + width / 2])


@pytest.mark.parametrize("d", [2, 3])
def test_curves_and_surfaces_are_floods(d):
    t = np.linspace(0, 1, 20_000)
    curve = np.stack([np.cos(6 * t), np.sin(6 * t), t][:d], axis=1)
    flood = flooding(boxes(curve, 3e-4), np.full(d, 2.0))
    assert flood is not None
    assert 0.7 < flood.dimension < 1.4
    assert "isolated" in str(flood)
    rng = np.random.default_rng(0)
    surface = np.concatenate([rng.uniform(-1, 1, (100_000, 2)), np.zeros((100_000, d - 2))], axis=1)
    assert flooding(boxes(surface, 5e-3), np.full(d, 2.0)).dimension > 1.5


def test_few_and_large_boxes_and_clusters_are_not():
    rng = np.random.default_rng(0)
    assert flooding(boxes(rng.uniform(-1, 1, (100, 2)), 1e-3), np.full(2, 2.0)) is None
    assert flooding(boxes(rng.uniform(-1, 1, (9000, 2)), 0.1), np.full(2, 2.0)) is None
    # nor are small ones in a small part of a large whole
    assert flooding(boxes(rng.uniform(-0.02, 0.02, (5000, 4)), 0.002), np.full(4, 1.0)) is None
    clusters = rng.uniform(-1, 1, (100, 1, 2)) + 1e-7 * rng.uniform(-1, 1, (1, 90, 2))
    assert flooding(boxes(clusters.reshape(-1, 2), 1e-7), np.full(2, 2.0)) is None
