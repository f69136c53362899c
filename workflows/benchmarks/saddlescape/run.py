"""SaddleScape's gallery, by SaddleScape and by this package, side by side.

    python run.py PATH_TO_SADDLESCAPE_CHECKOUT [--limit SECONDS] [--repeats N] [--only NAME ...] [--json FILE]

Each notebook of the gallery is run twice, cell by cell without its pictures and files, every time in a process of its
own: as it is, and with only its import changed.  Measured is the CPU time of Run and of the restarts (median of
the repeats; what is done for the first time in a process included), and apart from that, in runs of their own, the
evaluations of the gradient.  A run of SaddleScape that needs more than the limit is stopped there; its ratio is then
a lower bound.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import pickle
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

EXAMPLES = {
    "Butterfly": "Ex_1_Butterfly",
    "Mueller-Brown": "Ex_2_MullerBrownPotential",
    "Mueller-Brown, Adams": "Ex_2_MullerBrownPotential-Adams2nd",
    "Cubic": "Ex_3_Cubic",
    "Phase field": "Ex_4_PhaseField",
    "Phase field, FFT": "Ex_4_PhaseField-NewSameSaddle",
    "Phase field, kappa 0.01": "Ex_4_PhaseField-NewKappa",
    "Phase field, kappa 0.01, FFT": "Ex_4_PhaseField-NewKappa-NewSameSaddle",
}
LEFT_OUT = ("Draw", "Save(", "heatmap", "json", "animate", "plt.", "ani.", "sys.path")
SAME = 1e-2


# -- one run, in a process of its own -------------------------------------------------------------------------------
def cells(checkout: Path, notebook: str) -> list[str]:
    """The cells that make the problem and search."""
    content = json.loads((checkout / "gallery" / f"{notebook}.ipynb").read_text())
    sources = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
    return [s for s in sources if ".Run()" in s or "Restart" in s or not any(word in s for word in LEFT_OUT)]


def cpu_seconds() -> float:
    return time.process_time()


class OutOfTime(Exception):
    """The CPU time of this run is spent."""


def single(checkout: Path, notebook: str, ours: bool, counting: bool, limit: float, out: Path) -> None:
    """Run one notebook and pickle what it found, its CPU seconds and its gradients."""
    sources = cells(checkout, notebook)
    if ours:
        sources = [s.replace("from saddlescape import", "from landscape_dist.saddlescape import") for s in sources]
    else:
        sys.path.insert(0, str(checkout / "saddlescape-1.0"))
    seconds = {"setup": 0.0, "search": 0.0}
    made: list[Any] = []
    calls = [0]

    def timed(base: Any) -> Any:
        def measure(part: str, function: Any, *args: Any, **kwargs: Any) -> None:
            began = cpu_seconds()
            try:
                function(*args, **kwargs)
            finally:
                seconds[part] += cpu_seconds() - began

        class Timed(base):  # type: ignore[misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                made.append(self)
                measure("setup", super().__init__, *args, **kwargs)
                if counting and not ours:
                    gradient = self.calHiSD.Grad

                    def counted(x: Any) -> Any:
                        calls[0] += 1
                        return gradient(x)

                    self.calHiSD.Grad = counted

            def Run(self) -> None:
                measure("search", super().Run)

            def RestartFromSaddle(self, *args: Any, **kwargs: Any) -> None:
                measure("search", super().RestartFromSaddle, *args, **kwargs)

        return Timed

    def stop(*_: Any) -> None:
        raise OutOfTime

    names: dict[str, Any] = {"__name__": "gallery"}
    complete = True
    signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            for source in sources:
                exec(compile(source, notebook, "exec"), names)
                if "import Landscape" in source:
                    names["Landscape"] = timed(names["Landscape"])
        except OutOfTime:
            complete = False
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    landscape = made[0]
    rows = list(getattr(landscape, "SaddleList", []))
    counters = landscape.problem.counters.as_dict() if ours else {"n_gradients": calls[0]}
    result = {
        "seconds": seconds,
        "complete": complete,
        "points": [(row[1].ravel(), int(row[2])) for row in rows],
        "arrows": len({(p, row[0]) for row in rows for p in row[4] if p >= 0 and p != row[0]}),
        "counters": counters,
    }
    out.write_bytes(pickle.dumps(result))


# -- comparing ------------------------------------------------------------------------------------------------------
def by_index(points: list[Any]) -> str:
    counts: dict[int, int] = {}
    for _, index in points:
        counts[index] = counts.get(index, 0) + 1
    return ", ".join(f"{n} of {k}" for k, n in sorted(counts.items(), reverse=True))


def distance(a: Any, b: Any, periodic: bool) -> float:
    """2-norm over sqrt(d), for fields the least over translations."""
    import numpy as np

    if not periodic:
        return float(np.linalg.norm(a - b))
    n = round(len(a) ** 0.5)
    A, B = np.fft.fft2(a.reshape(n, n)), np.fft.fft2(b.reshape(n, n))
    best = float(np.fft.ifft2(np.conj(A) * B).real.max())
    return float(np.sqrt(max(0.0, a @ a + b @ b - 2 * best) / len(a)))


def missing(theirs: list[Any], ours: list[Any], periodic: bool) -> int:
    """How many of their points ours lack: no point of the same index within reach."""
    # Their fields end at |g| < 1e-4, which along soft modes leaves this much room.
    reach = 0.1 if periodic else SAME
    return sum(not any(i == j and distance(x, y, periodic) < reach for y, j in ours) for x, i in theirs)


def stored(checkout: Path, notebook: str) -> list[Any] | None:
    """The points that the gallery keeps for its phase fields."""
    if "PhaseField" not in notebook:
        return None
    from scipy.io import loadmat

    name = "Ex_PhaseField_newkappa" if "NewKappa" in notebook else "Ex_PhaseField"
    data = loadmat(checkout / "gallery" / "output" / f"{name}.mat")
    return [(x.ravel(), int(i)) for x, i in zip(data["Position"], data["MorseIndex"].ravel(), strict=True)]


def launch(checkout: Path, notebook: str, ours: bool, counting: bool, limit: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result"
        command = [sys.executable, __file__, str(checkout), "--single", notebook, "--out", str(out)]
        command += ["--limit", str(limit)] + ["--ours"] * ours + ["--counting"] * counting
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        return dict(pickle.loads(out.read_bytes()))


def compare(checkout: Path, name: str, limit: float, repeats: int) -> dict[str, Any]:
    notebook = EXAMPLES[name]
    periodic = "PhaseField" in notebook
    seconds: dict[str, list[float]] = {"theirs": [], "ours": []}
    setup: dict[str, list[float]] = {"theirs": [], "ours": []}
    last: dict[str, Any] = {}
    # By turns, so that what else the machine does falls on both.
    for _ in range(1 if periodic else repeats):
        for side in ("theirs", "ours"):
            last[side] = launch(checkout, notebook, side == "ours", False, limit)
            seconds[side].append(last[side]["seconds"]["search"])
            setup[side].append(last[side]["seconds"]["setup"])
    counted = launch(checkout, notebook, False, True, limit)
    row: dict[str, Any] = {"example": name, "complete": last["theirs"]["complete"]}
    for side in ("theirs", "ours"):
        row[side] = {
            "seconds": statistics.median(seconds[side]),
            "setup": statistics.median(setup[side]),
            "points": by_index(last[side]["points"]),
            "n_points": len(last[side]["points"]),
            "arrows": last[side]["arrows"],
            "counters": counted["counters"] if side == "theirs" else last[side]["counters"],
        }
    row["ratio"] = row["theirs"]["seconds"] / max(row["ours"]["seconds"], 1e-9)
    row["missing"] = missing(stored(checkout, notebook) or last["theirs"]["points"], last["ours"]["points"], periodic)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a checkout of SaddleScape, with saddlescape-1.0 and gallery")
    parser.add_argument("--limit", type=float, default=600.0, help="CPU seconds after which a run is stopped")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each small example; phase fields run once")
    parser.add_argument("--only", nargs="*", choices=list(EXAMPLES), default=list(EXAMPLES))
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    for hidden in ("--single", "--out"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    for hidden in ("--ours", "--counting"):
        parser.add_argument(hidden, action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.single:
        single(
            arguments.checkout, arguments.single, arguments.ours, arguments.counting, arguments.limit,
            Path(arguments.out),
        )  # fmt: skip
        return
    print(
        "| example | CPU s, theirs | ours | ratio | gradients, theirs | ours (+ Hessians) | points | arrows | missing |"
    )
    print("|---|---:|---:|---:|---:|---:|---|---|---:|")
    rows = []
    for name in arguments.only:
        row = compare(arguments.checkout.resolve(), name, arguments.limit, arguments.repeats)
        rows.append(row)
        theirs, ours, more = row["theirs"], row["ours"], "" if row["complete"] else "> "
        counters = ours["counters"]
        points = ours["points"] if theirs["points"] == ours["points"] else f"{theirs['points']} / {ours['points']}"
        print(
            f"| {name} | {more}{theirs['seconds']:.3g} | {ours['seconds']:.3g} | {more}{row['ratio']:.0f} | "
            f"{more}{theirs['counters']['n_gradients']} | {counters['n_gradients']} (+ {counters['n_hessians']}) | "
            f"{points} | {theirs['arrows']} / {ours['arrows']} | {row['missing']} |",
            flush=True,
        )
    if arguments.json:
        made_by = {"python": platform.python_version(), "limit": arguments.limit, "repeats": arguments.repeats}
        arguments.json.write_text(json.dumps({"made_by": made_by, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
