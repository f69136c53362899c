"""Sums over the instances of a family, and the table of them in Markdown."""

from __future__ import annotations

from typing import Any

import numpy as np

from workflows.benchmarks.tables import table

Record = dict[str, Any]
COLUMNS = (
    "family", "instances", "complete", "points", "spurious", "duplicates", "wrong index", "arrows right",
    "arrows wrong", "proved", "incomplete but supported or proved", "complete but weak", "complete but contradicted",
    "gradients", "searches", "CPU s",
)  # fmt: skip


def summed(records: list[Record]) -> Record:
    """Sums of one family; gradients, searches and seconds are medians of an instance."""
    complete = [record for record in records if record["complete"]]
    incomplete = [record for record in records if not record["complete"]]

    def total(name: str) -> int:
        return sum(int(record.get(name, 0)) for record in records)

    def median(name: str) -> float:
        return float(np.median([record.get(name, 0) for record in records])) if records else 0.0

    def saying(some: list[Record], verdict: str) -> int:
        return sum(record["verdict"] == verdict for record in some)

    return {
        "instances": len(records),
        "complete": len(complete),
        "points": total("points"),
        "found": total("found"),
        "spurious": sum(len(record["spurious"]) for record in records),
        "duplicates": total("duplicates"),
        "wrong_index": total("wrong_index"),
        "arrows": total("arrows"),
        "arrows_missing": total("arrows_missing"),
        "arrows_wrong": total("arrows_wrong"),
        "proved": saying(complete, "proved"),
        "incomplete_supported": saying(incomplete, "supported") + saying(incomplete, "proved"),
        "complete_weak": saying(complete, "weak"),
        "complete_contradicted": saying(complete, "contradicted"),
        "errors": sum("error" in record for record in records),
        "doubtful": total("doubtful"),
        "gradients": median("gradients"),
        "searches": median("searches"),
        "cpu_seconds": median("cpu_seconds"),
    }


def report(families: dict[str, list[Record]]) -> str:
    """One line a family, and below it what was raised and which truths are in doubt, if any."""
    rows, remarks = [], []
    for family, records in families.items():
        s = summed(records)
        n_incomplete = s["instances"] - s["complete"]
        arrows = f"{s['arrows'] - s['arrows_missing']} of {s['arrows']}" if s["arrows"] else "-"
        rows.append([
            family, str(s["instances"]), str(s["complete"]), f"{s['found']} of {s['points']}", str(s["spurious"]),
            str(s["duplicates"]), str(s["wrong_index"]), arrows, str(s["arrows_wrong"]) if s["arrows"] else "-",
            str(s["proved"]), f"{s['incomplete_supported']} of {n_incomplete}",
            f"{s['complete_weak']} of {s['complete']}", f"{s['complete_contradicted']} of {s['complete']}",
            f"{s['gradients']:.0f}", f"{s['searches']:.0f}",
            f"{s['cpu_seconds']:.2f}",
        ])  # fmt: skip
        for record in records:
            if "error" in record:
                remarks.append(f"- {record['name']}: {record['error']}")
            if record["doubtful"]:
                remarks.append(f"- {record['name']}: {record['doubtful']} points that the truth lacks")
    text = table("Default searches (gradients, searches and CPU seconds: medians of an instance)", COLUMNS, rows)
    return "\n\n".join([text, "\n".join(remarks)] if remarks else [text])
