"""Whether the rows of a database agree with one another, so that nothing built on them goes astray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import StoreFormatError
from landscape_dist.records import (
    FailureColumns,
    FloatArray,
    IntArray,
    PointColumns,
    SearchColumns,
    SearchKind,
    SearchStatus,
)

MANY = 3
"""Rows named in a message; of the others only the number."""

Contradiction = tuple[str, NDArray[np.bool_]]


def contradictions(points: PointColumns, searches: SearchColumns, failures: FailureColumns) -> list[str]:
    """What is wrong with the rows, in words; empty where nothing is.

    Args:
        points, searches, failures: all rows of a database.
    """
    found = _in_words((*_of_points(points), *_of_searches(searches, points)))
    # The rest takes for granted that ids are ids.
    return found or _in_words((*_of_slots(searches), *_of_failures(failures, searches))) or _of_both(points, searches)


def check_rows(points: PointColumns, searches: SearchColumns, where: str) -> None:
    """Raise `StoreFormatError` where rows name what is not there; what costs sorting is left to `contradictions`."""
    found = _in_words((*_of_points(points), *_of_searches(searches, points)))
    if found:
        raise StoreFormatError(
            f"{where} is damaged: {'; '.join(found[:MANY])}; restore it from a copy, and see landscape-dist verify"
        )


def _in_words(contradictions: Iterable[Contradiction]) -> list[str]:
    found = []
    for text, wrong in contradictions:
        rows = np.flatnonzero(wrong)
        if len(rows):
            named = ", ".join(map(str, rows[:MANY].tolist())) + (", ..." if len(rows) > MANY else "")
            found.append(f"{text} ({len(rows)} rows: {named})")
    return found


def _of_points(points: PointColumns) -> Iterator[Contradiction]:
    dim = points.x.shape[1]
    yield "points: x is not finite", np.asarray(~np.isfinite(points.x).all(axis=1))
    yield "points: index is not within 0 and the dimension", (points.index < 0) | (points.index > dim)
    yield "points: nullity is not within 0 and the dimension", (points.nullity < 0) | (points.nullity > dim)
    yield "points: energy is infinite", np.isinf(points.energy)
    yield "points: gradient_norm is not a finite number of at least 0", _no_size(points.gradient_norm)
    yield "points: round falls", _falls(points.round)


def _of_searches(searches: SearchColumns, points: PointColumns) -> Iterator[Contradiction]:
    n, dim = len(points), points.x.shape[1]
    aimed = searches.kind == SearchKind.CONFIRM
    again = np.isin(searches.kind, (SearchKind.RESTART, SearchKind.CURVE))
    yield "searches: parent is no point", (searches.parent < -1) | (searches.parent >= n)
    yield "searches: child is no point", (searches.child < -1) | (searches.child >= n)
    yield "searches: kind is none", ~np.isin(searches.kind, [int(kind) for kind in SearchKind])
    yield "searches: status is none", ~np.isin(searches.status, [int(status) for status in SearchStatus])
    yield "searches: target is not within 0 and the dimension", (searches.target < 0) | (searches.target > dim)
    yield "searches: n_steps is negative", searches.n_steps < 0
    wrong_aim = aimed & ((searches.ordinal < -n) | (searches.ordinal > -1))
    yield "searches: ordinal is none", np.asarray(wrong_aim | (~aimed & (searches.ordinal < 0)))
    yield (
        "searches: a start has a parent, or another search has none",
        ((searches.kind == SearchKind.START) | again) != (searches.parent == -1),
    )
    yield "searches: slot and kind disagree", (searches.slot < 0) != (aimed | again)
    yield "searches: round falls", _falls(searches.round)


def _of_slots(searches: SearchColumns) -> Iterator[Contradiction]:
    order = np.argsort(searches.slot, kind="stable")
    twice = np.zeros(len(searches), dtype=bool)
    twice[order[1:]] = searches.slot[order[1:]] == searches.slot[order[:-1]]
    yield "searches: slot is there twice", twice


def _of_failures(failures: FailureColumns, searches: SearchColumns) -> Iterator[Contradiction]:
    lost = np.sort(searches.slot[searches.child < 0])
    yield "failures: no search of this slot ended at no point", _place(lost, failures.slot) < 0


def _of_both(points: PointColumns, searches: SearchColumns) -> list[str]:
    order = np.argsort(searches.slot)
    place = _place(searches.slot[order], points.found_by)
    unknown = np.flatnonzero(place < 0)
    if len(unknown):
        return [f"points: found_by names no search ({len(unknown)} rows: {unknown[0]}, ...)"]
    other = np.flatnonzero(searches.child[order[place]] != np.arange(len(points)))
    if len(other):
        return [f"points: the search in found_by ended elsewhere ({len(other)} rows: {other[0]}, ...)"]
    return []


def _place(known: IntArray, wanted: IntArray) -> IntArray:
    """(n,) positions of the wanted among ascending numbers, -1 where they are not there."""
    if not len(known):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, place, -1)


def _falls(values: NDArray[np.int32]) -> NDArray[np.bool_]:
    fallen: NDArray[np.bool_] = np.diff(values, prepend=np.int32(0)) < 0
    return fallen


def _no_size(values: FloatArray) -> NDArray[np.bool_]:
    wrong: NDArray[np.bool_] = ~np.isfinite(values) | (values < 0)
    return wrong
