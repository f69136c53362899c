"""Settings of the search policy: which searches are made, and when there have been enough."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from landscape_dist.errors import SettingsError

COMBINATIONS = ("all", "min")
UPWARD = ("auto", "all", "none")
RESTARTS = ("auto", "none")
NULL_DIRECTIONS = ("all", "none")
PROVE = ("auto", "none")
BEFORE = {"restarts": "none", "null_directions": "none", "prove": "none"}
"""What versions did that had no such settings, where that is not their default."""


@dataclass(frozen=True, slots=True)
class ExploreSettings:
    """Which searches are made.

    Attributes:
        max_index: highest Morse index looked for.
        min_index: lowest one.
        max_index_gap: downward searches from index m go to m - 1, ..., m - max_index_gap.
        combinations: 'all' choices of the directions that a downward search keeps and of the one it leaves along, or
            'min', the single typical one of the NN-HiSD paper (keep v_1..v_k, leave along v_(k+1)).
        n_random: further perturbations of each downward search with a random part added.
        upward: whether upward searches, from index m to m + 1, are made once the downward ones have run dry: 'all' of
            them, 'none', or 'auto': a random sample of `patience` at a time until a whole sample finds nothing new.
        upward_modes: upward searches climb along this many of a point's lowest stable directions; None for all.
        patience: size of those samples. After a fruitless one, with 95 % confidence fewer than 3 / patience of the
            remaining upward searches would find something new.
        restarts: whether searches start at random points of the box of what is known, between known points and along
            Newton trajectories, once nothing else finds anything: 'none' of them, so many at a time, or 'auto': a sixth
            of the searches so far, as many as these or eight for each climb that got lost where there is no domain to
            leave (`patience` at most), and `patience` times 2 (4 in three, 8 in more dimensions) as soon as one of them
            found something. They end with a fruitless sample. Never with upward='none' or for one index alone, and by
            'auto' none where steps use no Hessians, so that each search costs thousands of gradients.
        prove: whether it is proved what points there are, where the energy is a formula (or a named system) and a box
            holds them all: the domain, one period, or a cube outside of which the gradient is shown not to vanish.
            'auto' does it before restarts are made, and instead of these, as far as looking at boxes costs about half
            of the searches, but with upward='none' or restarts='none' or for one index alone; a number of boxes may be
            given; 'none' does not. Searches start from what was missed.
        null_directions: whether degenerate points with one or two zero modes are left along these, both ways and
            between, towards points of the same index and above: 'all', or 'none'. More zero modes, and those along
            which nothing changes, are taken for a symmetry.
        same_atol: two points of equal index closer than this (2-norm) are the same; None is 1e-4 times max(1, largest
            coordinate of the start).
        max_searches: stop after so many searches; None never.
        max_points: stop after so many points; None never.
    """

    max_index: int
    min_index: int = 0
    max_index_gap: int = 1
    combinations: str = "all"
    n_random: int = 0
    upward: str = "auto"
    upward_modes: int | None = 16
    patience: int = 256
    restarts: str | int = "auto"
    prove: str | int = "auto"
    null_directions: str = "all"
    same_atol: float | None = None
    max_searches: int | None = None
    max_points: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("max_index", 0), ("min_index", 0), ("max_index_gap", 1), ("n_random", 0), ("patience", 1)):
            self._count(name, least)
        for name in ("upward_modes", "max_searches", "max_points"):
            if getattr(self, name) is not None:
                self._count(name, 1)
        if self.min_index > self.max_index:
            raise SettingsError(f"min_index is {self.min_index}, above max_index {self.max_index}; lower it")
        if self.combinations not in COMBINATIONS:
            raise SettingsError(
                f"combinations is {self.combinations!r}; use one of {', '.join(map(repr, COMBINATIONS))}"
            )
        if self.upward not in UPWARD:
            raise SettingsError(f"upward is {self.upward!r}; use one of {', '.join(map(repr, UPWARD))}")
        if self.null_directions not in NULL_DIRECTIONS:
            raise SettingsError(
                f"null_directions is {self.null_directions!r}; use one of {', '.join(map(repr, NULL_DIRECTIONS))}"
            )
        if isinstance(self.restarts, str) and self.restarts not in RESTARTS:
            raise SettingsError(
                f"restarts is {self.restarts!r}; use one of {', '.join(map(repr, RESTARTS))}, or a number of them"
            )
        if not isinstance(self.restarts, str):
            self._count("restarts", 1)
        if isinstance(self.prove, str) and self.prove not in PROVE:
            raise SettingsError(
                f"prove is {self.prove!r}; use one of {', '.join(map(repr, PROVE))}, or a number of boxes"
            )
        if not isinstance(self.prove, str):
            self._count("prove", 1)
        if self.same_atol is not None and not self.same_atol > 0:
            raise SettingsError(f"same_atol is {self.same_atol!r}; give a positive number")

    def _count(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SettingsError(f"{name} is {value!r}; give a whole number of at least {least}")

    @classmethod
    def of_store(cls, kept: dict[str, Any]) -> ExploreSettings:
        """From what a store keeps of them; what its version did not know yet, it did not do."""
        return cls(**{**BEFORE, **kept})

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, all settings."""
        return asdict(self)
