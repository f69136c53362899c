"""A database of a million points: filling it, resuming from it, reading it.

    python workflows/benchmarks/million/run.py FOLDER [--dims 10 100 1000] [--small] [--json measured.json]

The searches are those of `synthetic.py` and cost nothing here: what is measured is the coordinator, the journal, and
what reads the store.  Seconds are CPU seconds of the process, all its threads included; the memory is the peak of each
process.  The stores are made in FOLDER (2 GB in all) and stay there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from synthetic import NOISE, Product, product

from landscape_dist.campaign.header import make_header, versions
from landscape_dist.campaign.journal import Journal
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.spaces.judgement import make_judgement
from landscape_dist.store.database import Database

PIECE = 16384
CHECKPOINTS = (1_000, 10_000, 100_000, 1_000_000)
QUERIES = 2000


# -- one step, in a process of its own ------------------------------------------------------------------------------
def fill(work: Product, store: Path) -> dict[str, Any]:
    """Make the store; CPU seconds by part, and what a query costs as the landscape grows."""
    problem, settings = work.problem, ExploreSettings(max_index=len(work.sizes))
    starts = work.starts
    atol = 1e-4 * max(1.0, float(np.abs(starts).max()))
    judgement = make_judgement(atol, problem.dim)
    coordinator = Coordinator(starts, settings, judgement, work.n_eigenvalues)
    header = make_header(problem, starts, settings, SolverSettings(), judgement.as_dict())
    spent = dict.fromkeys(("ask", "search", "tell", "journal"), 0.0)
    growth: list[dict[str, Any]] = []
    left = [n for n in CHECKPOINTS if n <= work.n_points]
    last = (0, 0.0)

    def timed(part: str, since: float) -> None:
        spent[part] += time.process_time() - since

    with Database.create(store, header, dim=problem.dim, n_eigenvalues=work.n_eigenvalues) as database:
        journal = Journal(header, problem, coordinator, database, store=store)
        while True:
            since = time.process_time()
            batch = None if coordinator.finished else coordinator.ask(PIECE)
            timed("ask", since)
            if batch is None:
                break
            since = time.process_time()
            result = work.solve(batch)
            timed("search", since)
            since = time.process_time()
            decisions = coordinator.tell(result)
            timed("tell", since)
            since = time.process_time()
            journal.write(result, decisions)
            timed("journal", since)
            if left and len(coordinator.points) >= left[0]:
                left.pop(0)
                seconds = spent["ask"] + spent["tell"] + spent["journal"]
                n = len(coordinator.searches)
                growth.append(
                    {
                        "points": len(coordinator.points),
                        "searches": n,
                        "us_per_search_since": 1e6 * (seconds - last[1]) / (n - last[0]),
                        "us_per_query": 1e6 * query_seconds(coordinator),
                    }
                )
                last = (n, seconds)
        assert len(coordinator.points) == work.n_points
        since = time.process_time()
        journal.finish()
        timed("journal", since)
    n_points, n_searches = len(coordinator.points), len(coordinator.searches)
    files = [os.path.getsize(path) for path in store.rglob("*") if path.is_file()]
    seconds = sum(spent.values()) - spent["search"]
    return {
        "points": n_points,
        "searches": n_searches,
        "seconds": {part: round(s, 2) for part, s in spent.items()},
        "us_per_search": {part: round(1e6 * s / n_searches, 2) for part, s in spent.items()},
        "searches_per_second": round(n_searches / seconds),
        "points_per_second": round(n_points / seconds),
        "growth": [{k: round(v, 2) for k, v in row.items()} for row in growth],
        "bytes_per_point": round(sum(files) / n_points),
        "bytes_per_point_without_coordinates": round(
            sum(os.path.getsize(p) for p in store.rglob("*") if p.is_file() and "/points/x/" not in p.as_posix())
            / n_points
        ),
        "files": len(files),
    }


def query_seconds(coordinator: Coordinator) -> float:
    """CPU seconds to find one point again, in a batch of them; the median of nine."""
    rng = np.random.default_rng(0)
    points = coordinator.points.view()
    seconds = []
    for _ in range(9):
        ids = rng.integers(0, len(points), QUERIES)
        X = points.x[ids] + NOISE * rng.standard_normal((QUERIES, points.x.shape[1]))
        since = time.process_time()
        found = coordinator.known.find(X, points.energy[ids], points.index[ids])
        seconds.append((time.process_time() - since) / QUERIES)
        assert (found == ids).all()
    return float(np.median(seconds))


def resume(work: Product, store: Path) -> dict[str, Any]:
    """`explore` on the finished store: it is read and replayed, and there is nothing left to do."""
    import landscape_dist as ld

    landscape = ld.explore(work.problem, work.starts, store=str(store))
    assert landscape.finished
    return {"points": len(landscape.points), "connections": len(landscape.connections)}


# -- all of them ----------------------------------------------------------------------------------------------------
def commands(store: Path, folder: Path, dim: int) -> dict[str, list[str]]:
    """What users do with a store; all points as text only in few variables, where that is not a matter of gigabytes."""
    cli = [sys.executable, "-m", "landscape_dist"]
    tables = {"points": [*cli, "points", str(store), "--csv"], "points, table": [*cli, "points", str(store)]}
    return {
        "info": [*cli, "info", str(store)],
        **(tables if dim <= 10 else {}),
        "points of index 9": [*cli, "points", str(store), "--index", "9", "--json"],
        "connections": [*cli, "connections", str(store), "--csv"],
        "audit": [*cli, "audit", str(store)],
        "plot": [*cli, "plot", str(store), "--out", str(folder / "graph.png")],
        "plot, projection": [*cli, "plot", str(store), "--kind", "projection", "--out", str(folder / "projection.png")],
    }


def measured(command: list[str], out: Path) -> dict[str, Any]:
    """Run a command with its output in a file; wall and CPU seconds, and peak memory in MB."""
    with out.open("wb") as file:
        since = time.monotonic()
        process = subprocess.Popen(command, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - since
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return {
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_seconds": round(wall, 2),
        "peak_mb": round(usage.ru_maxrss / (1 << 10 if sys.platform != "darwin" else 1 << 20)),
    }


def step(name: str, dim: int, small: bool, store: Path) -> list[str]:
    return [sys.executable, __file__, str(store), "--step", name, "--dims", str(dim), *(["--small"] if small else [])]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dims", type=int, nargs="+", choices=(10, 100, 1000), default=[10, 100, 1000])
    parser.add_argument("--small", action="store_true", help="19,683 points each")
    parser.add_argument("--keep", action="store_true", help="read the stores that are there")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", choices=("fill", "resume"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step is not None:
        work = product(arguments.dims[0], arguments.small)
        print(json.dumps({"fill": fill, "resume": resume}[arguments.step](work, arguments.folder)))
        return
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "output.txt"
    rows: list[dict[str, Any]] = []
    for dim in arguments.dims:
        store = folder / f"product_{dim}.zarr"
        row: dict[str, Any] = {"dim": dim}
        if not (arguments.keep and store.exists()):
            shutil.rmtree(store, ignore_errors=True)
            row["fill"] = measured(step("fill", dim, arguments.small, store), out) | json.loads(out.read_text())
            print(dim, "fill", json.dumps(row["fill"]), flush=True)
        for name, command in {
            "resume": step("resume", dim, arguments.small, store),
            **commands(store, folder, dim),
        }.items():
            row[name] = measured(command, out)
            print(dim, name, json.dumps(row[name]), flush=True)
        rows.append(row)
    if arguments.json is not None:
        made_by = {"machine": platform.machine(), "system": platform.system(), **versions()}
        arguments.json.write_text(json.dumps({"made_by": made_by, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
