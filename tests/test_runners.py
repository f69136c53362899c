"""The same set of points and arrows in this process, on one worker and on two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from tests.helpers import PROBLEMS, ProblemCase


@pytest.mark.parametrize("workers", [1, 2])
def test_lattice_on_workers_equals_serial(workers: int, tmp_path: Path) -> None:
    problem = ld.systems.coupled_lattice(dim=5, coupling=0.2)
    serial = ld.explore(problem, max_index=5, serial=True)
    parallel = ld.explore(problem, max_index=5, workers=workers, store=tmp_path / "l.zarr")
    assert parallel.finished
    assert compare(serial.pathways, parallel.pathways).is_empty
    np.testing.assert_array_equal(np.sort(serial.searches.status), np.sort(parallel.searches.status))
    assert compare(serial.pathways, ld.open(tmp_path / "l.zarr").pathways).is_empty


def test_every_problem_on_one_shared_cluster() -> None:
    from landscape_dist.distribute.clusters.connecting import connect

    with connect(workers=2) as client:
        for case in PROBLEMS:
            assert_same(case, client)


def assert_same(case: ProblemCase, client: object) -> None:
    serial = ld.explore(case.factory(), start=case.start, max_index=case.max_index)
    parallel = ld.explore(case.factory(), start=case.start, max_index=case.max_index, client=client)
    difference = compare(serial.pathways, parallel.pathways)
    assert difference.is_empty, f"{case.name}: {difference}"


def test_problems_of_the_users_own_reach_the_workers() -> None:
    """Closures, symbols and torch functions travel by value."""
    torch = pytest.importorskip("torch")
    from landscape_dist.distribute.clusters.connecting import connect

    depth = np.array([1.0, 1.3])
    problems = [
        ld.problems.from_callable(
            lambda x: float(np.sum(depth * (x**2 - 1) ** 2)), dim=2, domain=ld.problems.Box(-2, 2)
        ),
        ld.problems.symbolic("(x1**2-1)**2 + 1.3*(x2**2-1)**2", domain=ld.problems.Box(-2, 2)),
        ld.problems.from_torch(
            lambda x: (torch.tensor([1.0, 1.3], dtype=x.dtype) * (x**2 - 1) ** 2).sum(),
            dim=2,
            domain=ld.problems.Box(-2, 2),
        ),
    ]
    with connect(workers=1) as client:
        for problem in problems:
            landscape = ld.explore(problem, start=[0.1, 0.1], max_index=2, client=client)
            assert landscape.counts_by_index == {0: 4, 1: 4, 2: 1}
            assert len(landscape.connections) == 12
