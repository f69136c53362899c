"""Fig. 5, 6 and 7 of the NN-HiSD paper: surrogates of the Müller–Brown potential and of the modified one.

    python -m workflows.muller_brown_surrogate [--quick] [--figures 5 6 7] [--workers N]

from the root of a checkout.  Trains what is not in the folder yet, searches, compares with the true energy, and prints
the tables of the README.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.plots import convergence_figure, paths_figure
from landscape_dist.plots.style import COLOURS
from workflows.muller_brown_surrogate import data_size, pictures, searches, tables
from workflows.muller_brown_surrogate.cases import Case, trained

PANELS = {
    "energies": "(a) energies only",
    "gradients": "(b) then with 15 % of the gradients",
    "longer": "(c) then as long without",
}


def figure_5(quick: bool, folder: Path, picture: Path | None) -> dict[str, Any]:
    """Paths from the paper's start and from that of its Fig. 7, on the true energy and on the surrogate."""
    case = Case()
    surrogate, true = trained(case, quick, folder), ld.systems.get(case.system)
    panels = {"true energy": (true, searches.paths(true)), "surrogate": (surrogate, searches.paths(surrogate))}
    rows = []
    for scheme in panels["surrogate"][1]:
        for k, start in enumerate(searches.STARTS):
            row: dict[str, Any] = {"start": list(start), "scheme": scheme}
            for kind, (problem, paths) in zip(("true", "surrogate"), panels.values(), strict=True):
                path = paths[scheme][k]
                saddle = searches.saddle_near(problem, path.x[-1])
                row |= {kind: saddle.tolist(), f"steps_{kind}": searches.steps_to(path.distances(saddle))}
            row["distance"] = float(np.linalg.norm(np.subtract(row["true"], row["surrogate"])))
            rows.append(row)
    rows.sort(key=lambda row: row["start"])
    if picture is not None:
        saddles = np.unique([row["true"] for row in rows], axis=0)
        paths_figure(
            panels, case.lower, case.upper, marked=saddles, marked_as="true saddle", levels=pictures.LEVELS,
            file=picture / "picture.png",
        )  # fmt: skip
    preset = "quick" if quick else "paper"
    return {"saddles": {preset: rows}, "budget": {preset: data_size.one_draw(case, quick, folder)}}


def figure_6(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Errors over the draws."""
    wanted = data_size.cases(options.sizes, options.draws)
    print("| points | draw | series | error | landscape | CPU s |\n|---:|---:|---|---:|---|---:|")
    rows = data_size.study(wanted, options.quick, folder, options.workers, _tell)
    if options.pictures is not None:
        titles = {series: title for series, title in PANELS.items() if any(row["series"] == series for row in rows)}
        pictures.draw_errors(rows, titles, str(options.pictures / "data_size.png"))
    return {"draws": rows, "errors": data_size.summary(rows)}


def _tell(row: dict[str, Any]) -> None:
    said = "as the true one" if row["same"] else "differs"
    print(
        f"| {row['points']} | {row['seed']} | {row['series']} | {row['error']:.1e} | {said} | "
        f"{row['cpu_seconds']:.1f} |", flush=True,
    )  # fmt: skip


def figure_7(quick: bool, folder: Path, picture: Path | None, repeats: int) -> dict[str, Any]:
    """Convergence of each scheme with each eigensolver."""
    result: dict[str, Any] = {}
    panels: dict[str, Any] = {}
    for panel in searches.ACCELERATIONS:
        surrogate = trained(panel.case, quick, folder)
        result[panel.title] = {}
        for kind, problem in (("surrogate", surrogate), ("exact", ld.systems.get(panel.case.system))):
            rows, curves = searches.compared(problem, panel, repeats)
            result[panel.title][kind] = rows
            if kind == "surrogate":
                panels[panel.title] = curves
    if picture is not None:
        names = list(next(iter(panels.values())))
        styles: dict[str, dict[str, Any]] = {
            name: {"color": COLOURS[i // 2]} | ({"linestyle": (0, (2, 3)), "linewidth": 2.6} if i % 2 else {})
            for i, name in enumerate(names)
        }
        convergence_figure(
            panels, styles=styles, ylabel=r"$\|x_n - x^*_{NN}\|$", file=picture / "acceleration.png", size=(8.6, 4.0)
        )
    return {"acceleration": result}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, search, compare, print."""
    parser = argparse.ArgumentParser(
        prog="python -m workflows.muller_brown_surrogate", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a smaller network and less training")
    parser.add_argument("--figures", type=int, nargs="+", choices=(5, 6, 7), default=[5, 6, 7], help="which of them")
    parser.add_argument("--folder", type=Path, default=Path("muller_brown_surrogate"), help="where to keep surrogates")
    parser.add_argument(
        "--workers", type=int, help="worker processes for the trainings of Fig. 6; default this process"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=list(data_size.SIZES), help="numbers of points, Fig. 6")
    parser.add_argument("--draws", type=int, default=data_size.DRAWS, help="draws of each, Fig. 6")
    parser.add_argument("--repeats", type=int, default=7, help="of the measured times, Fig. 7")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where to draw the figures")
    parser.add_argument("--json", type=Path, help="write all numbers here, too; what is there of others stays")
    parser.add_argument("--from", dest="source", type=Path, help="do nothing but print the tables of such a file")
    options = parser.parse_args(arguments)
    if options.source:
        print(tables.report(json.loads(options.source.read_text())))
        return
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    folder = options.folder / ("quick" if options.quick else "paper")
    record: dict[str, Any] = {}
    if 5 in options.figures:
        record |= figure_5(options.quick, folder, options.pictures)
    if 6 in options.figures:
        record |= figure_6(options, folder)
    if 7 in options.figures:
        record |= figure_7(options.quick, folder, options.pictures, options.repeats)
    print("\n" + tables.report(record))
    if options.json:
        before = json.loads(options.json.read_text()) if options.json.exists() else {}
        for name in ("budget", "saddles"):  # of each preset
            if name in record:
                record[name] = before.get(name, {}) | record[name]
        record = before | record
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
