"""What a run waits for, on real worker processes."""

from __future__ import annotations

import pytest
from distribute_fakes import FakeCoordinator, FakeProblem, FakeSettings, fake_solve

from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.runs import futures, runner
from landscape_dist.distribute.runs.runner import DaskRunner, RunReport, run_serial


def ignore(result: object, decisions: object) -> None:
    pass


def test_the_slowest_piece_and_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(futures, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(runner, "PROGRESS_SECONDS", 0.1)
    seen = []

    def look(report: RunReport) -> None:
        if report.slowest is not None:
            seen.append(report.slowest)

    with connect(workers=1) as client:
        dask = DaskRunner(client, FakeProblem(1), FakeSettings(seconds=0.7), solve=fake_solve, batch_size=1)
        report = dask.run(FakeCoordinator(1), on_decisions=ignore, on_progress=look)
        addresses = set(client.nthreads())
    assert report.slowest is None
    assert {piece.n_searches for piece in seen} == {1}
    assert {piece.worker for piece in seen} - {None} == addresses
    assert len({round(piece.since, 1) for piece in seen}) >= 2  # one piece after the other


def test_a_serial_run_says_what_it_is_about_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PROGRESS_SECONDS", 0.0)
    seen = []
    run_serial(
        FakeCoordinator(2), FakeProblem(2), FakeSettings(seconds=0.01), solve=fake_solve, batch_size=1,
        on_decisions=ignore, on_progress=lambda report: seen.append(report.slowest),
    )  # fmt: skip
    assert seen[-1] is None
    assert all(piece is not None and piece.worker is None for piece in seen[:-1])
    assert len(seen) > 3
