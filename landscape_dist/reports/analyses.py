"""The analyses of a landscape by name: each a command of `landscape-dist`, with its picture where it has one.

Importing this costs nothing; what an analysis needs is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from landscape_dist.analysis.discovery import Discovery
    from landscape_dist.analysis.evidence import Audit
    from landscape_dist.campaign.landscape import Landscape


class Result(Protocol):
    """What an analysis finds; `str` of it is for reading."""

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, text, lists and dicts."""
        ...


@dataclass(frozen=True, slots=True)
class Analysis:
    """A question to a landscape.

    Attributes:
        help: what its command does, in a sentence.
        compute: answers it.
        plot: makes a matplotlib figure of the answer; None where there is none.
    """

    help: str
    compute: Callable[[Landscape], Result]
    plot: Callable[[Landscape, Any], Any] | None = None


def _audit(landscape: Landscape) -> Audit:
    return landscape.audit()


def _discovery(landscape: Landscape) -> Discovery:
    from landscape_dist.analysis.discovery import discovery

    return discovery(landscape.columns, landscape.searches)


def _discovery_figure(landscape: Landscape, found: Discovery) -> Any:
    from landscape_dist.plots.discovery import discovery_figure

    title = f"{landscape.name}: {found.n_points[-1]} points in {found.n_searches[-1]} searches"
    return discovery_figure(found.n_searches, found.n_points, found.estimate, title=title)


ANALYSES = {
    "audit": Analysis(
        "Say what speaks for and against completeness: Morse theory, arrows due, hits, failures by reason.", _audit
    ),
    "discovery": Analysis(
        "Say how points were found as searches went on, and how many an estimate expects.",
        _discovery,
        _discovery_figure,
    ),
}
