"""Table 3 and Fig. 8 of the NN-HiSD paper: an index-3 saddle of seven variables, found from values of the energy alone.

    python workflows/rosenbrock_7d_surrogate/run.py --quick [--sizes 10000 50000] [--picture picture.png]

Trains a surrogate for each number of points, searches it with the paper's scheme and with the default one, and compares
its points in the box of the data with those of the exact energy.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.config import Config, make_config
from landscape_dist.plots import convergence_figure
from landscape_dist.problems import Problem
from landscape_dist.records import FloatArray
from landscape_dist.surrogates import Surrogate, print_progress, train_once
from landscape_dist.toml_file import read_tables

HERE = Path(__file__).parent
START = np.full(7, 0.9)
SADDLE = np.ones(7)
SCHEMES: dict[str, dict[str, Any]] = {
    "plain": {},
    "heavy ball": {"acceleration": "heavy_ball", "momentum": 0.8},
    "Nesterov": {"acceleration": "nesterov", "nesterov_restart": 40},
}
EIGENSOLVERS = {"LOBPCG": "lobpcg", "SIRQIT": "sirqit"}
STEP = 1e-4
"""beta of the paper."""
CONVERGED = 1e-6
"""|x_n - x*| that is called so here; the paper does not say."""


def configured(quick: bool, size: int | None = None) -> Config:
    """config.toml with this many points, and quick.toml over it."""
    tables = read_tables(HERE / ("quick.toml" if quick else "config.toml"))
    if size is not None:
        tables["data"]["points"] = size
    return make_config(tables, "workflows/rosenbrock_7d_surrogate", HERE)


def exact_energy(domain: Any) -> Problem:
    """The energy of config.toml in this box."""
    data = read_tables(HERE / "config.toml")["data"]
    return ld.systems.get(data["system"], **data["parameters"], domain=domain)


def distances(problem: Problem, saddle: FloatArray, scheme: str, eigensolver: str, steps: int) -> FloatArray:
    """|x_n - x*| of the index-3 search from (0.9, ..., 0.9) with the paper's step."""
    run = ld.explore(
        problem, start=START, max_index=3, min_index=3, upward="none", step="explicit", step_size=STEP,
        eigensolver=EIGENSOLVERS[eigensolver], dense_limit=1, keep_trajectories=True, trajectory_points=None,
        max_steps=steps, gradient_rtol=1e-14, **SCHEMES[scheme],
    )  # fmt: skip
    return run.trajectories[0].distances(saddle)


def steps_to(curve: FloatArray, distance: float = CONVERGED) -> int | None:
    """The first step after which it is so near."""
    near = np.flatnonzero(curve < distance)
    return int(near[0]) if len(near) else None


def landscape(problem: Problem, n_starts: int = 0, **where: Any) -> ld.Landscape:
    """The points in the box: from the paper's start, or with searches of all indices from random points."""
    if not n_starts:
        return ld.explore(problem, start=START, max_index=3, **where)
    starts = np.random.default_rng(0).uniform(0.8, 1.2, (n_starts, 7))
    return ld.explore(problem, start=starts, max_index=7, **where)


def table(sizes: list[int], folder: Path, expected: dict[str, Any], options: Any) -> tuple[dict[str, Any], Surrogate]:
    """Train and search for each size and print Table 3; what was measured, and the surrogate of the last."""
    measured: dict[str, Any] = {}
    print("| points | paper's saddle | distance | saddle here | distance | index | steps | points in the box | CPU s |")
    print("|---:|---|---:|---|---:|---:|---:|---|---:|")
    for size in sizes:
        config = configured(options.quick, size)
        surrogate = train_once(
            folder / f"{size}.surrogate", config.training_data(), config.training_settings(),
            on_status=print_progress(f"{size} points"),
        )  # fmt: skip
        surrogate.name = f"rosenbrock_7d, {size} points"
        found = landscape(surrogate, workers=options.workers, store=str(folder / f"{size}.zarr"))
        row = measured[str(size)] = judged(surrogate, found, expected)
        paper = expected["paper"].get(str(size))
        theirs = "| " if paper is None else f"{formatted(paper)} | {np.linalg.norm(SADDLE - paper):.5f}"
        print(
            f"| {size} | {theirs} | {formatted(row['x'])} | {row['distance']:.5f} | {row['index']} | {row['steps']} | "
            f"{row['points']} | {row['cpu_seconds']:.0f} |",
            flush=True,
        )
    return measured, surrogate


def judged(surrogate: Surrogate, found: ld.Landscape, expected: dict[str, Any]) -> dict[str, Any]:
    """The saddle of a surrogate, how far it is from the true one, and whether the box holds what it should."""
    difference = compare(landscape(exact_energy(surrogate.domain)).pathways, found.pathways, expected["same"])
    saddles = found.points.of_index(expected["index"])
    if not saddles:
        raise SystemExit(f"{surrogate.name}: no saddle of index 3, points by index {found.counts_by_index}")
    x = min((point.x for point in saddles), key=lambda x: float(np.linalg.norm(x - SADDLE)))
    return {
        "x": x.tolist(),
        "index": expected["index"],
        "distance": float(np.linalg.norm(x - SADDLE)),
        "steps": steps_to(distances(surrogate, x, "Nesterov", "LOBPCG", expected["paper_steps"])),
        "same": difference.is_empty,
        "points": "as the exact energy" if difference.is_empty else str(difference),
        "rms": surrogate.provenance["errors"]["fitted_rms"],
        "cpu_seconds": surrogate.provenance["cpu_seconds"],
    }


def formatted(x: Any) -> str:
    """Four digits, as the paper prints them."""
    return "(" + ", ".join(f"{v:.4f}" for v in x) + ")"


def convergence(surrogate: Surrogate, saddle: FloatArray, steps: int) -> dict[str, dict[str, FloatArray]]:
    """The curves of Fig. 8; prints how many steps they need and what these cost."""
    curves: dict[str, dict[str, FloatArray]] = {}
    print(f"\n| eigensolver | scheme | steps to {CONVERGED:.0e} | last distance | CPU s |")
    print("|---|---|---:|---:|---:|")
    for eigensolver in EIGENSOLVERS:
        curves[eigensolver] = {}
        for scheme in SCHEMES:
            began = time.process_time()
            curve = distances(surrogate, saddle, scheme, eigensolver, steps)
            curves[eigensolver][scheme] = curve
            cpu = time.process_time() - began
            print(f"| {eigensolver} | {scheme} | {steps_to(curve)} | {curve[-1]:.1e} | {cpu:.2f} |", flush=True)
    return curves


def print_searched(surrogate: Surrogate, n_starts: int, expected: dict[str, Any], workers: int | None) -> bool:
    """Search surrogate and exact energy from random points of the box; whether they have the same points and arrows."""
    both = [landscape(problem, n_starts, workers=workers) for problem in (exact_energy(surrogate.domain), surrogate)]
    difference = compare(both[0].pathways, both[1].pathways, expected["same"])
    counts = ["/".join(f"{n} of index {k}" for k, n in found.counts_by_index.items() if n) for found in both]
    print(f"\nfrom {n_starts} random points: {counts[0]} of the exact energy, {counts[1]} here; {difference}")
    return difference.is_empty


def main() -> None:
    """Train, search, compare with the true energy and with the paper."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smaller network, Levenberg–Marquardt after little Adam")
    parser.add_argument("--folder", type=Path, default=Path("rosenbrock_7d_surrogate"), help="where to keep results")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of points, default those of the paper")
    parser.add_argument("--workers", type=int, help="worker processes for the searches; default this process")
    parser.add_argument("--starts", type=int, default=20, help="search the last from so many random points")
    parser.add_argument("--steps", type=int, default=1000, help="of the convergence on the last; 0 for none")
    parser.add_argument("--picture", help="where to draw that (png, pdf, svg)")
    options = parser.parse_args()
    expected = json.loads((HERE / "expected.json").read_text())
    preset = "quick" if options.quick else "paper"
    folder = options.folder / preset
    measured, surrogate = table(options.sizes or [int(n) for n in expected["paper"]], folder, expected, options)
    failures = []
    for size, row in measured.items():
        allowed = expected["largest_distance"][preset].get(size, np.inf)
        if not (row["same"] and row["distance"] <= allowed):
            failures.append(
                f"{size} points: {row['points']}, distance {row['distance']:.2g}, allowed are {allowed:.2g}"
            )
    if options.steps:
        saddle = measured[list(measured)[-1]]["x"]
        curves = convergence(surrogate, np.array(saddle), options.steps)
        if options.picture:
            convergence_figure(curves, ylabel=r"$\|x_n - x^*_{NN}\|$", file=options.picture)
    if options.starts and not print_searched(surrogate, options.starts, expected, options.workers):
        failures.append("the surrogate has other points in the box than the exact energy")
    (folder / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
