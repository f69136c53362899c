"""Landscape searches on a surrogate beside the same searches on the exact energy, and what a network costs on the way.

    python workflows/benchmarks/surrogate_search.py searches [--systems arctan_3d lattice_4d lattice_6d]
    python workflows/benchmarks/surrogate_search.py futures [--weights 100000 1000000]

each with `--workers 2`, `--repeats 5` and `--json FILE`.  `searches` trains a network on values and slopes of each
energy (half a minute for all three, kept in --folder), explores exact energy and surrogate in turn on the same
workers, and says whether the landscapes agree.  `futures` hands out pieces of one search each, with a solver that
answers at once, together with networks of several sizes: what is left is the cost of a future.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.campaign.header import versions
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.runs.runner import DaskRunner, RunReport
from landscape_dist.distribute.worker.broadcast import Broadcast, dump
from landscape_dist.distribute.worker.pieces import failed
from landscape_dist.records import ResultBatch, SearchBatch, SearchKind, SearchStatus
from landscape_dist.surrogates import Surrogate, TrainingSettings, sample, train_once
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.perceptron import Perceptron


# -- searches -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Case:
    """An exact energy, the box its data are drawn from, their number, and the network."""

    problem: Callable[[], Any]
    lower: float
    upper: float
    points: int
    hidden: tuple[int, ...]
    epochs: int
    same: float
    """Points of both landscapes within this distance correspond."""

    def settings(self) -> TrainingSettings:
        return TrainingSettings(
            hidden=self.hidden, epochs=self.epochs, batch_size=200, learning_rate=3e-3, lr_step=self.epochs // 10,
            lr_factor=0.6, finish_iterations=200,
        )  # fmt: skip


CASES = {
    "arctan_3d": Case(lambda: ld.systems.arctan_3d(alpha=3.0), -1.0, 7.0, 6000, (128, 128, 128), 150, 0.1),
    "lattice_4d": Case(lambda: ld.systems.coupled_lattice(dim=4), -1.5, 1.5, 8000, (64, 64, 64), 100, 0.05),
    "lattice_6d": Case(lambda: ld.systems.coupled_lattice(dim=6), -1.5, 1.5, 30_000, (64, 64, 64), 80, 0.05),
}


def trained(name: str, folder: Path) -> Surrogate:
    """The network of a case, from the folder where it is there already."""
    case = CASES[name]
    data = sample(case.problem(), case.points, lower=case.lower, upper=case.upper, gradient_ratio=1.0)
    surrogate = train_once(folder / f"{name}.surrogate", data, case.settings())
    surrogate.suggested_start = case.problem().suggested_start
    surrogate.suggested_max_index = case.problem().suggested_max_index
    return surrogate


@contextmanager
def reports() -> Iterator[list[RunReport]]:
    """How the runs on workers in this block went."""
    made: list[RunReport] = []
    run = DaskRunner.run

    def kept(self: DaskRunner, *arguments: Any, **options: Any) -> RunReport:
        made.append(run(self, *arguments, **options))
        return made[-1]

    DaskRunner.run = kept  # type: ignore[method-assign]
    try:
        yield made
    finally:
        DaskRunner.run = run  # type: ignore[method-assign]


def cpu_of_workers(client: Any) -> float:
    """CPU seconds of all workers since they were started."""
    return float(sum(client.run(time.process_time).values()))


def explored(client: Any, problem: Any) -> tuple[ld.Landscape, dict[str, float]]:
    """A landscape, and what it took."""
    with reports() as made:
        busy, here, began = cpu_of_workers(client), time.process_time(), time.perf_counter()
        landscape = ld.explore(problem, client=client)
        seconds, here, busy = time.perf_counter() - began, time.process_time() - here, cpu_of_workers(client) - busy
    n = len(landscape.searches)
    return landscape, {
        "searches_per_second": n / seconds,
        "searches_per_cpu_second": n / (here + busy),
        "searches_per_piece": n / made[0].n_pieces,
        "worker_cpu_us_per_search": 1e6 * busy / n,
        "client_cpu_us_per_search": 1e6 * here / n,
    }


def searches(client: Any, name: str, surrogate: Surrogate, repeats: int) -> dict[str, Any]:
    """Medians over alternating repeats, and the median of the ratios within a repeat."""
    exact = CASES[name].problem()
    landscapes = [explored(client, problem)[0] for problem in (exact, surrogate)]  # and loads what is used
    difference = compare(landscapes[0].pathways, landscapes[1].pathways, tolerance=CASES[name].same)
    rows: dict[str, list[dict[str, float]]] = {"exact": [], "surrogate": []}
    for _ in range(repeats):
        for kind, problem in (("exact", exact), ("surrogate", surrogate)):
            rows[kind].append(explored(client, problem)[1])
    ratios = {
        f"ratio_{per}": round(
            statistics.median(
                s[f"searches_per_{per}"] / e[f"searches_per_{per}"]
                for e, s in zip(rows["exact"], rows["surrogate"], strict=True)
            ),
            2,
        )
        for per in ("second", "cpu_second")
    }
    return (
        ratios
        | {
            "points": [len(landscape.points) for landscape in landscapes],
            "arrows": [len(landscape.connections) for landscape in landscapes],
            "searches": [len(landscape.searches) for landscape in landscapes],
            "same_landscape": difference.is_empty,
            "largest_distance": round(difference.largest_distance, 4),
        }
        | {
            kind: {key: round(statistics.median(row[key] for row in some), 1) for key in some[0]}
            for kind, some in rows.items()
        }
    )


# -- futures ------------------------------------------------------------------------------------------------------
class Queue:
    """Hands out so many searches from the user's start and forgets what comes of them."""

    def __init__(self, n: int, dim: int) -> None:
        self.n, self.dim = n, dim
        self.handed_out = self.told = 0

    @property
    def finished(self) -> bool:
        return self.told == self.n

    @property
    def n_pending(self) -> int:
        return self.n - self.handed_out

    def ask(self, max_searches: int) -> SearchBatch | None:
        n = min(max_searches, self.n_pending)
        if not n:
            return None
        slots = np.arange(self.handed_out, self.handed_out + n)
        self.handed_out += n
        zeros = np.zeros(n, dtype=np.int64)
        return SearchBatch(
            1, SearchKind.START, np.array([-1]), np.zeros((1, self.dim)), np.array([-1]), slots, zeros,
            np.full((n, 1), -1), np.zeros((n, 1), dtype=np.int64), np.zeros((n, 1), dtype=np.int64), zeros,
        )  # fmt: skip

    def tell(self, result: ResultBatch) -> None:
        self.told += len(result)

    def forget(self, slots: Any) -> None:
        self.handed_out -= len(slots)


def answer(problem: Any, batch: SearchBatch, settings: Any) -> ResultBatch:
    """Stands for the solver: evaluates nothing."""
    return failed(batch, SearchStatus.MAX_STEPS, "")


def network(n_weights: int, dim: int = 3) -> Surrogate:
    """A random network of two hidden layers, of about so many weights."""
    width = round((n_weights + 0.25 * (dim + 3) ** 2) ** 0.5 - 0.5 * (dim + 3))
    features = Features((0.0,) * dim, (1.0,) * dim, (np.inf,) * dim)
    return Surrogate(Perceptron.random(dim, (width, width), 0), features, 0.0, 1.0)


def futures(client: Any, sizes: list[int], repeats: int, n_futures: int) -> list[dict[str, Any]]:
    """CPU microseconds of a future where client and scheduler run, and on the workers, by size of the network."""
    problems = [network(size) for size in sizes]
    rows: list[dict[str, list[float]]] = [{"client": [], "workers": [], "first": []} for _ in problems]
    for _ in range(repeats):
        for problem, row in zip(problems, rows, strict=True):
            # The first run brings the network to the workers and unpickles it there, the second finds it.
            first = _spent(client, problem, 2 * len(client.nthreads()))
            here, there = _spent(client, problem, n_futures)
            row["first"].append(sum(first))
            row["client"].append(1e6 * here / n_futures)
            row["workers"].append(1e6 * there / n_futures)
    return [
        {
            "weights": problem.model.n_weights,  # type: ignore[attr-defined]
            "bytes_sent_to_each_worker": len(dump(problem, "the network")),
            "bytes_of_a_task": task_bytes(client, problem),
            "us_per_future_client_and_scheduler": round(statistics.median(row["client"])),
            "us_per_future_workers": round(statistics.median(row["workers"])),
            "ms_of_the_first_run": round(1e3 * statistics.median(row["first"]), 1),
        }
        for problem, row in zip(problems, rows, strict=True)
    ]


def _spent(client: Any, problem: Any, n: int) -> tuple[float, float]:
    """CPU seconds here and on the workers."""
    began, busy = time.process_time(), cpu_of_workers(client)
    runner = DaskRunner(client, problem, None, solve=answer, batch_size=1)
    report = runner.run(Queue(n, problem.dim), on_decisions=lambda result, decisions: None)
    assert report.n_pieces == n
    return time.process_time() - began, cpu_of_workers(client) - busy


def task_bytes(client: Any, problem: Any) -> int:
    """What a task of one search is made of, pickled."""
    batch = Queue(1, problem.dim).ask(1)
    return len(dump((Broadcast(client, problem).version, dump((answer, None), "it"), dump(batch, "it")), "it"))


# -- command ------------------------------------------------------------------------------------------------------
def print_searches(results: dict[str, dict[str, Any]]) -> None:
    print("exact / surrogate:\n")
    print("| | points | arrows | searches | searches/s | ratio | a CPU second | ratio | a piece | worker us a search |")
    print("|---|---|---|---|---|---:|---|---:|---|---|")
    for name, row in results.items():

        def both(key: str, row: dict[str, Any] = row) -> str:
            return " / ".join(f"{row[kind][key]:.0f}" for kind in ("exact", "surrogate"))

        cells = [" / ".join(map(str, row[key])) for key in ("points", "arrows", "searches")]
        for per in ("second", "cpu_second"):
            cells += [both(f"searches_per_{per}"), f"{row[f'ratio_{per}']:.2f}"]
        cells += [both("searches_per_piece"), both("worker_cpu_us_per_search")]
        print(f"| {name} | {' | '.join(cells)} |{'' if row['same_landscape'] else ' the landscapes differ'}")


def print_futures(rows: list[dict[str, Any]]) -> None:
    print("| weights | bytes to each worker, once | bytes a task | us a future, client and scheduler | workers |")
    print("|---:|---:|---:|---:|---:|")
    for row in rows:
        print(
            f"| {row['weights']} | {row['bytes_sent_to_each_worker']} | {row['bytes_of_a_task']} | "
            f"{row['us_per_future_client_and_scheduler']} | {row['us_per_future_workers']} |"
        )


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("searches", "futures"))
    parser.add_argument("--systems", nargs="+", choices=tuple(CASES), default=list(CASES))
    parser.add_argument("--weights", nargs="+", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--futures", type=int, default=1000, help="futures a turn")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("surrogate_search"), help="where to keep the networks")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: Any
    if options.what == "searches":
        surrogates = {name: trained(name, options.folder) for name in options.systems}
        with connect(workers=options.workers) as client:
            results = {name: searches(client, name, surrogates[name], options.repeats) for name in options.systems}
        print_searches(results)
    else:
        with connect(workers=options.workers) as client:
            results = futures(client, options.weights, options.repeats, options.futures)
        print_futures(results)
    if options.json is not None:
        known = json.loads(options.json.read_text()) if options.json.exists() else {}
        known |= {options.what: results, "made_by": versions()}
        options.json.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
