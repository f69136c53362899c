"""Real landscapes: the same set of points and arrows whoever computes them."""

from __future__ import annotations

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.distribute.clusters.connecting import connect

SYSTEMS = {
    "lattice": lambda: ld.systems.coupled_lattice(dim=4, coupling=0.2),
    "muller_brown": lambda: ld.systems.muller_brown(),
    "from_callable": lambda: ld.problems.from_callable(
        lambda x: float(np.sum((x**2 - 1) ** 2) + 0.1 * x[0] * x[1]),
        gradient=lambda x: 4 * x * (x**2 - 1) + 0.1 * x[::-1],
        hessian=lambda x: np.diag(12 * x**2 - 4) + 0.1 * np.eye(2)[::-1],
        dim=2,
        name="two wells",
    ),
}


def as_sets(landscape):
    names = {point.id: (point.index, *np.round(point.x, 5).tolist()) for point in landscape.points}
    arrows = {(names[c.parent_id], names[c.child_id]): c.count for c in landscape.connections}
    return set(names.values()), arrows


@pytest.fixture(scope="module", params=[1, 2], ids=["1 worker", "2 workers"])
def client(request):
    with connect(workers=request.param) as client:
        yield client


@pytest.mark.parametrize("name", SYSTEMS)
def test_same_landscape_as_serial(client, name):
    arguments = {"start": [0.3, 0.4], "max_index": 2} if name == "from_callable" else {}
    alone = ld.explore(SYSTEMS[name](), serial=True, **arguments)
    shared = ld.explore(SYSTEMS[name](), client=client, **arguments)
    assert as_sets(shared) == as_sets(alone)
    assert len(shared.points) > 4
