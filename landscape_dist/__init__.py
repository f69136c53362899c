"""Solution landscapes by high-index saddle dynamics, on a laptop or a cluster.

The public names; those that need more than NumPy are imported when first used, so that importing the package costs
little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Not lazily: `landscape_dist.explore` is also the package of the search policy, and importing that later would
# put the module in the function's place.
from landscape_dist.campaign import explore

__version__ = "0.1.0"

if TYPE_CHECKING:
    from landscape_dist import errors, problems, surrogates
    from landscape_dist.campaign import open_landscape as open
    from landscape_dist.correction.correct import correct
    from landscape_dist.explore.settings import ExploreSettings
    from landscape_dist.explore.signed_permutations import SignedPermutations
    from landscape_dist.explore.symmetry import PeriodicCoordinates, Permutations, SignFlips, UpTo
    from landscape_dist.explore.translations import Translations
    from landscape_dist.hisd.settings import SolverSettings
    from landscape_dist.landscape import Landscape
    from landscape_dist.problems import systems
    from landscape_dist.records import Connection, SearchStatus, StationaryPoint

_WHERE = {
    "correct": ("landscape_dist.correction.correct", "correct"),
    "errors": ("landscape_dist.errors", None),
    "problems": ("landscape_dist.problems", None),
    "surrogates": ("landscape_dist.surrogates", None),
    "systems": ("landscape_dist.problems.systems", None),
    "open": ("landscape_dist.campaign", "open_landscape"),
    "ExploreSettings": ("landscape_dist.explore.settings", "ExploreSettings"),
    "SolverSettings": ("landscape_dist.hisd.settings", "SolverSettings"),
    "Landscape": ("landscape_dist.landscape", "Landscape"),
    "PeriodicCoordinates": ("landscape_dist.explore.symmetry", "PeriodicCoordinates"),
    "Permutations": ("landscape_dist.explore.symmetry", "Permutations"),
    "SignFlips": ("landscape_dist.explore.symmetry", "SignFlips"),
    "SignedPermutations": ("landscape_dist.explore.signed_permutations", "SignedPermutations"),
    "Translations": ("landscape_dist.explore.translations", "Translations"),
    "UpTo": ("landscape_dist.explore.symmetry", "UpTo"),
    "Connection": ("landscape_dist.records", "Connection"),
    "SearchStatus": ("landscape_dist.records", "SearchStatus"),
    "StationaryPoint": ("landscape_dist.records", "StationaryPoint"),
}

__all__ = [
    "Connection",
    "ExploreSettings",
    "Landscape",
    "PeriodicCoordinates",
    "Permutations",
    "SearchStatus",
    "SignFlips",
    "SignedPermutations",
    "SolverSettings",
    "StationaryPoint",
    "Translations",
    "UpTo",
    "correct",
    "errors",
    "explore",
    "open",
    "problems",
    "surrogates",
    "systems",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _WHERE:
        raise AttributeError(f"module 'landscape_dist' has no attribute {name!r}")
    module, attribute = _WHERE[name]
    loaded = importlib.import_module(module)
    value = loaded if attribute is None else getattr(loaded, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
