"""Which searches are arrows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape_dist.records import SearchColumns, SearchKind, SearchStatus


def connecting(searches: SearchColumns) -> NDArray[np.bool_]:
    """(s,) whether each search is an arrow: downward, converged to the wanted index, at another point.

    A search aimed at a point counts only if it ended there: elsewhere, it merely repeats a branch that has its arrow.
    """
    aimed = searches.kind == SearchKind.CONFIRM
    return (
        ((searches.kind == SearchKind.DOWN) | (aimed & (searches.child == -1 - searches.ordinal)))
        & (searches.status == SearchStatus.CONVERGED)
        & (searches.child >= 0)
        & (searches.parent >= 0)
        & (searches.child != searches.parent)
    )
