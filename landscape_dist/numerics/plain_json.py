"""Numbers, arrays and paths as JSON has them."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import numpy as np

from landscape_dist.errors import StoreError


def plain_json(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """A deep copy of `value` as JSON gives it back; NumPy numbers and arrays become numbers and lists.

    Raises:
        StoreError: `value` holds something else.
    """
    try:
        copy = json.loads(json.dumps(value, default=_plain))
    except (TypeError, ValueError) as error:
        raise StoreError(f"{name} cannot be stored as JSON: {error}; give numbers, text, lists and dicts") from error
    if not isinstance(copy, dict):
        raise StoreError(f"{name} is a {type(value).__name__}; give a dict")
    return copy


def plain_parameters(part: object) -> dict[str, Any]:
    """The public attributes of an object that are numbers, text or None; numbers that JSON does not have as text."""
    public = {name: value for name, value in vars(part).items() if not name.startswith("_")}
    plain = {n: v for n, v in public.items() if v is None or isinstance(v, bool | int | float | str)}
    return {n: str(v) if isinstance(v, float) and not math.isfinite(v) else v for n, v in plain.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{value!r} is a {type(value).__name__}")
