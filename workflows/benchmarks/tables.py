"""The tables of a benchmark's record, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A title and a Markdown table, the first column to the left and the others to the right."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        aligned = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return "| " + " | ".join(aligned) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([f"{title}:", "", line(columns), rule, *map(line, rows)])


def found_of_known(row: dict[str, Any]) -> str:
    return f"{sum(row['points'])} of {sum(row['known'])}"


def own_table(rows: list[dict[str, Any]]) -> str:
    return table(
        "landscape_dist on the coupled lattice, default settings, without a store",
        ["d", "points", "arrows", "CPU s", "first run", "searches", "gradients a search", "Hessians", "arrows a CPU s"],
        [
            [
                str(r["dim"]), found_of_known(r), str(r["arrows"]), f"{r['seconds']:.3g}", f"{r['first']:.3g}",
                str(r["searches"]), f"{r['gradients_per_search']:.1f}", f"{r['hessians_per_search']:.1f}",
                f"{r['arrows_per_second']:.0f}",
            ]
            for r in rows
        ],
    )  # fmt: skip


def saddlescape_table(rows: list[dict[str, Any]]) -> str:
    def both(r: dict[str, Any], name: str) -> str:
        return f"{r[name + '_ours']:.0f} ({r[name + '_ours_default']:.0f})"

    return table(
        "SaddleScape, and landscape_dist searching downwards only, as it does (in brackets: by default)",
        ["run", "points, arrows, theirs", "CPU s", "gradients", "ours", "CPU s", "first run", "gradients + Hessians",
         "ratio of CPU s", "of gradients", "a Hessian as d gradients"],
        [
            [
                r["run"], f"{found_of_known(r['theirs'])}, {r['theirs']['arrows']}", f"{r['theirs']['seconds']:.3g}",
                str(r["theirs"]["calls"]["gradients"]), f"{found_of_known(r['ours'])}, {r['ours']['arrows']}",
                f"{r['ours']['seconds']:.3g}", f"{r['ours']['first']:.3g}",
                f"{r['ours']['calls']['gradients']} + {r['ours']['calls']['hessians']}",
                both(r, "ratio"), both(r, "ratio_gradients"), both(r, "ratio_equivalent"),
            ]
            for r in rows
        ],
    )  # fmt: skip


def peer_table(rows: list[dict[str, Any]]) -> str:
    lines = []
    for r in rows:
        head = f"{r['peer']}, d = {r['dim']}, {r['what']}"
        if "failed" in r:
            lines.append([head, *["-"] * 7, f"failed: {r['failed']}"])
            continue
        theirs, ours = r["theirs"], r["ours"]
        lines.append([
            head, theirs["version"], found_of_known(theirs), f"{theirs['seconds']:.3g}", str(theirs["searches"]),
            f"{theirs['calls']['gradients']} + {theirs['calls']['hessians']}", f"{ours['seconds']:.3g}",
            f"{ours['calls']['gradients']} + {ours['calls']['hessians']}", f"{r['ratio']:.1f}",
        ])  # fmt: skip
    return table(
        "Peers, for the points that they look for, against landscape_dist for all points and all arrows",
        ["peer", "version", "points", "CPU s", "searches", "gradients + Hessians", "CPU s, ours",
         "gradients + Hessians", "ratio of CPU s"],
        lines,
    )  # fmt: skip


SECTIONS = {"lattice": own_table, "saddlescape": saddlescape_table, "peers": peer_table}


def report(record: dict[str, Any]) -> str:
    """All tables of what `python -m workflows.benchmarks` has measured."""
    return "\n\n".join(make(record[name]) for name, make in SECTIONS.items() if record.get(name))
