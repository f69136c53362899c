"""What the step tolerance buys: points found and evaluations, on systems whose points are known.

    python workflows/benchmarks/step_tolerance/run.py [--json FILE] [--picture FILE] [--from JSON]

`step_tolerance` goes from faithful to reckless; `upward_step_tolerance` stays twice as large, as by default.  Each
system is explored by default, upward searches included, and downwards only, where nothing makes up for an arrow missed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import landscape_dist as ld
from landscape_dist.plots.style import COLOURS, INK

TOLERANCES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0, 3.0, 10.0)
DEFAULT = 0.1
POLICIES = {"auto": "with upward searches", "none": "downwards only"}
# A faithful path takes more steps than a search is allowed by default.
MAX_STEPS = 20_000


@dataclass(frozen=True)
class Known:
    """A system, its start and how many points there are: by interval methods, algebra, or Newton from a grid."""

    label: str
    problem: Callable[[], Any]
    start: tuple[float, ...]
    max_index: int
    n_points: int


SYSTEMS = [
    Known("coupled lattice, d = 6", lambda: ld.systems.coupled_lattice(dim=6), (0.1,) * 6, 6, 729),
    Known("butterfly", ld.systems.butterfly, (0.1, 0.1), 2, 9),
    Known("arctan 3-D, alpha = 3", lambda: ld.systems.arctan_3d(alpha=3.0), (0.7,) * 3, 3, 15),
    Known("Rosenbrock, d = 7", lambda: ld.systems.rosenbrock(dim=7, s=(-500.0,) * 5 + (1.0, 1.0)), (0.9,) * 7, 3, 10),
    Known("Müller–Brown", ld.systems.muller_brown, (0.15, 0.25), 2, 5),
    Known("arctan 2-D, alpha = 5", ld.systems.arctan_2d, (0.7, 0.7), 2, 5),
]


def measure(system: Known, tolerance: float, policy: str) -> dict[str, Any]:
    problem = system.problem()
    landscape = ld.explore(
        problem, start=system.start, max_index=system.max_index, upward=policy,
        step_tolerance=tolerance, upward_step_tolerance=2 * tolerance, max_steps=MAX_STEPS,
    )  # fmt: skip
    n = len(landscape.searches.slot)
    return {
        "system": system.label,
        "policy": policy,
        "tolerance": tolerance,
        "points": len(landscape.points),
        "known": system.n_points,
        "arrows": len(landscape.connections),
        "searches": n,
        "gradients": landscape.counters["n_gradients"],
        "gradients_per_search": landscape.counters["n_gradients"] / n,
    }


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Points, arrows and evaluations against the tolerance, one line a system, one column a policy."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(10.0, 8.0), layout="constrained")
    axes = figure.subplots(3, 2, sharex=True, sharey="row")
    markers = "oDshv^"
    for column, (policy, title) in enumerate(POLICIES.items()):
        for system, colour, marker in zip(SYSTEMS, COLOURS, markers, strict=False):
            mine = sorted(
                (r for r in rows if r["system"] == system.label and r["policy"] == policy), key=lambda r: r["tolerance"]
            )
            x = [r["tolerance"] for r in mine]
            faithful = mine[0]["arrows"]
            style = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.3, "label": system.label}
            axes[0, column].plot(x, [r["points"] / r["known"] for r in mine], **style)
            axes[1, column].plot(x, [r["arrows"] / faithful for r in mine], **style)
            axes[2, column].plot(x, [r["gradients_per_search"] for r in mine], **style)
        axes[0, column].set_title(title)
        axes[2, column].set_xlabel("step_tolerance")
    for ax in axes.ravel():
        ax.set_xscale("log")
        ax.axvline(DEFAULT, color=INK, linewidth=0.8, linestyle=":")
        ax.grid(alpha=0.25)
    for ax in axes[:2].ravel():
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes[0, 0].set_ylabel("known points found")
    axes[1, 0].set_ylabel("arrows, against tolerance 0.001")
    axes[2, 0].set_ylabel("gradients a search")
    axes[2, 0].set_yscale("log")
    axes[2, 0].annotate(
        "default", (DEFAULT, 0.97), xycoords=("data", "axes fraction"), xytext=(4, 0), textcoords="offset points",
        va="top", fontsize=9, color=INK,
    )  # fmt: skip
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=100)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: points, arrows and gradients a search for each tolerance."""
    lines = ["| system | search | " + " | ".join(f"{t:g}" for t in TOLERANCES) + " |"]
    lines.append("|---|---|" + "---:|" * len(TOLERANCES))
    for system in SYSTEMS:
        for policy in POLICIES:
            by_tolerance = {r["tolerance"]: r for r in rows if (r["system"], r["policy"]) == (system.label, policy)}
            cells = [by_tolerance[t] for t in TOLERANCES]
            texts = [f"{r['points']} / {r['arrows']} / {r['gradients_per_search']:.1f}" for r in cells]
            lines.append(f"| {system.label} | {policy} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--picture", type=Path, help="draw them here")
    parser.add_argument("--from", dest="source", type=Path, help="draw the numbers of an earlier run")
    arguments = parser.parse_args()
    if arguments.source:
        rows = json.loads(arguments.source.read_text())
    else:
        rows = [measure(system, t, policy) for system in SYSTEMS for policy in POLICIES for t in TOLERANCES]
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    if arguments.picture:
        draw(rows, arguments.picture)


if __name__ == "__main__":
    main()
