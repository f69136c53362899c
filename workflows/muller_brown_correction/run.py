"""Landscapes from few values of the true energy, for several seeds: python workflows/muller_brown_correction/run.py."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.analysis.matching import match_points
from landscape_dist.config import Config, make_config
from landscape_dist.correction.result import ArrowFate, Correction
from landscape_dist.problems import Problem, from_callable
from landscape_dist.toml_file import read_tables

HERE = Path(__file__).parent


def configured(quick: bool, system: str = "muller_brown") -> Config:
    """config.toml, with quick.toml over it, and what other systems need over that."""
    tables = read_tables(HERE / ("quick.toml" if quick else "config.toml"))
    others = expected()["others"]
    if system in others:
        tables["problem"] = others[system]["problem"]
        tables["explore"] = others[system]["explore"]
        tables["correction"] |= others[system]["correction"]
    return make_config(tables, "workflows/muller_brown_correction", HERE)


def expected() -> dict[str, Any]:
    """expected.json."""
    told: dict[str, Any] = json.loads((HERE / "expected.json").read_text())
    return told


def values_only(problem: Any) -> Problem:
    """The same energy as one whose derivatives nobody knows: gradients are made of energies, and counted as such."""
    return from_callable(
        problem._energy, dim=problem.dim, batched=True, name=problem.name, domain=problem.domain,
        fingerprint=f"values of {problem.name}",
    )  # fmt: skip


def true_landscape(system: str) -> tuple[np.ndarray, np.ndarray, set[tuple[int, int]]]:
    """Points, indices and arrows that are known from elsewhere: the system's own workflow."""
    name = expected()["others"].get(system, {}).get("reference", system)
    known = json.loads((HERE.parent / name / "expected.json").read_text())
    x = np.array([point["x"] for point in known["points"]])
    index = np.array([point["index"] for point in known["points"]], dtype=np.int32)
    return x, index, {(parent, child) for parent, child in known["pairs"]}


def judged(result: Correction, system: str) -> dict[str, Any]:
    """The corrected landscape against the known one."""
    x, index, pairs = true_landscape(system)
    points = result.landscape.pathways.points
    rows, there = match_points(x, index, points.x, points.index, tolerance=1e-3)
    of = dict(zip(there.tolist(), rows.tolist(), strict=True))
    arrows = {
        (of.get(arrow.parent, -1), of.get(arrow.child, -1))
        for arrow in result.arrows
        if arrow.fate is not ArrowFate.NOT_FOUND
    }
    distance = np.linalg.norm(points.x[there] - x[rows], axis=1)
    return {
        "status": result.status.value,
        "rounds": len(result.rounds),
        "found": len(rows),
        "of": len(x),
        "others": len(points) - len(there),
        "largest_distance": float(distance.max(initial=0.0)),
        "largest_displacement": max((p.displacement or 0.0 for p in result.points), default=0.0),
        "arrows": len(arrows & pairs),
        "wrong_arrows": len(arrows - pairs),
        "evaluations": result.evaluations,
        "by_stage": result.by_stage,
        "n_evaluations": result.n_evaluations,
        "condition": sum(p.bound is not None and p.bound.condition for p in result.points),
        "condition_in_some_unit": sum(p.bound is not None and p.bound.best is not None for p in result.points),
        "within_best": sum(p.bound is not None and bool(p.bound.within_best) for p in result.points),
    }


def main() -> None:
    """Correct for each seed, compare with what is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without searching the arrows again on the true energy")
    parser.add_argument("--system", default="muller_brown", help="or one of the others in expected.json")
    parser.add_argument("--folder", type=Path, default=Path("muller_brown_correction"), help="where all is kept")
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--workers", type=int, help="worker processes; default this process")
    parser.add_argument("--values-only", action="store_true", help="without derivatives, bounds and arrows")
    parser.add_argument("--picture", help="where to draw the first seed's landscape (png, pdf, svg)")
    options = parser.parse_args()
    config = configured(options.quick, options.system)
    problem, correction = config.problem(), config.correction_settings()
    if options.values_only:
        problem = values_only(problem)
        correction = dataclasses.replace(correction, check_arrows=False, check_bounds=False)
    searched = config.explore.model_dump(exclude_unset=True)
    kind = "values" if options.values_only else "quick" if options.quick else "full"
    folder = options.folder / kind / options.system
    measured: dict[str, Any] = {}
    print("| seed | rounds | energies | gradients | Hessians | in all | points | largest distance | arrows | CPU s |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for seed in range(options.seeds):
        began = time.process_time()
        result = ld.correct(
            problem, folder=folder / f"seed_{seed}", workers=options.workers, seed=seed,
            correction=correction, **searched,
        )  # fmt: skip
        told = judged(result, options.system) | {"cpu_seconds": round(time.process_time() - began, 1)}
        measured[str(seed)] = told
        n = told["evaluations"]
        print(
            f"| {seed} | {told['rounds']} | {n['n_energies']} | {n['n_gradients']} | {n['n_hessians']} | "
            f"{told['n_evaluations']} | {told['found']} of {told['of']} | {told['largest_distance']:.1e} | "
            f"{told['arrows']} | {told['cpu_seconds']} |",
            flush=True,
        )
        if seed == 0 and options.picture:
            draw(problem, result, options.picture)
    print(summary(measured, options.system))
    (folder / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
    bad = [seed for seed, told in measured.items() if not succeeded(told, options.system)]
    if bad:
        raise SystemExit(f"seeds {', '.join(bad)} do not give what they should")


def succeeded(told: dict[str, Any], system: str) -> bool:
    """All points, and no others, near enough and cheap enough."""
    limits = expected()
    limits |= limits["others"].get(system, {})
    return bool(
        told["found"] == told["of"]
        and told["others"] == 0
        and told["largest_distance"] <= limits["tolerance"]
        and told["n_evaluations"] <= limits["most_evaluations"]
    )


def summary(measured: dict[str, Any], system: str) -> str:
    """How many seeds succeed, and at what cost."""
    spent = [told["n_evaluations"] for told in measured.values()]
    n = sum(succeeded(told, system) for told in measured.values())
    return (
        f"{n} of {len(measured)} seeds succeed; evaluations: median {np.median(spent):g}, {min(spent)} to {max(spent)}"
    )


def draw(problem: Problem, result: Correction, path: str) -> None:
    """Contours of the true energy, where it was asked in which round, points before and after."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    lower, upper = (np.asarray(bound) for bound in (problem.domain.lower, problem.domain.upper))  # type: ignore[attr-defined]
    x, y = (np.linspace(a, b, 240) for a, b in zip(lower, upper, strict=True))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    energy = problem.energy(grid.reshape(-1, 2)).reshape(240, 240)
    low = float(np.min(energy))
    levels = low + (np.quantile(energy, 0.75) - low) * np.linspace(0.0, 1.0, 22) ** 1.5
    axes.contourf(x, y, energy, levels=levels, cmap="Greys", alpha=0.35, extend="max")
    edges = [one.n_values for one in result.rounds] + [len(result.data)]
    sampled = result.data.x
    round_of = np.searchsorted(edges, np.arange(len(sampled)), side="right")
    shown = axes.scatter(*sampled.T, c=round_of, cmap="plasma", s=24, edgecolors="white", linewidths=0.5)
    figure.colorbar(shown, ax=axes, label="first round that knew the value", ticks=np.unique(round_of))
    markers = {0: "o", 1: "^", 2: "s"}
    for index in sorted({point.index_surrogate for point in result.points}):
        some = [point for point in result.points if point.index_surrogate == index]
        before = np.array([point.x_surrogate for point in some])
        after = np.array([point.x for point in some if point.x is not None]).reshape(-1, 2)
        name = "minimum" if index == 0 else f"index-{index} saddle"
        axes.scatter(
            *before.T, marker=markers[index], s=130, facecolors="none", edgecolors="tab:red", linewidths=1.4,
            label=f"{name}, surrogate",
        )  # fmt: skip
        axes.scatter(*after.T, marker=markers[index], s=22, color="tab:red", label=f"{name}, refined")
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(lower[0], upper[0]), ylim=(lower[1], upper[1]))
    axes.legend(loc="upper right", fontsize=8, framealpha=0.9)
    figure.savefig(path)


if __name__ == "__main__":
    main()
