"""Tables as text: drawn by rich on a terminal, aligned columns elsewhere; CSV; JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

import typer

MOST_COORDINATES = 6
MOST_EIGENVALUES = 3
BLOCK = 2000


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool]) -> None:
    """Print rows of text on stdout.

    Args:
        columns: headings. rows: as many texts each. right: which columns are aligned to the right.
    """
    rows = iter(rows)
    block = list(islice(rows, BLOCK))
    if sys.stdout.isatty() and len(block) < BLOCK:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for name, to_right in zip(columns, right, strict=True):
            table.add_column(name, justify="right" if to_right else "left", overflow="fold")
        for row in block:
            table.add_row(*(Text(text) for text in row))
        Console().print(table)
        return
    # Longer tables are aligned a block at a time, and no longer held in memory.
    widths = [0] * len(columns)
    block.insert(0, columns)
    while block:
        widths = [max(w, *map(len, column)) for w, column in zip(widths, zip(*block, strict=True), strict=True)]
        lines = []
        for row in block:
            cells = (text.rjust(w) if r else text.ljust(w) for text, w, r in zip(row, widths, right, strict=True))
            lines.append("  ".join(cells).rstrip())
        typer.echo("\n".join(lines))
        block = list(islice(rows, BLOCK))


def print_json(value: Any) -> None:
    """Strict JSON (no NaN) on stdout."""
    typer.echo(json.dumps(value, allow_nan=False, indent=2))


def print_json_list(items: Iterable[Any]) -> None:
    """A list as strict JSON (no NaN) on stdout, a line for each item."""
    n = 0
    for n, item in enumerate(items, start=1):
        sys.stdout.write(("[\n" if n == 1 else ",\n") + json.dumps(item, allow_nan=False))
    sys.stdout.write("\n]\n" if n else "[]\n")


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """CSV on stdout; None is an empty field, numbers read back exactly."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


# -- points and connections -------------------------------------------------------------------------------------
def point_table(points: Iterable[dict[str, Any]]) -> None:
    """Points, as `pathways.export.point_dicts` gives them, for reading; with `certified` where they have that."""
    points = iter(points)
    first = list(islice(points, 1))
    certified = bool(first) and "certified" in first[0]
    rows = (
        [
            str(p["id"]),
            str(p["index"]),
            number(p["energy"]),
            numbers(p["x"], MOST_COORDINATES),
            str(p["nullity"]),
            "-" if p["gradient_norm"] is None else f"{p['gradient_norm']:.1e}",
            numbers(spectrum(p), MOST_EIGENVALUES, ".4g"),
            str(p["hits"]),
            *([SAID[p["certified"]]] if certified else []),
        ]
        for p in chain(first, points)
    )
    names = ("id", "index", "energy", "x", "nullity", "|gradient|", "lowest eigenvalues", "hits")
    right = (True, True, True, False, True, True, False, True)
    print_table((*names, "certified") if certified else names, rows, (*right, False) if certified else right)


SAID = {True: "yes", False: "no", None: "-"}


def spectrum(point: dict[str, Any]) -> list[Any]:
    """Eigenvalues of a point dict, complex ones as such."""
    if "eigenvalues_imag" not in point:
        return list(point["eigenvalues"])
    return [
        None if re is None else complex(re, im) if im else re
        for re, im in zip(point["eigenvalues"], point["eigenvalues_imag"], strict=True)
    ]


def point_csv(points: Iterable[dict[str, Any]]) -> None:
    """The same columns as the file points.csv of an export."""
    scalars = ("id", "index", "nullity", "energy", "gradient_norm", "hits")
    points = iter(points)
    first = list(islice(points, 1))
    d, m = (len(first[0]["x"]), len(first[0]["eigenvalues"])) if first else (0, 0)
    columns = [*scalars, *(f"x{i + 1}" for i in range(d)), *(f"eigenvalue{i + 1}" for i in range(m))]
    if first and "eigenvalues_imag" in first[0]:
        columns += [f"eigenvalue{i + 1}_imag" for i in range(m)]
    if first and "certified" in first[0]:
        columns.append("certified")
    rows = (
        [*(p[name] for name in scalars), *p["x"], *p["eigenvalues"], *p.get("eigenvalues_imag", ()), *_certified(p)]
        for p in chain(first, points)
    )
    print_csv(columns, rows)


def _certified(point: dict[str, Any]) -> list[Any]:
    return [point["certified"]] if "certified" in point else []


def connection_table(connections: Iterable[dict[str, Any]], index: Sequence[int]) -> None:
    """Connections, as `pathways.export.connection_dicts` gives them, with the indices of their ends."""
    rows = (
        [
            str(c["parent"]),
            str(index[c["parent"]]),
            str(c["child"]),
            str(index[c["child"]]),
            str(c["count"]),
            " ".join(map(str, c["origins"])),
        ]
        for c in connections
    )
    names = ("parent", "its index", "child", "its index", "count", "origins")
    print_table(names, rows, (True, True, True, True, True, False))


def connection_csv(connections: Iterable[dict[str, Any]]) -> None:
    """The same columns as the file connections.csv of an export."""
    rows = ((c["parent"], c["child"], c["count"], " ".join(map(str, c["origins"]))) for c in connections)
    print_csv(("parent", "child", "count", "origins"), rows)


# -- numbers ----------------------------------------------------------------------------------------------------
def number(value: float | complex | None, form: str = ".6f") -> str:
    """A number for reading; '-' where there is none."""
    if value is None:
        return "-"
    if isinstance(value, complex):
        return format(value, form)
    if form == ".6f" and abs(value) >= 1e9:
        form = ".9e"
    text = format(value, form)
    return text.removeprefix("-") if float(text) == 0.0 else text


def numbers(values: Sequence[float | complex | None], most: int, form: str = ".6f") -> str:
    """The first few of a list of numbers."""
    return ", ".join(number(v, form) for v in values[:most]) + (", ..." if len(values) > most else "")
