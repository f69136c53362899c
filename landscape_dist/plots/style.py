"""How points look: a marker and a colour for each index, sizes, names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape_dist.records import FloatArray, IntArray

# Okabe and Ito's palette, told apart by colour-blind readers too; the markers differ as well.
_STYLES = (
    ("#0072B2", "o"),
    ("#D55E00", "D"),
    ("#009E73", "s"),
    ("#CC79A7", "h"),
    ("#E69F00", "^"),
    ("#56B4E9", "v"),
    ("#222222", "*"),
)
COLOURS = tuple(colour for colour, _ in _STYLES)
_BEYOND = ("p", "P", "X", "<", ">", "d")

INK = "#222222"
"""Colour of arrows and text."""

FRESH = "#DC0032"
"""Colour of what an animation has just shown."""


@dataclass(frozen=True, slots=True)
class IndexStyle:
    """How points of one Morse index are drawn; `scale` evens out the areas of the markers, `text` is the colour of
    what is written on them."""

    colour: str
    marker: str
    scale: float
    text: str


def index_style(index: int) -> IndexStyle:
    """The style of an index; beyond 6 the colours come again with other markers."""
    if index < len(_STYLES):
        colour, marker = _STYLES[index]
    else:
        colour = _STYLES[index % len(_STYLES)][0]
        marker = _BEYOND[(index - len(_STYLES)) % len(_BEYOND)]
    scale = {"*": 2.2, "^": 1.5, "v": 1.5, "D": 0.85, "s": 0.9, "h": 1.15, "P": 1.2}.get(marker, 1.0)
    return IndexStyle(colour, marker, scale, "#111111" if colour in ("#E69F00", "#56B4E9", "#CC79A7") else "white")


def index_name(index: int, n: int, dim: int, has_energy: bool = True) -> str:
    """'3 minima', '1 saddle of index 2', '1 maximum': for legends; in vector fields '2 stable points'."""
    if not has_energy:
        kind = {0: "stable point", dim: "repeller"}.get(index, "saddle")
        return f"{n} {kind}{'s' * (n != 1)}" + (f" of index {index}" if index else "")
    if index == 0:
        return f"{n} {'minimum' if n == 1 else 'minima'}"
    if index == dim:
        return f"{n} {'maximum' if n == 1 else 'maxima'} (index {index})"
    return f"{n} {'saddle' if n == 1 else 'saddles'} of index {index}"


def marker_areas(hits: IntArray, n_points: int, labels: bool) -> FloatArray:
    """(p,) areas in points squared: larger with the hits (square root), smaller the more points there are; with labels
    large enough to hold a number."""
    base = 150.0 if labels else float(np.clip(270.0 / np.sqrt(max(n_points, 1)), 2.0, 90.0))
    least, most = (1.0, 0.45) if labels else (0.55, 0.9)
    return base * (least + most * np.sqrt(np.maximum(hits, 0) / max(int(hits.max(initial=1)), 1)))


def present(index: NDArray[np.int32]) -> list[tuple[int, NDArray[np.bool_]]]:
    """(index, rows) of each index that occurs, ascending."""
    return [(int(k), index == k) for k in np.unique(index)]
