"""How often the default search is complete on random energies, and what the audit says of it.

    python workflows/completeness --family gaussians --count 50 --seed 1 [--dim 2 3 4] [--declare] [--json FILE]

The families and where their truth comes from are in the README.  With --json each instance is noted as soon as it is
done, and one that is in the file already is not searched again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

if not __package__:  # python workflows/completeness
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from workflows.completeness.families import FAMILIES, make, name_of
from workflows.completeness.judge import search
from workflows.completeness.tables import report

Records = dict[str, list[dict[str, Any]]]


def read(path: Path) -> Records:
    """Records by family; none where there is no such file."""
    return json.loads(path.read_text()) if path.exists() else {}


def write(path: Path, records: Records) -> None:
    """One instance a line, all of it or nothing."""
    families = []
    for family, some in records.items():
        lines = ",\n".join(json.dumps(record) for record in some)
        families.append(f"{json.dumps(family)}: [\n{lines}\n]")
    part = path.with_name(path.name + ".part")
    part.write_text("{\n" + ",\n".join(families) + "\n}\n")
    os.replace(part, path)


def measure(family: str, options: argparse.Namespace, records: Records) -> None:
    """Search the instances of one family that are not among the records yet, and add theirs."""
    dims = options.dim or FAMILIES[family][1]
    done = records.setdefault(family, [])
    for number in range(options.first, options.first + options.count):
        dim = dims[number % len(dims)]
        name = name_of(family, dim, options.seed, number)
        if any(record["name"] == name and record["declared"] == options.declare for record in done):
            continue
        record = search(make(family, dim, options.seed, number), options.declare)
        done.append(record)
        if options.json:
            write(options.json, records)
        said = "complete" if record["complete"] else f"{record['found']} of {record['points']} points"
        seconds = record.get("cpu_seconds", float("nan"))
        print(f"{name}: {said}, {record['verdict']}, {seconds:.2f} s", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python workflows/completeness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--family", nargs="+", choices=FAMILIES, default=list(FAMILIES), help="default all")
    parser.add_argument("--count", type=int, default=20, help="instances of each family; 0 only prints what there is")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dim", type=int, nargs="+", help="taken in turns; default those usual for the family")
    parser.add_argument("--declare", action="store_true", help="say the Euler characteristic, which is not the default")
    parser.add_argument("--json", type=Path, help="file of records, made or gone on with")
    options = parser.parse_args(arguments)
    records = read(options.json) if options.json else {}
    for family in options.family:
        measure(family, options, records)
    print(report({family: some for family, some in records.items() if some}))


if __name__ == "__main__":
    main()
