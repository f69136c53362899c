"""An energy that cannot be had at some point: those searches are recorded with the reason, all others finish."""

from __future__ import annotations

import numpy as np
import pytest
from poisoned import poisoned_lattice

import landscape_dist as ld
from landscape_dist.records import SearchStatus

DIM = 3
REASONS = {
    "raise": (SearchStatus.RAISED, "ValueError: no energy here"),
    "hang": (SearchStatus.HUNG, "no evaluation came back for"),
    "crash": (SearchStatus.WORKER_LOST, "worker processes died repeatedly"),
}


@pytest.mark.parametrize("how", [pytest.param(h, marks=() if h == "raise" else pytest.mark.long) for h in REASONS])
def test_a_minimum_that_cannot_be_evaluated(how):
    whole = ld.explore(ld.systems.coupled_lattice(dim=DIM, coupling=0.2), max_index=DIM)
    bad = whole.points.of_index(0)[0]
    problem = poisoned_lattice(DIM, np.asarray(bad.x), how)
    workers = {} if how == "raise" else {"workers": 2, "hang_seconds": 1.5}
    found = ld.explore(problem, max_index=DIM, **workers)
    status, reason = REASONS[how]
    assert found.finished
    assert len(found.points) == len(whole.points) - 1
    due = sum(c.child_id == bad.id for c in whole.connections)
    assert found.counters["by_status"][status.label] >= due > 0
    assert len(found.connections) == len(whole.connections) - due
    messages = [m for m in found.failures.message if m]
    assert len(messages) >= due
    assert all(reason in message for message in messages)
