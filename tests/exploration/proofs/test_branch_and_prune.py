"""What becomes of boxes loses no zero, one generation after another."""

from __future__ import annotations

import numpy as np
import pytest

from landscape_dist.exploration.proofs.branch_and_prune import advance
from tests.exploration.proofs.proving import covered, field, lattice


@pytest.mark.parametrize("seed", range(6))
def test_zeros_stay_in_what_is_left(seed):
    rng = np.random.default_rng(seed)
    equations, zeros = lattice(rng, int(rng.integers(1, 4)))
    d = equations.dim
    low = np.array([[float(min(z[i] for z in zeros)) - 1] for i in range(d)])
    high = np.array([[float(max(z[i] for z in zeros)) + 1.5] for i in range(d)])
    boxes, smallest = np.stack([-low, high]), 1e-7 * (high - low)[:, 0]
    found = np.empty((2, d, 0))
    for _ in range(200):
        n = boxes.shape[2]
        result = advance(equations, boxes, smallest)
        assert result.n_looks == n
        found = np.concatenate([found, result.zeros.around, result.small], axis=2)
        boxes = result.boxes
        every = np.concatenate([boxes, found], axis=2)
        assert all(covered(z, every) for z in zeros)
        if not boxes.shape[2]:
            break
    assert not boxes.shape[2]
    assert len(found[0, 0]) >= len(zeros)


def test_halves_share_a_face_and_are_the_box():
    equations = field(["sin(10*x1) + x2", "cos(9*x2) - x1"])
    X = np.array([[[1.0], [1.0]], [[1.0], [1.0]]])
    result = advance(equations, X, np.full(2, 1e-7))
    assert result.boxes.shape == (2, 2, 2)
    np.testing.assert_array_equal(np.maximum(*np.moveaxis(result.boxes, 2, 0)), X[:, :, 0])
    meet = np.minimum(*np.moveaxis(result.boxes, 2, 0)).sum(axis=0)
    assert (meet == 0).sum() == 1


def test_boxes_too_small_are_not_cut():
    equations = field(["x1^2", "x2^2"])
    tiny = np.full((2, 2, 1), 1e-9)
    result = advance(equations, tiny, np.full(2, 1e-7))
    assert result.small.shape[2] == 1
    assert not result.boxes.shape[2]
    assert not len(result.zeros)
