"""Boxes of a proof on workers: the same as in one process, and whatever becomes of the workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from distributed import Client

import landscape_dist as ld
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.runs import proof_packs
from landscape_dist.distribute.runs.proof_packs import packs_on
from landscape_dist.exploration.proofs.completeness import Proof, State, advance_here, concluded, proceed
from landscape_dist.problems.equations import Equations, equations_of

LATTICE = "+".join(f"{1 + 0.3 * i}*(x{i + 1}^2-1)^2" for i in range(5)) + "+0.1*(x1*x2+x2*x3+x3*x4+x4*x5)"


@pytest.fixture(autouse=True)
def packs_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few there are."""
    monkeypatch.setattr(proof_packs, "FEWEST", 1)


@pytest.fixture(scope="module")
def equations() -> Equations:
    return equations_of(ld.problems.symbolic(LATTICE))


@pytest.fixture(scope="module")
def here(equations: Equations) -> Proof:
    return finished(equations, advance_here(equations))


@pytest.fixture
def client() -> Iterator[Client]:
    with connect(workers=2, dashboard=False) as connected:
        yield connected


def finished(equations: Equations, packs: Any) -> Proof:
    box = np.full(5, 3.0)
    return concluded(proceed(State.begin(-box, box), packs, 100_000), equations, "lattice")


def same(a: Proof, b: Proof) -> bool:
    return a.boxes == b.boxes and [p.as_dict() for p in a.points] == [p.as_dict() for p in b.points]


def test_as_in_one_process(client: Client, equations: Equations, here: Proof) -> None:
    sent = []
    submit = client.submit
    client.submit = lambda *a, **k: sent.append(a[0]) or submit(*a, **k)  # type: ignore[func-returns-value]
    assert here.complete
    assert len(here.points) == 3**5
    assert same(finished(equations, packs_on(client, equations)), here)
    assert len(sent) > 3


def test_workers_that_are_killed(client: Client, equations: Equations, here: Proof) -> None:
    """Whether nannies start others in time or not."""
    killed = []

    def kill(state: State) -> None:
        if len(killed) < 2:
            killed.append(pids.pop())
            os.kill(killed[-1], signal.SIGKILL)

    pids = list(client.run(os.getpid).values())
    packs = packs_on(client, equations, patience=30.0)
    box = np.full(5, 3.0)
    state = proceed(State.begin(-box, box), packs, 100_000, on_progress=kill)
    assert len(killed) == 2
    assert same(concluded(state, equations, "lattice"), here)


class Never:
    """A client whose workers take packs and give nothing back."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error, self.asked, self.cancelled = error, 0, 0

    def nthreads(self) -> dict[str, int]:
        return {"tcp://somewhere": 1}

    def scatter(self, data: Any, **_: Any) -> Any:
        return data

    def submit(self, *_: Any, **__: Any) -> Any:
        return self

    def cancel(self, futures: list[Any]) -> None:
        self.cancelled += len(futures)

    def result(self, timeout: float) -> Any:
        self.asked += 1
        raise self.error


@pytest.mark.parametrize("error", [TimeoutError, OSError])
def test_workers_that_never_answer(error: type[BaseException], equations: Equations, here: Proof) -> None:
    client: Any = Never(error)
    assert same(finished(equations, packs_on(client, equations, patience=0.01)), here)
    assert client.asked >= 1
    assert client.cancelled > 0


def test_few_are_not_sent(equations: Equations, here: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_packs, "FEWEST", 100)
    client: Any = Never(TimeoutError)
    assert same(finished(equations, packs_on(client, equations)), here)
    assert client.asked == 0


def test_without_workers(equations: Equations, here: Proof) -> None:
    client: Any = Never(TimeoutError)
    client.nthreads = dict
    assert same(finished(equations, packs_on(client, equations)), here)
    assert client.asked == 0


def test_an_exploration_on_workers_proves_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same landscape, proof and counts as in one process."""
    used = []
    real = proof_packs.packs_on

    def noted(client: Client, equations: Equations) -> Any:
        used.append(equations.dim)
        return real(client, equations)

    monkeypatch.setattr(proof_packs, "packs_on", noted)
    problem = ld.problems.symbolic(LATTICE)
    serial = ld.explore(problem, np.full(5, 0.1), max_index=5, prove=100_000)
    workers = ld.explore(problem, np.full(5, 0.1), max_index=5, prove=100_000, workers=2)
    assert used == [5]
    assert serial.audit().verdict == workers.audit().verdict == "proved"
    assert serial.audit().proof == workers.audit().proof
    assert len(serial.points) == len(workers.points) == 3**5
