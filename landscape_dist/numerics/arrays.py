"""Between array namespaces: the solver works in the problem's, everything else in NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_numpy(array: Any) -> Any:
    """A NumPy view or copy of an array of any namespace."""
    if isinstance(array, np.ndarray):
        return array
    if hasattr(array, "detach"):
        array = array.detach().cpu()
    return np.asarray(array)


def rows_like(index: NDArray[np.int64], like: Any, xp: Any) -> Any:
    """NumPy indices in the namespace of an array `like`, on its device."""
    return index if xp is np else xp.asarray(index, device=like.device)


def nonzero(mask: Any, xp: Any) -> Any:
    """Indices where a (n,) mask is true, in its own namespace."""
    return np.flatnonzero(mask) if xp is np else xp.nonzero(mask)[0]
