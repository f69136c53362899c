"""What there is in a landscape, in numbers: enough for `info`, and small enough to be kept with the last commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.records import PointColumns, SearchColumns, SearchKind, SearchStatus

STATE = "overview"
"""Its place in the state of a store's commit."""

_EVALUATIONS = ("n_energies", "n_gradients", "n_hessians", "n_hvps")


def kind_name(index: int, has_energy: bool = True) -> str:
    """What points of this index are called, in the plural."""
    if index == 0:
        return "minima" if has_energy else "stable points"
    return f"index-{index} saddles"


@dataclass(frozen=True, slots=True)
class OfIndex:
    """The points of one Morse index: how many, how many of them with zero modes, and their energies from `low` to
    `high` (None where points have none)."""

    n: int
    n_flat: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """A landscape in numbers.

    Attributes:
        header: problem, settings and versions. finished: whether the exploration had nothing left to do.
        evaluations: n_energies, n_gradients, n_hessians, n_hvps.
        n_points, n_connections, n_searches: how many.
        by_index: points by Morse index. by_kind, by_status: searches by kind, and by label of their status.
    """

    header: dict[str, Any]
    finished: bool
    evaluations: dict[str, int]
    n_points: int
    n_connections: int
    n_searches: int
    by_index: dict[int, OfIndex]
    by_kind: dict[str, int]
    by_status: dict[str, int]

    @classmethod
    def of(
        cls,
        header: dict[str, Any],
        points: PointColumns,
        searches: SearchColumns,
        n_connections: int,
        counters: dict[str, Any],
        finished: bool,
    ) -> Overview:
        """Count."""
        kinds = np.bincount(searches.kind, minlength=len(SearchKind))
        statuses = np.bincount(searches.status, minlength=len(SearchStatus))
        return cls(
            header,
            finished,
            {name: int(counters.get(name, 0)) for name in _EVALUATIONS},
            len(points),
            n_connections,
            len(searches),
            {index: _of_index(points, index) for index in np.unique(points.index).tolist()},
            {kind.name.lower(): int(kinds[kind]) for kind in SearchKind},
            {status.label: int(statuses[status]) for status in SearchStatus if statuses[status]},
        )

    @classmethod
    def from_state(
        cls, header: dict[str, Any], state: dict[str, Any], counters: dict[str, Any], finished: bool
    ) -> Overview | None:
        """From the state of a store's last commit; None where it holds none that can be used."""
        kept = state.get(STATE)
        if kept is None:
            return None
        try:
            by_index = {int(index): OfIndex(**numbers) for index, numbers in kept["by_index"].items()}
            evaluations = {name: int(counters.get(name, 0)) for name in _EVALUATIONS}
            found = cls(header, finished, evaluations, **kept | {"by_index": by_index})
            str(found)  # whatever is not what it should be shows here
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            return None
        return found

    def as_state(self) -> dict[str, Any]:
        """For `from_state`: what is not in a store's header and counters."""
        names = ("n_points", "n_connections", "n_searches", "by_kind", "by_status")
        by_index = {
            str(index): {"n": some.n, "n_flat": some.n_flat, "low": some.low, "high": some.high}
            for index, some in self.by_index.items()
        }
        return {STATE: {name: getattr(self, name) for name in names} | {"by_index": by_index}}

    @property
    def name(self) -> str:
        """Name of the problem."""
        return str(self.header["problem"]["name"])

    @property
    def counters(self) -> dict[str, Any]:
        """Evaluations in points, and searches in all and by status."""
        return {"n_searches": self.n_searches, **self.evaluations, "by_status": self.by_status}

    def __str__(self) -> str:
        """A few lines: points by index, arrows, searches by status, evaluations."""
        lines = [f"{self.name}: {self.n_points} stationary points, {self.n_connections} connections"]
        if not self.finished:
            lines[0] += " (unfinished)"
        for index, some in sorted(self.by_index.items()):
            span = ""
            if some.low is not None:
                span = f"  energy {some.low:.6f}" + (f" to {some.high:.6f}" if some.n > 1 else "")
            name = kind_name(index, self.header["problem"]["has_energy"])
            flat = f"  ({some.n_flat} with zero modes)" if some.n_flat else ""
            lines.append(f"  {some.n:>7} {name:<18}{span}{flat}")
        kinds = self.by_kind
        lines.append(
            f"  {self.n_searches} searches ({kinds['down']} downward, {kinds['up']} upward, "
            f"{kinds['confirm']} to confirm): "
            + (", ".join(f"{n} {label}" for label, n in self.by_status.items()) or "none")
        )
        n = self.evaluations
        lines.append(
            f"  {n['n_gradients']} gradients, {n['n_hessians']} Hessians, {n['n_hvps']} Hessian-vector products, "
            f"{n['n_energies']} energies"
        )
        return "\n".join(lines)


def _of_index(points: PointColumns, index: int) -> OfIndex:
    rows = points.index == index
    energies = points.energy[rows]
    finite = bool(np.isfinite(energies).all())
    return OfIndex(
        len(energies),
        int((points.nullity[rows] > 0).sum()),
        float(energies.min()) if finite else None,
        float(energies.max()) if finite else None,
    )
