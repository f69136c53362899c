"""How many workers one coordinator can feed.

    python workflows/benchmarks/scaling/run.py parts [--dims 8 10]          CPU per search of the coordinator, by part
    python workflows/benchmarks/scaling/run.py workers [--dims 8 10]        1 and 2 real worker processes
    python workflows/benchmarks/scaling/run.py simulate [--cases 200:0.01 5000:1.0] [--target SECONDS]

each with `--json FILE`.  `simulate` is a simulation: the searches are those of `../million/synthetic.py`, which sleep
for the given time instead of computing, on Dask workers with as many threads as there are to be workers, all on this
machine.  What packing, Dask, the coordinator and the journal cost is real, and shares the machine's cores with what
real workers would do elsewhere.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import landscape_dist as ld
from landscape_dist.campaign.header import versions
from landscape_dist.campaign.journal import Journal
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.identification import Identification
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.records import ResultBatch, SearchBatch
from landscape_dist.spaces.judgement import Distance

DIM = 10
BESIDE = str(Path(__file__).parents[1] / "million")


def product() -> Any:
    """The landscape of `../million`; here and on workers that inherit the path."""
    if BESIDE not in sys.path:
        sys.path.insert(0, BESIDE)
    from synthetic import product

    return product(DIM)


# -- CPU of the coordinator -----------------------------------------------------------------------------------------
def parts(dim: int) -> dict[str, Any]:
    """CPU microseconds a search of each part of a serial run with a store, measured in place."""
    spent: dict[str, float] = {}

    def timed(owner: Any, name: str, label: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)

        def outer(*args: Any, **kwargs: Any) -> Any:
            since = time.process_time()
            try:
                return inner(*args, **kwargs)
            finally:
                spent[label] = spent.get(label, 0.0) + time.process_time() - since

        setattr(owner, name, outer)

    timed(Coordinator, "ask", "ask")
    timed(Coordinator, "tell", "tell")
    timed(Identification, "identify", "identify, a part of tell")
    timed(Journal, "write", "journal")
    since = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        landscape = ld.explore(ld.systems.coupled_lattice(dim=dim), max_index=dim, store=str(Path(folder) / "a.zarr"))
    total = time.process_time() - since
    n = len(landscape.searches)
    graph = time.process_time()
    assert landscape.graph.number_of_nodes() == len(landscape.points)
    spent["networkx graph, where asked for"] = time.process_time() - graph
    return {
        "dim": dim,
        "points": len(landscape.points),
        "arrows": len(landscape.connections),
        "searches": n,
        "us_per_search": {name: round(1e6 * s / n, 2) for name, s in spent.items()}
        | {"all": round(1e6 * total / n, 2)},
    }


# -- real workers ---------------------------------------------------------------------------------------------------
def workers(dim: int, n_workers: int) -> dict[str, Any]:
    """Wall seconds of a whole run on worker processes, their start not included."""
    from distributed import Client, LocalCluster

    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        problem = ld.systems.coupled_lattice(dim=dim)
        ld.explore(ld.systems.coupled_lattice(dim=3), max_index=3, client=client)  # what is loaded on first use
        since = time.perf_counter(), time.process_time()
        landscape = ld.explore(problem, max_index=dim, client=client, store=str(Path(folder) / "a.zarr"))
        wall, cpu = time.perf_counter() - since[0], time.process_time() - since[1]
    return {
        "dim": dim,
        "workers": n_workers,
        "arrows": len(landscape.connections),
        "wall_seconds": round(wall, 2),
        "cpu_seconds_of_the_coordinators_process": round(cpu, 2),
    }


# -- simulated workers ----------------------------------------------------------------------------------------------
class Sleeping:
    """Stands for the solver: sleeps, and knows the results."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._work: Any = None

    def __getstate__(self) -> float:
        return self.seconds

    def __setstate__(self, seconds: float) -> None:
        self.__init__(seconds)  # type: ignore[misc]

    def __call__(self, problem: Any, batch: SearchBatch, settings: Any) -> ResultBatch:
        if self._work is None:
            self._work = product()
        until = time.monotonic() + self.seconds * len(batch)
        result: ResultBatch = self._work.solve(batch)
        time.sleep(max(0.0, until - time.monotonic()))
        return result


def simulate(n_workers: int, seconds: float, target: float | None, duration: float) -> dict[str, Any]:
    """Searches a second that get done, of those that so many workers could do."""
    from distributed import Client, LocalCluster

    from landscape_dist.distribute.runs.runner import DaskRunner
    from landscape_dist.store.database import Database

    work = product()
    coordinator = Coordinator(
        work.starts, ExploreSettings(max_index=len(work.sizes)), Distance(1e-4, DIM), work.n_eigenvalues
    )
    processes = 2
    came: list[tuple[float, int, float]] = []  # when, how many searches, CPU seconds of this process so far
    options = {} if target is None else {"target_seconds": target}
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=processes, threads_per_worker=n_workers // processes, dashboard_address=None) as cluster,
        Client(cluster) as client,
        Database.create(str(Path(folder) / "a.zarr"), {}, dim=DIM, n_eigenvalues=work.n_eigenvalues) as database,
    ):
        problem = ld.systems.coupled_lattice(dim=DIM)  # as large as one that is sent, and not used
        journal = Journal({}, problem, coordinator, database)
        runner = DaskRunner(client, problem, SolverSettings(), solve=Sleeping(seconds), **options)
        began = time.monotonic()

        def note(result: ResultBatch, decisions: Any) -> None:
            journal.write(result, decisions)
            came.append((time.monotonic() - began, len(result), time.process_time()))

        runner.run(coordinator, on_decisions=note, should_stop=lambda: time.monotonic() - began > duration)
        journal.commit()
    # The last half: before that there are not yet as many searches as workers.
    late = [row for row in came if duration / 2 < row[0] <= duration]
    span = duration / 2
    done = sum(row[1] for row in late)
    rate = done / span
    return {
        "workers": n_workers,
        "seconds_a_search": seconds,
        "target_seconds_a_piece": target,
        "searches_a_piece": round(done / len(late), 1),
        "pieces_a_second": round(len(late) / span),
        "searches_a_second": round(rate),
        "possible": round(n_workers / seconds),
        "efficiency": round(rate * seconds / n_workers, 3),
        "coordinator_process_cpu_share": round((late[-1][2] - late[0][2]) / span, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=("parts", "workers", "simulate"))
    parser.add_argument("--dims", type=int, nargs="+", default=[8, 10])
    parser.add_argument("--cases", nargs="+", default=["200:0.01", "5000:1.0"], metavar="WORKERS:SECONDS")
    parser.add_argument("--target", type=float, help="seconds a piece; default as in a run")
    parser.add_argument("--duration", type=float, default=30.0, help="seconds of a simulation")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if arguments.what == "parts":
        jobs: list[Callable[[], dict[str, Any]]] = [lambda d=d: parts(d) for d in arguments.dims[:1]]
        if len(arguments.dims) > 1:
            sys.exit("parts patches what it measures: give one dimension at a time")
    elif arguments.what == "workers":
        jobs = [lambda d=d, n=n: workers(d, n) for d in arguments.dims for n in (1, 2)]
    else:
        cases = [(int(n), float(s)) for n, _, s in (case.partition(":") for case in arguments.cases)]
        jobs = [lambda n=n, s=s: simulate(n, s, arguments.target, arguments.duration) for n, s in cases]
    for job in jobs:
        rows.append(job())
        print(json.dumps(rows[-1]), flush=True)
    if arguments.json is not None:
        made_by = {"machine": platform.machine(), "cpus": os.cpu_count(), **versions()}
        arguments.json.write_text(json.dumps({"made_by": made_by, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
