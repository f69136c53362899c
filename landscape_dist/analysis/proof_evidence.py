"""What is proved of a landscape, as a store keeps it and an audit says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_MOST_SIDES = 6
_COUNTS = ("n_proved", "n_missing", "n_unproved", "n_merged", "n_unknown")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


@dataclass(frozen=True, slots=True)
class ProofEvidence:
    """What interval arithmetic says about the points in a box, for the formula in real numbers.

    Attributes:
        box: lower and upper end of each coordinate. n_boxes: that were looked at.
        complete: whether all points of the box are known by it.
        n_proved: points of the box, of the indices asked for. n_missing: of these, not in the landscape.
        n_unproved: points of the landscape that are none of these. n_merged: of these, so near to another that both are
            one point of the landscape. n_unknown: whose index is not proved.
        volume_left: part of the box about which nothing is proved. flood: what looks like a continuum of points.
    """

    box: tuple[tuple[float, float], ...]
    n_boxes: int
    complete: bool
    n_proved: int
    n_missing: int
    n_unproved: int
    n_merged: int
    n_unknown: int
    volume_left: float
    flood: str | None

    @classmethod
    def of(cls, record: dict[str, Any] | None, n_points: int) -> ProofEvidence | None:
        """From what a store keeps; None where that does not speak of this landscape."""
        if record is None:
            return None
        try:
            complete = bool(record["complete"]) and record.get("of_points") == n_points
            return cls(
                box=tuple((float(a), float(b)) for a, b in record["box"]),
                n_boxes=int(record["boxes"]),
                complete=complete,
                **{name: int(record[name]) if complete else 0 for name in _COUNTS},
                volume_left=float(record.get("volume_left", 1.0)),
                flood=None if record.get("flood") is None else str(record["flood"]),
            )
        except (TypeError, ValueError, LookupError, OverflowError):
            return None

    @property
    def box_text(self) -> str:
        """The box in words, such as '[-3, 3]^7'."""
        if len(self.box) > 1 and len(set(self.box)) == 1:
            return f"[{self.box[0][0]:.6g}, {self.box[0][1]:.6g}]^{len(self.box)}"
        more = " x ..." if len(self.box) > _MOST_SIDES else ""
        return " x ".join(f"[{a:.6g}, {b:.6g}]" for a, b in self.box[:_MOST_SIDES]) + more

    @property
    def settled(self) -> bool:
        """Whether the points of the landscape are just the points that there are."""
        return self.complete and not any((self.n_missing, self.n_unproved, self.n_merged, self.n_unknown))


@dataclass(frozen=True, slots=True)
class CertificateEvidence:
    """Which points are proved to be there, by `landscape-dist certify`.

    Attributes:
        n_points: that there are. n_certified: of these. not_certified: ids of the others, as far as they are kept.
        wrong_index: ids of those whose index is proved to be another.
        n_branches: of index-1 points that were followed. n_branches_certified: of these. wrong_arrows: in words.
    """

    n_points: int
    n_certified: int
    not_certified: tuple[int, ...]
    wrong_index: tuple[int, ...]
    n_branches: int
    n_branches_certified: int
    wrong_arrows: tuple[str, ...]

    @classmethod
    def of(cls, kept: dict[str, Any] | None) -> CertificateEvidence | None:
        """From what a store keeps; None where that is nothing."""
        if kept is None:
            return None
        try:
            return cls(
                int(kept["of_points"]),
                int(kept["n_certified"]),
                tuple(sorted(int(k) for ids in dict(kept["not_certified"]).values() for k in _list(ids))),
                tuple(int(k) for k in _list(kept["wrong_index"])),
                int(kept["n_branches"]),
                int(kept["n_branches_certified"]),
                tuple(str(text) for text in _list(kept["wrong_arrows"]) if str(text).isprintable()),
            )
        except (TypeError, ValueError, LookupError, OverflowError):
            return None

    def is_certified(self, point: int) -> bool | None:
        """Whether that point is, with the index that is stored; None where a store of very many that are not does not
        say which these are."""
        if point in self.not_certified or point in self.wrong_index:
            return False
        return True if len(self.not_certified) == self.n_points - self.n_certified else None

    def __str__(self) -> str:
        arrows = (
            f", {self.n_branches_certified} of {self.n_branches} branches of index-1 points" if self.n_branches else ""
        )
        return f"{self.n_certified} of {self.n_points} points certified{arrows}"
