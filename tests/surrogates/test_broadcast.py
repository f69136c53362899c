"""Networks on workers: sent once, whatever their size; tasks stay small; no torch is needed there."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.worker.broadcast import (
    Broadcast,
    ProblemMissingError,
    ProblemPlugin,
    dump,
    plugin_name,
    run_searches,
)
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


# -- what is counted ----------------------------------------------------------------------------------------------
def recorded(client: Any, monkeypatch: Any, problem: Surrogate) -> tuple[Any, list[int]]:
    """The landscape, and the bytes of each task."""
    sizes: list[int] = []
    submit = type(client).submit

    def counting(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(cloudpickle.dumps((function, args))))
        return submit(self, function, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(client), "submit", counting)
        return ld.explore(problem, client=client), sizes


def count() -> None:
    """On a worker: count the bytes that its sockets receive, and the surrogates that it unpickles."""
    from tornado.iostream import IOStream

    stream: Any = IOStream
    if not hasattr(stream, "n_received"):
        read, unpickle = stream.read_from_fd, Surrogate.__setstate__

        def reading(self: Any, buffer: Any) -> int | None:
            n = read(self, buffer)
            stream.n_received += n or 0
            return n  # type: ignore[no-any-return]

        def unpickling(self: Any, state: dict[str, Any]) -> None:
            stream.n_unpickled += 1
            unpickle(self, state)

        stream.read_from_fd = reading
        Surrogate.__setstate__ = unpickling  # type: ignore[method-assign]
    stream.n_received = stream.n_unpickled = 0


def counted() -> tuple[int, int]:
    from tornado.iostream import IOStream

    return IOStream.n_received, IOStream.n_unpickled  # type: ignore[attr-defined]


def during(client: Any, action: Callable[[], Any]) -> tuple[list[int], list[int]]:
    """Bytes that each worker received meanwhile, and surrogates that it unpickled."""
    client.run(count)
    action()
    received, unpickled = zip(*client.run(counted).values(), strict=True)
    return list(received), list(unpickled)


def versions(client: Any) -> list[set[str]]:
    """Names of the problems that each worker holds."""
    names = client.run(lambda dask_worker: list(dask_worker.plugins)).values()
    return [{name for name in some if name.startswith("landscape-problem")} for some in names]


# -- sent once ----------------------------------------------------------------------------------------------------
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


def test_a_network_arrives_at_each_worker_once(client: Any, trained: Surrogate) -> None:
    """Whatever the number of tasks, and however often it is explored."""
    others = []
    for width in (320, 1000):
        problem = widened(trained, width)
        size = len(dump(problem, "it"))
        received, unpickled = during(client, lambda problem=problem: ld.explore(problem, client=client))  # type: ignore[misc]
        assert all(size <= n < 2 * size for n in received)
        assert max(unpickled) == 1
        others.append(max(received) - size)
        again, unpickled = during(
            client,
            lambda problem=problem: ld.explore(problem, client=client, upward="none", n_random=1),  # type: ignore[misc]
        )
        assert max(again) < 0.5 * size
        assert unpickled == [0, 0]
        others.append(max(again))
    assert max(others) < 400_000 < 0.05 * size  # tasks, results asked for, heartbeats: nothing that grows with it


# -- versions -----------------------------------------------------------------------------------------------------
def test_correction_is_a_new_version(client: Any, plane: TrainingData, trained: Surrogate) -> None:
    """After training on, the same workers search the corrected energy, and the one that they had is gone."""
    before = ld.explore(trained, client=client)
    assert versions(client) == 2 * [{plugin_name(Broadcast(client, trained).version)}]
    moved = TrainingData(plane.x + 0.25, plane.energy)
    corrected = train(moved, hidden=(24, 24), epochs=100, batch_size=100, learning_rate=5e-3, finish_iterations=1500)
    after = ld.explore(corrected, client=client)
    assert versions(client) == 2 * [{plugin_name(Broadcast(client, corrected).version)}]
    assert after.header["problem"]["fingerprint"] != before.header["problem"]["fingerprint"]
    assert compare(after.pathways, ld.explore(corrected).pathways).is_empty
    assert compare(before.pathways, after.pathways, tolerance=0.05).only_in_a


def test_a_task_with_a_stale_version_is_refused(client: Any, trained: Surrogate) -> None:
    old, new = (Broadcast(client, widened(trained, width)) for width in (30, 40))
    old.register()
    old.release()
    new.register()
    for version in (old.version, "none"):
        with pytest.raises(ProblemMissingError, match=f"problem {version} is not on worker tcp"):
            client.submit(run_searches, version, b"", b"", pure=False).result()
    new.release()


def test_what_a_stale_version_refused_is_done_again(client: Any, trained: Surrogate, tmp_path: Path) -> None:
    """In the midst of a run all workers get another version under the name of the one that the tasks need."""
    stale = widened(trained, 40)
    stale.energy_scale *= -1.0  # whoever computed with it would find other points
    stale_plugin = ProblemPlugin(dump(stale, "it"), "stale")
    stale_plugin.name = plugin_name(Broadcast(client, trained).version)
    swapped = []

    def swap(status: Any) -> None:
        if not swapped:
            client.register_plugin(stale_plugin)
            swapped.append(status)

    log = tmp_path / "log"
    found = ld.explore(trained, client=client, on_status=swap, log=log)
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert swapped
    assert "pieces_resubmitted" in events
    assert compare(found.pathways, ld.explore(trained).pathways).is_empty


def test_a_killed_worker_gets_the_network_again(trained: Surrogate) -> None:
    killed = []
    problem = widened(trained, 320)

    def kill_one(status: Any) -> None:
        if not killed:
            nanny = next(iter(client.cluster.workers.values()))
            killed.append(nanny.pid)
            os.kill(nanny.pid, signal.SIGKILL)

    with connect(workers=2) as client:
        landscape = ld.explore(problem, client=client, on_status=kill_one)
        client.wait_for_workers(2, timeout=30)
        name, x = plugin_name(Broadcast(client, problem).version), np.array([[1.0, 2.0]])
        answers = client.run(lambda dask_worker: (os.getpid(), dask_worker.plugins[name].problem().energy(x)[0]))
    assert killed
    assert len(answers) == 2
    assert killed[0] not in [pid for pid, _ in answers.values()]
    assert {energy for _, energy in answers.values()} == {problem.energy(x)[0]}
    assert compare(landscape.pathways, ld.explore(trained).pathways).is_empty
