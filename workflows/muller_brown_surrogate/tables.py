"""The tables of what was measured, as they stand in the README."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workflows.benchmarks.tables import table

PAPERS_ERROR = 4e-4
"""|(-0.8216, 0.6243) - (-0.8220, 0.6243)|, section 4.2."""
SERIES = {
    "energies": "(a) Energies only",
    "gradients": "(b) Trained on with gradients at 15 % of the points",
    "longer": "(c) Trained on as long with energies only",
}


PRESETS = {"paper": "the paper's network and epochs", "quick": "quick preset"}


def saddles_table(presets: dict[str, list[dict[str, Any]]]) -> str:
    """Fig. 5: where the searches end."""
    parts = [
        table(
            f"Index-1 searches, step 3e-4, on the true energy and on the surrogate ({PRESETS[preset]})",
            ["start", "scheme", "true saddle", "here", "distance", "paper", "steps to 1e-6, true", "here"],
            [
                [
                    _point(row["start"]), row["scheme"], _point(row["true"], 4), _point(row["surrogate"], 4),
                    f"{row['distance']:.1e}", f"{PAPERS_ERROR:.0e}" if row["start"] == [0.15, 1.5] else "-",
                    _steps(row["steps_true"]), _steps(row["steps_surrogate"]),
                ]
                for row in rows
            ],
        )
        for preset, rows in presets.items()
    ]  # fmt: skip
    return "\n\n".join(parts)


def errors_table(rows: Sequence[dict[str, Any]]) -> str:
    """Fig. 6: errors over the draws; what `data_size.summary` makes."""
    parts = []
    for series, title in SERIES.items():
        some = [row for row in rows if row["series"] == series]
        if not some:
            continue
        parts.append(table(
            title,
            ["points", "draws", "median error", "quartiles", "largest", "landscape as the true", "CPU s a training"],
            [
                [
                    str(row["points"]), str(row["draws"]), f"{row['median']:.1e}",
                    f"{row['first_quartile']:.1e} to {row['third_quartile']:.1e}", f"{row['most']:.1e}",
                    f"{row['same']} of {row['draws']}", f"{row['cpu_seconds']:.1f}",
                ]
                for row in some
            ],
        ))  # fmt: skip
    return "\n\n".join(parts)


def budget_table(rows: dict[str, dict[str, Any]]) -> str:
    """The training of Fig. 5: paper, its budget here, the quick preset."""
    lines = [["paper", f"{PAPERS_ERROR:.0e}", "-", "-", "-", "-"]]
    for name, row in rows.items():
        lines.append([
            PRESETS[name] + ", here", f"{row['error']:.1e}", f"{row['error'] - PAPERS_ERROR:+.1e}", f"{row['rms']:.4f}",
            "as the true one" if row["same"] else "differs", f"{row['cpu_seconds']:.0f}",
        ])  # fmt: skip
    return table(
        "Distance to the true saddle (-0.8220, 0.6243), 5000 points",
        ["training", "error", "less the paper's", "rms error of the energy", "points and arrows", "CPU s"], lines,
    )  # fmt: skip


def acceleration_table(panels: dict[str, dict[str, Any]]) -> str:
    """Fig. 7: steps and CPU time of each scheme, on the surrogate and on the exact energy."""
    lines = []
    for title, kinds in panels.items():
        for scheme in dict.fromkeys(name.split(", ")[0] for name in kinds["surrogate"]):
            cells = [title, scheme]
            for kind in ("surrogate", "exact"):
                sirqit, lobpcg = (kinds[kind][f"{scheme}, {solver}"] for solver in ("SIRQIT", "LOBPCG"))
                cells += [
                    f"{_steps(sirqit['steps'])}, {_steps(lobpcg['steps'])}",
                    f"{sirqit['microseconds']:.0f}, {lobpcg['microseconds']:.0f}",
                    f"{sirqit['microseconds'] / lobpcg['microseconds']:.2f}",
                ]
            lines.append(cells)
    return table(
        "SIRQIT, LOBPCG: steps until the saddle is within 1e-6, CPU microseconds a step, and their ratio",
        ["energy", "scheme", "steps, surrogate", "us", "ratio", "steps, exact", "us", "ratio"], lines,
    )  # fmt: skip


def report(record: dict[str, Any]) -> str:
    """All tables of a record."""
    makers = {
        "budget": budget_table, "saddles": saddles_table, "errors": errors_table, "acceleration": acceleration_table,
    }  # fmt: skip
    return "\n\n".join(make(record[name]) for name, make in makers.items() if record.get(name))


def _point(x: Sequence[float], digits: int | None = None) -> str:
    return "(" + ", ".join(f"{v:g}" if digits is None else f"{v:.{digits}f}" for v in np.asarray(x).tolist()) + ")"


def _steps(n: int | None) -> str:
    return "not reached" if n is None else str(n)
