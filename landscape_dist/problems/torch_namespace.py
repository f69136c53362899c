"""The array namespace of torch problems: new arrays are made on the problem's device."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

# What makes an array without being given one whose device it could take over.
_CREATION = ("arange", "empty", "eye", "full", "linspace", "ones", "zeros")


class DeviceNamespace:
    """array-api-compat's torch namespace with a default device.

    Torch makes new tensors on the CPU, so `xp.eye(d)` could not be added to Hessians on a GPU. Here it is made where
    the problem computes, and `xp.asarray` of a NumPy array moves it there; an explicit `device=` still counts.

    Args:
        device: torch device of new arrays.
    """

    def __init__(self, device: Any) -> None:
        import array_api_compat.torch

        self.device = device
        self._namespace = array_api_compat.torch
        for name in _CREATION:
            setattr(self, name, self._here(getattr(self._namespace, name)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._namespace, name)

    @property
    def __name__(self) -> str:
        return str(self._namespace.__name__)

    def asarray(self, array: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
        """A tensor of what `array` holds; tensors stay where they are unless a device is given."""
        import torch

        if isinstance(array, torch.Tensor):
            device = array.device if device is None else device
            return self._namespace.asarray(array, dtype=dtype, device=device, copy=copy)
        if isinstance(array, np.ndarray) and not array.flags.writeable:  # torch warns of arrays that it could write to
            array = array.copy()
        return self._namespace.asarray(array, dtype=dtype, device=device or self.device, copy=copy)

    def _here(self, create: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(create)
        def made(*args: Any, device: Any = None, **kwargs: Any) -> Any:
            return create(*args, device=self.device if device is None else device, **kwargs)

        return made
