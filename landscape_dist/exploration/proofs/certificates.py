"""Certificates of points that searches have found: each proved to be there, with its index and energy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from landscape_dist.exploration.proofs.completeness import CertifiedPoint, points_of
from landscape_dist.exploration.proofs.krawczyk import derivative, energies, indices, newton, pinned
from landscape_dist.problems.equations import Equations, exact_formulas
from landscape_dist.problems.programs.on_floats import evaluate
from landscape_dist.records import BoolArray, FloatArray, IntArray

# Points whose zeros are farther from them than this part of the size of the coordinates are not these.
NEAR = 1e-3
# Coordinates of less than this part of the largest may be rounding errors.
NOTHING = 1e-9
# Steps of Newton's method, from where searches have come to.
STEPS = 4
# Where the smallest curvature is less than this part of the largest, the reason is likely that.
DEGENERATE = 1e-8
# Ids that a store keeps of points of a kind.
MOST_IDS = 100
# Branches that are not certified, in text.
MOST_LINES = 20
# Points at a time.
TOGETHER = 4096


@dataclass(frozen=True)
class Branch:
    """One side of a point of index 1: of a saddle, or of a vector field's with one unstable direction.

    Attributes:
        parent: id of the saddle. side: 1 or -1. child: id of the minimum or sink it is proved to lead to; else None.
        left: whether it is proved to leave the domain. reason: why neither is proved; '' where one is.
    """

    parent: int
    side: int
    child: int | None
    left: bool
    reason: str

    @property
    def proved(self) -> bool:
        """Whether it is known where it leads."""
        return self.child is not None or self.left


@dataclass(frozen=True)
class Certificates:
    """Which points of a landscape are proved to be stationary points of the formula, in real numbers.

    Attributes:
        name: of the problem. formulas, is_energy: what it is about, see `Proof`.
        points: by id, None where nothing is proved. reasons: by id, why not; '' where it is.
        wrong: ids of those whose stored Morse index is proved to be another.
        branches: of points of index 1, where these were asked for, see `flow_tubes`.
        wrong_arrows: in words, what of the stored arrows they contradict.
    """

    name: str
    formulas: tuple[str, ...]
    is_energy: bool
    points: tuple[CertifiedPoint | None, ...]
    reasons: tuple[str, ...]
    wrong: tuple[int, ...]
    branches: tuple[Branch, ...] = ()
    wrong_arrows: tuple[str, ...] = ()

    @property
    def n_certified(self) -> int:
        """How many points are proved to be there."""
        return sum(point is not None for point in self.points)

    @property
    def not_certified(self) -> dict[str, list[int]]:
        """Ids of the points that are not certified, by reason."""
        ids: dict[str, list[int]] = {}
        for k, reason in enumerate(self.reasons):
            if reason:
                ids.setdefault(reason, []).append(k)
        return ids

    def summary(self) -> dict[str, Any]:
        """What a store keeps of them, in plain values: boxes are made again in less time than they are read in."""
        return {
            "of_points": len(self.points),
            "n_certified": self.n_certified,
            "not_certified": {reason: ids[:MOST_IDS] for reason, ids in self.not_certified.items()},
            "wrong_index": list(self.wrong[:MOST_IDS]),
            "n_branches": len(self.branches),
            "n_branches_certified": sum(branch.proved for branch in self.branches),
            "wrong_arrows": list(self.wrong_arrows[:MOST_IDS]),
        }

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.n_certified} of {len(self.points)} points certified"]
        for reason, ids in self.not_certified.items():
            some = ", ".join(map(str, ids[:10])) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")
            lines.append(f"  not certified: {reason}: {some}")
        lines += [f"  point {k} has another index than is stored" for k in self.wrong]
        if self.branches:
            n = sum(branch.proved for branch in self.branches)
            lines.append(f"{n} of {len(self.branches)} branches of index-1 points certified")
            open_ = [branch for branch in self.branches if not branch.proved]
            lines += [f"  point {b.parent}, side {b.side:+d}: {b.reason}" for b in open_[:MOST_LINES]]
            lines += [f"  {text}" for text in self.wrong_arrows]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, which `landscape_dist.testing.proof_checker` reads; points that are not certified are left
        out of `points`."""
        certified = [(k, point) for k, point in enumerate(self.points) if point is not None]
        around = np.array([point.around for _, point in certified]).reshape(len(certified), -1, 2)
        box = np.stack([around[:, :, 0].min(axis=0), around[:, :, 1].max(axis=0)], axis=1) if certified else around
        return {
            "name": self.name,
            "kind": "energy" if self.is_energy else "field",
            "formulas": list(self.formulas),
            "box": box.tolist(),
            "complete": False,
            "points": [{"id": k, **point.as_dict()} for k, point in certified],
            "not_certified": {str(k): reason for k, reason in enumerate(self.reasons) if reason},
            "wrong_index": list(self.wrong),
            "branches": [asdict(branch) for branch in self.branches],
            "wrong_arrows": list(self.wrong_arrows),
        }


def certify_points(
    equations: Equations, X: FloatArray, index: IntArray, nullity: IntArray, name: str = "points"
) -> Certificates:
    """Certificates of points X (n, d) with the Morse indices (n,) and nullities (n,) that are stored of them."""
    parts = [_some(equations, X[a : a + TOGETHER], nullity[a : a + TOGETHER] > 0) for a in range(0, len(X), TOGETHER)]
    points = tuple(point for part, _ in parts for point in part)
    reasons = tuple(reason for _, part in parts for reason in part)
    wrong = tuple(
        k
        for k, (point, stored) in enumerate(zip(points, index.tolist(), strict=True))
        if point is not None and point.index is not None and point.index != stored
    )
    return Certificates(name, exact_formulas(equations), equations.symmetric, points, reasons, wrong)


def _some(equations: Equations, X: FloatArray, degenerate: BoolArray) -> tuple[list[CertifiedPoint | None], list[str]]:
    n = len(X)
    # The size of each coordinate: of the point's own, or of all points'; what is next to nothing may be rounding.
    spread = np.maximum(np.abs(X), np.abs(X).max(axis=0, initial=0.0))
    largest = float(spread.max(initial=0.0))
    spread = np.maximum(spread, NOTHING * largest if largest > 0 else 1.0)
    with np.errstate(all="ignore"):
        x, Y = newton(equations, X, spread, STEPS)
        near = np.asarray((np.abs(x - X) <= NEAR * spread).all(axis=1))
        zeros, ok = pinned(equations, x, Y, spread)
        zeros, ok = zeros.at(near[ok]), ok & near
        index, energy = indices(equations, zeros), energies(equations, zeros)
    reasons = [""] * n
    for k in np.flatnonzero(~ok).tolist():
        if degenerate[k]:
            reasons[k] = "degenerate"
        else:
            reasons[k] = _reason(equations, X[k]) if near[k] else "Newton's method leads away from it"
    found = points_of(zeros, index, energy)
    points: list[CertifiedPoint | None] = [None] * n
    for k, point in zip(np.flatnonzero(ok).tolist(), found, strict=True):
        points[k] = point
    return points, reasons


def _reason(equations: Equations, x: FloatArray) -> str:
    w = np.abs(np.linalg.eigvals(derivative(equations, evaluate(equations.both, x[:, None]))[0]))
    if not np.isfinite(w).all():
        return "the formula has no finite curvature there"
    return "degenerate" if w.min() <= DEGENERATE * w.max() else "no box is shown to hold exactly one point"
