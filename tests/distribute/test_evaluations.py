from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from distributed import Client

import landscape_dist as ld
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.runs.evaluations import RemoteEvaluations
from landscape_dist.distribute.worker.broadcast import ProblemMissingError, plugin_name
from landscape_dist.distribute.worker.plugins import withdraw
from landscape_dist.problems import from_callable
from landscape_dist.records import Counters

X = np.random.default_rng(0).uniform(-1.0, 1.0, (7, 2))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect(workers=2, dashboard=False) as connected:
        yield connected


def together(remote: RemoteEvaluations, kind: str) -> tuple[np.ndarray, Counters, int]:
    """Values in order, evaluations, and how many chunks they came in."""
    counters, parts = Counters(), {}
    for rows, values, counted, _ in remote.chunks(kind, X):
        parts[rows.start] = values
        counters.add(counted)
    return np.concatenate([parts[start] for start in sorted(parts)]), counters, len(parts)


def test_values_are_those_of_the_problem(client: Client) -> None:
    problem = ld.systems.muller_brown()
    with RemoteEvaluations(client, problem) as remote:
        for kind in ("energy", "gradient", "hessian"):
            values, counters, n_chunks = together(remote, kind)
            np.testing.assert_allclose(values, getattr(ld.systems.muller_brown(), kind)(X), rtol=1e-13)
            assert sum(counters.as_dict().values()) == 7
            assert n_chunks == min(7, sum(client.nthreads().values()))
    assert problem.counters.n_energies == 0  # nothing was evaluated here


def test_workers_that_lost_the_problem_get_it_again(client: Client) -> None:
    with RemoteEvaluations(client, ld.systems.muller_brown()) as remote:
        together(remote, "energy")
        withdraw(client, plugin_name(remote._broadcast.version))
        values, _, _ = together(remote, "energy")
        np.testing.assert_allclose(values, ld.systems.muller_brown().energy(X), rtol=1e-13)
    withdraw(client, plugin_name(remote._broadcast.version))
    remote._broadcast.register = lambda: None  # type: ignore[method-assign]
    with pytest.raises(ProblemMissingError):
        together(remote, "energy")


def test_what_the_energy_raises_is_said_for_its_point(client: Client) -> None:
    def broken(x: np.ndarray) -> float:
        if x[0] > 0:
            raise OSError("no licence")
        return float(x @ x)

    problem = from_callable(broken, dim=2, check=False)
    with RemoteEvaluations(client, problem) as remote:
        chunks = list(remote.chunks("energy", X))
    assert len(chunks) == 7  # of a function of one point
    for rows, values, _, raised in chunks:
        assert raised == ["OSError: no licence" if X[rows][0, 0] > 0 else ""]
        np.testing.assert_array_equal(values, [np.nan if raised[0] else float(X[rows][0] @ X[rows][0])])


@pytest.mark.long
def test_a_point_that_ends_its_worker_is_without_a_value() -> None:
    def deadly(x: np.ndarray) -> float:
        if x[0] > X[:, 0].max() - 1e-9:
            os._exit(9)
        return float(x @ x)

    problem = from_callable(deadly, dim=2, check=False)
    with connect(workers=2, dashboard=False) as client, RemoteEvaluations(client, problem) as remote:
        raised = {rows.start: raised[0] for rows, _, _, raised in remote.chunks("energy", X)}
    assert {i for i, text in raised.items() if text} == {int(X[:, 0].argmax())}
    assert raised[int(X[:, 0].argmax())].startswith("the worker process ended in it")
