"""Every kind of SameJudgement by the name that configurations and stores have for it."""

from __future__ import annotations

from typing import Any

from landscape_dist.errors import LandscapeError, SettingsError
from landscape_dist.numerics.plain_json import plain_json
from landscape_dist.spaces.judgement import Distance, PerCoordinate, SameJudgement
from landscape_dist.spaces.signed_permutations import SignedPermutations
from landscape_dist.spaces.symmetry import PeriodicCoordinates, Permutations, SignFlips
from landscape_dist.spaces.translations import Translations

JUDGEMENTS: dict[str, type[SameJudgement]] = {
    "per_coordinate": PerCoordinate,
    "periodic_coordinates": PeriodicCoordinates,
    "sign_flips": SignFlips,
    "permutations": Permutations,
    "signed_permutations": SignedPermutations,
    "translations": Translations,
}


def judgement_of(header: dict[str, Any]) -> SameJudgement:
    """The judgement of a store.

    Raises:
        SettingsError: it was made of a function of Python, or cannot be built.
    """
    kept, dim = header["same"], header["problem"]["dim"]
    rest = {name: value for name, value in kept.items() if name != "kind"}
    try:
        if kept["kind"] == "distance":
            judgement: SameJudgement = Distance(rest["atol"], dim)
        else:
            if isinstance(rest.get("period"), list):
                periods = [float("inf") if p is None else p for p in rest["period"]]
                rest["period"] = periods[0] if len(periods) == 1 else periods
            rest = {name: value for name, value in rest.items() if value != []}  # none of the kind
            judgement = JUDGEMENTS[kept["kind"]](**rest)
        judgement.check(dim)
        same = plain_json("same", judgement.as_dict()) == kept
    except (LandscapeError, TypeError, ValueError, KeyError, AttributeError, MemoryError):
        same = False
    if not same:
        raise SettingsError(
            f"when two points are the same cannot be told from the header of the store ({str(kept)[:200]}); give same="
        )
    return judgement
