"""Time discretisations of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from landscape_dist.errors import SettingsError


@dataclass(frozen=True, slots=True)
class History:
    """The last points of n searches, the newest last; all lists have the same length.

    Attributes:
        x: (n, d) points. g: (n, d) gradients there. V: (n, d, k) directions there; k is 0 in searches for minima.
        step_size: the setting. step: number of the step that is to be made, from 1.
        rows: (n,) which of the batch's searches these are; the same number means the same search in every step.
    """

    x: list[Any]
    g: list[Any]
    V: list[Any]
    step_size: float
    step: int
    rows: Any


@dataclass(frozen=True, slots=True)
class CustomStep:
    """A scheme for x' = -(I - 2 V V^T) g.

    For example, the second-order Adams–Bashforth scheme::

        def adams(history):
            f = [2 * V @ (V.mT @ g[..., None]) - g[..., None] for V, g in zip(history.V, history.g)]
            slope = f[-1] if len(f) == 1 else 1.5 * f[-1] - 0.5 * f[-2]
            return history.x[-1] + history.step_size * slope[..., 0]

    Attributes:
        function: `History` -> (n, d) next points, or a pair of these and (n, d, k) next directions; without
            them, or with None, the eigensolver of the settings moves the directions. At module level where the
            run is distributed to processes that do not share its memory.
        length: how many past points the history keeps, None for all of them.
        polish: whether Newton's method ends searches that are close (see `hisd.polish`); without, the scheme runs
            down to the gradient tolerance.
        name: stands for the function in the header of a store; default the function's own.
    """

    function: Callable[[History], Any]
    length: int | None = 2
    polish: bool = True
    name: str = ""

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise SettingsError(f"custom_step has the function {self.function!r}; give a function of a History")
        if self.length is not None and (isinstance(self.length, bool) or not self.length >= 1):
            raise SettingsError(f"custom_step has length {self.length!r}; give a whole number of at least 1, or None")
        if not self.name:
            function = self.function
            object.__setattr__(self, "name", getattr(function, "__qualname__", type(function).__qualname__))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form; of the function only its name."""
        return {"name": self.name, "length": self.length, "polish": self.polish}
