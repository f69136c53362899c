"""Fig. 6: the error of the saddle against the number of training data, without gradients and with some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from workflows.muller_brown_surrogate.cases import Case, explored, trained

SIZES = (125, 250, 500, 1000, 2000, 5000)
DRAWS = 10
LONGER_SIZES = (125, 250, 500, 1000)
"""Of these, the control: trained on as long as with gradients, but without."""
SERIES: dict[str, dict[str, Any]] = {"energies": {}, "gradients": {"gradient_ratio": 0.15}, "longer": {"longer": True}}
"""Fig. 6a, 6b, and the control."""
SADDLE = (-0.822001558733, 0.624312802815)
"""The paper's, proved to be there by ../muller_brown."""
SAME = 0.05
"""Two points of equal index nearer than this are the same: the nearest two of the true energy are 0.3 apart."""


def saddle_error(landscape: ld.Landscape) -> float:
    """Distance of the paper's saddle to the nearest point of index 1; inf where there is none."""
    found = np.array([point.x for point in landscape.points.of_index(1)]).reshape(-1, 2)
    return float(np.linalg.norm(found - SADDLE, axis=1).min(initial=np.inf))


def one_draw(case: Case, quick: bool, folder: Path) -> dict[str, Any]:
    """Train a case, explore it, compare with the true energy."""
    surrogate = trained(case, quick, folder, progress=False)
    errors, cpu = surrogate.provenance["errors"], surrogate.provenance["cpu_seconds"]
    landscape = explored(surrogate, case)
    true = explored(ld.systems.get(case.system), case)
    return {
        "points": case.points,
        "seed": case.seed,
        "series": "gradients" if case.gradient_ratio else "longer" if case.longer else "energies",
        "error": saddle_error(landscape),
        "same": compare(true.pathways, landscape.pathways, tolerance=SAME).is_empty,
        "rms": errors["fitted_rms"],
        "cpu_seconds": cpu,
    }


def cases(sizes: Sequence[int], draws: int) -> list[Case]:
    """Smallest first; of each draw, the first training before those that go on from it."""
    return [
        Case(points=points, seed=seed, **changes)
        for points in sizes
        for name, changes in SERIES.items()
        if name != "longer" or points in LONGER_SIZES
        for seed in range(draws)
    ]


def study(
    wanted: Sequence[Case], quick: bool, folder: Path, workers: int | None, on_row: Callable[[dict[str, Any]], None]
) -> list[dict[str, Any]]:
    """A row for each case, in their order; what a folder holds is not trained again.

    Args:
        workers: train on so many worker processes, as parallel futures; None in this process.
        on_row: told of each row.
    """
    rows = []
    if workers is None:
        for case in wanted:
            rows.append(one_draw(case, quick, folder))
            on_row(rows[-1])
        return rows
    from landscape_dist.distribute.clusters.connecting import connect

    with connect(workers=workers) as client:
        futures: dict[Case, Any] = {}
        for case in wanted:  # one that goes on from another waits for it
            before = futures.get(case.first)
            futures[case] = client.submit(after, before, case, quick, folder.resolve(), pure=False)
        for case in wanted:
            rows.append(futures[case].result())
            on_row(rows[-1])
    return rows


def after(before: Any, case: Case, quick: bool, folder: Path) -> dict[str, Any]:
    """`one_draw`, once what it goes on from is there."""
    return one_draw(case, quick, folder)


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each series and size: quartiles and extremes of the error, and how many landscapes are as the true one."""
    keys = sorted({(list(SERIES).index(row["series"]), row["points"]) for row in rows})
    result = []
    for number, points in keys:
        series = list(SERIES)[number]
        some = [row for row in rows if (row["series"], row["points"]) == (series, points)]
        errors = np.array([row["error"] for row in some])
        least, first, median, third, most = np.quantile(errors, [0.0, 0.25, 0.5, 0.75, 1.0]).tolist()
        result.append({
            "series": series, "points": points, "draws": len(some), "least": least, "first_quartile": first,
            "median": median, "third_quartile": third, "most": most, "mean": float(errors.mean()),
            "same": sum(row["same"] for row in some),
            "cpu_seconds": float(np.median([row["cpu_seconds"] for row in some])),
        })  # fmt: skip
    return result
