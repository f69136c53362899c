"""Settings of the correction of a surrogate: where the true energy is asked, and when that is enough."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from landscape_dist.errors import SettingsError

MODELS = ("auto", "gaussian_process", "network")


@dataclass(frozen=True, slots=True)
class CorrectionSettings:
    """How `landscape_dist.correct` goes on.  Lengths are fractions of the domain's widths.

    Attributes:
        n_initial: values of the true energy to begin with; None is 25 a variable.
        gradients: whether the gradient is asked for, too, wherever the energy is. It counts as one evaluation, or as
            the energies that it is made of where it is a difference.
        model: 'gaussian_process', 'network', or 'auto': a Gaussian process up to 1500 values, beyond and with
            gradients a network.
        n_near: new values a round around each point that still moves; None is one more than there are variables.
        n_arrow: new values a round along each arrow that the surrogate did not have in the round before.
        n_infill: new values a round where the surrogate knows least; None is two a variable, and five where no point
            moves.
        radius: how far from a point the first values around it are taken; it shrinks with how far the point moves.
        atol: a point that moves by no more from one round to the next stays.
        n_stable: rounds in which all points and arrows must stay before that is believed.
        max_values: evaluations of the true energy before the search for points ends, the initial ones included; those
            of the refinement come on top. None is without end.
        max_rounds: the same in rounds.
        n_starts: low-discrepancy points from which the surrogate is searched, besides the start.
        n_members: networks trained; what they disagree about is not known. A Gaussian process is one by itself.
        noise: standard deviation of the true energy's noise, in its unit; None estimates it (Gaussian process).
        check_arrows: whether each arrow is searched again on the true energy.
        check_bounds: whether the constants of Theorem 3.7 of the NN-HiSD paper are estimated; costs two gradients a
            variable and point.
        seed: of the points and of the training.
    """

    n_initial: int | None = None
    gradients: bool = False
    model: str = "auto"
    n_near: int | None = None
    n_arrow: int = 1
    n_infill: int | None = None
    radius: float = 0.05
    atol: float = 1e-3
    n_stable: int = 2
    max_values: int | None = 2000
    max_rounds: int = 30
    n_starts: int = 8
    n_members: int = 3
    noise: float | None = None
    check_arrows: bool = False
    check_bounds: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise SettingsError(
                f"correction setting model is {self.model!r}; use one of {', '.join(map(repr, MODELS))}"
            )
        for name, least in (
            ("n_initial", 2), ("n_near", 1), ("n_arrow", 0), ("n_infill", 0), ("n_stable", 1), ("max_values", 2),
            ("max_rounds", 1), ("n_starts", 0), ("n_members", 1), ("seed", 0),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is None and name in ("n_initial", "n_near", "n_infill", "max_values"):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SettingsError(f"correction setting {name} is {value!r}; give a whole number of at least {least}")
        for name in ("radius", "atol"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 0.5:
                raise SettingsError(
                    f"correction setting {name} is {value!r}; give a fraction of the domain's widths, up to 0.5"
                )
        for name in ("gradients", "check_arrows", "check_bounds"):
            if not isinstance(getattr(self, name), bool):
                raise SettingsError(f"correction setting {name} is {getattr(self, name)!r}; give True or False")
        if self.gradients and self.model == "gaussian_process":
            raise SettingsError(
                "correction setting gradients is True and model 'gaussian_process', which does not use them; choose "
                "model='network' or gradients=False"
            )
        noise = self.noise
        if noise is not None and (
            isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise < math.inf
        ):
            raise SettingsError(f"correction setting noise is {noise!r}; give 0 or a positive number")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return asdict(self)
