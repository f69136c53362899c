"""A saddle of up to a hundred thousand variables, two ways: python workflows/rosenbrock_large/run.py."""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld

HERE = Path(__file__).parent
WAYS = {"tridiagonal": True, "matrix-free": False}


def problem(dim: int) -> ld.problems.Problem:
    """Eq. 4.7 with s = -500 for the first five variables and 1 for the others."""
    return ld.systems.rosenbrock(dim, s=np.where(np.arange(dim) < 5, -500.0, 1.0))


def explored(dim: int, way: str, *, min_index: int, store: str | None = None) -> ld.Landscape:
    """From (0.9, ..., 0.9) to index 3, and down to `min_index`."""
    return ld.explore(
        problem(dim), np.full(dim, 0.9), 3, min_index=min_index, upward="none", store=store,
        dense_limit=50, sparse_hessians=WAYS[way], step_tolerance=0.03,
    )  # fmt: skip


def measured(dim: int, way: str, min_index: int) -> dict[str, Any]:
    """One run in this process: what it found and what it cost."""
    begun = time.process_time()
    landscape = explored(dim, way, min_index=min_index)
    seconds = time.process_time() - begun
    saddle = landscape.points.of_index(3)[0]
    counters = landscape.counters
    return {
        "dim": dim,
        "way": way,
        "points": {str(k): n for k, n in landscape.counts_by_index.items()},
        "connections": len(landscape.connections),
        "energies": sorted(landscape.columns.energy.tolist()),
        "error": float(np.abs(saddle.x - 1).max()),
        "eigenvalues": saddle.eigenvalues[np.isfinite(saddle.eigenvalues)].tolist(),
        "cpu_seconds": round(seconds, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        **{key: counters[key] for key in ("n_searches", "n_gradients", "n_hessians", "n_hvps")},
        "by_status": counters["by_status"],
    }


def in_own_process(dim: int, way: str, min_index: int, repeats: int) -> dict[str, Any]:
    """The median run of some, each in a process of its own, so that peak memory is that of the run."""
    runs = []
    for _ in range(repeats):
        command = [sys.executable, __file__, "--one", str(dim), way, str(min_index)]
        runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    middle = statistics.median_low(r["cpu_seconds"] for r in runs)
    return next(r for r in runs if r["cpu_seconds"] == middle)


def check(run: dict[str, Any], expected: dict[str, Any]) -> None:
    """Stop where a run has not found what `expected.json` says."""
    saddle, landscape = expected["saddle"], expected["landscape"]
    values = run["eigenvalues"][: len(saddle["eigenvalues"])]
    good = run["error"] < saddle["atol"] and np.allclose(values, saddle["eigenvalues"], atol=saddle["eigenvalue_atol"])
    if len(run["points"]) == 1:
        good = good and run["points"] == {"3": 1}
    else:
        good = good and run["points"] == landscape["points"] and run["connections"] == landscape["connections"]
        good = good and np.allclose(run["energies"], landscape["energies"], atol=landscape["energy_atol"])
    if not good:
        raise SystemExit(f"d = {run['dim']}, {run['way']}: not what expected.json says: {run}")


def main() -> None:
    """Run each size both ways, then the landscape below; compare with expected.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dims", type=int, nargs="+", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--landscape", type=int, default=1000, help="variables of the landscape; 0 for none")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each, of which the median counts")
    parser.add_argument("--json", help="where to write the numbers; default nowhere")
    parser.add_argument("--one", nargs=3, metavar=("DIM", "WAY", "MIN_INDEX"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        dim, way, min_index = options.one
        print(json.dumps(measured(int(dim), way, int(min_index))))
        return
    expected = json.loads((HERE / "expected.json").read_text())
    sizes = [(dim, 3) for dim in options.dims] + ([(options.landscape, 0)] if options.landscape else [])
    runs = []
    for dim, min_index in sizes:
        for way in WAYS:
            run = in_own_process(dim, way, min_index, options.repeats)
            check(run, expected)
            runs.append(run)
            print(
                f"d = {dim:>6}, {way:<11}: {sum(run['points'].values()):>2} points as expected, {run['n_gradients']} "
                f"gradients, {run['n_hessians']} Hessians, {run['n_hvps']} products, {run['cpu_seconds']:.2f} CPU "
                f"seconds, {run['peak_mb']} MB",
                flush=True,
            )
    if options.json:
        machine = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
        Path(options.json).write_text(json.dumps({"versions": machine, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
