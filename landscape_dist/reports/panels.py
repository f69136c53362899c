"""The panels of a report: what is said of a landscape on one page, as plain data that a page can draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from landscape_dist.analysis.discovery import discovery
from landscape_dist.analysis.overview import kind_name
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.numerics.plain_json import plain_json
from landscape_dist.pathways.export import iter_point_dicts
from landscape_dist.records import SearchStatus

MOST_POINTS = 500
"""Rows of the table of points."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a report.

    Attributes:
        name: for programs. title: for people.
        data: what it shows of a landscape, as JSON can say it.
    """

    name: str
    title: str
    data: Callable[[Landscape], dict[str, Any]]


def report_data(landscape: Landscape) -> dict[str, Any]:
    """{'name': of the problem, 'panels': [{'name', 'title', 'data'}, ...]}: all panels, as plain JSON."""
    panels = [{"name": panel.name, "title": panel.title, "data": panel.data(landscape)} for panel in PANELS]
    return plain_json("report", {"name": landscape.name, "panels": panels})


def _summary(landscape: Landscape) -> dict[str, Any]:
    overview = landscape.overview
    return {
        "dim": landscape.header["problem"]["dim"],
        "finished": overview.finished,
        "n_points": overview.n_points,
        "n_connections": overview.n_connections,
        "n_searches": overview.n_searches,
    }


def _by_index(landscape: Landscape) -> dict[str, Any]:
    has_energy = landscape.header["problem"]["has_energy"]
    rows = sorted(landscape.overview.by_index.items())
    return {"rows": [{"index": k, "name": kind_name(k, has_energy), **asdict(some)} for k, some in rows]}


def _searches(landscape: Landscape) -> dict[str, Any]:
    overview = landscape.overview
    advice = {status.label: status.advice for status in SearchStatus}
    ends = [{"status": label, "n": n, "advice": advice[label]} for label, n in overview.by_status.items()]
    return {"by_kind": overview.by_kind, "by_status": ends}


def _discovery(landscape: Landscape) -> dict[str, Any]:
    return discovery(landscape.columns, landscape.searches).as_dict()


def _audit(landscape: Landscape) -> dict[str, Any]:
    return landscape.audit().as_dict()


def _evaluations(landscape: Landscape) -> dict[str, Any]:
    return landscape.overview.evaluations


def _points(landscape: Landscape) -> dict[str, Any]:
    """The first points by index and energy."""
    points = landscape.columns
    shown = np.lexsort((points.energy, points.index))[:MOST_POINTS]
    return {"n_points": len(points), "rows": list(iter_point_dicts(landscape.pathways, shown))}


def _settings(landscape: Landscape) -> dict[str, Any]:
    return {name: landscape.header[name] for name in ("problem", "start", "explore", "solver", "same", "made_by")}


PANELS = [
    Panel("summary", "What was found", _summary),
    Panel("points_by_index", "Points by Morse index", _by_index),
    Panel("discovery", "Points found against searches", _discovery),
    Panel("searches", "Searches by how they ended", _searches),
    Panel("audit", "What speaks for and against completeness", _audit),
    Panel("evaluations", "Evaluations", _evaluations),
    Panel("points", "Points, by index and energy", _points),
    Panel("settings", "Problem and settings", _settings),
]
