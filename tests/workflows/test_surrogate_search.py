"""The benchmark of searches on surrogates measures what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.runs.runner import DaskRunner
from landscape_dist.surrogates import sample, train
from workflows.benchmarks import surrogate_search as bench

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_networks_have_the_size_that_is_asked_for(size: int) -> None:
    surrogate = bench.network(size)
    assert surrogate.model.n_weights == pytest.approx(size, rel=0.01)  # type: ignore[attr-defined]
    assert np.isfinite(surrogate.hessian(np.zeros((1, 3)))).all()


def test_the_stub_evaluates_nothing() -> None:
    surrogate, queue = bench.network(1000), bench.Queue(5, 3)
    first, rest = queue.ask(2), queue.ask(9)
    assert first is not None
    assert rest is not None
    assert [len(first), len(rest), queue.ask(1)] == [2, 3, None]
    for batch in (first, rest):
        queue.tell(bench.answer(surrogate, batch, None))
    assert queue.finished
    assert not any(surrogate.counters.as_dict().values())


def test_counts_on_a_worker() -> None:
    """What is counted, not what is timed: bytes of tasks, pieces, searches; the landscapes agree."""
    exact = ld.systems.arctan_2d()
    data = sample(exact, 600, lower=-1.0, upper=7.0)
    surrogate = train(data, hidden=(24, 24), epochs=100, batch_size=100, learning_rate=5e-3, finish_iterations=1500)
    surrogate.suggested_start, surrogate.suggested_max_index = exact.suggested_start, exact.suggested_max_index
    run = DaskRunner.run
    with connect(workers=1) as client:
        small, large = bench.futures(client, [10_000, 1_000_000], repeats=1, n_futures=20)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(bench.CASES, "plane", bench.Case(ld.systems.arctan_2d, -1.0, 7.0, 600, (24, 24), 100, 0.1))
            row = bench.searches(client, "plane", surrogate, repeats=1)
    assert DaskRunner.run is run
    assert small["bytes_of_a_task"] == large["bytes_of_a_task"] < 3000
    assert large["bytes_sent_to_each_worker"] == pytest.approx(8e6, rel=0.01)
    assert row["same_landscape"]
    assert row["points"] == [5, 5]
    assert row["searches"][0] == 22
    assert 1 <= row["surrogate"]["searches_per_piece"] <= 27
    bench.print_futures([small, large])
    bench.print_searches({"plane": row})


def test_recorded_numbers_are_those_of_the_readme() -> None:
    folder = ROOT / "workflows" / "benchmarks"
    measured = json.loads((folder / "surrogate_search.json").read_text())
    readme = (folder / "surrogate_search.md").read_text()
    for name, row in measured["searches"].items():
        assert row["same_landscape"]
        assert f"| {name} | {' / '.join(map(str, row['points']))} | " in readme
        for per in ("second", "cpu_second"):
            assert f"| {row[f'ratio_{per}']:.2f} | " in readme
    for row in measured["futures"]:
        assert f"| {row['weights']} | {row['bytes_sent_to_each_worker']} | {row['bytes_of_a_task']} | " in readme


@pytest.mark.workflow
def test_the_command(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        script = "workflows/benchmarks/surrogate_search.py"
        done = subprocess.run(
            [sys.executable, script, *arguments, "--json", str(tmp_path / "a.json")],
            capture_output=True, text=True, timeout=600, cwd=ROOT, check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    folder = str(tmp_path / "networks")
    assert "| lattice_4d | 81 / 81 | 216 / 216 |" in run(
        "searches", "--systems", "lattice_4d", "--repeats", "1", "--folder", folder
    )
    assert json.loads((tmp_path / "a.json").read_text())["searches"]["lattice_4d"]["same_landscape"]
    surrogate = Path(folder) / "lattice_4d.surrogate"
    before = surrogate.stat().st_mtime_ns
    run("searches", "--systems", "lattice_4d", "--repeats", "1", "--folder", folder)
    assert surrogate.stat().st_mtime_ns == before
    assert run("futures", "--futures", "50", "--repeats", "1").count("\n| ") == 2
