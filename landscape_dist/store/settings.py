"""Settings of a store that are needed before Zarr is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from landscape_dist.errors import SettingsError
from landscape_dist.store.schema import LEASE_SECONDS

MOST_SECONDS = 86400.0
"""The longest time that a lease may last."""


@dataclass(frozen=True, slots=True)
class Lease:
    """How a run holds the store that it writes to.

    Args:
        seconds: how long this process may be silent before another may take the store over, in seconds.
        steal: take the store over from a process on another machine that writes to it and is gone: waits until no
            heartbeat of it was seen for the time that it had said. What a killed run on this machine left needs no
            stealing.
    """

    seconds: float = LEASE_SECONDS
    steal: bool = False

    def __post_init__(self) -> None:
        check_seconds("seconds", self.seconds)
        if not isinstance(self.steal, bool):
            raise SettingsError(f"steal is {self.steal!r}; give True or False")


def check_seconds(name: str, value: Any) -> None:
    """Raise `SettingsError` unless a lease can last so long."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and 0 < value <= MOST_SECONDS):
        raise SettingsError(f"{name} is {value!r}; give a positive number of seconds, at most a day")
