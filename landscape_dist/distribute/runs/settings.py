"""Settings of the running side that are needed before Dask is."""

from __future__ import annotations

import math

from landscape_dist.errors import SettingsError

HANG_SECONDS = 1800.0
"""A call of the energy longer than this counts as hung, unless told otherwise."""


def check_hang_seconds(value: float | None) -> None:
    """Raise `SettingsError` where this is no time to wait for."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise SettingsError(f"hang_seconds is {value!r}; give a positive number of seconds, or None to wait for ever")
