"""This package on the coupled lattice, alone and beside other programs.

Run from the root of a checkout:

    python -m workflows.benchmarks [--dims 3 4 6 8] [--saddlescape CHECKOUT] [--peers pele,sella,ase,pounce]
                                   [--python PYTHON] [--peer-dims 3 6] [--limit SECONDS] [--json FILE] [--from FILE]

Measured is user CPU time, one thread, each program in a process of its own; imports do not count.  All get the same
energy, the coupled lattice with c = 0.2, whose points are known, and the same start.  Peers that draw further
starts draw them in the box |x_i| <= 1.2, and are stopped once they have every point that they look for.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from workflows.benchmarks.launch import DriverFailed, machine, run_driver
from workflows.benchmarks.tables import report

GALLERY = {
    "EigenMethod": "euler", "TimeStep": 1e-3, "Acceleration": "nesterov", "NesterovChoice": 2, "NesterovRestart": 100,
    "Momentum": 0.8, "MaxIter": 1000, "EigenMaxIter": 10, "BBStep": False, "PerturbationRadius": 1e-2,
}  # fmt: skip
"""Settings of the gallery's example Cubic."""
CUBIC = "+".join(f"{i}*(x{i}**2-1)**2" for i in range(1, 5))
SADDLESCAPE_RUNS: list[tuple[str, int, dict[str, Any]]] = [
    ("lattice d = 3, default eigensolver", 3, {"TimeStep": 0.05}),
    ("lattice d = 4, default eigensolver", 4, {"TimeStep": 0.05}),
    ("lattice d = 4, euler, settings of its Cubic example", 4, GALLERY),
    ("lattice d = 4, euler, TimeStep 0.03, EigenMaxIter 1", 4,
     {"EigenMethod": "euler", "TimeStep": 0.03, "EigenMaxIter": 1}),
    ("lattice d = 4, euler, TimeStep 0.1, EigenMaxIter 1", 4,
     {"EigenMethod": "euler", "TimeStep": 0.1, "EigenMaxIter": 1}),
    ("lattice d = 4, as before, PerturbationNumber 1", 4,
     {"EigenMethod": "euler", "TimeStep": 0.1, "EigenMaxIter": 1, "PerturbationNumber": 1}),
    ("cubic d = 4, settings of its example", 4, {**GALLERY, "EnergyFunction": CUBIC}),
]  # fmt: skip
PEERS: dict[str, tuple[str, ...]] = {
    "pele": ("minima and transition states",),
    "sella": ("minima and transition states",),
    "ase": ("minima and transition states",),
    "pounce": ("minima and transition states", "all indices"),
}


def ratio(theirs: float, ours: float) -> float:
    return theirs / max(ours, 1e-9)


def own_rows(dims: list[int]) -> list[dict[str, Any]]:
    rows = []
    for d in dims:
        row = run_driver("landscape_dist", dim=d, max_index=d, options={"repeats": 5 if d < 8 else 3}, limit=600)
        n = row["searches"]
        row |= {
            "dim": d,
            "arrows_per_second": row["arrows"] / row["seconds"],
            "gradients_per_search": row["calls"]["gradients"] / n,
            "hessians_per_search": row["calls"]["hessians"] / n,
        }
        rows.append(row)
    return rows


def saddlescape_rows(checkout: Path, limit: float) -> list[dict[str, Any]]:
    rows = []
    for label, d, settings in SADDLESCAPE_RUNS:
        common = {"dim": d, "max_index": d, "checkout": checkout.resolve(), "limit": limit}
        settings = {"EigenCombination": "all", **settings}
        theirs = run_driver("saddlescape", **common, options=settings)
        counted = run_driver("saddlescape", **common, options={**settings, "counting": True})
        theirs["calls"]["gradients"] = counted["calls"]["gradients"]
        row = {"run": label, "theirs": theirs}
        # The other program searches downwards only, so ours does that, too, and then as it does by default.
        system = {"system": "weighted_cubic"} if "EnergyFunction" in settings else {}
        for side, policy in (("ours", {"upward": "none"}), ("ours_default", {})):
            ours = run_driver("landscape_dist", dim=d, max_index=d, options={**policy, **system, "repeats": 15})
            row[side] = ours
            row["ratio_" + side] = ratio(theirs["seconds"], ours["seconds"])
            row["ratio_first_" + side] = ratio(theirs["seconds"], ours["first"])
            calls = ours["calls"]
            row["ratio_gradients_" + side] = ratio(theirs["calls"]["gradients"], calls["gradients"])
            # As many as a Hessian would need, were it made of gradients.
            equivalent = calls["gradients"] + d * calls["hessians"]
            row["ratio_equivalent_" + side] = ratio(theirs["calls"]["gradients"], equivalent)
        rows.append(row)
    return rows


def peer_rows(names: list[str], python: str, dims: list[int], limit: float) -> list[dict[str, Any]]:
    rows = []
    for d in dims:
        ours = run_driver("landscape_dist", dim=d, max_index=d)
        for name in names:
            for what in PEERS[name]:
                max_index = d if what == "all indices" else 1
                row = {"peer": name, "dim": d, "what": what, "ours": ours}
                try:
                    row["theirs"] = run_driver(name, python=python, dim=d, max_index=max_index, limit=limit)
                    row["ratio"] = ratio(row["theirs"]["seconds"], ours["seconds"])
                except DriverFailed as error:
                    row["failed"] = str(error)
                rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m workflows.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dims", type=int, nargs="*", default=[3, 4, 6, 8], help="of the lattice for this package")
    parser.add_argument("--saddlescape", type=Path, metavar="CHECKOUT", help="a checkout of SaddleScape")
    parser.add_argument("--peers", default="", help=f"some of {','.join(PEERS)}, separated by commas")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the peers")
    parser.add_argument("--peer-dims", type=int, nargs="*", default=[3, 6], help="multiples of 3 for sella and ase")
    parser.add_argument("--limit", type=float, default=120.0, help="CPU seconds after which a run is stopped")
    parser.add_argument("--json", type=Path, help="write all numbers here, too")
    parser.add_argument("--from", dest="source", type=Path, help="measure nothing: print the tables of such a file")
    arguments = parser.parse_args()
    peers = [name for name in arguments.peers.split(",") if name]
    unknown = sorted(set(peers) - set(PEERS))
    if unknown:
        parser.error(f"--peers names {unknown[0]!r}; known are {', '.join(PEERS)}")
    if arguments.source:
        print(report(json.loads(arguments.source.read_text())))
        return
    result: dict[str, Any] = {"machine": machine(), "lattice": own_rows(arguments.dims)}
    if arguments.saddlescape:
        result["saddlescape"] = saddlescape_rows(arguments.saddlescape, arguments.limit)
    if peers:
        result["peers"] = peer_rows(peers, arguments.python, arguments.peer_dims, arguments.limit)
    print(report(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
