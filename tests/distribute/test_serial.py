"""The loop itself, with the serial runner."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from distribute_fakes import FakeCoordinator, FakeProblem, FakeSettings, fake_solve, searches_to

from landscape_dist.distribute.runs.interrupts import Interrupts
from landscape_dist.distribute.runs.runner import RunEnd, run_serial
from landscape_dist.records import SearchStatus


def run(coordinator, settings=None, solve=fake_solve, journal=None, **options):
    def on_decisions(result, decisions):
        if journal is not None:
            journal.append((len(result), decisions.n_new))

    problem = FakeProblem(coordinator.dim)
    return run_serial(
        coordinator, problem, settings or FakeSettings(), on_decisions=on_decisions, solve=solve, **options
    )


@pytest.mark.parametrize("batch_size", [None, 1, 7, 1000])
def test_the_whole_lattice(batch_size):
    coordinator, journal = FakeCoordinator(4), []
    report = run(coordinator, journal=journal, batch_size=batch_size)
    assert report.end is RunEnd.FINISHED
    assert len(coordinator.points) == 3**4
    assert len(coordinator.arrows) == 2 * 4 * 3**3
    assert report.n_searches == sum(n for n, _ in journal) == 2 * 4 * 3**3 + 1
    assert sum(new for _, new in journal) == 3**4
    assert report.n_pieces == len(journal)


@pytest.mark.parametrize("batch_size", [None, 1, 10])
def test_only_the_searches_that_raise_are_marked(batch_size):
    bad = ((0, 0, 1, 1), (1, 1, 1, 1), (-1, 0, 0, 0))
    coordinator = FakeCoordinator(4)
    run(coordinator, FakeSettings(raise_at=bad), batch_size=batch_size)
    raised = [key for key, status in coordinator.statuses.items() if status == SearchStatus.RAISED]
    ends = [(*parent[:leave], sign, *parent[leave + 1 :]) for parent, leave, sign in raised]
    assert set(ends) == set(bad)
    # the first two can be reached in several ways; every one of those was tried and marked
    assert ends.count((-1, 0, 0, 0)) == searches_to(4, (-1, 0, 0, 0)) == 1
    assert ends.count((0, 0, 1, 1)) == searches_to(4, (0, 0, 1, 1)) == 2
    assert set(coordinator.points) == set(FULL_4) - set(bad)
    assert sorted(set(coordinator.messages)) == sorted(f"ZeroDivisionError: no energy at {point}" for point in bad)


@pytest.mark.parametrize("batch_size", [1, 10])
def test_what_raises_once_is_tried_again(batch_size):
    raised = []

    def away_for_a_moment(problem, batch, settings):
        if not raised:
            raised.append(True)
            raise OSError("the licence server is away")
        return fake_solve(problem, batch, settings)

    coordinator = FakeCoordinator(3)
    run(coordinator, solve=away_for_a_moment, batch_size=batch_size)
    assert set(coordinator.statuses.values()) == {SearchStatus.CONVERGED}
    assert len(coordinator.points) == 3**3


def full_lattice(dim):
    coordinator = FakeCoordinator(dim)
    run(coordinator)
    return coordinator.points


FULL_4 = full_lattice(4)


def test_sys_exit_in_the_energy_is_an_exception_like_others():
    def solve(problem, batch, settings):
        raise SystemExit(3)

    coordinator = FakeCoordinator(3)
    assert run(coordinator, solve=solve).end is RunEnd.FINISHED
    assert coordinator.messages == ["SystemExit: 3"]


def test_stop_and_go_on():
    undisturbed = FakeCoordinator(4)
    run(undisturbed)
    coordinator = FakeCoordinator(4)
    n_runs = 0
    while not coordinator.finished:
        calls = iter([False, False, True])
        report = run(coordinator, batch_size=5, should_stop=lambda calls=calls: next(calls))
        assert report.end in (RunEnd.STOPPED, RunEnd.FINISHED)
        assert coordinator.n_in_flight == 0
        n_runs += 1
    assert n_runs > 10
    assert coordinator.landscape() == undisturbed.landscape()
    assert coordinator.n_told_twice == 0


def test_ctrl_c_gives_back_what_was_running():
    def solve(problem, batch, settings):
        if len(coordinator.points) > 10 and not interrupted:
            interrupted.append(True)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        return fake_solve(problem, batch, settings)

    interrupted = []
    coordinator = FakeCoordinator(4)
    started = time.monotonic()
    report = run(coordinator, solve=solve, batch_size=10)
    assert time.monotonic() - started < 5
    assert report.interrupted
    assert coordinator.n_in_flight == 0
    assert report.n_searches + coordinator.n_pending == coordinator._n_slots
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert run(coordinator, solve=solve).end is RunEnd.FINISHED
    assert set(coordinator.points) == set(FULL_4)


def test_ctrl_c_waits_for_the_journal():
    steps = []

    def on_decisions(result, decisions):
        if len(steps) == 5:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        steps.append(len(result))

    coordinator = FakeCoordinator(4)
    report = run_serial(
        coordinator, FakeProblem(4), FakeSettings(), on_decisions=on_decisions, solve=fake_solve, batch_size=3
    )
    assert report.interrupted
    assert len(steps) == 6
    assert sum(steps) == report.n_searches


def test_second_ctrl_c_does_not_wait():
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert interrupts.requested
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


def test_second_ctrl_c_in_the_bookkeeping_tells_the_journal_nothing_more():
    """Points without their rows in the journal would shift the ids of all that come after them."""

    class Interrupted(FakeCoordinator):
        def tell(self, result):
            decisions = super().tell(result)
            if len(self.points) > 10:
                raise KeyboardInterrupt
            return decisions

    coordinator, journal = Interrupted(4), []
    with pytest.raises(KeyboardInterrupt):
        run(coordinator, journal=journal, batch_size=5)
    assert coordinator.n_told_twice == 0
    assert sum(new for _, new in journal) < len(coordinator.points)


def test_interrupts_leave_other_handlers_and_threads_alone():
    def handler(number, frame):
        raise AssertionError

    before = signal.signal(signal.SIGINT, handler)
    try:
        with Interrupts():
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    coordinator = FakeCoordinator(3)
    thread = threading.Thread(target=run, args=(coordinator,))
    thread.start()
    thread.join()
    assert coordinator.finished


def test_a_journal_that_fails_loses_nothing_that_was_not_told():
    def on_decisions(result, decisions):
        raise OSError("disk full")

    coordinator = FakeCoordinator(3)
    with pytest.raises(OSError, match="disk full"):
        run_serial(coordinator, FakeProblem(3), FakeSettings(), on_decisions=on_decisions, solve=fake_solve)
    assert coordinator.n_in_flight == 0


def test_a_coordinator_with_nothing_to_hand_out_does_not_spin():
    class Exhausted(FakeCoordinator):
        def ask(self, max_searches):
            return super().ask(max_searches) if self.n_asked < 20 else None

    report = run(Exhausted(4), batch_size=10)
    assert report.end is RunEnd.STARVED


def test_progress_is_shown_at_the_end():
    shown = []
    coordinator = FakeCoordinator(3)
    run(coordinator, on_progress=lambda report: shown.append((report.end, report.n_searches)))
    assert shown[-1] == (RunEnd.FINISHED, 55)
