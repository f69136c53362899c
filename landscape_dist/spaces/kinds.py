"""Every kind of space, group and SameJudgement by the name that configurations and stores have for it."""

from __future__ import annotations

from typing import Any

from landscape_dist.errors import LandscapeError, SettingsError
from landscape_dist.numerics.plain_json import plain_json
from landscape_dist.spaces.coordinate_groups import PermutationGroup, SignFlipGroup
from landscape_dist.spaces.flat import Euclidean, Torus
from landscape_dist.spaces.group import Group
from landscape_dist.spaces.judgement import Distance, PerCoordinate, SameJudgement, SameOrbit
from landscape_dist.spaces.signed_permutations import SignedPermutations
from landscape_dist.spaces.space import Space
from landscape_dist.spaces.symmetry import PeriodicCoordinates, Permutations, SignFlips
from landscape_dist.spaces.translations import Translations

SPACES: dict[str, type[Space]] = {kind.kind: kind for kind in (Euclidean, Torus)}

GROUPS: dict[str, type[Group]] = {kind.kind: kind for kind in (SignFlipGroup, PermutationGroup)}

JUDGEMENTS: dict[str, type[SameJudgement]] = {
    "per_coordinate": PerCoordinate,
    "periodic_coordinates": PeriodicCoordinates,
    "sign_flips": SignFlips,
    "permutations": Permutations,
    "signed_permutations": SignedPermutations,
    "translations": Translations,
}


def space_of(header: dict[str, Any]) -> Space:
    """The space of a store's problem.

    Raises:
        SettingsError: it is of a kind that is not known here, or cannot be built.
    """
    about = header["problem"]
    # Versions that did not say it knew no other.
    space = _built("space", SPACES, about.get("space") or Euclidean(about["dim"]).as_dict())
    space.check(about["dim"])
    return space


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
        elif kept["kind"] == "same_orbit":
            space = rest["space"] and _built("space", SPACES, rest["space"])
            judgement = SameOrbit(rest["atol"], space, rest["group"] and _built("group", GROUPS, rest["group"]))
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


def _built(name: str, kinds: dict[str, Any], kept: dict[str, Any]) -> Any:
    """What a plain JSON form stands for."""
    try:
        return kinds[kept["kind"]](**{key: value for key, value in kept.items() if key != "kind"})
    except (LandscapeError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise SettingsError(
            f"{name} {str(kept)[:200]} cannot be built ({error}); its kinds are {', '.join(kinds)}; add one of your "
            "own to them before the store is opened"
        ) from error
