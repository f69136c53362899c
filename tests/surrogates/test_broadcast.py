"""Networks on workers: sent once, whatever their size; tasks stay small; no torch is needed there."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import cloudpickle
import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.distribute.clusters import connect
from landscape_dist.surrogates import Surrogate, TrainingData, train
from landscape_dist.surrogates.perceptron import Perceptron


def widened(surrogate: Surrogate, width: int) -> Surrogate:
    """The same energy as a network with more neurons: those that are added count for nothing."""
    assert isinstance(surrogate.model, Perceptron)
    layers = []
    for number, (W, b) in enumerate(surrogate.model.layers):
        rows = len(b) if number == len(surrogate.model.layers) - 1 else width
        wide = np.zeros((rows, W.shape[1] if number == 0 else width))
        wide[: W.shape[0], : W.shape[1]] = W
        layers.append((wide, np.concatenate([b, np.zeros(rows - len(b))])))
    return surrogate._changed(model=Perceptron(layers))


def recorded(client: Any, monkeypatch: Any, problem: Surrogate) -> tuple[Any, list[int]]:
    sizes: list[int] = []
    submit = type(client).submit

    def counting(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(cloudpickle.dumps((function, args))))
        return submit(self, function, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(client), "submit", counting)
        return ld.explore(problem, client=client), sizes


def test_tasks_do_not_grow_with_the_network(client: Any, monkeypatch: Any, trained: Surrogate) -> None:
    serial = ld.explore(trained)
    largest = []
    for width, n_weights in ((320, 100_000), (1000, 1_000_000)):
        problem = widened(trained, width)
        assert isinstance(problem.model, Perceptron)
        assert n_weights < problem.model.n_weights < 1.05 * n_weights
        landscape, sizes = recorded(client, monkeypatch, problem)
        assert compare(landscape.pathways, serial.pathways).is_empty
        largest.append(max(sizes))
    assert largest[1] <= 1.01 * largest[0] < 40_000
    assert len(cloudpickle.dumps(problem)) > 8_000_000
    assert not any(client.run(lambda: "torch" in sys.modules).values())


@pytest.mark.long
def test_a_killed_worker_gets_the_network_again(plane: TrainingData, trained: Surrogate) -> None:
    killed = []

    def kill_one(status: Any) -> None:
        if not killed:
            nanny = next(iter(client.cluster.workers.values()))
            killed.append(nanny.pid)
            os.kill(nanny.pid, signal.SIGKILL)

    with connect(workers=2) as client:
        landscape = ld.explore(widened(trained, 320), client=client, on_status=kill_one)
    assert killed
    assert compare(landscape.pathways, ld.explore(trained).pathways).is_empty


def test_correction_is_a_new_version(client: Any, plane: TrainingData, trained: Surrogate) -> None:
    """After training on, the same workers search the corrected energy, not the one that they had."""
    before = ld.explore(trained, client=client)
    moved = TrainingData(plane.x + 0.25, plane.energy)
    corrected = train(moved, hidden=(24, 24), epochs=100, batch_size=100, learning_rate=5e-3, finish_iterations=1500)
    after = ld.explore(corrected, client=client)
    assert after.header["problem"]["fingerprint"] != before.header["problem"]["fingerprint"]
    assert compare(after.pathways, ld.explore(corrected).pathways).is_empty
    assert compare(before.pathways, after.pathways, tolerance=0.05).only_in_a
