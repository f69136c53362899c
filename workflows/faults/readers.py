"""Commands that read a store again and again while a run writes to it: python workflows/faults/readers.py --reads 500.

Each loop calls the command itself, in a process of its own; what it prints must be whole, fit together, and never go
back behind what was read before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NOT_YET = "there is no store at", "was never finished"


def check_info(said: Any) -> int:
    """What `info --json` says; how far the run is."""
    assert sum(said["counts_by_index"].values()) == said["n_points"], "points by index do not add up"
    counters = said["counters"]
    assert sum(counters["by_status"].values()) == counters["n_searches"], "searches by status do not add up"
    assert counters["n_gradients"] >= counters["n_searches"], "searches without evaluations"
    return int(counters["n_searches"])


def check_points(said: Any) -> int:
    """What `points --json` says."""
    assert [point["id"] for point in said] == list(range(len(said))), "ids have gaps"
    for point in said:
        assert sum(value < 0 for value in point["eigenvalues"]) == point["index"], "a row of two points"
        assert point["hits"] >= 1, "a point without the search that found it"
    return len(said)


def check_verify(said: Any) -> int:
    """What `verify --json` says; how far the run is."""
    assert said["sound"], f"verify found {said['findings']}"
    assert said["n_gradients"] == said["n_points"], "gradients were not computed again"
    return int(said["n_searches"])


LOOPS: dict[str, Callable[[Any], int]] = {"info": check_info, "points": check_points, "verify": check_verify}


def loop(name: str, store: str, stop: Path) -> dict[str, Any]:
    """Call one command until the file `stop` is there; reads, and what was wrong with them."""
    from typer.testing import CliRunner

    from landscape_dist.cli import app

    runner, n_reads, n_changes, far, torn = CliRunner(), 0, 0, 0, []
    while not stop.exists():
        done = runner.invoke(app, [name, store, "--json"])
        said = str(done.stderr)
        if done.exit_code != 0 and any(text in said for text in NOT_YET):
            time.sleep(0.02)
            continue
        n_reads += 1
        try:
            assert done.exit_code == 0, f"exit code {done.exit_code}: {said or done.exception!r}"
            now = LOOPS[name](json.loads(done.stdout))
            assert now >= far, f"{now} after {far}"
            n_changes += now > far
            far = now
        except (AssertionError, ValueError, KeyError) as error:
            torn.append(f"{type(error).__name__}: {error}"[:300])
    return {"command": name, "reads": n_reads, "changes seen": n_changes, "torn": torn}


def watch_run(folder: Path, dim: int, seconds: float) -> list[dict[str, Any]]:
    """A serial run of `disturbed.py`, with each of `LOOPS` beside it; what these report."""
    store, stop, orders = folder / "store.zarr", folder / "stop", folder / "orders"
    orders.mkdir()
    environment = os.environ | {
        "FAULTS": str(orders), "FAULTS_DIM": str(dim), "FAULTS_SECONDS": str(seconds), "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
    }  # fmt: skip
    me = [sys.executable, str(HERE / "readers.py"), "--store", str(store), "--stop", str(stop), "--loop"]
    loops = [subprocess.Popen([*me, name], env=environment, stdout=subprocess.PIPE, text=True) for name in LOOPS]
    try:
        run = [sys.executable, str(HERE / "disturbed.py"), str(store), "serial"]
        subprocess.run(run, env=environment, check=True, stdout=subprocess.DEVNULL)
    finally:
        stop.touch()
        reports = [process.communicate()[0] for process in loops]
    return [json.loads(report) for report in reports]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=500, help="at least so many of each command")
    parser.add_argument("--dim", type=int, default=6, help="of the lattice")
    parser.add_argument("--seconds", type=float, default=1e-3, help="an evaluation")
    parser.add_argument("--loop", help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    parser.add_argument("--stop", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        print(json.dumps(loop(options.loop, options.store, options.stop)))
        return 0
    total = {name: {"runs": 0, "reads": 0, "changes seen": 0, "torn": 0} for name in LOOPS}
    while min(row["reads"] for row in total.values()) < options.reads:
        with tempfile.TemporaryDirectory(prefix="landscape-readers-") as folder:
            for report in watch_run(Path(folder), options.dim, options.seconds):
                row = total[report["command"]]
                row["runs"] += 1
                row["reads"] += report["reads"]
                row["changes seen"] += report["changes seen"]
                row["torn"] += len(report["torn"])
                for text in report["torn"][:5]:
                    print(f"{report['command']}: {text}", flush=True)
    print("| command | runs | reads | changes seen | torn |\n|---|---:|---:|---:|---:|")
    for name, row in total.items():
        print(f"| `{name}` | {' | '.join(str(value) for value in row.values())} |")
    return 1 if any(row["torn"] for row in total.values()) else 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(HERE)]
    sys.exit(main())
