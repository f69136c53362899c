"""Growing columns: points and searches as the coordinator keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.records import FloatArray, PointColumns, SearchColumns

SEARCH_TYPES: dict[str, Any] = {
    "slot": np.int64,
    "parent": np.int64,
    "kind": np.int8,
    "ordinal": np.int32,
    "target": np.int32,
    "status": np.int8,
    "child": np.int64,
    "n_steps": np.int32,
    "round": np.int32,
}


class Column:
    """A growing array; `view()` is what has been written so far."""

    def __init__(self, dtype: Any, width: tuple[int, ...] = ()) -> None:
        self._data = np.zeros((0, *width), dtype=dtype)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def extend(self, rows: Any) -> None:
        n = self._n + len(rows)
        if n > len(self._data):
            grown = np.zeros((max(n, 2 * len(self._data), 64), *self._data.shape[1:]), dtype=self._data.dtype)
            grown[: self._n] = self._data[: self._n]
            self._data = grown
        self._data[self._n : n] = rows
        self._n = n

    def adopt(self, rows: Any) -> None:
        """Begin with these rows, which are not copied."""
        self._data = np.asarray(rows, dtype=self._data.dtype)
        self._n = len(rows)

    def view(self) -> Any:
        return self._data[: self._n]


class PointTable:
    """All points found so far; the row is the id."""

    def __init__(self, dim: int, n_eigenvalues: int) -> None:
        self.columns = {
            "x": Column(np.float64, (dim,)),
            "energy": Column(np.float64),
            "index": Column(np.int32),
            "nullity": Column(np.int32),
            "gradient_norm": Column(np.float64),
            "eigenvalues": Column(np.float64, (n_eigenvalues,)),
            "found_by": Column(np.int64),
            "round": Column(np.int32),
        }

    @classmethod
    def of(cls, points: PointColumns) -> PointTable:
        """With these points, which are not copied."""
        table = cls(points.x.shape[1], points.eigenvalues.shape[1])
        table.adopt(points)
        return table

    def __len__(self) -> int:
        return len(self.columns["index"])

    def extend(self, rows: PointColumns) -> None:
        for name, column in self.columns.items():
            column.extend(getattr(rows, name))

    def adopt(self, rows: PointColumns) -> None:
        """Begin with these points, which are not copied."""
        for name, column in self.columns.items():
            column.adopt(getattr(rows, name))

    @property
    def x(self) -> FloatArray:
        return self.columns["x"].view()

    def before(self, number: int) -> PointColumns:
        """Points of the rounds before `number`: rounds follow one another, so the column ascends."""
        n = int(np.searchsorted(self.columns["round"].view(), np.int32(number)))
        return PointColumns(**{name: column.view()[:n] for name, column in self.columns.items()})

    def view(self, first: int = 0) -> PointColumns:
        """Points from id `first` on; arrays are views, not copies."""
        return PointColumns(**{name: column.view()[first:] for name, column in self.columns.items()})


class SearchTable:
    """All finished searches so far, in order of arrival."""

    def __init__(self) -> None:
        self.columns = {name: Column(dtype) for name, dtype in SEARCH_TYPES.items()}

    def __len__(self) -> int:
        return len(self.columns["slot"])

    def extend(self, rows: SearchColumns) -> None:
        for name, column in self.columns.items():
            column.extend(getattr(rows, name))

    def adopt(self, rows: SearchColumns) -> None:
        """Begin with these searches, which are not copied."""
        for name, column in self.columns.items():
            column.adopt(getattr(rows, name))

    def before(self, number: int) -> SearchColumns:
        """Searches of the rounds before `number`: rounds follow one another, so the column ascends."""
        n = int(np.searchsorted(self.columns["round"].view(), np.int32(number)))
        return SearchColumns(**{name: column.view()[:n] for name, column in self.columns.items()})

    def view(self, first: int = 0) -> SearchColumns:
        return SearchColumns(**{name: column.view()[first:] for name, column in self.columns.items()})
