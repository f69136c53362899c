"""Between the columns of `records` and the arrays of `schema`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import StoreError
from landscape_dist.records import FailureColumns, PointColumns, SearchColumns, TrajectoryColumns
from landscape_dist.store.schema import (
    FAILURE_INTEGERS,
    POINT_INTEGERS,
    POINT_REALS,
    SEARCH_INTEGERS,
    TRAJECTORY_INTEGERS,
)

Arrays = dict[str, NDArray[Any]]


def pack_points(points: PointColumns, dim: int, n_eigenvalues: int) -> Arrays:
    """Copy p points into arrays by path; `StoreError` where a column does not fit the database."""
    n = len(points.index)
    return {
        "points/x": _matrix("points.x", points.x, n, dim, "the dim of the database"),
        "points/eigenvalues": _matrix(
            "points.eigenvalues", points.eigenvalues, n, n_eigenvalues, "the n_eigenvalues of the database"
        ),
        "points/reals": _stack("points", points, POINT_REALS, n, np.float64),
        "points/integers": _stack("points", points, POINT_INTEGERS, n, np.int64),
    }


def pack_searches(searches: SearchColumns) -> Arrays:
    """Copy s searches into arrays by path."""
    return {"searches/integers": _stack("searches", searches, SEARCH_INTEGERS, len(searches.slot), np.int64)}


def pack_failures(failures: FailureColumns, dim: int, n_message_bytes: int) -> Arrays:
    """Copy f failures into arrays by path; `n_message_bytes` is where the first text begins."""
    n = len(failures.slot)
    if len(failures.message) != n:
        raise StoreError(f"failures.message has {len(failures.message)} texts for {n} failures; give one each")
    # Half of a surrogate pair can come out of a file name in a message; written as its escape, the text stays UTF-8.
    texts = [text.encode("utf-8", "backslashreplace") if text else b"" for text in failures.message]
    integers = np.empty((n, len(FAILURE_INTEGERS)), dtype=np.int64)
    integers[:, 0] = _column("failures.slot", failures.slot, n)
    integers[:, 1] = n_message_bytes + np.cumsum([len(text) for text in texts], dtype=np.int64)
    norms = np.empty(n, dtype=np.float64)
    norms[:] = _column("failures.gradient_norm", failures.gradient_norm, n)
    return {
        "failures/x": _matrix("failures.x", failures.x, n, dim, "the dim of the database"),
        "failures/gradient_norm": norms,
        "failures/integers": integers,
        "failures/message": np.frombuffer(b"".join(texts), dtype=np.uint8),
    }


def pack_trajectories(paths: TrajectoryColumns, dim: int, n_points: int) -> Arrays:
    """Copy t paths into arrays by path; `n_points` is where the first one begins in the database."""
    t, n = len(paths.slot), len(paths.x)
    end = _column("trajectories.end", paths.end, t)
    if (np.diff(end, prepend=0) < 0).any() or (t and end[-1] != n):
        raise StoreError(f"trajectories.end must rise to {n}, the number of their points, and is {end.tolist()}")
    integers = np.empty((t, len(TRAJECTORY_INTEGERS)), dtype=np.int64)
    integers[:, 0] = _column("trajectories.slot", paths.slot, t)
    integers[:, 1] = n_points + end
    return {
        "trajectories/x": _matrix("trajectories.x", paths.x, n, dim, "the dim of the database"),
        "trajectories/time": np.array(_column("trajectories.time", paths.time, n), dtype=np.float64),
        "trajectories/integers": integers,
    }


def unpack(arrays: Arrays) -> tuple[PointColumns, SearchColumns, FailureColumns]:
    """Arrays by path, as in `schema.Contents`, -> columns."""
    points = PointColumns(
        x=arrays["points/x"],
        eigenvalues=arrays["points/eigenvalues"],
        **{name: arrays[f"points/reals/{name}"] for name in POINT_REALS},
        **{name: arrays[f"points/integers/{name}"] for name in POINT_INTEGERS},
    )
    searches = SearchColumns(**{name: arrays[f"searches/integers/{name}"] for name in SEARCH_INTEGERS})
    failures = FailureColumns(
        slot=arrays["failures/integers/slot"],
        x=arrays["failures/x"],
        gradient_norm=arrays["failures/gradient_norm"],
        message=_texts(arrays["failures/message"].tobytes(), arrays["failures/integers/message_end"]),
    )
    return points, searches, failures


def _texts(flat: bytes, ends: NDArray[np.int64]) -> list[str]:
    """Cut flat UTF-8 bytes at their end offsets; most texts are empty and cost nothing."""
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64) if len(ends) else ends
    texts = [""] * len(ends)
    for row in np.flatnonzero(ends > starts).tolist():
        texts[row] = flat[starts[row] : ends[row]].decode("utf-8")
    return texts


def _stack(table: str, columns: Any, names: tuple[str, ...], n: int, dtype: type) -> NDArray[Any]:
    packed: NDArray[Any] = np.empty((n, len(names)), dtype=dtype)
    for i, name in enumerate(names):
        packed[:, i] = _column(f"{table}.{name}", getattr(columns, name), n)
    return packed


def _column(name: str, value: Any, n: int) -> NDArray[Any]:
    array = np.asarray(value)
    if array.shape != (n,):
        raise StoreError(f"{name} has shape {array.shape} where {n} rows are appended; give shape ({n},)")
    return array


def _matrix(name: str, value: Any, n: int, width: int, meaning: str) -> NDArray[Any]:
    array = np.array(value, dtype=np.float64)  # a copy: the caller may go on using its own
    if array.shape != (n, width):
        raise StoreError(f"{name} has shape {array.shape}; give ({n}, {width}): {width} is {meaning}")
    return array
